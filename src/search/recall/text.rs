//! The text recall: shots in whose pictures matching words are written.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Found, Recall, Wanted, lines};
use crate::catalog::AssetId;
use crate::catalog::cues::CueOrigin;
use crate::catalog::texts;
use crate::index::{CueHit, TextRange};
use crate::search::query::PartKind;
use crate::search::{SearchError, Searcher};
use crate::views::{Clock, Time};

/// How a shot was found by what is written in its pictures.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct OnScreen {
    /// The matching text.
    pub text: String,
    /// What of it matches: ranges of its characters (Unicode scalar values), in order.
    pub marks: Vec<TextRange>,
    /// When it was first seen.
    pub start: Time,
    /// When it was last seen; exclusive.
    pub end: Time,
    /// Left, top, width and height as shares of the picture; null if the pictures were read again since.
    #[schema(example = json!([0.3, 0.85, 0.4, 0.06]))]
    pub place: Option<[f64; 4]>,
    /// BM25 score.
    pub score: f32,
    /// Rank in the list of this recall, from 1.
    pub rank: u32,
}

/// A text that matches, and where it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::search) struct PlacedText {
    line: CueHit,
    place: Option<[f64; 4]>,
}

pub(in crate::search) struct TextRecall;

impl Recall for TextRecall {
    type Match = PlacedText;
    type Evidence = OnScreen;
    const ALIASES: &'static [&'static str] = &["written"];
    const UNIT: &'static str = "texts";
    const MEASURE: &'static str = "bm25";
    const IS_SELECTIVE: bool = true;

    fn takes(part: &PartKind) -> bool {
        matches!(part, PartKind::Text { .. })
    }

    async fn ranked(
        searcher: &Searcher,
        wanted: Wanted<'_>,
    ) -> Result<Found<PlacedText>, SearchError> {
        let Found {
            list,
            searched,
            exact,
        } = lines::ranked(searcher, wanted, CueOrigin::Pictures).await?;
        let wanted: Vec<(&AssetId, u64, &str)> = list
            .iter()
            .map(|one| (&one.shot.asset, one.found.frames.0, one.found.text.as_str()))
            .collect();
        let mut db = searcher.catalog.read().await?;
        let places = texts::places(&mut db, &wanted).await?;
        drop(db);
        let list = list.into_iter().zip(places);
        Ok(Found {
            list: list
                .map(|(one, place)| one.map(|line| PlacedText { line, place }))
                .collect(),
            searched,
            exact,
        })
    }

    fn evidence(found: &PlacedText, rank: u32, clock: &Clock) -> OnScreen {
        let PlacedText { line, place } = found;
        OnScreen {
            text: line.text.clone(),
            marks: line.marks.clone(),
            start: clock.at(line.frames.0, line.ms.0),
            end: clock.at(line.frames.1, line.ms.1),
            place: *place,
            score: line.score,
            rank,
        }
    }

    fn measure(found: &PlacedText) -> f32 {
        found.line.score
    }
}
