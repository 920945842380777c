// The C interface for Rust: device memory, the list of kernels, and launches by name.
#include <cstdint>
#include <cstring>

#include <sys/mman.h>
#include <unistd.h>

#include "fibers.h"
#include "registry.h"

namespace {

size_t page() { return size_t(sysconf(_SC_PAGESIZE)); }

// The size of the pages that hold `bytes`, without the two guard pages.
size_t room(size_t bytes) { return (bytes + 16 + page() - 1) / page() * page(); }

struct Call {
    const emulator::Entry* entry;
    void** arguments;
};

}  // namespace

extern "C" {

// Maps pages for `bytes`, with all bits set, between two guard pages; null if there is not enough memory.
unsigned char* emulator_map(size_t bytes) {
    void* start = mmap(nullptr, room(bytes) + 2 * page(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) return nullptr;
    auto* first = static_cast<unsigned char*>(start) + page();
    if (mprotect(first, room(bytes), PROT_READ | PROT_WRITE) != 0) return nullptr;
    memset(first, 0xff, room(bytes));
    return first;
}

size_t emulator_room(size_t bytes) { return room(bytes); }

void emulator_unmap(unsigned char* first, size_t bytes) { munmap(first - page(), room(bytes) + 2 * page()); }

// The name of kernel `number` in alphabetical order, or null after the last.
const char* emulator_kernel(size_t number) {
    for (const auto& [name, entry] : emulator::Entry::all()) {
        if (number-- == 0) return name.c_str();
    }
    return nullptr;
}

// The types of the parameters, separated by ", ", or null if there is no such kernel.
const char* emulator_signature(const char* name) {
    const auto found = emulator::Entry::all().find(name);
    return found == emulator::Entry::all().end() ? nullptr : found->second->signature().c_str();
}

// Like cuLaunchKernel: `arguments` points to one pointer per parameter. Returns null, or an error text.
const char* emulator_launch(const char* name, const unsigned grid[3], const unsigned block[3], size_t dynamic_shared,
                            void** arguments, unsigned order) {
    const auto found = emulator::Entry::all().find(name);
    if (found == emulator::Entry::all().end()) return "there is no such kernel";
    Call call = {found->second, arguments};
    const auto body = [](void* call) {
        const Call& self = *static_cast<Call*>(call);
        (*self.entry)(self.arguments);
    };
    return emulator::run_grid({grid[0], grid[1], grid[2]}, {block[0], block[1], block[2]}, dynamic_shared, order, body,
                              &call);
}

}  // extern "C"
