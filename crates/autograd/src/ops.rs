//! The differentiable operations, one file for each, in the order a newcomer should read them.
//!
//! To add one: its file here, and its line in [`for_each_op!`](crate::for_each_op). From that line follow
//! its checks against finite differences, its precision checks in every element type, and its benchmark.

pub mod add;
pub mod relu;
pub mod tanh;
pub mod reshape;
pub mod broadcast_to;
pub mod matmul;
pub mod matmul_bias;
pub mod mse;
pub mod softmax_cross_entropy;
pub mod split;

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
        }
    };
}
