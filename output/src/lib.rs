//! Tables, charts and reports. Pure data in, bytes out; one function writes files.
//!
//! ```text
//! Table ──► text, Markdown, CSV, HTML          table.rs + text.rs, markdown.rs, csv.rs, html.rs
//! Chart ──► SVG, and the table behind it       chart.rs + svg.rs, data.rs
//! Report ─► one self-contained report.html     report.rs + html.rs
//! rows ───► CSV, JSON                          csv.rs, json.rs
//! bytes ──► files                              write.rs, the only I/O
//! ```
//!
//! The same data give the same bytes on every machine: no clock, no font library, no map order.
//! A number that is missing is left out or said to be missing; it is never drawn as zero, and a
//! number that is not finite is refused with an [`Error`] that names where it stood.
//!
//! ```
//! use output::{Align, Cell, Column, Estimate, Format, Table, TextOptions};
//!
//! let mut table = Table::new(
//!     "Downtime",
//!     vec![Column::text("design"), Column::number("downtime", "s")],
//! );
//! let downtime = Estimate::new(12.4, 10.1, 14.9);
//! table.push(vec![
//!     Cell::text("two zones"),
//!     Cell::estimate(downtime, Format::Decimals(1)),
//! ]);
//! assert_eq!(table.columns[1].align, Align::Right);
//! assert!(table.to_text(&TextOptions::plain()).unwrap().contains("12.4 (10.1–14.9)"));
//! ```

pub mod chart;
mod check;
pub mod colour;
pub mod csv;
mod data;
pub mod error;
mod escape;
pub mod format;
mod html;
pub mod json;
mod markdown;
pub mod report;
pub mod svg;
pub mod table;
mod text;
pub mod write;

pub use chart::{Axis, Caption, Chart, Reference, Scale};
pub use colour::{Colour, Tone};
pub use error::Error;
pub use format::{Estimate, Format};
pub use report::{Footer, Report, Section};
pub use table::{Align, Cell, Column, Table, TextOptions};
pub use write::write_all;
