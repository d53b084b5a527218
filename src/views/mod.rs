//! The JSON shapes that the command line and HTTP share.

mod asset;
mod bin;
mod job;
mod listing;
mod shot;
mod time;
mod transcript;

pub use asset::AssetView;
pub use bin::{BinItemView, BinSummary, BinView};
pub use job::{JobList, JobView, StageView};
pub use listing::{AssetListItem, ShotListItem};
pub use shot::{
    AssetRef, BangView, BoundaryView, Line, NamedSound, Place, ShotDetail, ShotSoundView,
    WrittenText,
};
pub(crate) use time::Clock;
pub use time::Time;
pub use transcript::{Transcript, TranscriptLine};
