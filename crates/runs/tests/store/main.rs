//! Tests of the run store through its public interface: runs, files, kills, failing disks, Python readers.

#![allow(clippy::unwrap_used)] // the helper functions are test code too

mod toy;

mod faults;
mod kills;
mod results;
mod runs;
