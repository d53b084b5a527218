//! Packs stretches of speech into windows of up to 30 seconds, and finds the way back from the time in a window to the time
//! in the sound.

use std::ops::Range;

use super::align::TimedWord;
use super::cues::HeardWord;
use super::voice::FRAME;
use super::{HEARD_RATE, WINDOW};

/// Samples around a stretch that are listened to as well: 0.2 seconds.
const AROUND: u64 = HEARD_RATE as u64 / 5;
/// Shorter pauses between stretches stay in the window: one second.
const PAUSE: u64 = HEARD_RATE as u64;
/// A longer silence closes the window: six seconds.
const SILENCE: u64 = 6 * HEARD_RATE as u64;
/// Words shorter than this, in milliseconds, are made this long.
const SHORTEST_MS: u64 = 20;

/// A stretch of speech in a window, in samples of the sound.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    /// Where somebody speaks.
    speech: Range<u64>,
    /// What of the sound is in the window.
    sound: Range<u64>,
}

/// A window to write down.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Window {
    /// The first sample in the sound.
    pub(super) start: u64,
    pub(super) samples: Vec<f32>,
    pieces: Vec<Piece>,
}

/// Collects the window.
#[derive(Debug, Default)]
pub(super) struct Packer {
    /// Samples that may still be needed.
    samples: Vec<f32>,
    /// The first of them in the sound.
    from: u64,
    pieces: Vec<Piece>,
}

impl Packer {
    /// Takes the next samples.
    pub(super) fn hear(&mut self, samples: &[f32]) {
        self.samples.extend_from_slice(samples);
    }

    /// Adds a stretch, in frames. Returns the window before it, if both do not fit into one.
    pub(super) fn add(&mut self, stretch: Range<u64>) -> Option<Window> {
        let frame = FRAME as u64;
        let speech = stretch.start * frame..stretch.end * frame;
        let heard = self.from + self.samples.len() as u64;
        let before = self.pieces.last().map(|piece| piece.sound.end);
        let mut start = speech.start.saturating_sub(AROUND);
        if let Some(before) = before
            && start < before + PAUSE
        {
            start = before;
        }
        let piece = Piece {
            sound: start..(speech.end + AROUND).min(heard),
            speech,
        };
        let length = |piece: &Piece| piece.sound.end - piece.sound.start;
        let all: u64 = self.pieces.iter().map(length).sum();
        let window = if all + length(&piece) > WINDOW as u64 {
            self.close()
        } else {
            None
        };
        self.pieces.push(piece);
        window
    }

    /// Closes the window after a long silence, and forgets samples that are not needed any more. `frames` were looked at,
    /// and a stretch that is not complete began at `since`.
    pub(super) fn settle(&mut self, frames: u64, since: Option<u64>) -> Option<Window> {
        let frame = FRAME as u64;
        let looked = frames * frame;
        let open = since.map_or(looked, |since| since * frame);
        let last = self.pieces.last().map(|piece| piece.sound.end);
        let is_over = last.is_some_and(|last| last + SILENCE < open);
        let window = if is_over { self.close() } else { None };
        let first = self.pieces.first().map(|piece| piece.sound.start);
        let needed = first.unwrap_or(u64::MAX).min(open.saturating_sub(AROUND));
        let gone = usize::try_from(needed.saturating_sub(self.from)).unwrap_or(0);
        self.samples.drain(..gone.min(self.samples.len()));
        self.from = self.from.max(needed);
        window
    }

    /// The window as it is.
    pub(super) fn close(&mut self) -> Option<Window> {
        let pieces = std::mem::take(&mut self.pieces);
        let start = pieces.first()?.sound.start;
        let mut samples = Vec::new();
        for piece in &pieces {
            let at = |place: u64| {
                let place = usize::try_from(place.saturating_sub(self.from)).unwrap_or(usize::MAX);
                place.min(self.samples.len())
            };
            samples.extend_from_slice(&self.samples[at(piece.sound.start)..at(piece.sound.end)]);
        }
        Some(Window {
            start,
            samples,
            pieces,
        })
    }
}

impl Window {
    /// Words with their times in the sound. A word lies in one stretch of speech.
    pub(super) fn placed(&self, words: &[TimedWord]) -> Vec<HeardWord> {
        words.iter().map(|word| self.place(word)).collect()
    }

    fn place(&self, word: &TimedWord) -> HeardWord {
        let middle = sample(f64::midpoint(word.start, word.end));
        let mut before = 0;
        let mut found = None;
        for piece in &self.pieces {
            found = Some((piece, before));
            before += piece.sound.end - piece.sound.start;
            if middle < before {
                break;
            }
        }
        let place = |seconds: f64| match found {
            Some((piece, before)) => {
                let at = piece.sound.start + sample(seconds).saturating_sub(before);
                milliseconds(at.clamp(piece.speech.start, piece.speech.end))
            }
            None => milliseconds(sample(seconds)),
        };
        let start_ms = place(word.start);
        HeardWord {
            text: word.text.trim().to_owned(),
            is_joined: !word.text.starts_with(' '),
            start_ms,
            end_ms: place(word.end).max(start_ms + SHORTEST_MS),
            confidence: word.confidence,
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "0 to 30 seconds"
)]
fn sample(seconds: f64) -> u64 {
    (seconds * f64::from(HEARD_RATE)).round() as u64
}

fn milliseconds(samples: u64) -> u64 {
    samples.saturating_mul(1000) / u64::from(HEARD_RATE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = HEARD_RATE as u64;

    fn frames(seconds: Range<f64>) -> Range<u64> {
        let frame = |at: f64| sample(at) / FRAME as u64;
        frame(seconds.start)..frame(seconds.end)
    }

    fn word(start: f64, end: f64) -> TimedWord {
        TimedWord {
            text: " word".to_owned(),
            start,
            end,
            confidence: 1.0,
        }
    }

    #[test]
    fn times_of_a_window_are_those_of_the_sound() {
        let mut packer = Packer::default();
        packer.hear(&vec![0.0; usize::try_from(20 * SECOND).unwrap()]);
        assert_eq!(packer.add(frames(4.0..6.0)), None);
        assert_eq!(packer.add(frames(9.0..10.0)), None);
        let window = packer.close().unwrap();
        // Both stretches with a little around them, and nothing between.
        assert!((super::super::seconds(window.samples.len()) - 3.8).abs() < 0.1);
        let placed = window.placed(&[word(0.0, 1.2), word(2.6, 3.0), word(3.3, 3.8)]);
        let times: Vec<(u64, u64)> = placed.iter().map(|w| (w.start_ms, w.end_ms)).collect();
        // The first begins where speech begins, the last ends where it ends.
        let near = |(start, end): (u64, u64), (s, e): (u64, u64)| {
            start.abs_diff(s) < 60 && end.abs_diff(e) < 60
        };
        assert!(near(times[0], (4000, 5000)), "{times:?}");
        assert!(near(times[1], (9000, 9400)), "{times:?}");
        assert!(near(times[2], (9700, 10_000)), "{times:?}");
    }

    #[test]
    fn ten_hours_are_never_in_memory_at_once() {
        let mut packer = Packer::default();
        let batch = vec![0.0; usize::try_from(8 * SECOND).unwrap()];
        let frame = |second: u64| second * SECOND / FRAME as u64;
        let mut most = 0;
        for second in (0..36_000).step_by(8) {
            packer.hear(&batch);
            // Somebody speaks for an hour, then nobody for an hour.
            let speaks = second / 3600 % 2 == 0;
            if speaks {
                packer.add(frame(second)..frame(second + 7));
            }
            packer.settle(frame(second + 8), speaks.then(|| frame(second + 7)));
            most = most.max(packer.samples.len());
        }
        assert!(most as u64 <= 60 * SECOND, "{most}");
        assert!(packer.samples.len() as u64 <= SECOND);
    }

    #[test]
    fn a_window_closes_when_it_is_full_or_when_nobody_speaks() {
        let mut packer = Packer::default();
        packer.hear(&vec![0.0; usize::try_from(90 * SECOND).unwrap()]);
        assert_eq!(packer.add(frames(1.0..20.0)), None);
        let full = packer.add(frames(22.0..40.0)).unwrap();
        assert!(full.samples.len() <= WINDOW);
        assert_eq!(packer.settle(frames(0.0..44.0).end, None), None);
        let window = packer.settle(frames(0.0..60.0).end, None).unwrap();
        assert!(window.start.abs_diff(22 * SECOND - AROUND) < FRAME as u64);
        // What was said is forgotten.
        assert!(packer.samples.len() as u64 <= 31 * SECOND);
        assert_eq!(packer.close(), None);
    }
}
