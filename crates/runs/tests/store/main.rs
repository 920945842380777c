//! The run store as its users meet it: runs, files, kills, failing disks, readers in Python.

#![allow(clippy::unwrap_used)] // all of this is tests, also the functions that are not one

mod toy;

mod faults;
mod kills;
mod results;
mod runs;
