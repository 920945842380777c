//! Random inputs, and the comparison of a learner's result with what is expected.

/// Nothing, or what is wrong with the first call that is.
pub type Outcome = Result<(), String>;

/// Uniform random values that are a function of a seed (SplitMix64; Steele, Lea and Flood, 2014).
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The generator of one call.
    pub fn new(seed: u64, call: u64) -> Self {
        Self { state: seed.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(call << 32) }
    }

    fn word(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// A value in [-2, 2).
    pub fn value(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1u64 << 51) as f64 - 2.0
    }

    /// Values in [-2, 2).
    pub fn values(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.value()).collect()
    }

    /// An integer from `least` to `most`.
    pub fn between(&mut self, least: usize, most: usize) -> usize {
        least + (self.word() % (most - least + 1) as u64) as usize
    }
}

/// One result to compare.
#[derive(Debug)]
pub struct Expected<'a> {
    /// The name of the result, such as `dx`.
    pub name: &'a str,
    /// The inputs of the call, as text.
    pub inputs: String,
    /// The sizes of the axes of the result.
    pub shape: &'a [usize],
    /// The right elements.
    pub elements: &'a [f64],
    /// Results of typical mistakes, each with what is wrong.
    pub mistakes: &'a [(&'a str, Vec<f64>)],
}

/// Relative to the largest element, or to 1. Rounding here is below 1e-12: sums of some hundred terms, and differences of scores of
/// some thousand.
const TOLERANCE: f64 = 1e-9;

fn near(got: f64, expected: f64, size: f64) -> bool {
    (got - expected).abs() <= TOLERANCE * size
}

/// Compares a result of the learner with what is expected.
///
/// # Errors
/// The element, what was returned and what is expected, with the mistake if the result is that of one, and the inputs on another line.
pub fn compare(got: &[f64], expected: &Expected<'_>) -> Outcome {
    let Expected { name, inputs, shape, elements, mistakes } = expected;
    if got.len() != elements.len() {
        return Err(format!(
            "{name} has {} elements, expected {shape:?}, which is {}\nfor {inputs}",
            got.len(),
            elements.len()
        ));
    }
    let size = elements.iter().fold(1.0, |size: f64, x| size.max(x.abs()));
    let Some(place) = (0..got.len()).find(|&place| !near(got[place], elements[place], size)) else {
        return Ok(());
    };
    let is_that = |wrong: &[f64]| {
        got.len() == wrong.len()
            && got
                .iter()
                .zip(wrong)
                .all(|(got, wrong)| near(*got, *wrong, size) || (got.is_nan() && wrong.is_nan()))
    };
    let hint = mistakes.iter().find(|(_, wrong)| is_that(wrong)).map(|(what, _)| format!("; {what}"));
    let element = if shape.is_empty() { String::new() } else { format!("{:?}", index(place, shape)) };
    let [got, expected] = [got[place], elements[place]].map(number);
    Err(format!("{name}{element} is {got}, expected {expected}{}\nfor {inputs}", hint.unwrap_or_default()))
}

/// An element with six decimals, or in scientific notation if these would not show it.
fn number(x: f64) -> String {
    let shows = x == 0.0 || !x.is_finite() || (1e-3..1e6).contains(&x.abs());
    if shows { format!("{x:.6}") } else { format!("{x:.6e}") }
}

/// The index of the element at `place` in row-major order.
fn index(mut place: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (axis, length) in shape.iter().enumerate().rev() {
        index[axis] = place % length;
        place /= length;
    }
    index
}

/// Values as text, short enough to read.
pub fn text(values: &[f64]) -> String {
    let values: Vec<String> = values.iter().map(|x| format!("{x:.4}")).collect();
    format!("[{}]", values.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(got: &[f64]) -> Outcome {
        let mistakes = [("a sign is lost", vec![-1.0, 2.0])];
        let expected = Expected {
            name: "dx",
            inputs: "x = 3".into(),
            shape: &[1, 2],
            elements: &[1.0, 2.0],
            mistakes: &mistakes,
        };
        compare(got, &expected)
    }

    #[test]
    fn a_wrong_element_is_named_with_both_values_and_a_known_mistake() {
        assert_eq!(outcome(&[1.0, 2.0]), Ok(()));
        let message = outcome(&[1.0, 2.1]).unwrap_err();
        assert_eq!(message, "dx[0, 1] is 2.100000, expected 2.000000\nfor x = 3");
        assert!(outcome(&[1.0, 1e-9]).unwrap_err().starts_with("dx[0, 1] is 1.000000e-9, expected 2.000000"));
        assert!(outcome(&[-1.0, 2.0]).unwrap_err().contains("; a sign is lost\nfor x = 3"));
        assert!(outcome(&[1.0]).unwrap_err().starts_with("dx has 1 elements, expected [1, 2], which is 2"));
    }

    #[test]
    fn nan_and_errors_of_a_thousandth_are_wrong() {
        assert!(outcome(&[f64::NAN, 2.0]).is_err() && outcome(&[1.001, 2.0]).is_err());
    }

    #[test]
    fn inputs_differ_between_seeds_and_calls() {
        assert_eq!(Random::new(1, 2).values(3), Random::new(1, 2).values(3));
        assert_ne!(Random::new(1, 2).values(3), Random::new(2, 2).values(3));
        assert_ne!(Random::new(1, 2).values(3), Random::new(1, 3).values(3));
        assert!(Random::new(0, 0).values(1000).iter().all(|x| (-2.0..2.0).contains(x)));
    }
}
