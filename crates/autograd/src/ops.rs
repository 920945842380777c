//! The differentiable operations, one file for each, in the order a newcomer should read them.
//!
//! To add one: its file here, its kernel `kernels/<op>.cu`, and its line in [`for_each_op!`](crate::for_each_op). From that
//! line follow its module, its checks against finite differences, and its precision checks in every element type on the
//! CPU and on the emulated GPU.

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

macro_rules! declare {
    ($($module:ident::$op:ident,)*) => {$(
        pub mod $module;
    )*};
}

for_each_op!(declare);
