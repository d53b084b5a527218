//! The computation of each feature: one file per feature, and the list of them.
//!
//! A feature's file holds its task, its output and its computation. A task is everything that a worker must be
//! given, and an output is what the worker submits. Both travel as JSON between a coordinator and a worker. A
//! worker on another machine therefore needs the object store, and nothing of the catalogue.
//!
//! To add a feature, write its file and add a line to the list below. The compiler names the rest.

mod context;
mod dialogue;
mod edges;
mod embeddings;
mod idle;
mod looks;
mod meaning;
mod people;
mod probe;
mod proxies;
mod shots;
mod sound;
mod sound_tags;
mod speech;
mod text;
mod thumbnails;
mod vectors;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use context::{RunContext, Stage};
pub use context::{Stages, unpack_timeline};
pub use dialogue::{CueSpan, DialogueOutput, DialogueTask};
pub use edges::{EdgesOutput, EdgesTask};
pub use embeddings::{EmbeddingsOutput, EmbeddingsTask, FRAMES_PER_SHOT};
pub use idle::IdleModels;
pub use meaning::{MeaningOutput, MeaningTask};
pub use people::{FaceTrack, PeopleOutput, PeopleTask, UntouchedFace};
pub use probe::{ProbeOutput, ProbeTask};
pub use proxies::{ProxiesOutput, ProxiesTask};
pub use shots::{EarlyProxies, ShotSpan, ShotsOutput, ShotsTask};
pub use sound::{SoundBang, SoundFindings, SoundTask};
pub use sound_tags::{EarlyTags, SoundTag, SoundTagsOutput, SoundTagsTask};
pub use speech::{Ears, HeardSpan, SpeechBasis, SpeechOutput, SpeechTask, SpokenWord};
pub use text::{ScreenText, TextOutput, TextTask, is_subtitle_place};
pub use thumbnails::{ThumbnailsOutput, ThumbnailsTask};

use crate::error::StageError;
use crate::watch::Watch;

/// The kind of worker for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Queue {
    /// Decoding and encoding on the CPU.
    Media,
    /// Encoding pictures on a device.
    Embed,
}

impl Queue {
    /// The name as stored, and as used for threads and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Media => "media",
            Self::Embed => "embed",
        }
    }
}

/// There is no feature with this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no feature {0:?}")]
pub struct UnknownFeature(String);

/// The output of one feature.
pub trait StageOutput: Sized {
    /// The output as this feature's; `None` if it belongs to another.
    fn of(output: &Output) -> Option<&Self>;
}

macro_rules! features {
    ($($(#[$doc:meta])* $feature:ident = $name:literal, $task:ident -> $output:ident;)+) => {
        /// The features of an asset, in an order in which inputs precede the features that use them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Feature {
            $($(#[$doc])* $feature,)+
        }

        impl Feature {
            /// Every feature.
            pub const ALL: &[Self] = &[$(Self::$feature),+];

            /// The name as stored, sent and shown.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$feature => $name,)+
                }
            }
        }

        /// One run to compute.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(tag = "feature", rename_all = "kebab-case")]
        pub enum Task {
            $($(#[$doc])* $feature($task),)+
        }

        impl Task {
            /// The feature that it computes.
            #[must_use]
            pub const fn feature(&self) -> Feature {
                match self {
                    $(Self::$feature(_) => Feature::$feature,)+
                }
            }

            fn run(&self, run: &RunContext<'_>) -> Result<Output, StageError> {
                match self {
                    $(Self::$feature(task) => task.run(run).map(Output::$feature),)+
                }
            }

            fn tidy(&self, stages: &Stages, prefix: &str) -> Result<(), StageError> {
                match self {
                    $(Self::$feature(task) => task.tidy(stages, prefix),)+
                }
            }
        }

        /// The output of a finished run. Large results are in the object store, and their keys are here.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(tag = "feature", rename_all = "kebab-case")]
        pub enum Output {
            $($(#[$doc])* $feature($output),)+
        }

        impl Output {
            /// The feature that it belongs to.
            #[must_use]
            pub const fn feature(&self) -> Feature {
                match self {
                    $(Self::$feature(_) => Feature::$feature,)+
                }
            }
        }

        $(
            impl From<$task> for Task {
                fn from(task: $task) -> Self {
                    Self::$feature(task)
                }
            }

            impl From<$output> for Output {
                fn from(output: $output) -> Self {
                    Self::$feature(output)
                }
            }

            impl StageOutput for $output {
                fn of(output: &Output) -> Option<&Self> {
                    match output {
                        Output::$feature(output) => Some(output),
                        _ => None,
                    }
                }
            }
        )+
    };
}

features! {
    /// The hash of the bytes, and the properties of the file.
    Probe = "probe", ProbeTask -> ProbeOutput;
    /// The time of every frame and the boundaries of every shot.
    Shots = "shots", ShotsTask -> ShotsOutput;
    /// The lines of subtitle files, subtitle streams and closed captions.
    Dialogue = "dialogue", DialogueTask -> DialogueOutput;
    /// The lines that are heard in the sound of a video without subtitles.
    Speech = "speech", SpeechTask -> SpeechOutput;
    /// Each shot as a small MP4.
    Proxies = "proxies", ProxiesTask -> ProxiesOutput;
    /// One picture per shot.
    Thumbnails = "thumbnails", ThumbnailsTask -> ThumbnailsOutput;
    /// How each shot begins and ends: what is where, and where it moves.
    Edges = "edges", EdgesTask -> EdgesOutput;
    /// One vector per shot.
    Embeddings = "embeddings", EmbeddingsTask -> EmbeddingsOutput;
    /// One vector per passage of dialogue.
    Meaning = "meaning", MeaningTask -> MeaningOutput;
    /// What is written in the pictures.
    Text = "text", TextTask -> TextOutput;
    /// How each shot sounds: how loud, and where it bangs.
    Sound = "sound", SoundTask -> SoundFindings;
    /// The sounds that are heard in each shot, by name.
    SoundTags = "sound-tags", SoundTagsTask -> SoundTagsOutput;
    /// Whose faces are seen.
    People = "people", PeopleTask -> PeopleOutput;
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Feature {
    type Err = UnknownFeature;

    fn from_str(name: &str) -> Result<Self, UnknownFeature> {
        let known = Self::ALL.iter().find(|feature| feature.as_str() == name);
        known
            .copied()
            .ok_or_else(|| UnknownFeature(name.to_owned()))
    }
}

impl Stages {
    /// Computes a run whose stored objects have keys that start with `prefix`. Blocks; call it on a worker
    /// thread.
    ///
    /// # Errors
    /// [`StageError`] naming the file, the cause and the fix.
    pub fn compute(&self, task: &Task, prefix: &str, watch: &Watch) -> Result<Output, StageError> {
        task.run(&RunContext {
            stages: self,
            prefix,
            watch,
        })
    }

    /// Deletes what only an unfinished run needs, after its result was submitted. Blocks.
    ///
    /// # Errors
    /// If the store does not answer.
    pub fn tidy(&self, task: &Task, prefix: &str) -> Result<(), StageError> {
        task.tidy(self, prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_has_one_name_everywhere() {
        for &feature in Feature::ALL {
            assert_eq!(feature.as_str().parse(), Ok(feature));
            let json = serde_json::to_value(feature).unwrap();
            assert_eq!(json, feature.as_str());
        }
        assert!("Shots".parse::<Feature>().is_err());
    }
}
