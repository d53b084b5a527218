//! Find the shot you need inside thousands of hours of video, frame-exact.
//!
//! The package behind the `rushes` binary: catalogue, features and their jobs, index, search, HTTP
//! and command line. How media becomes features is in `rushes-workers`; what the machine sees is in
//! `rushes-models`. ARCHITECTURE.md walks through all of it.

pub mod app;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod export;
pub mod features;
pub mod http;
pub mod index;
pub mod ingest;
pub mod redactions;
pub mod search;
mod telemetry;
pub mod views;
