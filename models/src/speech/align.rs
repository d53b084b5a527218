//! When each word is said: heads of the decoder follow the sound, and dynamic time warping makes of their scores one way
//! through tokens and time (Giorgino 2009; the heads were found by the authors of Whisper).

use std::ops::Range;

use super::decode::Decoded;
use super::network::{Network, Sound};
use super::vocabulary::TIME_STEP;
use crate::error::ModelError;

/// Places of a running median.
const MEDIAN: usize = 7;
/// The longest usual word, in seconds.
const LONGEST_USUAL: f64 = 0.7;

/// A word of a window, with seconds from its start.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TimedWord {
    /// As written, with the space before it.
    pub(super) text: String,
    pub(super) start: f64,
    pub(super) end: f64,
    /// The mean probability of its tokens.
    pub(super) confidence: f32,
}

/// The words of a decoded text and their times. `seconds` is how long the sound is.
pub(super) fn words(
    network: &mut Network,
    sound: &Sound,
    (decoded, language): (&Decoded, usize),
    seconds: f64,
) -> Result<Vec<TimedWord>, ModelError> {
    let vocabulary = &network.vocabulary;
    let spoken = decoded.tokens.iter().zip(&decoded.log_probabilities);
    let (text, likely): (Vec<usize>, Vec<f32>) = spoken
        .filter(|&(&token, _)| token < vocabulary.end)
        .map(|(token, likely)| (*token, likely.exp()))
        .unzip();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let prompt = [
        vocabulary.start,
        language,
        vocabulary.transcribe,
        vocabulary.no_times,
    ];
    let end = vocabulary.end;
    let tokens: Vec<usize> = prompt.iter().chain(&text).copied().chain([end]).collect();
    let mut past = network.nothing()?;
    let step = network.read(sound, &mut past, &tokens, &[0])?;
    let (heads, all_places) = (network.aligned, network.sizes.places);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 30 seconds"
    )]
    let places = ((seconds / TIME_STEP) as usize).clamp(MEDIAN, all_places);
    let weights = smoothed(&step.scores, [heads, tokens.len(), all_places], places);
    // The row of a token says where the next one is, so the last one is not needed, and the first is that before the text.
    let rows = prompt.len() - 1..tokens.len() - 1;
    let starts = starts(&weights[rows.start * places..rows.end * places], places);
    let at = |token: usize| starts.get(token).map_or(seconds, |&place| time(place));
    let vocabulary = &network.vocabulary;
    let word = |range: Range<usize>| TimedWord {
        text: vocabulary.text(&text[range.clone()]),
        start: at(range.start).min(seconds),
        end: at(range.end).min(seconds),
        confidence: mean(&likely[range]),
    };
    let words = vocabulary.words(&text, language).into_iter();
    let mut words: Vec<TimedWord> = words.map(word).collect();
    shorten(&mut words);
    Ok(words)
}

#[expect(clippy::cast_precision_loss, reason = "at most 1,500 places")]
fn time(place: usize) -> f64 {
    place as f64 * TIME_STEP
}

#[expect(clippy::cast_precision_loss, reason = "the tokens of a word")]
fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len().max(1) as f32
}

/// Tokens × places: the mean over the heads of their weights, standardised over the tokens and smoothed over time.
fn smoothed(scores: &[f32], [heads, tokens, all_places]: [usize; 3], places: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f32; tokens * places];
    for head in 0..heads {
        let mut weights = Vec::with_capacity(tokens * places);
        for token in 0..tokens {
            let from = (head * tokens + token) * all_places;
            let row = scores.get(from..from + places).unwrap_or(&[]);
            weights.extend(super::decode::log_softmax(row).iter().map(|x| x.exp()));
        }
        standardise(&mut weights, places);
        for (sums, row) in sums.chunks_mut(places).zip(weights.chunks(places)) {
            for (at, sum) in sums.iter_mut().enumerate() {
                *sum += median(row, at);
            }
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a few heads")]
    let count = heads.max(1) as f32;
    sums.iter_mut().for_each(|sum| *sum /= count);
    sums
}

/// Gives each column the mean 0 and the deviation 1.
#[expect(clippy::cast_precision_loss, reason = "a few hundred tokens")]
fn standardise(rows: &mut [f32], columns: usize) {
    let count = (rows.len() / columns.max(1)).max(1) as f32;
    for column in 0..columns {
        let values = || rows[column..].iter().step_by(columns);
        let mean = values().sum::<f32>() / count;
        let variance = values().map(|x| (x - mean).powi(2)).sum::<f32>() / count;
        let deviation = variance.sqrt() + 1e-9;
        for value in rows[column..].iter_mut().step_by(columns) {
            *value = (*value - mean) / deviation;
        }
    }
}

/// The median around a place of a row, which is mirrored at its ends.
fn median(row: &[f32], at: usize) -> f32 {
    let half = MEDIAN / 2;
    let last = row.len().saturating_sub(1);
    let mut around = [0.0; MEDIAN];
    for (offset, value) in around.iter_mut().enumerate() {
        let place = (at + offset).abs_diff(half);
        let place = if place > last {
            last - (place - last).min(last)
        } else {
            place
        };
        *value = row[place];
    }
    around.sort_unstable_by(f32::total_cmp);
    around[half]
}

/// The place at which each row begins on the way through all rows and columns with the most weight.
fn starts(weights: &[f32], columns: usize) -> Vec<usize> {
    const BOTH: u8 = 0;
    const ROW: u8 = 1;
    const COLUMN: u8 = 2;
    let rows = weights.len() / columns.max(1);
    let mut before = vec![f64::INFINITY; columns + 1];
    before[0] = 0.0;
    let mut steps = vec![BOTH; rows * columns];
    for row in 0..rows {
        let mut costs = vec![f64::INFINITY; columns + 1];
        for column in 0..columns {
            let (both, up, left) = (before[column], before[column + 1], costs[column]);
            let (step, least) = if both < up && both < left {
                (BOTH, both)
            } else if up < both && up < left {
                (ROW, up)
            } else {
                (COLUMN, left)
            };
            let place = row * columns + column;
            steps[place] = step;
            costs[column + 1] = least - f64::from(weights[place]);
        }
        before = costs;
    }
    let mut starts = vec![0; rows];
    let (mut row, mut column) = (rows, columns);
    while row > 0 && column > 0 {
        starts[row - 1] = column - 1;
        let step = steps[(row - 1) * columns + column - 1];
        row -= usize::from(step != COLUMN);
        column -= usize::from(step != ROW);
    }
    starts
}

/// Shortens words that swallow a pause: the last of a sentence at its end, the first at its start.
fn shorten(words: &mut [TimedWord]) {
    let mut lengths: Vec<f64> = words.iter().map(|word| word.end - word.start).collect();
    lengths.retain(|&length| length > 0.0);
    if lengths.is_empty() {
        return;
    }
    lengths.sort_unstable_by(f64::total_cmp);
    let longest = 2.0 * lengths[lengths.len() / 2].min(LONGEST_USUAL);
    let mut is_first = true;
    for word in words {
        let is_last = ends_sentence(&word.text);
        if word.end - word.start > longest {
            if is_last {
                word.end = word.start + longest;
            } else if is_first {
                word.start = word.end - longest;
            }
        }
        is_first = is_last;
    }
}

/// Whether a word ends a sentence.
pub(super) fn ends_sentence(word: &str) -> bool {
    const TITLES: [&str; 8] = ["mr.", "mrs.", "ms.", "dr.", "st.", "prof.", "no.", "vs."];
    let word = word
        .trim()
        .trim_end_matches(['"', '\'', ')', '”', '’', '»', '」']);
    let ends = word.ends_with(['.', '!', '?', '…', '。', '！', '？', '؟', '।']);
    ends && !TITLES.contains(&word.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_follows_the_weights() {
        // Three rows, each with its weight at its own places.
        let heard = [0, 0, 1, 1, 1, 2, 2];
        let weights: Vec<f32> = (0..3)
            .flat_map(|row| {
                heard
                    .iter()
                    .map(move |&at| if at == row { 1.0 } else { -1.0 })
            })
            .collect();
        assert_eq!(starts(&weights, heard.len()), [0, 2, 5]);
    }

    #[test]
    fn a_median_is_mirrored_at_the_ends() {
        let row = [9.0, 1.0, 1.0, 1.0, 1.0, 1.0, 9.0];
        assert!(row.iter().enumerate().all(|(at, _)| median(&row, at) < 2.0));
        assert!((median(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], 3) - 4.0).abs() < 1e-6);
    }

    #[test]
    fn words_do_not_swallow_pauses() {
        let word = |text: &str, start: f64, end: f64| TimedWord {
            text: text.to_owned(),
            start,
            end,
            confidence: 1.0,
        };
        let mut words = [
            word(" Go", 0.0, 3.0),
            word(" on", 3.0, 3.3),
            word(" now.", 3.3, 6.0),
            word(" Well", 6.0, 6.3),
            word(" then", 6.3, 6.6),
        ];
        shorten(&mut words);
        assert!((words[0].start - 2.4).abs() < 1e-9, "{words:?}");
        assert!((words[2].end - 3.9).abs() < 1e-9, "{words:?}");
        assert!((words[3].end - 6.3).abs() < 1e-9, "{words:?}");
    }

    #[test]
    fn sentences_end_at_stops_and_not_at_titles() {
        assert!(ends_sentence(" country."));
        assert!(ends_sentence(" “Why?”"));
        assert!(!ends_sentence(" Mr."));
        assert!(!ends_sentence(" so,"));
    }
}
