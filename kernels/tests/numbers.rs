//! Tests of long sums, huge values and non-finite values, with tighter tolerances than the generic checks of
//! operations.

use autograd::ops::conv2d::Geometry;
use autograd::{Result, Tape, Var};
use kernels::Setting;
use tensor::gpu::{Argument, Grid};
use tensor::{DType, Device, Indices, Tensor};

type Function<'f> = dyn for<'t> Fn(&[Var<'t>]) -> Result<Var<'t>> + 'f;

/// The output of `f` for these inputs on a device, and all gradients for a `grad_output` of ones.
fn results(device: &Device, inputs: &[Tensor], f: &Function<'_>) -> Vec<Vec<f64>> {
    let tape = Tape::new();
    let there = |input: &Tensor| tape.input(&input.to_device(device).expect("the device works"));
    let inputs: Vec<Var<'_>> = inputs.iter().map(there).collect();
    let y = f(&inputs).expect("the shapes fit");
    let ones = Tensor::full(1.0, y.shape(), y.value().dtype()).to_device(device).expect("the device works");
    let gradients = tape.backward_from(&y, ones).expect("the kernels run");
    let of_inputs = inputs.iter().map(|input| gradients.of(input).expect("all are used").to_f64_vec());
    std::iter::once(y.value().to_f64_vec()).chain(of_inputs).collect()
}

/// The number of terms of each sum.
const N: usize = 50_003;

/// Compares the device in 32 bits with the CPU in 64 bits, for inputs in these shapes whose values are multiples of
/// 0.1. The error of a compensated sum is one or two epsilons; that of sums over lanes, warps and parts is the height
/// of their trees. Both do not depend on `N`.
fn check_sums(what: &str, shapes: &[&[usize]], f: &Function<'_>) {
    let tenths = |shape: &&[usize]| Tensor::full(f64::from(0.1f32), shape, DType::F32);
    let narrow: Vec<Tensor> = shapes.iter().map(tenths).collect();
    let wide: Vec<Tensor> = narrow.iter().map(|tensor| tensor.to_dtype(DType::F64)).collect();
    let got = results(&Setting::ALL[0].device(), &narrow, f);
    for (which, (got, expected)) in got.iter().zip(results(&Device::Cpu, &wide, f)).enumerate() {
        for (got, expected) in got.iter().zip(expected) {
            let allowed = 16.0 * f64::from(f32::EPSILON) * expected.abs().max(0.1);
            assert!((got - expected).abs() <= allowed, "{what}, result {which}: {got:e}, not {expected:e}");
        }
    }
}

#[test]
fn sums_of_many_terms_have_few_rounding_errors() {
    check_sums("the leading axis", &[&[N, 2]], &|x| x[0].sum_axes(&[0], false));
    check_sums("the last axis", &[&[2, N]], &|x| x[0].sum_axes(&[1], false));
    check_sums("a broadcast", &[&[N, 2], &[2]], &|x| x[0].add(&x[1]));
    check_sums("layer norm", &[&[N, 2], &[2], &[2]], &|x| x[0].layer_norm(&x[1], &x[2], 0.5));
    for shape in [&[N, 2][..], &[4, 2, N / 4]] {
        check_sums("batch norm", &[shape, &[2], &[2]], &|x| {
            let [y, ..] = x[0].batch_norm(Some([&x[1], &x[2]]), 0.5)?;
            Ok(y)
        });
    }
    check_sums("a pooling", &[&[1, 2, 500, 400]], &|x| x[0].global_avg_pool());
    check_sums("mse", &[&[N], &[N]], &|x| x[0].mse(&x[1].scale(3.0)?));
    let rows = Indices::new(vec![1; N / 10]);
    check_sums("all to one row", &[&[1, 2, 2]], &|x| x[0].gather_rows(&rows));
    let labels = |classes: usize| Indices::new((0..N / classes).map(|row| (row % classes) as u32).collect());
    check_sums("mse to labels", &[&[N / 3, 3]], &|x| x[0].one_hot_mse(&labels(3)));
    check_sums("cross-entropy of many rows", &[&[N / 3, 3]], &|x| x[0].softmax_cross_entropy(&labels(3)));
    // One logit is larger, so that the exponentials of the others are rounded. The gradient of a class is about one
    // over the number of classes, so it is scaled up for the comparison.
    check_sums("cross-entropy of many classes", &[&[1, N], &[1, 1]], &|x| {
        let larger = Var::concat(&[&x[0], &x[1].scale(13.0)?], 1)?;
        larger.softmax_cross_entropy(&Indices::new(vec![7]))?.scale(1e5)
    });
    check_sums("the bias of a convolution", &[&[1, 1, 250, 200], &[2, 1, 1, 1], &[2]], &|x| {
        x[0].conv2d(&x[1], &x[2], Geometry::square(1, 0))?.scale(f64::from(0.1f32))
    });
}

/// Kernels that normally use many blocks are launched with one block, so that each thread sums many terms.
#[test]
fn sums_of_many_terms_of_one_thread_are_compensated() {
    let Device::Cuda(gpu) = Setting::ALL[0].device() else { unreachable!("an emulated device is a GPU") };
    let device = Device::Cuda(gpu.clone());
    let there = |tensor: Tensor| tensor.to_device(&device).expect("the device works");
    let tenths = |shape: &[usize]| there(Tensor::full(0.1, shape, DType::F32));
    let close = |what: &str, got: f64, expected: f64| {
        let allowed = 16.0 * f64::from(f32::EPSILON) * expected;
        assert!((got - expected).abs() <= allowed, "{what}: {got:e}, not {expected:e}");
    };
    let tenth = f64::from(0.1f32);
    let call = |name| gpu.call(name, DType::F32).expect("the device works");

    let (sum, x) = (tenths(&[1]), tenths(&[1, 1, N, 16]));
    let arguments = [
        Argument::Out(&sum),
        Argument::In(&x),
        Argument::Size(16 * N),
        Argument::U32(1),
        Argument::U32(1),
        Argument::Size(16 * N),
    ];
    call("sum_of_channels").launch("sum_of_channels", Grid::of_blocks(1, 256), &arguments).expect("it runs");
    close("sum_of_channels", sum.to_f64_vec()[0], (16 * N) as f64 * tenth);

    let (sum, x, labels) = (tenths(&[1]), tenths(&[N, 1]), Indices::new(vec![1; N]));
    let arguments = [
        Argument::Out(&sum),
        Argument::In(&x),
        Argument::Indices(&labels),
        Argument::Size(N),
        Argument::Size(1),
    ];
    call("one_hot_mse").launch("one_hot_mse_parts", Grid::of_blocks(1, 32), &arguments).expect("it runs");
    close("one_hot_mse", sum.to_f64_vec()[0], N as f64 * tenth * tenth);

    // The sums of an epoch: five compensated ones, the number of steps with a known conflict, and the number of finite
    // losses.
    let sums = there(Tensor::zeros(&[12], DType::F32));
    let (loss, x, y) = (tenths(&[]), tenths(&[1]), tenths(&[1]));
    let steps = 4_000;
    for _ in 0..steps {
        let arguments = [
            Argument::Out(&sums),
            Argument::In(&loss),
            Argument::In(&loss),
            Argument::In(&loss),
            Argument::In(&x),
            Argument::In(&y),
            Argument::Size(1),
        ];
        call("account_step").launch("account_step", Grid::of_blocks(1, 32), &arguments).expect("it runs");
    }
    let sums = sums.to_f64_vec();
    close("the loss of an epoch", sums[0], f64::from(steps) * tenth);
    close("the MSE of an epoch", sums[2], f64::from(steps) * tenth);
    close("the cross-entropy of an epoch", sums[4], f64::from(steps) * tenth);
    assert_eq!([sums[6], sums[8], sums[10], sums[11]], [f64::from(steps); 4]);

    // Gradients with many elements.
    let sums = there(Tensor::zeros(&[12], DType::F32));
    let (x, y) = (tenths(&[N]), there(Tensor::full(0.7, &[N], DType::F32)));
    let arguments = [
        Argument::Out(&sums),
        Argument::In(&loss),
        Argument::In(&loss),
        Argument::In(&loss),
        Argument::In(&x),
        Argument::In(&y),
        Argument::Size(N),
    ];
    call("account_step").launch("account_step", Grid::of_blocks(1, 32), &arguments).expect("it runs");
    let sums = sums.to_f64_vec();
    close("the cosine", sums[6], 1.0);
    close("the norm ratio", sums[8], tenth / f64::from(0.7f32));
}

/// Checks the results of `f` on the device in every order of threads, for inputs with these values and shapes.
fn in_every_order(inputs: &[(&[f64], &[usize])], f: &Function<'_>, check: impl Fn(Vec<Vec<f64>>)) {
    let of = |(values, shape): &(&[f64], &[usize])| {
        Tensor::from_slice(values, shape).expect("the values fill the shape").to_dtype(DType::F32)
    };
    let inputs: Vec<Tensor> = inputs.iter().map(of).collect();
    for setting in Setting::ALL {
        check(results(&setting.device(), &inputs, f));
    }
}

#[test]
fn norms_of_equal_values_are_zero_and_of_huge_ones_keep_their_proportions() {
    let close = |got: &[f64], expected: &[f64]| {
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() <= 8.0 * f64::from(f32::EPSILON) * 2.0, "{got}, not {expected}");
        }
    };
    let three = 3f64.sqrt();
    in_every_order(
        &[
            (&[3.3e7, 3.3e7, 3.3e7, 1e30, 0.0, 0.0, 0.0, 1e20, 0.0], &[3, 3]),
            (&[1.0; 3], &[3]),
            (&[0.0; 3], &[3]),
        ],
        &|x| x[0].layer_norm(&x[1], &x[2], 1e-5),
        |results| {
            let (high, low) = (2.0 / 2f64.sqrt(), -1.0 / 2f64.sqrt());
            assert_eq!(results[0][..3], [0.0; 3]);
            close(&results[0][3..], &[high, low, low, low, high, low]);
        },
    );
    for shape in [[4, 1, 1], [2, 1, 2], [1, 1, 4]] {
        let norm: &Function<'_> = &|x| {
            let [y, ..] = x[0].batch_norm(Some([&x[1], &x[2]]), 1e-5)?;
            Ok(y)
        };
        let (one, zero): (&[f64], &[f64]) = (&[1.0], &[0.0]);
        in_every_order(&[(&[3.3e7; 4], &shape), (one, &[1]), (zero, &[1])], norm, |results| {
            assert_eq!(results[0], [0.0; 4]);
        });
        for size in [1e20, 1e30] {
            in_every_order(&[(&[size, 0.0, 0.0, 0.0], &shape), (one, &[1]), (zero, &[1])], norm, |results| {
                close(&results[0], &[three, -1.0 / three, -1.0 / three, -1.0 / three]);
            });
        }
    }
    // A plane that is processed by a whole block.
    let values: Vec<f64> = (0..40).map(|i| if i % 2 == 0 { 1e20 } else { -1e20 }).collect();
    in_every_order(
        &[(&values, &[1, 1, 40]), (&[1.0], &[1]), (&[0.0], &[1])],
        &|x| {
            let [y, ..] = x[0].batch_norm(Some([&x[1], &x[2]]), 1e-5)?;
            y.mul(&y)
        },
        |results| {
            close(&results[0], &[1.0; 40]);
            close(&[results[2][0] / 80.0], &[1.0]);
        },
    );
}

#[test]
fn evaluation_with_an_overflowed_variance_is_nan() {
    for setting in Setting::ALL {
        let tape = Tape::new();
        let there = |values: &[f32], shape: &[usize]| {
            let tensor = Tensor::from_slice(values, shape).expect("the values fill the shape");
            tensor.to_device(&setting.device()).expect("the device works")
        };
        let x = tape.input(&there(&[5.0; 4], &[2, 2]));
        let variance = there(&[f32::INFINITY, 1.0], &[2]);
        let y =
            x.batch_norm_running(None, &there(&[0.0; 2], &[2]), &variance, 1e-30).expect("the shapes fit");
        let y = y.value().to_f64_vec();
        assert!(y[0].is_nan() && y[2].is_nan() && [y[1], y[3]] == [5.0; 2], "{setting:?}: {y:?}");
    }
}

#[test]
fn the_gradient_of_relu_at_nan_is_nan() {
    let x = [-1.0, 0.0, 2.0, f64::NAN, 1.0];
    in_every_order(&[(&x, &[5])], &|x| x[0].relu(), |results| {
        assert_eq!(results[1][..3], [0.0, 0.0, 1.0]);
        assert!(results[1][3].is_nan() && results[1][4] == 1.0);
    });
    in_every_order(
        &[(&x, &[5, 1]), (&[1.0], &[1, 1]), (&[0.0], &[1])],
        &|x| x[0].linear_relu(&x[1], &x[2]),
        |results| assert!(results[1][3].is_nan() && results[1][..3] == [0.0, 0.0, 1.0]),
    );
}

#[test]
fn keys_with_a_score_of_minus_infinity_have_no_weight_and_a_row_of_only_these_is_nan() {
    for (t, width) in [(5, 2), (70, 20), (40, 70)] {
        for masked in [1, t - 2, t] {
            let number = |i: usize| match (i / (3 * width), i % (3 * width)) {
                (token, place) if place == width && token < masked => f64::NEG_INFINITY,
                (_, 0) => 1.0,
                (token, place) if place >= 2 * width => token as f64,
                _ => 0.0,
            };
            let values: Vec<f64> = (0..t * 3 * width).map(number).collect();
            in_every_order(&[(&values, &[1, t, 3 * width])], &|x| x[0].attention(1), |results| {
                let expected = (masked + t - 1) as f64 / 2.0;
                let allowed = (t * t) as f64 * f64::from(f32::EPSILON);
                let fits = |y: &f64| if masked == t { y.is_nan() } else { (y - expected).abs() <= allowed };
                assert!(results[0].iter().all(fits), "{masked} of {t} x {width}: {:?}", &results[0][..2]);
            });
        }
    }
}
