// A block of CUDA threads on one host thread: each thread is a fiber that runs until it waits.
//
// Blocks run sequentially. Within a block the threads run in a selected order, each to its next barrier, so a result
// that depends on a missing barrier differs in at least one order. Finer interleavings of a real GPU are not emulated.
#pragma once

#include <cstddef>
#include <cstdint>

struct uint3 {
    unsigned x, y, z;
};

struct dim3 {
    unsigned x = 1, y = 1, z = 1;
};

namespace emulator {

constexpr unsigned LANES = 32;

// The value that a lane exchanges with the other lanes of its warp.
struct Post {
    unsigned words[8];
};

enum class State : uint8_t { Ready, AtBlockBarrier, AtWarp, Done };

struct Warp {
    unsigned present;   // the lanes that exist in the block
    Post posts[LANES];  // as of the last exchange
};

struct Thread {
    State state;
    unsigned line;  // where it waits
    unsigned mask;  // for which lanes
    unsigned lane;
    Warp* warp;
    uint3 index;
    Post post;
    void* context;  // of a suspended fiber
};

struct Block {
    dim3 grid, size;
    uint3 index;
    Thread* thread;  // the running thread
    unsigned char* dynamic_shared;
};

// The block that is running on this host thread, or null.
extern thread_local Block* running;

// Waits until every thread of the block is at this line.
void wait_for_block(unsigned line);

// Waits until every lane of `mask` is at this line and returns the posted values, which must be read immediately.
const Post* exchange(unsigned mask, const Post& post, unsigned line);

// The block's shared array with this key, initialised to NaN. Its address is a multiple of `alignment`, at most 16, but
// of no larger power of two up to 16.
void* shared_memory(const void* key, size_t bytes, size_t alignment);

// Ends the launch with an error that names the thread.
[[noreturn]] void fail(const char* what);

// Runs `body(argument)` once for each thread of a grid; returns null, or an error text valid until the next call.
// `order` is 0 for forward, 1 for backward, and otherwise the seed of a shuffle.
const char* run_grid(dim3 grid, dim3 size, size_t dynamic_shared, unsigned order, void (*body)(void*),
                     void* argument);

}  // namespace emulator
