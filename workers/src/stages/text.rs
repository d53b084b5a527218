//! `text`: what is written in the pictures of a video: signs, titles, credits, burnt-in subtitles.

mod band;
mod sample;
mod track;

use image::RgbImage;
use rushes_models::TextReader;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::context::{RunContext, Stage};
use super::looks::{look_at, looks};
use crate::error::StageError;
use crate::storage::Locator;
use crate::time::Timeline;
use band::band_of;
pub use band::is_subtitle_place;
use sample::{Extent, Sketch, samples};
use track::{Block, Rows, Tracks, blocks};

/// Longest side of the pictures that are read, in pixels.
const SIDE: u32 = 1920;

/// Read the text in a video's pictures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TextTask {
    /// The video.
    pub media: Locator,
    /// Key of the stored timeline.
    pub timeline: String,
    /// First and one-past-last frame of each shot, in order.
    pub shots: Vec<(u64, u64)>,
    /// The model that reads.
    #[schema(example = "ppocr-v5")]
    pub model: String,
}

/// The output of a [`TextTask`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TextOutput {
    /// The model that read, `id@revision`.
    #[schema(example = "ppocr-v5@1")]
    pub reader: String,
    /// Text by time. Each is within one shot.
    pub texts: Vec<ScreenText>,
}

/// Text in the picture for some time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScreenText {
    /// First frame that is known to show it; the shot's first if it was there at the first look.
    pub start: u64,
    /// One past the last.
    pub end: u64,
    /// Start in milliseconds from the start of the file.
    pub start_ms: u64,
    /// End in milliseconds, exclusive.
    pub end_ms: u64,
    /// What it says; lines below each other are joined by a space.
    pub text: String,
    /// Mean probability of its characters, 0 to 1.
    pub score: f32,
    /// Left, top, width and height as shares of the picture.
    pub place: [f32; 4],
}

impl Stage for TextTask {
    type Output = TextOutput;

    fn run(&self, run: &RunContext<'_>) -> Result<TextOutput, StageError> {
        let timeline = run.stages.timeline(&self.timeline)?;
        let looks = looks(&self.shots, |span| {
            samples(span, |frame| timeline.ms_of(frame))
        });
        let (looks, extents): (Vec<_>, Vec<_>) = looks
            .into_iter()
            .map(|(shot, (frame, extent))| ((shot, frame), extent))
            .unzip();
        run.stages.readers.with(&self.model, |reader| {
            self.read(run, reader, (&looks, &extents), &timeline)
        })
    }
}

impl TextTask {
    fn read(
        &self,
        run: &RunContext<'_>,
        reader: &mut TextReader,
        (looks, extents): (&[(usize, u64)], &[Extent]),
        timeline: &Timeline,
    ) -> Result<TextOutput, StageError> {
        let name = reader.name().to_owned();
        let mut reading = Reading {
            reader,
            tracks: Tracks::new(&self.shots),
            whole: None,
            part: None,
        };
        let mut extents = extents.iter();
        look_at(
            run,
            &self.media,
            SIDE,
            looks,
            |look, picture| match extents.next() {
                Some(Extent::Band) => reading.look_at_band(look, picture),
                _ => reading.look(look, picture),
            },
        )?;
        let texts = reading.tracks.finish();
        Ok(TextOutput {
            reader: name,
            texts: texts
                .into_iter()
                .map(|found| screen_text(found, timeline))
                .collect(),
        })
    }
}

fn screen_text(found: track::Tracked, timeline: &Timeline) -> ScreenText {
    let track::Tracked { frames, block } = found;
    ScreenText {
        start: frames.0,
        end: frames.1,
        start_ms: timeline.ms_of(frames.0),
        end_ms: timeline.ms_of(frames.1),
        text: block.text,
        score: block.score,
        place: block.place,
    }
}

/// Reads pictures one by one.
struct Reading<'a> {
    reader: &'a mut TextReader,
    tracks: Tracks,
    /// The last whole picture, and the last part of one.
    whole: Option<Read>,
    part: Option<Read>,
}

/// What was read.
struct Read {
    /// The rows that were read.
    rows: Rows,
    sketch: Sketch,
    blocks: Vec<Block>,
}

impl Reading<'_> {
    /// Reads a whole picture.
    fn look(&mut self, look: (usize, u64), picture: &RgbImage) -> Result<(), StageError> {
        let blocks = self.blocks(picture, Rows::ALL)?;
        self.tracks.add(look, Rows::ALL, &blocks);
        Ok(())
    }

    /// Reads the band of subtitles of a picture.
    fn look_at_band(&mut self, look: (usize, u64), picture: &RgbImage) -> Result<(), StageError> {
        let (part, rows) = band_of(picture);
        let blocks = self.blocks(&part, rows)?;
        let blocks = blocks.into_iter();
        // Signs and credits at the edge of the band are read with the whole picture.
        let blocks = blocks.filter(|block| band::is_whole(block, part.height()));
        let blocks: Vec<Block> = blocks.map(|block| block.within(rows)).collect();
        self.tracks.add(look, rows, &blocks);
        Ok(())
    }

    /// The blocks of a part of a picture. Reading costs far more than decoding, and most pictures of a shot look like the
    /// one before.
    fn blocks(&mut self, part: &RgbImage, rows: Rows) -> Result<Vec<Block>, StageError> {
        let sketch = Sketch::of(part);
        let last = if rows == Rows::ALL {
            &mut self.whole
        } else {
            &mut self.part
        };
        let known = last.as_ref();
        let known = known.filter(|last| last.rows == rows && last.sketch.is_like(&sketch));
        let blocks = match known {
            Some(last) => last.blocks.clone(),
            None => blocks(&self.reader.read(part)?, part.dimensions()),
        };
        *last = Some(Read {
            rows,
            sketch,
            blocks: blocks.clone(),
        });
        Ok(blocks)
    }
}
