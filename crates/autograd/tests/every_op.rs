//! Runs the tests of `op_tests!` for every operation in the list.

use agon_autograd::for_each_op;

/// The tests; two of them record their results for row R1 of `book/reliability.md`.
mod recorded {
    use std::sync::Mutex;

    use agon_autograd::testing::cases::Cases;
    pub(super) use agon_autograd::testing::suite::*;
    use reliability::Measurement;

    const PROMISE: &str = "every operation's gradient is what finite differences say";

    /// The number of operations tested so far, and the combined statistics.
    static SEEN: Mutex<(usize, Compared)> =
        Mutex::new((0, Compared { cases: 0, derivatives: 0, worst: 0.0 }));

    /// The numbers of operations and of large calls tested so far.
    static LARGE: Mutex<(usize, usize)> = Mutex::new((0, 0));

    pub(super) fn gradients<O: Cases<N, M>, const N: usize, const M: usize>() {
        let measured = Measurement::of("R1", PROMISE);
        let of_one = agon_autograd::testing::suite::gradients::<O, N, M>();
        // The result recorded for the last operation covers all of them.
        let (operations, all) = &mut *SEEN.lock().expect("no thread panics while holding the lock");
        *operations += 1;
        all.cases += of_one.cases;
        all.derivatives += of_one.derivatives;
        all.worst = all.worst.max(of_one.worst);
        let Compared { cases, derivatives, worst } = all;
        let figure =
            format!("{operations} operations, {derivatives} derivatives, worst relative error {worst:.0e}");
        measured.passed(*cases, figure);
    }

    pub(super) fn large_calls<O: Cases<N, M>, const N: usize, const M: usize>() {
        let measured = Measurement::of("R1", PROMISE).part("large");
        let n = agon_autograd::testing::suite::large_calls::<O, N, M>();
        let (operations, calls) = &mut *LARGE.lock().expect("no thread panics while holding the lock");
        *operations += 1;
        *calls += n;
        measured.passed(*calls, format!("{operations} operations, {calls} large calls along directions"));
    }
}

macro_rules! tests_of {
    ($op:ident) => {
        agon_autograd::op_tests!([super::recorded] $op);
    };
    ($op:ident<$($n_inputs:tt),+>) => {
        agon_autograd::op_tests!([super::recorded] $($op<$n_inputs>),+);
    };
}

macro_rules! all_tests {
    ($($module:ident::$op:ident $(<$($n_inputs:tt),+>)?,)*) => {$(
        mod $module {
            use agon_autograd::ops::$module::$op;

            tests_of!($op $(<$($n_inputs),+>)?);
        }
    )*};
}

for_each_op!(all_tests);
