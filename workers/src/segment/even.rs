//! Frames that are black or white all over and separate two pictures.

use std::ops::Range;

use super::dark::is_black;
use super::evidence::share;
use super::slow::SLOW_MS;
use super::{Boundary, BoundaryKind, SegmentParams};
use crate::media::SmallFrame;

/// Longest flash of light in frames; also the distance at which pictures around a cut are compared.
pub(super) const FLASH: usize = 5;

/// A picture after a flash matches the one before it if they differ by less than this share of the flash's
/// change.
pub(super) const ALIKE: f32 = 0.4;

/// A change between two frames that is larger than in any fade.
const SUDDEN: f32 = 40.0;

/// Share of the cells that may be lighter than black, or darker than white.
const SPECKS: f32 = 0.02;

/// Mean difference of two frames: luma plus both chroma components, 0 to 765.
pub(super) fn change(a: &SmallFrame, b: &SmallFrame) -> f32 {
    let difference = |(a, b): (&Vec<u8>, &Vec<u8>)| {
        a.iter()
            .zip(b)
            .map(|(&a, &b)| u32::from(a.abs_diff(b)))
            .sum::<u32>()
    };
    let sum: u32 = a.planes.iter().zip(&b.planes).map(difference).sum();
    #[expect(
        clippy::cast_precision_loss,
        reason = "at most 765 times the number of cells"
    )]
    {
        sum as f32 / SmallFrame::CELLS as f32
    }
}

/// The content of an even frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Even {
    Black,
    White,
}

fn evenness(frame: &SmallFrame, black: f32, white: f32) -> Option<Even> {
    let luma = &frame.planes[0];
    let lighter = luma.iter().filter(|&&cell| f32::from(cell) > black).count();
    if share(lighter) <= SPECKS {
        return Some(Even::Black);
    }
    let darker = luma.iter().filter(|&&cell| f32::from(cell) < white).count();
    (share(darker) <= SPECKS).then_some(Even::White)
}

/// Runs of black or white frames between pictures.
#[derive(Debug)]
pub(super) struct EvenRuns {
    /// Highest mean luma of a black frame, and lowest of a white one.
    black: f32,
    white: f32,
    min_shot_ms: u64,
    run: Option<Run>,
    previous: Option<SmallFrame>,
    fades: Vec<Boundary>,
    flashes: Vec<Range<u64>>,
}

/// Classified black and white passages.
#[derive(Debug)]
pub(super) struct Passages {
    /// Passages that separate two pictures.
    pub(super) fades: Vec<Boundary>,
    /// Passages after which the picture returns at once: flashes and drop-outs, `[start, end)`.
    pub(super) flashes: Vec<Range<u64>>,
}

#[derive(Debug)]
struct Run {
    even: Even,
    start: u64,
    start_ms: u64,
    /// Whether one of its frames is empty except for specks.
    has_even: bool,
    /// The picture before it, and its difference from the first even frame; `None` at the start of the video,
    /// where black belongs to the first shot.
    before: Option<(SmallFrame, f32)>,
}

impl EvenRuns {
    pub(super) const fn new(params: &SegmentParams) -> Self {
        Self {
            black: params.black,
            white: params.white,
            min_shot_ms: params.min_shot_ms,
            run: None,
            previous: None,
            fades: Vec::new(),
            flashes: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, frame: &SmallFrame, number: u64, shown_ms: u64) {
        let even = evenness(frame, self.black, self.white);
        if self.run.as_ref().map(|run| run.even) != even {
            self.close(frame, number, shown_ms);
            let before = self
                .previous
                .as_ref()
                .map(|before| (before.clone(), change(before, frame)));
            self.run = even.map(|even| Run {
                even,
                start: number,
                start_ms: shown_ms,
                has_even: even == Even::White,
                before,
            });
        }
        if let Some(run) = &mut self.run {
            run.has_even = run.has_even || is_black(frame, self.black);
        }
        match &mut self.previous {
            Some(previous) => previous.clone_from(frame),
            none => *none = Some(frame.clone()),
        }
    }

    fn close(&mut self, after: &SmallFrame, end: u64, end_ms: u64) {
        let Some(Run {
            start,
            start_ms,
            has_even,
            before: Some((before, step)),
            ..
        }) = self.run.take()
        else {
            return;
        };
        if !has_even {
            // A very dark picture.
            return;
        }
        // Where frames are slow, duration decides what is short.
        let lasts_ms = end_ms.saturating_sub(start_ms);
        let is_slow = lasts_ms >= SLOW_MS * (end - start);
        let is_long = is_slow && lasts_ms >= self.min_shot_ms;
        // A short and sudden run is a flash or a drop-out if the picture returns after it.
        let is_short = end - start <= FLASH as u64 && !is_long;
        let is_flash = is_short && step >= SUDDEN && change(&before, after) < ALIKE * step;
        if is_flash {
            self.flashes.push(start..end);
        } else if end - start >= 2 || is_long {
            self.fades.push(Boundary {
                kind: BoundaryKind::Fade,
                start,
                end,
                confidence: 0.9,
            });
        }
    }

    /// Black at the end of the video belongs to its last shot, so an open run is not a boundary.
    pub(super) fn end(&mut self) {
        self.run = None;
    }

    /// Whether one of `frames` is in a passage, or may still turn out to be.
    pub(super) fn touch(&self, frames: &Range<u64>) -> bool {
        let of_fade = |fade: &Boundary| fade.start < frames.end && frames.start < fade.end;
        let of_flash = |flash: &Range<u64>| flash.start < frames.end && frames.start < flash.end;
        self.run.as_ref().is_some_and(|run| run.start < frames.end)
            || self.fades.iter().any(of_fade)
            || self.flashes.iter().any(of_flash)
    }

    /// Returns the passages that start before frame `until`.
    pub(super) fn take(&mut self, until: u64) -> Passages {
        let fades = self.fades.partition_point(|fade| fade.start < until);
        let flashes = self.flashes.partition_point(|flash| flash.start < until);
        Passages {
            fades: self.fades.drain(..fades).collect(),
            flashes: self.flashes.drain(..flashes).collect(),
        }
    }
}
