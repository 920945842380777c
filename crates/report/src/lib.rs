//! Figures, tables and the page that a stranger reads, drawn from plain data.
//!
//! Nothing here knows of runs, tensors or files: a caller describes a [`Chart`] or an [`ImageGrid`], gets a
//! [`Drawing`] (one SVG, and a PNG rasterised from that very SVG), and hands all of it to a [`Page`].
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
mod numbers;
mod panel;
mod scale;
mod svg;
mod ticks;

pub use draw::draw;
pub use error::{Error, Result};
pub use explorer::Explorer;
pub use figure::{Axis, Chart, Panel, Point, Reference, Scale, Series, Shape, Tick};
pub use forest::forest;
pub use grid::{GridRow, Image, ImageGrid};
pub use heat::{HeatMap, HeatPanel};
pub use page::{Figure, Page, Section};
pub use palette::{Colour, Style};
pub use raster::Drawing;
pub use verdict::{Conclusion, Effect, Kind, Verdict};
