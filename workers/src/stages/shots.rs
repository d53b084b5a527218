//! `shots`: the time of every frame, and where each shot begins and ends.

use super::{Observed, StageError, Stages};
use crate::storage::Locator;
use crate::task::{Output, ShotSpan};
use crate::worker::Watch;

pub(super) fn run(
    stages: &Stages,
    media: &Locator,
    prefix: &str,
    watch: &Watch,
) -> Result<Output, StageError> {
    let mut source = stages.open(media)?;
    let scan = stages
        .sandbox
        .shots(source.as_mut(), &stages.segment, &mut Observed(watch))
        .map_err(StageError::media(&media.uri))?;
    let timeline = scan.timeline;
    let shots = scan
        .shots
        .iter()
        .map(|shot| ShotSpan {
            start: shot.start,
            end: shot.end,
            start_ms: timeline.ms_of(shot.start),
            end_ms: timeline.ms_of(shot.end),
            boundary: shot.opening.kind.as_str().to_owned(),
            confidence: shot.opening.confidence,
            same_as: shot.same_as,
        })
        .collect();
    let warnings = scan
        .corrupt
        .iter()
        .map(|span| {
            format!(
                "{}: damaged between {} ms and {} ms; frames there may be missing",
                media.uri,
                timeline.ms_at(span.start_pts),
                timeline.ms_at(span.end_pts),
            )
        })
        .collect();
    let key = format!("{prefix}/timeline.json.zst");
    let json = serde_json::to_vec(&timeline)
        .map_err(|_unserialisable| StageError::Corrupt(key.clone()))?;
    let packed = zstd::encode_all(json.as_slice(), 3).map_err(|source| StageError::Read {
        name: key.clone(),
        source,
    })?;
    stages.put(&key, packed)?;
    Ok(Output::Shots {
        timeline: key,
        frames: timeline.frames(),
        rate: timeline.rate,
        variable: timeline.variable,
        start_timecode: timeline.start_timecode,
        shots,
        warnings,
    })
}
