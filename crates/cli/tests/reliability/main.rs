//! Reliability tests of real runs and of the program `agon`: rows R9, R10, R12, R14, R15, R19, R20 and R22.
#![allow(clippy::unwrap_used)] // the helper functions are test code too

mod program;
mod real;

mod determinism;
mod disk_full;
mod divergence;
mod documentation;
mod hostile;
mod missing;
mod names;
mod storm;
mod streams;
mod trade_offs;
