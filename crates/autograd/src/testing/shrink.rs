//! Dependent strategies that shrink the outer value first, for example a shape before its elements.

use std::fmt;
use std::mem;
use std::sync::Arc;

use proptest::strategy::{NewTree, Strategy, ValueTree};
use proptest::test_runner::TestRunner;

/// The number of inner values that are drawn for a smaller outer value until the test fails again.
const DRAWS: u32 = 3;

/// A strategy that depends on the value of another one.
pub trait Then: Strategy + Sized {
    /// Draws a value, then a second one from the strategy that `then` returns for it, such as a shape and a tensor of
    /// that shape. Unlike with [`Strategy::prop_flat_map`], a failing case shrinks the first value as far as possible,
    /// with new second values, before it shrinks the second: a small tensor of any elements is easier to read than a
    /// large one of zeros.
    ///
    /// ```
    /// use agon_autograd::testing::proptest::prelude::*;
    /// use agon_autograd::testing::shrink::Then;
    /// use agon_autograd::testing::strategies::{shape, values};
    ///
    /// let tensors: BoxedStrategy<tensor::Tensor> = shape(1..=3, 1..8).prop_then(|shape| values(&shape)).boxed();
    /// ```
    fn prop_then<S: Strategy, F: Fn(Self::Value) -> S>(self, then: F) -> OuterFirst<Self, F> {
        OuterFirst { outer: self, then: Arc::new(then) }
    }
}

impl<S: Strategy> Then for S {}

/// See [`Then::prop_then`].
pub struct OuterFirst<S, F> {
    outer: S,
    then: Arc<F>,
}

impl<S: fmt::Debug, F> fmt::Debug for OuterFirst<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OuterFirst").field("outer", &self.outer).finish_non_exhaustive()
    }
}

impl<O: Strategy, I: Strategy, F: Fn(O::Value) -> I> Strategy for OuterFirst<O, F> {
    type Tree = OuterFirstTree<O::Tree, I, F>;
    type Value = I::Value;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let outer = self.outer.new_tree(runner)?;
        let inner = (self.then)(outer.current()).new_tree(runner)?;
        let runner = TestRunner::new_with_rng(runner.config().clone(), runner.new_rng());
        Ok(OuterFirstTree { outer, inner, failing: None, draws: 0, then: Arc::clone(&self.then), runner })
    }
}

/// The shrinking state of a value of [`OuterFirst`].
pub struct OuterFirstTree<O, I: Strategy, F> {
    outer: O,
    inner: I::Tree,
    /// The inner value of the last failure, while the outer value shrinks.
    failing: Option<I::Tree>,
    /// The number of inner values left to draw for this outer value.
    draws: u32,
    then: Arc<F>,
    runner: TestRunner,
}

impl<O: ValueTree, I: Strategy, F: Fn(O::Value) -> I> OuterFirstTree<O, I, F> {
    /// Replaces the inner value by a new one for the outer value, and returns the previous one.
    fn draw(&mut self) -> Option<I::Tree> {
        let drawn = (self.then)(self.outer.current()).new_tree(&mut self.runner).ok()?;
        Some(mem::replace(&mut self.inner, drawn))
    }
}

impl<O: ValueTree, I: Strategy, F: Fn(O::Value) -> I> ValueTree for OuterFirstTree<O, I, F> {
    type Value = I::Value;

    fn current(&self) -> I::Value {
        self.inner.current()
    }

    fn simplify(&mut self) -> bool {
        if self.outer.simplify()
            && let Some(failing) = self.draw()
        {
            (self.failing, self.draws) = (Some(failing), DRAWS - 1);
            return true;
        }
        self.failing = None;
        self.inner.simplify()
    }

    fn complicate(&mut self) -> bool {
        if self.failing.is_none() {
            return self.inner.complicate();
        }
        if self.draws > 0 && self.draw().is_some() {
            self.draws -= 1;
            return true;
        }
        if self.outer.complicate() && self.draw().is_some() {
            self.draws = DRAWS - 1;
            return true;
        }
        // No smaller outer value fails: restore the last failing inner value.
        if let Some(failing) = self.failing.take() {
            self.inner = failing;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestError};

    use super::*;
    use crate::testing::strategies::{shape, values};

    #[test]
    fn a_failing_shape_shrinks_to_the_smallest_that_fails_whatever_its_elements() {
        let config = Config { cases: 256, failure_persistence: None, ..Config::default() };
        let tensors = shape(2..=2, 1..40).prop_then(|shape| values(&shape));
        let outcome = TestRunner::new_with_rng(config, TestRunner::deterministic().new_rng()).run(
            &tensors,
            |x| match x.shape()[1] {
                n if n >= 7 => Err(TestCaseError::fail("wide")),
                _ => Ok(()),
            },
        );
        let Err(TestError::Fail(_, x)) = outcome else { panic!("no failure: {outcome:?}") };
        assert_eq!(x.shape()[1], 7);
        assert!(x.shape()[0] <= 1, "{:?}", x.shape());
    }

    #[test]
    fn a_failure_of_few_elements_keeps_failing_while_its_shape_shrinks() {
        let config = Config { cases: 256, failure_persistence: None, ..Config::default() };
        let tensors = shape(1..=1, 1..40).prop_then(|shape| values(&shape));
        let fails = |x: &tensor::Tensor| x.to_f64_vec().iter().any(|x| *x > 1.5);
        let outcome = TestRunner::new_with_rng(config, TestRunner::deterministic().new_rng())
            .run(&tensors, |x| if fails(&x) { Err(TestCaseError::fail("large")) } else { Ok(()) });
        let Err(TestError::Fail(_, x)) = outcome else { panic!("no failure: {outcome:?}") };
        assert!(fails(&x) && x.len() < 8, "{x:?}");
    }
}
