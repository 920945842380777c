//! The differentiable operations, one file for each, in the order a newcomer should read them.
//!
//! To add one: its file here, and its line in [`for_each_op!`](crate::for_each_op). From that line follow
//! its checks against finite differences, its precision checks in every element type, and its benchmark.

pub mod add;
pub mod sub;
pub mod mul;
pub mod scale;
pub mod relu;
pub mod tanh;
pub mod sigmoid;
pub mod gelu;
pub mod cast;
pub mod reshape;
pub mod transpose;
pub mod slice;
pub mod concat;
pub mod broadcast_to;
pub mod sum_axes;
pub mod mean_axes;
pub mod gather_rows;
pub mod scatter_rows;
pub mod matmul;
pub mod matmul_bias;
pub mod layer_norm;
pub mod batch_norm;
pub mod batch_norm_running;
pub mod dropout;
pub mod channel_dropout;
pub mod conv2d;
pub mod conv2d_no_bias;
pub mod conv_transpose2d;
pub mod conv_transpose2d_no_bias;
pub mod max_pool2d;
pub mod adaptive_max_pool;
pub mod global_avg_pool;
pub mod patchify;
pub mod unpatchify;
pub mod attention;
pub mod mse;
pub mod one_hot_mse;
pub mod softmax_cross_entropy;
pub mod split;

/// Calls a macro with the list of operations, each as `module::Type`.
#[macro_export]
macro_rules! for_each_op {
    ($then:ident) => {
        $then! {
            add::Add,
            sub::Sub,
            mul::Mul,
            scale::Scale,
            relu::Relu,
            tanh::Tanh,
            sigmoid::Sigmoid,
            gelu::Gelu,
            cast::Cast,
            reshape::Reshape,
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
    };
}
