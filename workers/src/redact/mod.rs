//! Redaction: every face and number plate in a picture or video made unrecognisable, and nothing else touched.
//!
//! A picture of any camera becomes planar views ([`geometry`]); detectors look at those ([`Detectors`]); what they
//! see of one object is merged, and the *union* of it is mapped back to the picture's own pixels, which are
//! averaged away ([`blur()`]) and written into the original file ([`picture`]), all else kept. A [`Record`] says what was
//! done. Where anything fails there is no output.

mod batch;
mod blur;
mod canvas;
mod detectors;
mod error;
pub mod eval;
mod found;
pub mod geometry;
mod hand;
mod job;
mod memory;
mod paint;
pub mod picture;
mod record;
mod report;
mod settings;
mod sink;
mod still;
mod support;
mod timings;
pub(crate) mod video;

pub use batch::{BatchObserver, BatchOptions, Item, Outcome, Skipped, Walk, redact_all, walk};
pub use blur::{Fill, Target, blur};
pub use canvas::Canvas;
pub use detectors::Detectors;
pub use error::RedactError;
pub use found::Found;
pub use hand::{Added, Corrections, HandRegions, RegionPlace, RemovedBox};
pub use job::{
    Done, JobContext, JobObserver, Media, MediaKind, OutputRecord, RedactionJob, clear_earlier,
    guarded, redact, redact_picture,
};
pub use memory::{Memory, MemoryReservation, Use, memory_needed};
pub use record::{
    DetectorRecord, FileRecord, PictureRecord, Record, RegionRecord, RegionSource, SCHEMA,
    SettingsRecord, SightingRecord, SphereBox, Tool,
};
pub use report::Report;
pub use settings::{CameraChoice, Settings};
pub use sink::{FolderSink, ObjectSink, RECORD_SUFFIX, Sink, SinkOutput, Staged, record_name};
pub use still::{Redacted, Redactor};
pub use timings::Timings;
pub use video::{FoundBy, VideoBox, VideoOptions, VideoRecord, VideoStreamRecord, VideoTrack};
pub(crate) use video::{LookJob, RewriteJob, SurveyJob};
