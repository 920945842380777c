//! Admission control by memory: a run starts only when its memory is free.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use system::memory::free_memory;

/// The fraction of free memory given to runs.
const SHARE: f64 = 0.8;

/// The memory available to runs.
pub(super) struct Memory {
    state: Mutex<State>,
    returned: Condvar,
}

struct State {
    free: u64,
    running: usize,
}

/// The memory reserved by a run, released when dropped.
pub(super) struct Share<'m> {
    memory: &'m Memory,
    bytes: u64,
}

impl Memory {
    /// The memory that is free now: the smaller of the machine's and the GPU's, since a run may need its estimate in
    /// both. Unlimited if the system reports neither.
    pub(super) fn of_device(free_on_gpu: Option<u64>) -> Self {
        Self::of(share([free_memory(), free_on_gpu]))
    }

    fn of(free: u64) -> Self {
        Self { state: Mutex::new(State { free, running: 0 }), returned: Condvar::new() }
    }

    /// Waits until `bytes` are free or no other run is active, so that a run larger than the machine's memory runs alone.
    pub(super) fn take(&self, bytes: u64) -> Share<'_> {
        let mut state = self.state();
        while state.free < bytes && state.running > 0 {
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let bytes = bytes.min(state.free);
        state.free -= bytes;
        state.running += 1;
        Share { memory: self, bytes }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// [`SHARE`] of the smallest known value; unlimited if none is known.
fn share(free: [Option<u64>; 2]) -> u64 {
    free.into_iter().flatten().min().map_or(u64::MAX, |bytes| (SHARE * bytes as f64) as u64)
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let mut state = self.memory.state();
        state.free += self.bytes;
        state.running -= 1;
        drop(state);
        self.memory.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn runs_that_fit_in_memory_are_concurrent_and_others_wait() {
        let memory = Memory::of(10);
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let _share = memory.take(4);
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(std::time::Duration::from_millis(5));
                    running.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        assert!(most.into_inner() <= 2);
        assert_eq!(memory.state().free, 10);
    }

    #[test]
    fn the_memory_of_a_gpu_limits_runs_too() {
        assert_eq!(share([Some(1_000), None]), 800);
        assert_eq!(share([Some(1_000), Some(500)]), 400);
        assert_eq!(share([Some(100), Some(500)]), 80);
        assert_eq!(share([None, None]), u64::MAX);
    }

    #[test]
    fn a_run_that_is_too_large_runs_alone() {
        let memory = Memory::of(10);
        drop(memory.take(100));
        assert_eq!(memory.state().free, 10);
    }
}
