//! Cut lists, read by programs that are not ours.

mod formats;
pub(crate) mod frames;
mod media;
