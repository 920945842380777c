//! Counts the floating-point operations of matrix multiplications and convolutions, which dominate the cost of
//! training.

use std::cell::Cell;

thread_local! {
    /// The operations run by this thread so far, modulo `2^64`.
    static TOTAL: Cell<u64> = const { Cell::new(0) };
}

/// Runs `work` and counts the operations of every kernel that this thread runs through [`run`](crate::run), as defined
/// by [`Kernel::flops`](crate::Kernel::flops). Counts may be nested: the outer count includes the inner one.
///
/// The count does not depend on the number of threads inside a kernel. The kernels of a step recorded on a GPU are
/// counted when it is recorded, and again in every replay.
pub fn count<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = TOTAL.get();
    let result = work();
    (result, TOTAL.get().wrapping_sub(before))
}

/// Adds the operations of one kernel run.
pub(crate) fn add(flops: u64) {
    if flops > 0 {
        TOTAL.set(TOTAL.get().wrapping_add(flops));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flops_count_includes_nested_counts_and_nothing_before_or_after() {
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
