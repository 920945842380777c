//! Tests of convolutions against naive loops in f64, for every instruction set that the CPU supports.

use super::grad_weight::PARTS;
use super::*;

pub(super) fn elements(count: usize, seed: u32) -> Vec<f32> {
    (0..count as u32).map(|i| ((i * 37 + seed * 11) % 101) as f32 / 50.0 - 1.0).collect()
}

pub(super) fn sizes(
    n: usize,
    [c, o]: [usize; 2],
    image: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
) -> Convolution {
    let out = [0, 1].map(|axis| (image[axis] + 2 * padding[axis] - kernel[axis]) / stride[axis] + 1);
    Convolution { n, c, image, o, kernel, stride, padding, out }
}

/// Calls `product` for every pair of a pixel and a weight that is multiplied, with the indices into x, weight and y.
pub(super) fn for_each_product(s: Convolution, mut product: impl FnMut(usize, usize, usize)) {
    let ([h, w], [kh, kw], [oh, ow]) = (s.image, s.kernel, s.out);
    for (n, o, c) in triples(s.n, s.o, s.c) {
        for (i, j, offset) in triples(oh, ow, kh * kw) {
            let (row, column) = (i * s.stride[0] + offset / kw, j * s.stride[1] + offset % kw);
            let inside = |at: usize, padding: usize, len: usize| at >= padding && at < len + padding;
            if inside(row, s.padding[0], h) && inside(column, s.padding[1], w) {
                let x = ((n * s.c + c) * h + row - s.padding[0]) * w + column - s.padding[1];
                product(x, (o * s.c + c) * kh * kw + offset, ((n * s.o + o) * oh + i) * ow + j);
            }
        }
    }
}

fn triples(a: usize, b: usize, c: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..a * b * c).map(move |i| (i / (b * c), i / c % b, i % c))
}

fn assert_close(what: &str, s: Convolution, got: &[f32], expected: &[f64], terms: usize) {
    // With terms of at most 1, each partial sum is at most `terms` and is rounded once for each term.
    let allowed = ((terms + 1) * (terms + 1)) as f64 * f64::from(f32::EPSILON) / 2.0;
    for (place, (&got, &expected)) in got.iter().zip(expected).enumerate() {
        assert!((f64::from(got) - expected).abs() <= allowed, "{what} at {place}: {got} {expected} {s:?}");
    }
}

impl Phase {
    /// The phase with in-place reading forced on where it is possible, or forced off.
    fn forced(self, in_place: bool) -> Self {
        Self { in_place: in_place && self.im2col.has_whole_vectors(), ..self }
    }
}

fn check(s: Convolution) {
    let area = Convolution::area;
    let (x, weight) = (elements(s.n * s.c * area(s.image), 1), elements(s.o * s.c * area(s.kernel), 2));
    let (dy, bias) = (elements(s.n * s.o * area(s.out), 3), elements(s.o, 4));
    let mut y: Vec<f64> = (0..dy.len()).map(|i| f64::from(bias[i / area(s.out) % s.o])).collect();
    let (mut dx, mut dweight) = (vec![0.0; x.len()], vec![0.0; weight.len()]);
    for_each_product(s, |at_x, at_weight, at_y| {
        let [x, weight, dy] = [x[at_x], weight[at_weight], dy[at_y]].map(f64::from);
        y[at_y] += x * weight;
        dx[at_x] += dy * weight;
        dweight[at_weight] += x * dy;
    });
    for isa in Isa::supported() {
        let mut got = vec![f32::NAN; y.len()];
        let epilogue = Epilogue { bias: Some(&bias), activation: FusedActivation::Identity };
        let [packed, in_place] = [false, true].map(|in_place| s.forward(&weight, isa).forced(in_place));
        each_image(&mut got, [s.n, s.o], s.out, &x, &[packed], epilogue);
        assert_close("y", s, &got, &y, s.c * area(s.kernel) + 1);
        let mut other = vec![f32::NAN; y.len()];
        each_image(&mut other, [s.n, s.o], s.out, &x, &[in_place], epilogue);
        assert!(got == other, "{isa:?}: other bits without packing: {s:?}");
        let rectified: Vec<f32> = got.iter().map(|y| y.max(0.0)).collect();
        let epilogue = Epilogue { activation: FusedActivation::Relu, ..epilogue };
        each_image(&mut got, [s.n, s.o], s.out, &x, &[s.forward(&weight, isa)], epilogue);
        assert_eq!(got, rectified);
        let [packed, in_place] = [false, true].map(|in_place| -> Vec<Phase> {
            s.backward(&weight, isa).into_iter().map(|phase| phase.forced(in_place)).collect()
        });
        let (mut got, mut other) = (vec![f32::NAN; dx.len()], vec![f32::NAN; dx.len()]);
        each_image(&mut got, [s.n, s.c], s.image, &dy, &packed, Epilogue::NONE);
        assert_close("dx", s, &got, &dx, s.o * area(s.kernel));
        each_image(&mut other, [s.n, s.c], s.image, &dy, &in_place, Epilogue::NONE);
        assert!(got == other, "{isa:?}: other bits of a gradient without packing: {s:?}");
        let mut got = vec![f32::NAN; weight.len()];
        grad_weight(&mut got, &x, &dy, s, isa);
        assert_close("dweight", s, &got, &dweight, s.n * area(s.out));
    }
}

#[test]
fn every_stride_padding_and_remainder_agrees_with_plain_loops() {
    for stride in [[1, 1], [2, 2], [3, 1], [1, 4]] {
        for padding in [[0, 0], [1, 1], [0, 2], [3, 1]] {
            for kernel in [[1, 1], [3, 3], [2, 5]] {
                for image in [[5, 6], [7, 5]] {
                    check(sizes(3, [2, 3], image, kernel, stride, padding));
                }
            }
        }
    }
}

#[test]
fn rows_of_every_length_agree_with_plain_loops() {
    for width in [1, 2, 3, 4, 7, 8, 14, 15, 16, 17, 28, 33] {
        check(sizes(2, [3, 5], [4, width], [3, 3], [1, 1], [1, 1]));
        check(sizes(40, [1, 2], [1, width], [1, 1], [1, 1], [0, 0]));
    }
}

#[test]
fn few_channels_are_read_in_place_and_many_are_packed() {
    let in_place = |s: Convolution| {
        let weight = elements(s.o * s.c * Convolution::area(s.kernel), 1);
        s.forward(&weight, Isa::Portable).in_place
    };
    assert!(in_place(sizes(1, [1, 16], [28, 28], [3, 3], [1, 1], [1, 1])));
    assert!(in_place(sizes(1, [3, 32], [32, 32], [3, 3], [2, 2], [1, 1])));
    assert!(in_place(sizes(1, [64, 3], [32, 32], [3, 3], [1, 1], [1, 1])));
    assert!(!in_place(sizes(1, [64, 64], [32, 32], [3, 3], [1, 1], [1, 1])));
    assert!(!in_place(sizes(1, [3, 64], [17, 17], [3, 3], [1, 1], [1, 1])), "half of the lanes are empty");
    assert!(!in_place(sizes(1, [3, 3], [32, 32], [1, 1], [2, 2], [0, 0])), "its pixels read no neighbours");
}

#[test]
fn sums_longer_than_a_block_agree_with_plain_loops() {
    check(sizes(2, [90, 30], [6, 5], [3, 3], [1, 1], [1, 1]));
    check(sizes(1, [2, 3], [28, 30], [7, 7], [1, 1], [3, 3]));
    check(sizes(1, [3, 2], [40, 40], [20, 20], [20, 20], [0, 0]));
}

#[test]
fn a_stride_longer_than_the_image_agrees_with_plain_loops() {
    check(sizes(2, [2, 3], [3, 4], [1, 2], [5, 7], [4, 4]));
    check(sizes(3, [1, 2], [2, 9], [2, 3], [9, 4], [6, 1]));
}

#[test]
fn gemm_is_not_used_for_padding_far_longer_than_the_image_or_positions_beyond_32_bits() {
    let far = sizes(1, [1, 1], [3, 3], [1, 1], [1 << 30; 2], [1 << 31; 2]);
    assert!(!far.suits_gemm());
    assert!(!Convolution { c: 1 << 30, ..sizes(1, [1, 1], [3, 3], [3, 3], [1, 1], [1, 1]) }.suits_gemm());
    assert!(sizes(1, [64, 64], [224, 224], [7, 7], [2, 2], [3, 3]).suits_gemm());
    assert_eq!(Convolution { o: usize::MAX, ..far }.flops(), u64::MAX);
}

#[test]
fn a_weight_gradient_over_many_pixels_has_the_rounding_error_of_a_span() {
    for (n, image) in [(1, [500, 400]), (48, [100, 120])] {
        let s = sizes(n, [1, 2], image, [1, 1], [1, 1], [0, 0]);
        let pixels = n * Convolution::area(image);
        let exact = pixels as f64 * f64::from(0.1f32);
        // Roundings in a block of up to 512 pixels, over the blocks of a span of at least 64 pixels each, and over the
        // parts.
        let allowed = (512.0 + 512.0 + PARTS as f64) / 2.0 * f64::from(f32::EPSILON) * exact;
        for isa in Isa::supported() {
            let mut got = [f32::NAN; 2];
            grad_weight(&mut got, &vec![0.1; pixels], &vec![1.0; 2 * pixels], s, isa);
            let off = got.map(|sum| (f64::from(sum) - exact).abs());
            assert!(off.iter().all(|&off| off <= allowed), "{isa:?}: {off:?} {allowed}");
        }
    }
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    for s in [
        sizes(37, [3, 16], [9, 9], [3, 3], [1, 1], [1, 1]),
        sizes(5, [40, 20], [17, 17], [3, 3], [2, 2], [1, 1]),
        sizes(7, [3, 8], [9, 30], [3, 3], [2, 2], [1, 1]),
    ] {
        let area = Convolution::area;
        let (x, weight) = (elements(s.n * s.c * area(s.image), 1), elements(s.o * s.c * area(s.kernel), 2));
        let dy = elements(s.n * s.o * area(s.out), 3);
        let all = |isa, threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let (mut y, mut dx, mut dweight) = (dy.clone(), x.clone(), weight.clone());
            let mut db = vec![0.0; s.o];
            pool.install(|| {
                each_image(&mut y, [s.n, s.o], s.out, &x, &[s.forward(&weight, isa)], Epilogue::NONE);
                each_image(&mut dx, [s.n, s.c], s.image, &dy, &s.backward(&weight, isa), Epilogue::NONE);
                grad_weight(&mut dweight, &x, &dy, s, isa);
                sum_of_channels_f32(&mut db, &dy, area(s.out));
            });
            [y, dx, dweight, db]
        };
        for isa in Isa::supported() {
            let one = all(isa, 1);
            for threads in [2, 3, 7] {
                let same = one == all(isa, threads);
                assert!(same, "{isa:?}: {threads} threads gave other bits than one: {s:?}");
            }
        }
    }
}
