//! Cut lists, read by programs that are not ours.

mod formats;
mod frames;
