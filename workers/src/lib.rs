//! Turns media into features: decoding, segmentation, proxies, embedding.
//!
//! This crate knows nothing of the catalogue, HTTP or the tables of the queue. Work arrives through a
//! coordinator, and results leave the same way.

pub mod acoustics;
pub mod child;
pub mod coordinator;
pub mod dialogue;
pub mod edges;
pub mod embed;
pub mod error;
pub mod media;
pub mod orientation;
pub(crate) mod proxy_name;
pub mod redact;
pub mod sandbox;
pub mod segment;
pub mod source;
pub mod stages;
pub mod storage;
pub mod time;
pub mod watch;
pub mod worker;
