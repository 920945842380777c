//! The differentiable operations, one file each, in the recommended reading order.
//!
//! To add an operation, write its file here, its kernel `kernels/<op>.cu` unless it launches existing kernels, and its
//! line in [`for_each_op!`](crate::for_each_op). That line declares its module and runs its gradient and precision
//! checks in every element type on the CPU and on the emulated GPU.

/// Calls a macro with the list of operations, each as `module::Type`.
///
/// A type that implements `Op` for two input counts, such as a convolution without and with a bias, lists both:
/// `module::Type<2, 3>`.
#[macro_export]
macro_rules! for_each_op {
    ($then:ident) => {
        $then! {
            add::Add,
            sub::Sub,
            mul::Mul,
            div::Div,
            scale::Scale,
            add_scalar::AddScalar,
            abs::Abs,
            exp::Exp,
            ln::Ln,
            sqrt::Sqrt,
            powf::Powf,
            maximum::Maximum,
            minimum::Minimum,
            clamp::Clamp,
            select::Select,
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
            max_axes::MaxAxes,
            gather_rows::GatherRows,
            scatter_rows::ScatterRows,
            matmul::MatMul,
            matmul_bias::MatMulBias,
            batch_matmul::BatchMatMul,
            layer_norm::LayerNorm,
            batch_norm::BatchNorm,
            batch_norm_running::BatchNormRunning,
            dropout::Dropout,
            channel_dropout::ChannelDropout,
            conv2d::Conv2d<2, 3>,
            conv_transpose2d::ConvTranspose2d<2, 3>,
            max_pool2d::MaxPool2d,
            batch_norm_pool::BatchNormPool,
            adaptive_max_pool::AdaptiveMaxPool,
            global_avg_pool::GlobalAvgPool,
            patchify::Patchify,
            unpatchify::Unpatchify,
            attention::Attention,
            mse::Mse,
            one_hot_mse::OneHotMse,
            softmax::Softmax,
            log_softmax::LogSoftmax,
            softmax_cross_entropy::SoftmaxCrossEntropy,
            split::Split,
        }
    };
}

/// Calls a generic function of an operation, `path::function [Type] (arguments)`, once for each listed input count.
#[macro_export]
macro_rules! for_each_arity {
    ($($function:ident)::+ [$op:ident] $arguments:tt) => {
        $($function)::+::<$op, _, _> $arguments;
    };
    ($($function:ident)::+ [$op:ident<$n_inputs:tt $(, $more:tt)*>] $arguments:tt) => {
        $($function)::+::<$op<$n_inputs>, _, _> $arguments;
        $crate::for_each_arity!($($function)::+ [$op<$($more),*>] $arguments);
    };
    ($($function:ident)::+ [$op:ident<>] $arguments:tt) => {};
}

macro_rules! declare {
    ($($module:ident::$op:ident $(<$($n_inputs:tt),+>)?,)*) => {$(
        pub mod $module;
    )*};
}

for_each_op!(declare);
