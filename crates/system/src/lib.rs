//! Terminal output that cannot panic or deceive, and files that a user names.
//!
//! [`terminal`] is the only place that writes to standard output and standard error; [`text`] escapes what a terminal
//! would take for a command; [`files`] reads regular files of a limited size, and replaces files without destroying
//! links or devices; [`cpu`] names the CPU; [`memory`] says how much of it is free; [`nearest`](mod@nearest) suggests a name for a misspelt one.
#![forbid(unsafe_code)]

pub mod cpu;
pub mod files;
pub mod memory;
pub mod nearest;
pub mod terminal;
pub mod text;
