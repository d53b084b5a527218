//! A library is moved: its catalogue to another database, and its store to another place.

mod catalogue;
mod content;
mod store;
