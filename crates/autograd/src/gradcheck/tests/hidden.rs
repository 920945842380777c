//! Tests of the gradient check: mistakes that a large output, noise or equal components of a direction could hide.

use super::*;

#[test]
fn a_kink_or_a_jump_below_a_large_output_is_not_taken_for_rounding() {
    let abs: [fn(f64) -> f64; 2] = [f64::abs, |x| if x < 0.0 { -1.0 } else { 1.0 }];
    let steps: [fn(f64) -> f64; 2] = [|x| x + f64::from(x > 0.0), |_| 1.0];
    let check = |each, constant: f64| {
        let constant = Tensor::full(constant, &[2], DType::F64);
        gradcheck(
            move |[x]| {
                let [y] = x.tape().apply(Each(each), [&x])?;
                y.add(&x.tape().constant(&constant))
            },
            [&row(&[0.0, 0.5])],
        )
    };
    for constant in [0.0, 1.0, 1e4, 1e8] {
        for (each, expected) in [(abs, Roughness::Kink), (steps, Roughness::Jump)] {
            let error = check(each, constant).unwrap_err();
            let is_expected = matches!(&error, Error::NotSmooth { roughness, .. } if *roughness == expected);
            assert!(is_expected && error.to_string().contains("input 0 at [0]"), "{constant}: {error}");
        }
    }
    // The central difference of |x| at 0 is also zero.
    let symmetric = check([f64::abs, |x| if x == 0.0 { 0.0 } else { x.signum() }], 0.0);
    assert!(matches!(symmetric, Err(Error::NotSmooth { roughness: Roughness::Kink, .. })), "{symmetric:?}");
}

#[test]
fn an_unresolved_input_is_refused_even_if_others_are_resolved() {
    let far_above = row(&[1e17]);
    let hidden = gradcheck(
        move |[x, y]| {
            let hidden = y.scale(1e-6)?.add(&y.tape().constant(&far_above))?;
            Var::concat(&[&x.tanh()?, &hidden], 0)
        },
        [&row(&[0.2, -0.4]), &row(&[0.3])],
    );
    assert!(
        matches!(&hidden, Err(Error::Unresolved { input, elements: 1, .. }) if input == "input 1"),
        "{hidden:?}"
    );
    // A derivative that is zero up to the rounding of other terms: a constant is added before a mean is subtracted.
    let centred = gradcheck(
        |[x, offset]| {
            let y = x.add(&offset)?;
            let mean = y.mean_axes(&[0], true)?;
            y.sub(&mean.broadcast_to(y.shape())?)
        },
        [&row(&[0.2, -0.4, 1.1]), &Tensor::full(0.7, &[1], DType::F64)],
    );
    assert_eq!(centred.unwrap().unresolved, [1]);
}

#[test]
fn directions_give_every_element_a_different_weight() {
    // With equal components, exchanged gradients of two elements would not be detected.
    let values: Vec<f64> = (0..64).map(|place| f64::from(place) / 64.0 + 0.1).collect();
    for place in 0..63 {
        let swapped = GradCheck::new().directions(1).check(
            |vars| {
                let x = &vars[0];
                let [y] = x.tape().apply(Swapped(place), [x])?;
                Ok::<_, Error>(y)
            },
            &[&row(&values)],
        );
        assert!(matches!(swapped, Err(Error::WrongGradient { .. })), "{place}: {swapped:?}");
    }
}

/// `2 x`, with the gradients of each element and the next one exchanged.
#[derive(Debug)]
struct Swapped(usize);

impl Op<1> for Swapped {
    const NAME: &'static str = "swapped";
    type Saved = ();
    fn forward(&self, [x]: [&Tensor; 1]) -> Result<([Tensor; 1], ())> {
        Ok(([crate::ops::add::sum(x, x)?], ()))
    }
    fn backward(&self, (): &(), [dy]: [&Tensor; 1], _: [bool; 1]) -> Result<[Option<Tensor>; 1]> {
        let mut dx = crate::ops::add::sum(dy, dy)?.to_f64_vec();
        dx.swap(self.0, self.0 + 1);
        Ok([Some(Tensor::from_vec::<f64>(dx, dy.shape())?)])
    }
}

#[test]
fn a_correct_gradient_is_accepted_if_two_samples_underestimate_the_noise() {
    /// `3 x` plus a fixed pseudo-random error of at most 5e-9 in each evaluation.
    fn noisy(x: f64) -> f64 {
        let mut bits = x.to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ bits >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits ^= bits >> 32;
        3.0 * x + 1e-8 * (bits as f64 / u64::MAX as f64 - 0.5)
    }
    fn check(slope: fn(f64) -> f64, x: &[f64]) -> Result<Checked> {
        gradcheck(|[x]| Ok(x.tape().apply(Each([noisy, slope]), [&x])?[0].clone()), [&row(x)])
    }
    let x: Vec<f64> = (0..2000).map(|place| 0.3 + f64::from(place) / 1024.0 / 1024.0).collect();
    for chunk in x.chunks(100) {
        let checked = check(|_| 3.0, chunk);
        assert!(checked.is_ok(), "{checked:?}");
        let wrong = check(|_| 3.1, chunk);
        assert!(matches!(wrong, Err(Error::WrongGradient { .. })), "{wrong:?}");
    }
}
