//! rushes
