//! Find the shot you need inside thousands of hours of video, frame-exact.
//!
//! The package behind the `rushes` binary: catalogue, features and their jobs, index, search, HTTP, MCP and command
//! line. The crate `rushes-workers` turns media into features, and `rushes-models` runs the networks. See
//! ARCHITECTURE.md.

pub mod app;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod disk;
pub mod export;
pub mod features;
pub mod fleet;
pub mod http;
pub mod index;
pub mod ingest;
pub mod mcp;
pub mod redactions;
pub mod search;
pub mod sheet;
mod telemetry;
pub mod views;
pub mod webhooks;
