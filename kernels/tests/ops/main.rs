//! Every kernel on the host emulator, held against the reference of its operation by the operation's own checks.

mod device;
mod axes;
mod emulated;

mod elementwise;
mod products;
mod channels;
mod convolutions;
mod pools;
mod heads;
mod movement;
mod losses;
mod optimisers;

mod gate;

use autograd::gradcheck::cases::for_all;
use autograd::gradcheck::{checks, extremes};
use kernels::Order;
use tensor::DType;

use emulated::{Emulated, Launches, on_device};

/// The element types that kernels come in.
const DTYPES: [DType; 3] = [DType::F32, DType::F16, DType::BF16];

fn precision<O: Launches<N, M>, const N: usize, const M: usize>(order: Order) {
    for dtype in DTYPES {
        for_all(O::cases(), |case| checks::precision(&on_device(case, order), dtype));
        for_all(O::long_cases(), |case| checks::precision(&on_device(case, order), dtype));
    }
}

fn extreme_numbers<O: Launches<N, M>, const N: usize, const M: usize>() {
    for_all(O::cases(), |case| extremes::large_magnitudes(&on_device(case, Order::Forward)));
    extremes::kinks::<Emulated<O>, N, M>().expect("kinks have their documented derivatives");
}

macro_rules! kernels_of {
    ($($module:ident::$op:ident,)*) => {
        /// The operations whose kernels are written, by the names of their files.
        const WRITTEN: &[&str] = &[$(stringify!($module),)*];

        $(mod $module {
            use autograd::ops::$module::$op;
            use kernels::Order;

            #[test]
            fn the_kernels_agree_with_the_reference() {
                super::precision::<$op, _, _>(Order::Forward);
            }

            #[test]
            fn the_kernels_agree_with_the_reference_when_the_last_thread_runs_first() {
                super::precision::<$op, _, _>(Order::Backward);
            }

            #[test]
            fn the_kernels_agree_with_the_reference_when_threads_run_in_any_order() {
                super::precision::<$op, _, _>(Order::Scrambled);
            }

            #[test]
            fn the_kernels_keep_large_numbers_finite_and_give_kinks_their_documented_derivative() {
                super::extreme_numbers::<$op, _, _>();
            }
        })*
    };
}

// In the order of `for_each_op!`. A line here gives an operation's kernels their checks.
kernels_of! {
    add::Add,
    sub::Sub,
    mul::Mul,
    scale::Scale,
    relu::Relu,
    tanh::Tanh,
    sigmoid::Sigmoid,
    gelu::Gelu,
    transpose::Transpose,
    slice::Slice,
    concat::Concat,
    broadcast_to::BroadcastTo,
    sum_axes::SumAxes,
    mean_axes::MeanAxes,
    gather_rows::GatherRows,
    scatter_rows::ScatterRows,
    matmul::MatMul,
    matmul_bias::MatMulBias,
    layer_norm::LayerNorm,
    batch_norm::BatchNorm,
    batch_norm_running::BatchNormRunning,
    dropout::Dropout,
    channel_dropout::ChannelDropout,
    conv2d::Conv2d,
    conv2d_no_bias::Conv2dNoBias,
    conv_transpose2d::ConvTranspose2d,
    conv_transpose2d_no_bias::ConvTranspose2dNoBias,
    max_pool2d::MaxPool2d,
    adaptive_max_pool::AdaptiveMaxPool,
    global_avg_pool::GlobalAvgPool,
    patchify::Patchify,
    unpatchify::Unpatchify,
    attention::Attention,
    mse::Mse,
    one_hot_mse::OneHotMse,
    softmax_cross_entropy::SoftmaxCrossEntropy,
    split::Split,
}
