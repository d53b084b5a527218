//! The speech recall: shots in which a matching line is heard.

use super::lines::{self, Dialogue};
use super::{Found, Recall, Wanted};
use crate::catalog::cues::CueOrigin;
use crate::index::CueHit;
use crate::search::query::PartKind;
use crate::search::{SearchError, Searcher};
use crate::views::Clock;

pub(in crate::search) struct SpeechRecall;

impl Recall for SpeechRecall {
    type Match = CueHit;
    type Evidence = Dialogue;
    const ALIASES: &'static [&'static str] = &["heard"];
    const UNIT: &'static str = "lines";
    const MEASURE: &'static str = "bm25";
    const IS_SELECTIVE: bool = true;

    fn takes(part: &PartKind) -> bool {
        matches!(part, PartKind::Text { .. })
    }

    async fn ranked(searcher: &Searcher, wanted: Wanted<'_>) -> Result<Found<CueHit>, SearchError> {
        lines::ranked(searcher, wanted, CueOrigin::Speech).await
    }

    fn evidence(cue: &CueHit, rank: u32, clock: &Clock) -> Dialogue {
        Dialogue::new(cue, rank, clock)
    }

    fn measure(cue: &CueHit) -> f32 {
        cue.score
    }
}
