//! Black-box tests of the product: the real binary, real videos, a real database.

#![expect(clippy::print_stderr, reason = "a test says how often it killed")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may fail as tests do"
)]

mod access;
mod answers;
mod architecture;
mod arrivals;
mod bad_input;
mod bounds;
mod causes;
mod cli;
mod client;
mod conditional;
mod contract;
mod coordinator;
mod delete;
mod disk_full;
mod docs;
mod doctor;
mod encoders;
mod events;
mod export;
mod fleet;
mod following;
mod golden;
mod http;
mod idempotency;
mod index;
mod interrupted;
mod jobs;
mod keys;
mod kill;
mod library;
mod match_cuts;
mod mcp;
mod mcp_http;
mod moving;
mod network;
mod old_catalogue;
mod page;
mod people;
mod postgres;
mod query;
mod redact;
mod redact_messages;
mod redactions;
mod remote;
mod replace;
mod resumable;
mod s3;
mod senses;
mod shots;
mod sound;
mod sound_tags;
mod spaces;
mod speech;
mod spine;
mod subtitles;
mod support;
mod walk;
mod watch;
mod watches;
mod written;
