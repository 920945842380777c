// Switches of context between stacks.
#pragma once

#include <cstdint>

#if defined(__x86_64__)

// Saves the callee-saved registers on the current stack and restores them from the other one. The portable functions of
// ucontext make two system calls per switch, which made a barrier twelve times slower.
extern "C" void emulator_switch(void** left, void* taken);
asm(R"(
.text
.weak emulator_switch
.type emulator_switch, @function
emulator_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size emulator_switch, . - emulator_switch
)");

namespace emulator {

inline void switch_context(void** left, void* taken) { emulator_switch(left, taken); }

// A context that starts `entry`, which must not return, on the stack below `top`.
inline void* new_context(char* top, void (*entry)()) {
    auto* word = reinterpret_cast<uint64_t*>(top);
    *--word = 0;  // where `entry` would return to; a call leaves the stack 8 bytes off a multiple of 16
    *--word = reinterpret_cast<uint64_t>(entry);
    for (int saved = 0; saved < 6; saved++) *--word = 0;
    return word;
}

}  // namespace emulator

#else

#include <ucontext.h>

namespace emulator {

inline void switch_context(void** left, void* taken) {
    ucontext_t here;
    *left = &here;
    swapcontext(&here, static_cast<ucontext_t*>(taken));
}

inline void* new_context(char* top, void (*entry)()) {
    constexpr size_t STACK = 48 << 10;
    // The context is stored at the top of its own stack.
    auto* context = reinterpret_cast<ucontext_t*>(top - (sizeof(ucontext_t) + 15) / 16 * 16);
    getcontext(context);
    context->uc_stack.ss_sp = reinterpret_cast<char*>(context) - STACK;
    context->uc_stack.ss_size = STACK;
    context->uc_link = nullptr;
    makecontext(context, entry, 0);
    return context;
}

}  // namespace emulator

#endif
