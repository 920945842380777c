//! Terminal output without panics or escape sequences, and safe access to files that a user has named.
//!
//! [`terminal`] is the only module that writes to standard output and standard error; [`text`] escapes control
//! characters; [`files`] reads regular files of limited size, and replaces files without destroying links or devices;
//! [`exit`] is the table of exit codes; [`cpu`] gives the CPU model and [`memory`] the free memory;
//! [`nearest`](mod@nearest) suggests a name for a misspelt one.
#![forbid(unsafe_code)]

pub mod cpu;
pub mod exit;
pub mod files;
pub mod memory;
pub mod nearest;
pub mod terminal;
pub mod text;
