// A block of CUDA threads on one processor thread: each is a fiber that runs until it has to wait.
//
// Blocks run one after another. Within a block the threads run in a chosen order, each to its next barrier, so
// a result that depends on a missing barrier differs in at least one order. What a real GPU interleaves more
// finely than that is not shown.
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

// What one lane shows the other lanes of its warp.
struct Post {
    unsigned words[8];
};

enum class State : uint8_t { Ready, AtBlockBarrier, AtWarp, Done };

struct Warp {
    unsigned present;   // the lanes that the block has
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
    void* context;  // of a fiber that does not run
};

struct Block {
    dim3 grid, size;
    uint3 index;
    Thread* thread;  // that runs now
    unsigned char* dynamic_shared;
};

// The block that runs on this thread of the processor, or null.
extern thread_local Block* running;

// Waits until every thread of the block is at this line.
void wait_for_block(unsigned line);

// Waits until every lane of `mask` is at this line and gives what each posted, to be read at once.
const Post* exchange(unsigned mask, const Post& post, unsigned line);

// The block's array of shared memory that belongs to `key`; it starts as NaN.
void* shared_memory(const void* key, size_t bytes);

// Ends the launch with an error that names the thread.
[[noreturn]] void fail(const char* what);

// Runs `body(argument)` once for each thread of a grid; null, or what went wrong until the next call.
// `order` is 0 for forward, 1 for backward, and otherwise the seed of a shuffle.
const char* run_grid(dim3 grid, dim3 size, size_t dynamic_shared, unsigned order, void (*body)(void*),
                     void* argument);

}  // namespace emulator
