//! The run store through its public interface: runs, files, kills, failing disks, Python readers.

#![allow(clippy::unwrap_used)] // all of this is tests, also the functions that are not one

mod toy;

mod faults;
mod kills;
mod results;
mod runs;
