//! The answer, in the JSON shape that the command line and HTTP share.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::fusion::{FusedShot, RankedMatch, share};
use super::query::WeightedModality;
use super::recall::{Evidence, Match, Modality, Recalled};
use crate::catalog::ShotId;
use crate::catalog::bins::Selection;
use crate::catalog::filter::FacetCount;
use crate::catalog::people::PersonInShot;
use crate::catalog::shots::Shot;
use crate::views::{Clock, Place, Time};

/// A shot in a result.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Hit {
    /// Which shot it is.
    #[serde(flatten)]
    pub place: Place,
    /// Fused by rank: the sum of weight / (60 + rank) over the recalls that found it; the weight is 1 unless the query
    /// says otherwise, 0.5 for sound that it does not name, and a tenth of that for a shot that is not likely by sight. Higher is
    /// better. Each recall's own measure is in the evidence.
    pub score: f64,
    /// Why the shot was found.
    pub evidence: Evidence,
    /// Who is seen in the shot, if the request asks for people; those who are hidden are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub people: Option<Vec<PersonInShot>>,
    /// The frames in which all modalities match, if they had to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matched: Option<FrameSpan>,
    /// The shots that this hit stands for, if there are others: those of its group, and those that it hides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stands_for: Option<StandsFor>,
    /// How the score came about, if the request asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Vec<Contribution>>,
    /// Whether it is likely to be what was asked for, as opposed to the nearest there is.
    #[serde(skip)]
    pub is_likely: bool,
}

/// A span of frames.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FrameSpan {
    /// First frame.
    pub start: Time,
    /// One past the last frame.
    pub end: Time,
}

/// Shots that are one hit.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StandsFor {
    /// How many, with the hit itself.
    pub count: usize,
    /// The others, in the order of the list.
    #[schema(value_type = Vec<String>)]
    pub shots: Vec<ShotId>,
}

/// What one recall adds to the score of a hit.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Contribution {
    /// The modality.
    pub modality: Modality,
    /// Rank in the list of this recall, from 1.
    pub rank: u32,
    /// The name of the recall's measure.
    #[schema(example = "similarity")]
    pub measure: &'static str,
    /// Its value for this shot.
    pub value: f32,
    /// The weight of the modality; a tenth of it if the shot is not likely by sight.
    pub weight: f64,
    /// Weight / (60 + rank).
    pub contribution: f64,
}

/// How an answer came about.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Explanation {
    /// The query as text, in its shortest form; null if it has a part without text, such as a picture.
    pub query: Option<String>,
    /// Words that were searched for in other words too, by dialogue and by labels, as the settings say.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = Object, example = json!({"car": ["automobile"]}))]
    pub synonyms: BTreeMap<String, Vec<String>>,
    /// Other words that dialogue and labels were searched for too, with little weight: people often tried them after this
    /// query.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub learnt: Vec<String>,
    /// The model that searches by sight.
    #[schema(example = "lite")]
    pub model: String,
    /// The recalls that ran, in order. For a later page, those of the first one.
    pub recalls: Vec<RecallReport>,
    /// Shots among which the answer was chosen.
    pub candidates: usize,
    /// How long this answer took in milliseconds.
    pub ms: f64,
}

/// What one recall did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RecallReport {
    /// The modality.
    pub modality: Modality,
    /// Its weight.
    pub weight: f64,
    /// Shots, lines, passages or labels in scope.
    pub searched: u64,
    /// What was searched: `shots`, `lines`, `passages` or `labels`.
    #[schema(example = "shots")]
    pub unit: String,
    /// Whether all of them were compared. Otherwise a few at the end of the list may be missing.
    pub exact: bool,
    /// Those that it found.
    pub found: usize,
    /// How long it took in milliseconds.
    pub ms: f64,
}

/// A value of a field among the candidates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FacetValue {
    /// The value as text.
    pub value: String,
    /// Candidates that have it.
    pub count: i64,
}

/// How much of the scope can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Coverage {
    /// Assets whose shots can be found by sight; by dialogue or its meaning if sight was not searched; assets that have
    /// shots if nothing was searched for.
    pub ready: i64,
    /// Assets in scope.
    pub total: i64,
    /// Assets that cannot be found by sight because their video could not be read; the reasons are in their jobs.
    pub failed: i64,
    /// The same for dialogue; absent if dialogue was not searched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialogue: Option<DialogueCoverage>,
    /// How much of what is heard can be found; absent if lines were not searched, or speech is switched off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speech: Option<SenseCoverage>,
    /// How much of what is written in pictures can be found; absent if it was not searched, or reading is switched off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<SenseCoverage>,
    /// How much of the sound can be found; absent if it was not searched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sound: Option<SenseCoverage>,
    /// How much of the sound can be found by name; absent if it was not searched, or naming is switched off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sound_tags: Option<SenseCoverage>,
    /// How much was looked at for faces; absent if people were not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub people: Option<SenseCoverage>,
    /// Assets whose dialogue can be found by meaning; absent if it was not searched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meaning: Option<i64>,
}

/// How much of the dialogue can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct DialogueCoverage {
    /// Assets whose subtitles were read, or that have none.
    pub ready: i64,
    /// Assets whose subtitles could not be read; the reasons are in their jobs.
    pub failed: i64,
}

/// How much of what a sense perceives can be found: what is heard, what is written in pictures, how it sounds, or who is
/// seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct SenseCoverage {
    /// Assets that were listened to, read or looked at, or need not be: those with subtitles or without sound are not listened to.
    pub ready: i64,
    /// Assets for which it failed; the reasons are in their jobs.
    pub failed: i64,
    /// Whether the model of this sense is installed, or sound is measured. Without it, what is ingested is not listened to or
    /// read.
    pub installed: bool,
}

/// The answer to a search.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Answer {
    /// In the order that the request asks for: the best first if it asks for none.
    pub hits: Vec<Hit>,
    /// Token of the next page; null on the last page. It is good for 15 minutes, and what is ingested meanwhile moves
    /// nothing.
    pub next: Option<String>,
    /// Whether no hit is likely to be what was asked for: there are none, or they are the nearest and no more.
    pub weak: bool,
    /// The modalities that were searched.
    pub modalities: Vec<Modality>,
    /// How much of the scope the answer covers.
    pub coverage: Coverage,
    /// The values of the requested fields among the candidates, the best 400 shots of each recall, with their counts.
    /// Without anything to look for, among all shots in scope.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub facets: Option<BTreeMap<String, Vec<FacetValue>>>,
    /// How the answer came about, if the request asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
}

impl Hit {
    /// The whole shot as a pick that remembers how it was found.
    #[must_use]
    pub fn selection(&self, query: Option<&str>) -> Selection {
        let said = self.evidence.line().map(|found| &found.text);
        let meant = self.evidence.meaning.as_ref().map(|found| &found.text);
        let written = self.evidence.text.as_ref().map(|found| &found.text);
        let line = said.or(meant).or(written).cloned();
        Selection {
            query: query.map(str::to_owned),
            score: Some(self.score),
            similarity: self
                .evidence
                .visual
                .as_ref()
                .map(|found| found.similarity.into()),
            line,
            ..Selection::from(&self.place.shot)
        }
    }

    /// A hit that stands for `others` too.
    pub(super) fn new(
        shot: &Shot,
        clock: &Clock,
        fused: &FusedShot<Match>,
        others: Vec<ShotId>,
        explain: bool,
    ) -> Self {
        let matches = &fused.matches;
        let at = |frame: u64| clock.at(frame, clock.rate.ms_of(frame));
        Self {
            place: Place::new(shot, clock),
            score: fused.score,
            evidence: Evidence::of(matches.iter().map(|one| (one.rank, &one.found)), clock),
            people: None,
            matched: fused.frames.map(|(start, end)| FrameSpan {
                start: at(start),
                end: at(end),
            }),
            stands_for: (!others.is_empty()).then(|| StandsFor {
                count: others.len() + 1,
                shots: others,
            }),
            explanation: explain.then(|| matches.iter().map(Contribution::of).collect()),
            // Of a list nothing was asked but to fulfil the filters.
            is_likely: matches.is_empty() || matches.iter().any(|one| one.found.is_likely()),
        }
    }
}

impl Contribution {
    fn of(one: &RankedMatch<Match>) -> Self {
        let (modality, measure, value) = one.found.measure();
        Self {
            modality,
            rank: one.rank,
            measure,
            value,
            weight: one.weight,
            contribution: share(one.weight, one.rank),
        }
    }
}

impl RecallReport {
    pub(super) fn of(recalled: &Recalled) -> Self {
        let WeightedModality { modality, weight } = recalled.sense;
        Self {
            modality,
            weight,
            searched: recalled.found.searched,
            unit: modality.unit().to_owned(),
            exact: recalled.found.exact,
            found: recalled.found.list.len(),
            ms: recalled.took.as_secs_f64() * 1000.0,
        }
    }
}

impl From<FacetCount> for FacetValue {
    fn from(FacetCount { value, count }: FacetCount) -> Self {
        Self { value, count }
    }
}
