//! Counts the floating-point operations of matrix products, which is nearly all that training computes.

use std::cell::Cell;

thread_local! {
    /// What this thread has run so far. It may wrap around; differences do not mind.
    static TOTAL: Cell<u64> = const { Cell::new(0) };
}

/// Does some work, and counts the operations of every kernel that [`run`](crate::run) runs for it on this thread, as
/// [`Kernel::flops`](crate::Kernel::flops) states them. Counts may be nested: the outer one includes the inner.
///
/// It counts kernels and not threads: how many of them share one kernel does not matter. A step that is recorded on a GPU
/// counts its kernels when it is recorded, and again in every replay.
pub fn count<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = TOTAL.get();
    let result = work();
    (result, TOTAL.get().wrapping_sub(before))
}

/// Adds the operations of a kernel that was run.
pub(crate) fn add(flops: u64) {
    if flops > 0 {
        TOTAL.set(TOTAL.get().wrapping_add(flops));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flops_count_takes_in_what_is_counted_within_it_and_nothing_before_or_after() {
        add(1);
        let (inner, outer) = count(|| {
            add(20);
            let ((), inner) = count(|| add(300));
            add(4_000);
            inner
        });
        add(1);
        assert_eq!((inner, outer), (300, 4_320));
        assert_eq!(count(|| "nothing"), ("nothing", 0));
    }

    #[test]
    fn the_flops_of_other_threads_are_not_counted() {
        let work = || std::thread::spawn(|| add(5)).join().expect("the thread only adds");
        assert_eq!(count(work), ((), 0));
    }

    #[test]
    fn a_flops_count_stays_right_where_the_total_wraps_around() {
        add(u64::MAX - 1 - TOTAL.get());
        assert_eq!(count(|| add(10)), ((), 10));
    }
}
