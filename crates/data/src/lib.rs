//! Data sets as bytes N×C×H×W with their provenance: readers, the embedded set, transforms and batches.
//!
//! Reading order: a [`Split`] is images with labels, a [`Dataset`] two of them and their provenance;
//! [`formats`] read files, `specs` is the table of the published sets, `folder` reads all files of one, and [`open`] finds the folder by the set's name, or takes the set that is [`embedded`];
//! `fetch`, a feature, downloads them; [`catalogue`](fn@catalogue) lists the sets; [`image_folder`] reads anybody's images; [`Batches`] feeds training, on a
//! GPU [`Resident`], [`in_order`] evaluation;
//! [`Augmentation`] changes training images at random; [`mod@reference`] says what errors need no model at all.
#![forbid(unsafe_code)]

mod augmentation;
mod batches;
mod catalogue;
mod checksum;
mod dataset;
pub mod embedded;
mod error;
#[cfg(feature = "fetch")]
mod fetch;
mod files;
mod find;
mod folder;
pub mod formats;
mod image_folder;
mod imagenette;
pub mod reference;
mod resident;
mod room;
mod specs;
mod split;
mod svhn;
mod tiny_imagenet;
pub mod transform;

pub use augmentation::Augmentation;
pub use batches::{Batch, Batches, Epoch, gather, in_order};
pub use catalogue::{Listed, Place, catalogue, named_by_size};
pub use dataset::{Dataset, Origin, Provenance, StoredFile};
pub use error::{Error, Result};
#[cfg(feature = "fetch")]
pub use fetch::fetch;
pub use find::{Places, open, open_in, shelf};
pub use image_folder::{FolderOptions, MAX_SIDE, Skipped, image_folder, parse_image, test_folder};
pub use resident::Resident;
pub use specs::{Size, classes, names};
pub use split::Split;
