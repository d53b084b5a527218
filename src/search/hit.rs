//! The answer, in the JSON shape that the command line and HTTP share.

use serde::Serialize;
use utoipa::ToSchema;

use super::fusion::FusedShot;
use super::recall::{Evidence, Match};
use crate::catalog::bins::Selection;
use crate::catalog::shots::Shot;
use crate::views::{Clock, Place};

/// A shot in a result.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Hit {
    /// Which shot it is.
    #[serde(flatten)]
    pub place: Place,
    /// Fused by rank: the sum of 1 / (60 + rank) over the recalls that found it. Higher is better. Each
    /// recall's own measure is in the evidence.
    pub score: f64,
    /// Why the shot was found.
    pub evidence: Evidence,
}

/// How much of the scope can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Coverage {
    /// Assets whose shots can be found by sight, or by dialogue if only dialogue was searched.
    pub ready: i64,
    /// Assets in scope.
    pub total: i64,
    /// The same for dialogue; absent if dialogue was not searched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialogue: Option<DialogueCoverage>,
}

/// How much of the dialogue can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct DialogueCoverage {
    /// Assets whose subtitles were read, or that have none.
    pub ready: i64,
    /// Assets whose subtitles could not be read; the reasons are in their jobs.
    pub failed: i64,
}

/// The answer to a search.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Answer {
    /// Best first.
    pub hits: Vec<Hit>,
    /// Token of the next page; null on the last page.
    pub next: Option<String>,
    /// How much of the scope the answer covers.
    pub coverage: Coverage,
}

impl Hit {
    /// The whole shot as a pick that remembers how it was found.
    #[must_use]
    pub fn selection(&self, query: Option<&str>) -> Selection {
        let line = self
            .evidence
            .dialogue
            .as_ref()
            .map(|found| found.text.clone());
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

    pub(super) fn new(shot: &Shot, clock: &Clock, found: &FusedShot<Match>) -> Self {
        Self {
            place: Place::new(shot, clock),
            score: found.score,
            evidence: Evidence::of(&found.matches, clock),
        }
    }
}
