//! Checks of the CPU, its memory, and a GPU.

use std::time::{Duration, Instant};

use tensor::{Device, Init, Isa, Matrix, cuda_kernels, gemm_f32};

use super::Check;
use crate::output::bytes;
use runs::local::pools_of;
use system::memory::free_memory;
use system::{cpu, text};

/// The free memory below which runs of larger models wait for each other or fail.
const LITTLE_MEMORY: u64 = 2 << 30;

/// The side of the multiplied matrices.
const SIDE: usize = 512;

pub(super) fn cpu() -> Check {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let detail = format!("{}, {}, {}", cpu::name(), text::count(cores, "logical core"), Isa::best());
    match Isa::best() {
        Isa::Portable => Check::note("CPU", detail + ": training is slow without AVX2 or AVX-512"),
        Isa::Avx2 | Isa::Avx512 => Check::ok("CPU", detail),
    }
}

/// Runs the checks on one thread per logical core, with the other threads of `agon reproduce` started too; if they cannot
/// be started, on the current thread alone.
pub(super) fn on_threads<T: Send>(checks: impl FnOnce() -> T + Send) -> (Check, T) {
    const WHAT: &str = "threads";
    match pools_of(std::thread::available_parallelism().map_or(1, usize::from)) {
        Ok(pools) => {
            let n: usize = pools.iter().map(rayon::ThreadPool::current_num_threads).sum();
            let detail = format!("{n} started concurrently, as many as `agon reproduce` uses");
            (Check::ok(WHAT, detail), pools[0].install(checks))
        }
        Err(error) => {
            // The current thread becomes the only one of the pool, which needs no other; without it nothing could be computed.
            let alone = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
            let checked = checks();
            drop(alone);
            (Check::problem(WHAT, error.to_string()), checked)
        }
    }
}

pub(super) fn memory() -> Check {
    match free_memory() {
        None => Check::note("memory", "the system does not report free memory; runs start without a check"),
        Some(free) if free < LITTLE_MEMORY => {
            let detail = format!(
                "{} free: stop other programs, or compute one run at a time with --jobs 1",
                bytes(free)
            );
            Check::note("memory", detail)
        }
        Some(free) => Check::ok("memory", format!("{} free", bytes(free))),
    }
}

/// Multiplies two matrices repeatedly for this time on all cores, and checks the result.
pub(super) fn product(time: Duration) -> Check {
    let ones = vec![1.0; SIDE * SIDE];
    let ones = Matrix::new(&ones, SIDE, SIDE, false);
    let mut out = vec![0.0; SIDE * SIDE];
    let start = Instant::now();
    let mut times = 0;
    while times == 0 || start.elapsed() < time {
        gemm_f32(&mut out, ones, ones, Init::Zero);
        times += 1;
    }
    let flops = 2.0 * (SIDE * SIDE * SIDE) as f64 * f64::from(times);
    let rate = flops / start.elapsed().as_secs_f64() / 1e9;
    // Sums of ones are exact.
    match out.iter().find(|&&x| x != SIDE as f32) {
        Some(wrong) => Check::problem(
            "matrix multiplication",
            format!(
                "a sum of {SIDE} ones is {wrong}: either the hardware is faulty or this is a bug; please report it"
            ),
        ),
        None => Check::ok(
            "matrix multiplication",
            format!("{rate:.1} GFLOP/s, {SIDE} x {SIDE} in f32, all cores"),
        ),
    }
}

pub(super) fn kernels() -> Check {
    match cuda_kernels() {
        Ok(n) => Check::ok("CUDA kernels", format!("{n} entry points in this program")),
        Err(why) => Check::note("CUDA kernels", why),
    }
}

pub(super) fn gpu() -> Check {
    match Device::cuda(0) {
        Ok(device) => Check::ok("GPU", format!("{device} is available; `--device {device}` trains on it")),
        Err(error) => Check::note("GPU", error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn the_machine_that_runs_tests_has_no_problem() {
        for check in [cpu(), memory(), kernels(), gpu(), product(Duration::from_millis(5))] {
            assert_ne!(check.state, State::Problem, "{check:?}");
            assert!(!check.detail.is_empty());
        }
    }

    #[test]
    fn a_missing_gpu_is_a_note_with_the_reason() {
        let check = gpu();
        assert!(check.detail.contains("cuda:0"), "{check:?}");
    }
}
