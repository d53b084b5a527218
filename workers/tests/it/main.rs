//! Tests of decoding, segmentation, proxies and the sandbox with the real decoder.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    clippy::single_range_in_vec_init,
    reason = "helpers of tests fail like tests; a span may well be a single range"
)]

mod bright;
mod chunks;
mod clips;
mod clocks;
mod dark;
mod early;
mod hostile;
mod keeping;
mod oriented;
mod pictures;
mod probing;
mod proxies;
mod redact_video;
mod rewriting;
mod sandboxing;
mod shots;
mod slow;
mod subtitles;
mod timing;
