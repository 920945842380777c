//! The commands of `agon`, one file each.

// What all answers share.
pub(crate) mod output;
pub(crate) mod columns;
pub(crate) mod limited;
pub(crate) mod selection;
pub(crate) mod engine;
pub(crate) mod pictures;
pub(crate) mod values;
pub(crate) mod stored;

// The main job, and what goes with it.
pub(crate) mod reproduce;
pub(crate) mod run;
pub(crate) mod report;
pub(crate) mod plan;

// One run, and what came of it.
pub(crate) mod train;
pub(crate) mod eval;
pub(crate) mod probe;
pub(crate) mod advise;

// Looking around.
pub(crate) mod list;
pub(crate) mod data_sets;
pub(crate) mod doctor;

// What is stored.
pub(crate) mod inspect;
pub(crate) mod runs;
pub(crate) mod export;

pub(crate) mod completions;
