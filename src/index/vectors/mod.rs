//! The vectors of all shots, by embedding space.
//!
//! A [`Space`] is a list of immutable segments and, for each, the assets in it that were replaced or deleted since
//! it was written. New rows come as segments in memory. Publishing writes them as files, and compaction joins files
//! of similar size in the background, so what is written is what is new. A search reads the list once and is not
//! disturbed by what comes after it.

mod background;
mod codes;
mod graph;
mod kernel;
mod layout;
mod member;
mod rotation;
mod scan;
mod segment;
mod space;
mod store;
mod walk;

pub use background::Background;
pub use scan::Effort;
pub use space::Near;
pub(super) use space::{Batch, Space};
pub(super) use store::{Damaged, Work, compact, folder, load, load_graphs, save, verify};
