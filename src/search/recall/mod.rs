//! The recalls, one file each, and the list of them.
//!
//! Each recall returns its own ranked list. The lists are fused by rank, and every hit carries the evidence of
//! each recall that found it. To add a recall, write its file and add a line to the list below.

mod dialogue;
mod label;
mod lines;
mod meaning;
mod sound;
mod speech;
mod tagged;
mod text;
mod visual;

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use dialogue::DialogueRecall;
pub use label::Label;
use label::LabelRecall;
pub use lines::Dialogue;
pub use meaning::Meaning;
use meaning::MeaningRecall;
use sound::SoundRecall;
pub(super) use sound::names_sound;
pub use sound::{HeardSound, Sounding};
use speech::SpeechRecall;
pub(super) use tagged::names_tag;
pub use text::OnScreen;
use text::TextRecall;
use visual::VisualRecall;
pub use visual::{PartSimilarity, Visual};

use super::fusion::Ranked;
use super::query::{PartKind, Query, QueryPart, WeightedModality};
use super::{SearchError, Searcher};
use crate::index::ShotSet;
use crate::views::Clock;

/// What a recall is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// The parts of the query that it uses, with their places in the query.
    pub(super) parts: &'a [(usize, &'a QueryPart)],
    /// What subtitles must not say, whatever the recall looks for.
    pub(super) unsaid: &'a [(usize, &'a QueryPart)],
    /// What must not be heard.
    pub(super) unheard: &'a [(usize, &'a QueryPart)],
    /// Where to look.
    pub(super) scope: Option<&'a ShotSet>,
    /// The shots that a hit is compared with to say how likely it is; all if `None`.
    pub(super) crowd: Option<&'a ShotSet>,
    /// How many matches.
    pub(super) count: usize,
    /// Whether a shot may be in the list more than once, with different times.
    pub(super) repeated: bool,
}

/// What a recall found.
#[derive(Debug)]
pub(super) struct Found<M> {
    /// Best first.
    pub(super) list: Vec<Ranked<M>>,
    /// Over how many shots or lines.
    pub(super) searched: u64,
    /// Whether all of them were compared.
    pub(super) exact: bool,
}

/// One way to find shots.
pub(super) trait Recall {
    /// The data on a match, kept until the hit is shown.
    type Match;
    /// The evidence as shown.
    type Evidence;
    /// Other names of the modality in the text of a query.
    const ALIASES: &'static [&'static str];
    /// What is searched: `shots`, `lines`.
    const UNIT: &'static str;
    /// The name of its measure.
    const MEASURE: &'static str;
    /// Whether it finds what matches only. Others rank everything.
    const IS_SELECTIVE: bool;

    /// Whether it can search for such a part.
    fn takes(part: &PartKind) -> bool;

    /// The best shots, best first.
    fn ranked(
        searcher: &Searcher,
        wanted: Wanted<'_>,
    ) -> impl Future<Output = Result<Found<Self::Match>, SearchError>> + Send;

    /// The evidence of a match at rank `rank`, from 1.
    fn evidence(found: &Self::Match, rank: u32, clock: &Clock) -> Self::Evidence;

    /// How well it matches.
    fn measure(found: &Self::Match) -> f32;

    /// Whether it is likely to be what was asked for, as opposed to the best of what there is.
    fn is_likely(_found: &Self::Match) -> bool {
        true
    }
}

macro_rules! recalls {
    ($($(#[$doc:meta])* $modality:ident as $field:ident: $recall:ident -> $evidence:ident;)+) => {
        /// A modality to search.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, clap::ValueEnum, ToSchema,
        )]
        #[serde(rename_all = "kebab-case")]
        pub enum Modality {
            $($(#[$doc])* $modality,)+
        }

        impl Modality {
            /// Every modality.
            pub const ALL: &'static [Self] = &[$(Self::$modality),+];

            /// Its name in requests.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$modality => stringify!($field),)+
                }
            }

            /// The modality with this name or alias.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                $(if name == stringify!($field) || <$recall as Recall>::ALIASES.contains(&name) {
                    return Some(Self::$modality);
                })+
                None
            }

            /// The names and aliases of all modalities.
            pub(in crate::search) fn names() -> impl Iterator<Item = &'static str> {
                let mut names = Vec::new();
                $(
                    names.push(stringify!($field));
                    names.extend(<$recall as Recall>::ALIASES);
                )+
                names.into_iter()
            }

            pub(super) fn takes(self, part: &PartKind) -> bool {
                match self {
                    $(Self::$modality => <$recall as Recall>::takes(part),)+
                }
            }

            pub(super) const fn is_selective(self) -> bool {
                match self {
                    $(Self::$modality => <$recall as Recall>::IS_SELECTIVE,)+
                }
            }

            pub(super) const fn unit(self) -> &'static str {
                match self {
                    $(Self::$modality => <$recall as Recall>::UNIT,)+
                }
            }
        }

        /// Why a shot is in the result: the modalities that found it, and how.
        #[derive(Debug, Clone, PartialEq, Default, Serialize, ToSchema)]
        pub struct Evidence {
            $($(#[$doc])* pub $field: Option<$evidence>,)+
        }

        /// The match of any recall.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub(super) enum Match {
            $($modality(<$recall as Recall>::Match),)+
        }

        impl Match {
            /// The modality that found it, the name of its measure, and the measure.
            pub(super) fn measure(&self) -> (Modality, &'static str, f32) {
                match self {
                    $(Self::$modality(found) => {
                        (Modality::$modality, <$recall as Recall>::MEASURE, $recall::measure(found))
                    })+
                }
            }
        }

        impl Match {
            /// Whether it is likely to be what was asked for.
            pub(super) fn is_likely(&self) -> bool {
                match self {
                    $(Self::$modality(found) => $recall::is_likely(found),)+
                }
            }
        }

        impl Evidence {
            /// The evidence of matches with their ranks.
            pub(super) fn of<'a>(matches: impl IntoIterator<Item = (u32, &'a Match)>, clock: &Clock) -> Self {
                let mut evidence = Self::default();
                for (rank, found) in matches {
                    match found {
                        $(Match::$modality(found) => {
                            evidence.$field = Some($recall::evidence(found, rank, clock));
                        })+
                    }
                }
                evidence
            }
        }

        async fn ranked(
            searcher: &Searcher,
            modality: Modality,
            wanted: Wanted<'_>,
        ) -> Result<Found<Match>, SearchError> {
            match modality {
                $(Modality::$modality => {
                    let found = $recall::ranked(searcher, wanted).await?;
                    let list = found.list.into_iter().map(|ranked| ranked.map(Match::$modality));
                    Ok(Found {
                        list: list.collect(),
                        searched: found.searched,
                        exact: found.exact,
                    })
                })+
            }
        }
    };
}

recalls! {
    /// What is seen.
    Visual as visual: VisualRecall -> Visual;
    /// What is said, as subtitles have it.
    Dialogue as dialogue: DialogueRecall -> Dialogue;
    /// What is heard in the sound of videos without subtitles.
    Speech as speech: SpeechRecall -> Dialogue;
    /// What is written in the pictures: signs, titles, credits.
    Text as text: TextRecall -> OnScreen;
    /// What is heard besides words: sounds that a tagger has named, and what was measured without a model (bangs, music,
    /// speech, silence), which is a hint.
    Sound as sound: SoundRecall -> HeardSound;
    /// What is meant by what is said.
    Meaning as meaning: MeaningRecall -> Meaning;
    /// What people call it: the name of the title, tags and notes.
    Label as label: LabelRecall -> Label;
}

impl Evidence {
    /// The line that matches: of subtitles, or heard.
    #[must_use]
    pub const fn line(&self) -> Option<&Dialogue> {
        match &self.dialogue {
            Some(line) => Some(line),
            None => self.speech.as_ref(),
        }
    }
}

/// The share of its weight that a place counts whose match is not likely to be what was asked for. By sight every shot has a
/// place. `benches/fusion` chose it.
const UNLIKELY: f64 = 0.1;

impl Match {
    /// The share of its list's weight that it counts.
    pub(super) fn trust(&self) -> f64 {
        if self.is_likely() { 1.0 } else { UNLIKELY }
    }
}

/// What one recall found, and at which cost.
#[derive(Debug)]
pub(super) struct Recalled {
    pub(super) sense: WeightedModality,
    pub(super) found: Found<Match>,
    pub(super) took: Duration,
}

/// How one recall is run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reach<'a> {
    /// Where to look.
    pub(super) scope: Option<&'a ShotSet>,
    /// See [`Wanted::crowd`].
    pub(super) crowd: Option<&'a ShotSet>,
    /// How many matches.
    pub(super) count: usize,
    /// See [`Wanted::repeated`].
    pub(super) repeated: bool,
}

/// Searches by one modality.
pub(super) async fn run(
    searcher: &Searcher,
    query: &Query,
    sense: WeightedModality,
    reach: Reach<'_>,
) -> Result<Recalled, SearchError> {
    let started = Instant::now();
    let parts = query.parts_for(sense.modality);
    let [unsaid, unheard] = [Modality::Dialogue, Modality::Speech].map(|modality| {
        let mut parts = query.parts_for(modality);
        parts.retain(|(_, part)| part.weight < 0.0);
        parts
    });
    let wanted = Wanted {
        parts: &parts,
        unsaid: &unsaid,
        unheard: &unheard,
        scope: reach.scope,
        crowd: reach.crowd,
        count: reach.count,
        repeated: reach.repeated,
    };
    Ok(Recalled {
        sense,
        found: ranked(searcher, sense.modality, wanted).await?,
        took: started.elapsed(),
    })
}
