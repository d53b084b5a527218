//! Units of work and their results, as they travel between a coordinator and a worker.
//!
//! One [`Task`] is one run of one feature of one asset. It carries everything the worker needs, so
//! that a worker on another machine needs the object store and nothing of the catalogue.

use serde::{Deserialize, Serialize};

use crate::media::MediaInfo;
use crate::segment::DetectorKind;
use crate::storage::Locator;
use crate::time::Rate;

/// Which kind of worker a task is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Queue {
    /// Decoding and encoding on the CPU.
    Media,
    /// Encoding pictures on a device.
    Embed,
}

impl Queue {
    /// The name kept in the catalogue and used for threads and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Media => "media",
            Self::Embed => "embed",
        }
    }
}

/// Frames looked at of each shot, where nobody chose.
pub const FRAMES_PER_SHOT: u32 = 4;

const fn frames_per_shot() -> u32 {
    FRAMES_PER_SHOT
}

/// One run to compute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "feature", rename_all = "kebab-case")]
pub enum Task {
    /// Hash the bytes and read what the file says of itself.
    Probe {
        /// The film.
        media: Locator,
    },
    /// Find the time of every frame and the boundaries of every shot.
    Shots {
        /// The film.
        media: Locator,
        /// What finds them.
        #[serde(default)]
        detector: DetectorKind,
        /// The proxies that wait for this run: some may be cut while shots are still looked for.
        #[serde(default)]
        proxies: Option<EarlyProxies>,
    },
    /// Cut every shot into a small mp4.
    Proxies {
        /// The film.
        media: Locator,
        /// Key of the stored timeline.
        timeline: String,
        /// First and one-past-last frame of each shot, in order.
        shots: Vec<(u64, u64)>,
        /// Height in pixels; a film that is lower is not enlarged.
        height: u32,
    },
    /// Make one picture of each shot.
    Thumbnails {
        /// The shots' proxies, in order.
        proxies: Vec<String>,
    },
    /// Give each shot a vector.
    Embeddings {
        /// The model, which names the space.
        model: String,
        /// The shots' proxies, in order.
        proxies: Vec<String>,
        /// Frames looked at of each shot, evenly spaced in time; at least one.
        #[serde(default = "frames_per_shot")]
        frames: u32,
        /// Whether the vectors of single frames are stored as well.
        #[serde(default)]
        frame_vectors: bool,
    },
    /// Read the dialogue of subtitle files and subtitle streams.
    Dialogue {
        /// The film.
        media: Locator,
        /// Key of the stored timeline.
        timeline: String,
        /// Text subtitle streams of the film: index and language.
        streams: Vec<(usize, Option<String>)>,
        /// Subtitle files beside it, with their languages.
        sidecars: Vec<(Locator, Option<String>)>,
    },
}

/// Proxies that may be cut before their own run begins, which then continues from them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlyProxies {
    /// Keys of the objects of the proxies' run begin with this.
    pub prefix: String,
    /// Height in pixels.
    pub height: u32,
}

/// A shot as segmentation found it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShotSpan {
    /// First frame.
    pub start: u64,
    /// One past the last frame.
    pub end: u64,
    /// When the first frame is shown, in milliseconds from the start of the file.
    pub start_ms: u64,
    /// When the last frame ceases to be shown.
    pub end_ms: u64,
    /// How the shot begins: `start`, `cut`, `fade` …
    pub boundary: String,
    /// Confidence of that boundary, 0 to 1.
    pub confidence: f32,
    /// Index of the first shot of the film that shows nearly the same picture, if an earlier one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_as: Option<u64>,
}

/// A line of dialogue on the frames of its asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CueSpan {
    /// First frame during which it is shown.
    pub start: u64,
    /// One past the last.
    pub end: u64,
    /// Milliseconds from the start of the file.
    pub start_ms: u64,
    /// End, exclusive.
    pub end_ms: u64,
    /// The words.
    pub text: String,
    /// Language as the file names it, e.g. `en`.
    pub language: Option<String>,
}

/// What a finished run yields. Large results lie in the object store; here are their keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "feature", rename_all = "kebab-case")]
pub enum Output {
    /// Of [`Task::Probe`].
    Probe {
        /// BLAKE3 of the whole file, in hex.
        blake3: String,
        /// Streams, duration, rates, chapters.
        info: Box<MediaInfo>,
    },
    /// Of [`Task::Shots`].
    Shots {
        /// Key of the stored [`crate::time::Timeline`].
        timeline: String,
        /// Frames in all.
        frames: u64,
        /// Nominal frame rate.
        rate: Rate,
        /// Whether timecode is nominal.
        variable: bool,
        /// The source's own start timecode.
        start_timecode: Option<String>,
        /// The shots, in order, covering every frame.
        shots: Vec<ShotSpan>,
        /// What was wrong with the film but did not stop the work.
        warnings: Vec<String>,
    },
    /// Of [`Task::Proxies`]: a key for each shot, in order.
    Proxies {
        /// Keys in the object store.
        keys: Vec<String>,
    },
    /// Of [`Task::Thumbnails`]: a key for each shot, in order.
    Thumbnails {
        /// Keys in the object store.
        keys: Vec<String>,
    },
    /// Of [`Task::Embeddings`]: a unit vector for each shot, in order.
    Embeddings {
        /// The space, `model@revision`.
        space: String,
        /// One vector a shot, each of the space's dimension.
        vectors: Vec<Vec<f32>>,
        /// Key of the vectors of single frames, a safetensors file: `vectors` (n × dimension, f32), and
        /// of each its `shot` and its `frame`, the rank among the shot's samples (u32).
        #[serde(default)]
        frame_vectors: Option<String>,
    },
    /// Of [`Task::Dialogue`].
    Dialogue {
        /// Lines in order of time.
        cues: Vec<CueSpan>,
        /// What was wrong with subtitles but did not stop the work.
        #[serde(default)]
        warnings: Vec<String>,
    },
}
