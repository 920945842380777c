//! Figures, tables and an HTML page, drawn from plain data.
//!
//! The crate is independent of runs, tensors and files: a [`Chart`] or an [`ImageGrid`] describes a figure, a
//! [`Drawing`] is its SVG (and a PNG rasterised from it), and a [`Page`] combines figures, tables and text.
//! The same description gives the same bytes on every machine.

#![forbid(unsafe_code)]

mod error;
mod figure;
mod palette;

mod draw;
mod grid;
mod raster;

mod page;
pub mod explorer;
pub mod table;
mod verdict;

mod font;
mod forest;
mod heat;
mod labels;
mod layout;
mod legend;
mod marker;
mod number;
mod contour;
mod data_table;
mod panel;
mod scale;
mod span;
mod svg;
mod ticks;

pub use draw::draw;
pub use error::{Error, Result};
pub use explorer::Explorer;
pub use figure::{Axis, Chart, Panel, Point, Reference, Scale, Series, Shape, Tick};
pub use forest::forest;
pub use grid::{GridRow, Image, ImageGrid};
pub use heat::{HeatMap, HeatPanel};
pub use page::{Answer, Figure, Group, Page, ReadBy, ReadModel, Readers, Section};
pub use palette::{Colour, Style};
pub use raster::Drawing;
pub use verdict::{Conclusion, Effect, Kind, Test, Verdict};
