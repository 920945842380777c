//! The differentiable operations, one file for each, in the order a newcomer should read them.
//!
//! To add one: its file here, and its line in [`for_each_op!`](crate::for_each_op). From that line follow
//! its checks against finite differences, its precision checks in every element type, and its benchmark.

pub mod adaptive_max_pool;
pub mod add;
pub mod attention;
pub mod batch_norm;
pub mod batch_norm_running;
pub mod broadcast_to;
pub mod channel_dropout;
pub mod concat;
pub mod conv2d;
pub mod conv2d_no_bias;
pub mod conv_transpose2d;
pub mod conv_transpose2d_no_bias;
pub mod dropout;
pub mod gather_rows;
pub mod gelu;
pub mod global_avg_pool;
pub mod layer_norm;
pub mod matmul;
pub mod matmul_bias;
pub mod max_pool2d;
pub mod mean_axes;
pub mod mse;
pub mod mul;
pub mod one_hot_mse;
pub mod patchify;
pub mod relu;
pub mod reshape;
mod rows;
pub mod scale;
pub mod sigmoid;
pub mod slice;
pub mod softmax_cross_entropy;
pub mod split;
pub mod sub;
pub mod sum_axes;
pub mod tanh;
pub mod transpose;
pub mod unpatchify;

/// Calls a macro with the list of operations, each as `module::Type`.
#[macro_export]
macro_rules! for_each_op {
    ($then:ident) => {
        $then! {
            add::Add,
            relu::Relu,
            tanh::Tanh,
            reshape::Reshape,
            broadcast_to::BroadcastTo,
            matmul::MatMul,
            matmul_bias::MatMulBias,
            mse::Mse,
            softmax_cross_entropy::SoftmaxCrossEntropy,
            split::Split,
            layer_norm::LayerNorm,
            scale::Scale,
            sub::Sub,
            mul::Mul,
            sigmoid::Sigmoid,
            gelu::Gelu,
            sum_axes::SumAxes,
            mean_axes::MeanAxes,
            transpose::Transpose,
            slice::Slice,
            concat::Concat,
            gather_rows::GatherRows,
            one_hot_mse::OneHotMse,
            batch_norm::BatchNorm,
            batch_norm_running::BatchNormRunning,
            dropout::Dropout,
            channel_dropout::ChannelDropout,
            patchify::Patchify,
            unpatchify::Unpatchify,
            conv2d::Conv2d,
            conv2d_no_bias::Conv2dNoBias,
            conv_transpose2d::ConvTranspose2d,
            conv_transpose2d_no_bias::ConvTranspose2dNoBias,
            max_pool2d::MaxPool2d,
            adaptive_max_pool::AdaptiveMaxPool,
            global_avg_pool::GlobalAvgPool,
            attention::Attention,
        }
    };
}
