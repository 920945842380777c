//! The commands of `agon`, one file each.

// Shared by several commands.
pub(crate) mod columns;
pub(crate) mod limited;
pub(crate) mod selection;
pub(crate) mod engine;
mod own_images;
pub(crate) mod folders;
pub(crate) mod image_options;
mod settings;
pub(crate) mod values;
pub(crate) mod stored;

// The main job and its parts.
pub(crate) mod reproduce;
pub(crate) mod run;
pub(crate) mod report;
pub(crate) mod summary;
pub(crate) mod browser;
pub(crate) mod plan;

// Single runs.
pub(crate) mod train;
pub(crate) mod sweep;
pub(crate) mod eval;
pub(crate) mod probe;
pub(crate) mod graph;
pub(crate) mod advise;

// Listings and checks.
pub(crate) mod list;
pub(crate) mod data_sets;
pub(crate) mod doctor;

// Stored results.
mod differences;
pub(crate) mod compare;
pub(crate) mod why;
pub(crate) mod inspect;
pub(crate) mod runs;
pub(crate) mod export;

pub(crate) mod completions;
