//! Data sets as bytes N×C×H×W with provenance: readers, an embedded set, augmentation and batches.
//!
//! Reading order: a [`Split`] is images with labels, and a [`Dataset`] is two splits with provenance. [`formats`]
//! parses files, `specs` is the table of published sets, `folder` reads a set from its folder, and [`open`] finds a set
//! by name or returns the [`embedded`] one. The feature `fetch` downloads sets; [`catalogue`](fn@catalogue) lists them;
//! [`image_folder`] reads your own images. [`Batches`] (on a GPU [`Resident`]) are for training, [`in_order`] is for
//! evaluation; [`Augmentation`] is random; [`mod@reference`] computes the errors of baselines that need no model.
//! [`write_png`] and [`formats::npy`] write results.
//!
//! With the facade `agon` as the only dependency, the names of the examples `agon_data::…` and `tensor::…` are
//! `agon::data::…` and `agon::tensor::…`.
//!
//! ```
//! use agon_data::{Batches, embedded};
//! use tensor::random::Stream;
//!
//! let set = embedded::fashion_mnist()?;
//! assert_eq!((set.train.len(), set.test.len(), set.classes.len()), (6_000, 1_000, 10));
//! let batches = Batches::new(&set.train, 100, Stream::new(0, "shuffle"))?;
//! let images = batches.epoch(1).next().expect("60 batches")?.images;
//! assert_eq!(images.shape(), [100, 28 * 28]);
//! # Ok::<(), agon_data::Error>(())
//! ```
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
mod samples;
mod sheet;
mod memory;
mod specs;
mod split;
mod svhn;
mod tiny_imagenet;
pub mod transform;

pub use augmentation::Augmentation;
pub use batches::{Batch, Batches, Epoch, gather, in_order};
pub use catalogue::{Listed, Location, catalogue, named_by_size, size_of};
pub use dataset::{Dataset, Origin, Provenance, StoredFile};
pub use error::{Error, Result};
#[cfg(feature = "fetch")]
pub use fetch::fetch;
pub use find::{SearchFolders, cache_folder, open, open_in};
pub use image_folder::{FolderOptions, MAX_SIDE, Skipped, image_folder, parse_image, test_folder};
pub use resident::Resident;
pub use samples::Samples;
pub use sheet::write_png;
pub use specs::{Size, classes, names};
pub use split::Split;
