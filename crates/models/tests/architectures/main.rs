//! Tests of a small model of each family: gradients, ten golden losses, learning, resuming.
//!
//! The sizes are the smallest that have every kind of layer of their family. Change golden losses only in a commit that
//! gives the reason.
#![allow(clippy::unwrap_used)]

mod check;
mod subject;

mod dcae;
mod guided;
mod mlp;
mod mlpae;
mod resnet9;
mod resnet_autoencoder;
