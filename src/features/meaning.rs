//! `meaning/<model>`: one vector per passage of dialogue: of subtitles, or of what was heard.
//!
//! A passage is a line, or a few neighbouring lines, because one line seldom says all that is said.

use rushes_workers::stages::{Feature, MeaningOutput, MeaningTask, Queue, Task};
use serde::{Deserialize, Serialize};

use super::Settings;
use super::definition::{DAMAGED, Definition, RunInputs, StoreOutcome, Unit};
use super::vectors::fault_of_vectors;
use crate::catalog::assets::Asset;
use crate::catalog::cues::{self, Cue, CueOrigin};
use crate::catalog::passages::{self, Passage};
use crate::catalog::records::MeaningRecord;
use crate::catalog::{CatalogError, results};

/// Lines of a passage of several.
const LINES: usize = 3;
/// The longest silence inside a passage, in milliseconds.
const SILENCE_MS: i64 = 4000;

pub(super) struct Meaning;

#[derive(Serialize, Deserialize)]
pub(super) struct Params {
    space: String,
    dims: usize,
}

impl Definition for Meaning {
    const FEATURE: Feature = Feature::Meaning;
    const VERSION: u32 = 1;
    const INPUTS: &'static [Feature] = &[Feature::Dialogue, Feature::Speech];
    const QUEUE: Queue = Queue::Media;
    const UNIT: Unit = Unit::Lines;

    type Params = Params;
    type Output = MeaningOutput;
    type Record = MeaningRecord;

    fn is_wanted(settings: &Settings) -> bool {
        settings.sentences.is_some()
    }

    fn params(_: &Asset, settings: &Settings) -> Result<Params, CatalogError> {
        let (_, space) = settings.sentences.as_ref().ok_or(DAMAGED)?;
        Ok(Params {
            space: space.id.clone(),
            dims: space.dims,
        })
    }

    fn variant(settings: &Settings) -> Option<&str> {
        let (model, _) = settings.sentences.as_ref()?;
        Some(model)
    }

    async fn task(run: &mut RunInputs<'_>, _: Params) -> Result<Task, CatalogError> {
        let (_, model) = run.run.feature.split_once('/').ok_or(DAMAGED)?;
        let model = model.to_owned();
        let passages = passages_of(run).await?.into_iter();
        Ok(MeaningTask {
            model,
            passages: passages.map(|passage| passage.text).collect(),
        }
        .into())
    }

    async fn fault(
        run: &mut RunInputs<'_>,
        params: Params,
        output: &MeaningOutput,
    ) -> Result<Option<String>, CatalogError> {
        if output.space != params.space {
            return Ok(Some(format!(
                "expected vectors of {}, got {}; use the same version of rushes everywhere",
                params.space, output.space
            )));
        }
        let count = passages_of(run).await?.len();
        Ok(fault_of_vectors(
            &output.vectors,
            ("passage", count),
            params.dims,
        ))
    }

    async fn store(
        run: &mut RunInputs<'_>,
        output: &MeaningOutput,
    ) -> Result<StoreOutcome<MeaningRecord>, CatalogError> {
        let passages = passages_of(run).await?;
        passages::store(run.db, &run.run.id, &passages).await?;
        results::store_vectors(run.db, &run.run.id, &output.vectors).await?;
        Ok(StoreOutcome::Kept(MeaningRecord {
            space: output.space.clone(),
        }))
    }
}

async fn passages_of(run: &mut RunInputs<'_>) -> Result<Vec<Passage>, CatalogError> {
    let dialogue = run.input(Feature::Dialogue).await?;
    let mut lines = cues::cues_of_run(run.db, &dialogue.id).await?;
    if lines.is_empty()
        && let Some(speech) = run.input_if_any(Feature::Speech).await?
    {
        lines = cues::cues_of_run(run.db, &speech.id).await?;
    }
    Ok(split(&lines))
}

/// Every line, and every few neighbouring lines of one language without a long silence.
fn split(cues: &[Cue]) -> Vec<Passage> {
    let mut passages: Vec<Passage> = cues.chunks(1).map(joined).collect();
    // Tracks of several languages alternate line by line.
    let mut tracks = cues.to_vec();
    tracks.sort_by(|a, b| a.language.cmp(&b.language));
    let follows = |pair: &[Cue]| {
        pair[1].start_ms - pair[0].end_ms <= SILENCE_MS && pair[0].language == pair[1].language
    };
    let windows = tracks.windows(LINES);
    let spoken = windows.filter(|window| window.windows(2).all(follows));
    passages.extend(spoken.map(joined));
    passages
}

fn joined(cues: &[Cue]) -> Passage {
    let texts: Vec<&str> = cues.iter().map(|cue| cue.text.as_str()).collect();
    let first = |of: fn(&Cue) -> i64| cues.iter().map(of).min().unwrap_or_default();
    let last = |of: fn(&Cue) -> i64| cues.iter().map(of).max().unwrap_or_default();
    Passage {
        start_frame: first(|cue| cue.start_frame),
        end_frame: last(|cue| cue.end_frame),
        start_ms: first(|cue| cue.start_ms),
        end_ms: last(|cue| cue.end_ms),
        text: texts.join(" "),
        origin: cues.first().map_or(CueOrigin::Subtitles, |cue| cue.origin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cue(second: i64, text: &str) -> Cue {
        let frames = (second * 25, second * 25 + 25);
        Cue::of_subtitles(frames, (second * 1000, second * 1000 + 1000), text)
    }

    #[test]
    fn passages_are_of_one_language() {
        let in_language = |language: &str, second: i64, text: &str| {
            let mut cue = cue(second, text);
            cue.language = Some(language.to_owned());
            cue
        };
        let cues: Vec<Cue> = (0..3)
            .flat_map(|at| {
                [
                    in_language("en", 2 * at, "yes"),
                    in_language("de", 2 * at, "ja"),
                ]
            })
            .collect();
        let passages = split(&cues);
        let texts: Vec<&str> = passages[6..]
            .iter()
            .map(|passage| passage.text.as_str())
            .collect();
        assert_eq!(texts, ["ja ja ja", "yes yes yes"]);
    }

    #[test]
    fn passages_are_lines_and_neighbours_without_a_long_silence() {
        let cues = [
            cue(0, "I"),
            cue(2, "apologise"),
            cue(4, "for that."),
            cue(60, "Go!"),
        ];
        let passages = split(&cues);
        let texts: Vec<&str> = passages
            .iter()
            .map(|passage| passage.text.as_str())
            .collect();
        assert_eq!(
            texts,
            [
                "I",
                "apologise",
                "for that.",
                "Go!",
                "I apologise for that."
            ]
        );
        let last = &passages[4];
        assert_eq!((last.start_frame, last.end_frame), (0, 125));
        assert_eq!((last.start_ms, last.end_ms), (0, 5000));
    }
}
