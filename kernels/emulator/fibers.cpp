// The scheduler of the emulator: selects the next thread of a block, and releases waiting threads.
#include "fibers.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include "switch.h"

namespace emulator {

thread_local Block* running = nullptr;

namespace {

constexpr unsigned MAX_THREADS = 1024;
constexpr size_t STACK = 64 << 10;
// The limit of static shared memory per block.
constexpr size_t MAX_SHARED = 227 << 10;
constexpr size_t MAX_STATIC_SHARED = 48 << 10;

struct Array {
    const void* key;
    size_t start;
};

// The running grid, and the resources that its blocks reuse.
struct Grid : Block {
    std::vector<Thread> threads;
    std::vector<Warp> warps;
    std::vector<unsigned> order;
    std::vector<Array> arrays;  // of static shared memory
    size_t static_shared = 0;
    void* host = nullptr;  // the scheduler's own context
    void (*body)(void*) = nullptr;
    void* argument = nullptr;
    char fault[512] = "";

    Grid(dim3 grid, dim3 size, unsigned seed);
    void start_block(unsigned number);
    void run_block();
    void resume(Thread& thread);
    bool release_warps();
    bool release_block();
};

Grid* grid_of_running() { return static_cast<Grid*>(running); }

size_t page() { return size_t(sysconf(_SC_PAGESIZE)); }

// A new mapping whose pages are committed on first use, or null.
char* map(size_t bytes) {
    const int kind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void* start = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, kind, -1, 0);
    return start == MAP_FAILED ? nullptr : static_cast<char*>(start);
}

// One arena per host thread, because creating a thousand stacks takes longer than most launches.
struct Arena {
    const size_t shared_size = (MAX_SHARED + page() - 1) / page() * page();
    char* stacks = map(MAX_THREADS * STACK);
    char* shared = map(shared_size + page());

    Arena() {
        // The lowest page of each stack, and the page after the shared memory, are guard pages.
        for (size_t i = 0; stacks && i < MAX_THREADS; i++) mprotect(stacks + i * STACK, page(), PROT_NONE);
        if (shared) mprotect(shared_end(), page(), PROT_NONE);
    }
    ~Arena() {
        munmap(stacks, MAX_THREADS * STACK);
        munmap(shared, shared_size + page());
    }
    char* shared_end() { return shared + shared_size; }
};

Arena& arena() {
    static thread_local Arena arena;
    return arena;
}

// Ends the launch from a fiber, which is never resumed.
[[noreturn]] void leave() {
    Grid* grid = grid_of_running();
    void* abandoned;
    switch_context(&abandoned, grid->host);
    __builtin_unreachable();
}

void write_fault(const char* what) {
    Grid* grid = grid_of_running();
    const uint3 t = grid->thread->index, b = grid->index;
    snprintf(grid->fault, sizeof grid->fault, "%s, in thread (%u, %u, %u) of block (%u, %u, %u)", what, t.x, t.y,
             t.z, b.x, b.y, b.z);
}

struct sigaction before[32];

// A fault of a kernel ends its launch; any other fault is passed to the previous handler.
void on_fault(int signal, siginfo_t*, void*) {
    if (!running || !running->thread) {
        sigaction(signal, &before[signal], nullptr);
        return;
    }
    write_fault(signal == SIGILL ? "an index past an array, a misaligned vector, or other undefined behaviour"
                                 : "memory outside every buffer was touched");
    leave();
}

void catch_faults() {
    static const bool once = [] {
        struct sigaction action = {};
        action.sa_handler = nullptr;
        action.sa_sigaction = on_fault;
        // The handler runs on the alternative stack, so that a stack overflow of a fiber can be reported.
        action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
        for (int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE}) sigaction(signal, &action, &before[signal]);
        return true;
    }();
    (void)once;
}

void fiber() {
    Grid* grid = grid_of_running();
    for (;;) {
        grid->body(grid->argument);
        grid->thread->state = State::Done;
        switch_context(&grid->thread->context, grid->host);
        grid = grid_of_running();
    }
}

// A pseudo-random permutation of 0..n; the generator is that of Knuth's MMIX.
std::vector<unsigned> order_of(unsigned n, unsigned order) {
    std::vector<unsigned> indices(n);
    std::iota(indices.begin(), indices.end(), 0u);
    if (order == 1) std::reverse(indices.begin(), indices.end());
    uint64_t state = order;
    for (unsigned last = n; order > 1 && last > 1; last--) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        std::swap(indices[last - 1], indices[(state >> 33) % last]);
    }
    return indices;
}

Grid::Grid(dim3 of_grid, dim3 of_block, unsigned seed) {
    grid = of_grid;
    size = of_block;
    thread = nullptr;
    const unsigned n = size.x * size.y * size.z;
    threads.resize(n);
    warps.resize((n + LANES - 1) / LANES);
    order = order_of(n, seed);
    for (unsigned i = 0; i < n; i++) {
        Thread& t = threads[i];
        t.lane = i % LANES;
        t.warp = &warps[i / LANES];
        t.warp->present |= 1u << t.lane;
        t.index = {i % size.x, i / size.x % size.y, i / (size.x * size.y)};
        t.context = new_context(arena().stacks + (i + 1) * STACK, fiber);
    }
}

void Grid::start_block(unsigned number) {
    index = {number % grid.x, number / grid.x % grid.y, number / (grid.x * grid.y)};
    for (Thread& t : threads) t.state = State::Ready;
    // Every array of shared memory is initialised to NaN.
    arrays.clear();
    static_shared = 0;
    memset(dynamic_shared, 0xff, arena().shared_end() - reinterpret_cast<char*>(dynamic_shared));
}

void Grid::resume(Thread& t) {
    thread = &t;
    switch_context(&host, t.context);
    thread = nullptr;
}

void Grid::run_block() {
    for (;;) {
        bool done = true;
        for (const unsigned i : order) {
            if (threads[i].state == State::Ready) resume(threads[i]);
            if (fault[0]) return;
            done &= threads[i].state == State::Done;
        }
        if (done) return;
        const bool some_go_on = release_warps();
        if (fault[0]) return;
        if (!some_go_on && !release_block()) return;
    }
}

// Releases lanes if all lanes of their mask have arrived. A lane that has returned does not count as arrived. CUDA
// would not wait for it, but a kernel that relies on that is usually wrong.
bool Grid::release_warps() {
    bool released = false;
    for (unsigned first = 0; first < threads.size(); first += LANES) {
        const unsigned n = std::min<size_t>(LANES, threads.size() - first);
        Thread* lanes = &threads[first];
        Warp& warp = warps[first / LANES];
        bool fresh = true;
        for (unsigned i = 0; i < n; i++) {
            if (lanes[i].state != State::AtWarp) continue;
            const unsigned mask = lanes[i].mask & warp.present;
            bool all = true;
            for (unsigned j = 0; j < n; j++) {
                if (!(mask >> j & 1)) continue;
                all &= lanes[j].state == State::AtWarp;
                if (lanes[j].state == State::AtWarp &&
                    (lanes[j].mask != lanes[i].mask || lanes[j].line != lanes[i].line)) {
                    snprintf(fault, sizeof fault,
                             "lanes %u and %u of a warp wait for each other at lines %u and %u, or with other masks", i,
                             j, lanes[i].line, lanes[j].line);
                    return false;
                }
            }
            if (!all) continue;
            if (fresh) memset(warp.posts, 0xff, sizeof warp.posts);
            fresh = false;
            for (unsigned j = 0; j < n; j++) {
                if (!(mask >> j & 1)) continue;
                warp.posts[j] = lanes[j].post;
                lanes[j].state = State::Ready;
            }
            released = true;
        }
    }
    return released;
}

// Releases the block if every thread waits at the same barrier; called when no thread can run.
bool Grid::release_block() {
    const unsigned line = threads[0].line;
    for (const Thread& t : threads) {
        const unsigned number = unsigned(&t - threads.data());
        const char* what = t.state == State::Done      ? "returned before a __syncthreads that others wait at"
                           : t.state == State::AtWarp  ? "waits for lanes of its warp that never come"
                           : t.line != line            ? "waits at another __syncthreads than thread 0"
                                                       : nullptr;
        if (!what) continue;
        snprintf(fault, sizeof fault, "thread %u of block (%u, %u, %u) %s (line %u)", number, index.x, index.y, index.z,
                 what, t.line);
        return false;
    }
    for (Thread& t : threads) t.state = State::Ready;
    return true;
}

void wait(State state, unsigned line) {
    Grid* grid = grid_of_running();
    grid->thread->state = state;
    grid->thread->line = line;
    switch_context(&grid->thread->context, grid->host);
}

}  // namespace

void wait_for_block(unsigned line) { wait(State::AtBlockBarrier, line); }

const Post* exchange(unsigned mask, const Post& post, unsigned line) {
    Thread* thread = running->thread;
    if (!(mask >> thread->lane & 1)) fail("a lane that is not in its own mask waits for its warp");
    thread->mask = mask;
    thread->post = post;
    wait(State::AtWarp, line);
    return running->thread->warp->posts;
}

void* shared_memory(const void* key, size_t bytes, size_t alignment) {
    Grid* grid = grid_of_running();
    for (const Array& array : grid->arrays) {
        if (array.key == key) return arena().shared + array.start;
    }
    // Arrays are separated by a gap of NaN.
    const size_t start = (grid->static_shared + 15) / 16 * 16 + alignment % 16, end = start + bytes + 16;
    if (end > MAX_STATIC_SHARED) fail("the block has more than 48 KiB of static shared memory");
    if (arena().shared + end > reinterpret_cast<char*>(grid->dynamic_shared)) {
        fail("the block has more than 227 KiB of shared memory");
    }
    memset(arena().shared + start, 0xff, bytes + 16);
    grid->arrays.push_back({key, start});
    grid->static_shared = end;
    return arena().shared + start;
}

void fail(const char* what) {
    write_fault(what);
    leave();
}

const char* run_grid(dim3 of_grid, dim3 of_block, size_t dynamic_shared, unsigned order, void (*body)(void*),
                     void* argument) {
    static thread_local std::string said;
    const uint64_t n_threads = uint64_t(of_block.x) * of_block.y * of_block.z;
    const uint64_t n_blocks = uint64_t(of_grid.x) * of_grid.y * of_grid.z;
    if (n_threads == 0 || n_threads > MAX_THREADS) return "a block has between 1 and 1024 threads";
    if (n_blocks == 0 || of_grid.y > 65535 || of_grid.z > 65535 || n_blocks > 0x7fffffff) {
        return "a grid has at least one block, and at most 65535 along y and along z";
    }
    if (!arena().stacks || !arena().shared) return "no memory for the stacks of a block";
    if (dynamic_shared > MAX_SHARED) return "a block has at most 227 KiB of shared memory";
    catch_faults();
    Grid grid(of_grid, of_block, order);
    // Dynamic memory is at the very end of the shared memory, so that an index past it reaches the guard page.
    grid.dynamic_shared = reinterpret_cast<unsigned char*>(arena().shared_end() - (dynamic_shared + 15) / 16 * 16);
    grid.body = body;
    grid.argument = argument;
    running = &grid;
    for (const unsigned number : order_of(unsigned(n_blocks), order)) {
        grid.start_block(number);
        grid.run_block();
        if (grid.fault[0]) break;
    }
    running = nullptr;
    said = grid.fault;
    return said.empty() ? nullptr : said.c_str();
}

}  // namespace emulator
