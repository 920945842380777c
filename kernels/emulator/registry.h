// The registry of kernels by name, with their parameter types and a call that takes an array of pointers.
#pragma once

#include <map>
#include <string>
#include <type_traits>
#include <utility>

#include "numbers.h"

namespace emulator {

// The name of a type in a signature.
template <class T>
std::string name_of() {
    if constexpr (std::is_pointer_v<T>) {
        using Pointee = std::remove_pointer_t<T>;
        return (std::is_const_v<Pointee> ? "const " : "") + name_of<std::remove_const_t<Pointee>>() + "*";
    } else if constexpr (std::is_same_v<T, float>) {
        return "f32";
    } else if constexpr (std::is_same_v<T, __half>) {
        return "f16";
    } else if constexpr (std::is_same_v<T, __nv_bfloat16>) {
        return "bf16";
    } else if constexpr (std::is_integral_v<T> && std::is_unsigned_v<T>) {
        return "u" + std::to_string(8 * sizeof(T));
    } else {
        static_assert(std::is_trivially_copyable_v<T>, "a parameter is copied byte by byte");
        return "struct of " + std::to_string(sizeof(T)) + " bytes";
    }
}

// A registered kernel.
class Entry {
  public:
    template <class... Parameters>
    Entry(const char* name, void (*kernel)(Parameters...)) {
        kernel_ = reinterpret_cast<void (*)()>(kernel);
        call_ = [](void (*kernel)(), void** arguments) {
            call(reinterpret_cast<void (*)(Parameters...)>(kernel), arguments,
                 std::index_sequence_for<Parameters...>());
        };
        ((signature_ += (signature_.empty() ? "" : ", ") + name_of<Parameters>()), ...);
        all()[name] = this;
    }

    void operator()(void** arguments) const { call_(kernel_, arguments); }

    const std::string& signature() const { return signature_; }

    static std::map<std::string, const Entry*>& all() {
        static std::map<std::string, const Entry*> entries;
        return entries;
    }

  private:
    template <class... Parameters, size_t... I>
    static void call(void (*kernel)(Parameters...), void** arguments, std::index_sequence<I...>) {
        kernel(*static_cast<Parameters*>(arguments[I])...);
    }

    void (*kernel_)();
    void (*call_)(void (*)(), void**);
    std::string signature_;
};

}  // namespace emulator
