//! Integration tests across crates, and the list of model families that they use.
#![forbid(unsafe_code)]

pub mod families;

/// The examples of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
