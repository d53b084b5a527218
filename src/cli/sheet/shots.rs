//! The sheets of a video: one row per shot, with its first, middle and last frame.

use std::path::{Path, PathBuf};

use embedded_graphics::mono_font::ascii;
use image::RgbImage;

use super::UnfinishedSheet;
use crate::cli::shots::{ShotView, VideoView};
use crate::sheet::{Cell, GAP, PAPER, place, write};

/// Size of a picture on the sheet, in pixels.
pub(in crate::cli) const PICTURE: (u32, u32) = (256, 144);

/// Width of the text at the left of a row, in pixels.
const LABEL: u32 = 300;
/// Height of the line with the video's name, in pixels.
const HEAD: u32 = 36;
/// Pictures per row.
const COLUMNS: u32 = 3;

/// Shots per sheet. Image viewers still scroll comfortably at this size.
const ROWS: usize = 50;

/// Most shots to draw per video, so that no video fills the disk: about four hours.
pub(in crate::cli) const MAX_SHOTS: usize = 5000;

/// Draws the sheets of one video from pictures in frame order. Each full sheet is written to a temporary file.
/// All are renamed together at the end, after the last one was drawn.
pub(in crate::cli) struct ShotSheets<'a> {
    video: &'a VideoView,
    /// Name of the first sheet.
    file: &'a Path,
    /// The sheet being drawn.
    sheet: RgbImage,
    /// Row and column of the next picture. Rows are counted across all sheets.
    next: (usize, u32),
    full: Vec<UnfinishedSheet>,
}

impl<'a> ShotSheets<'a> {
    /// Empty sheets of `video`. `file` is the name of the first.
    pub(in crate::cli) fn new(video: &'a VideoView, file: &'a Path) -> Self {
        let mut sheets = Self {
            video,
            file,
            sheet: RgbImage::new(0, 0),
            next: (0, 0),
            full: Vec::new(),
        };
        sheets.begin();
        sheets
    }

    /// The frames whose pictures are needed, ascending, without duplicates.
    pub(in crate::cli) fn frames(&self) -> Vec<u64> {
        let mut frames: Vec<u64> = self.drawn().iter().flat_map(moments).collect();
        frames.dedup();
        frames
    }

    fn drawn(&self) -> &'a [ShotView] {
        let shots = &self.video.shots;
        shots.get(..MAX_SHOTS).unwrap_or(shots)
    }

    /// Places the picture of the next frame.
    pub(in crate::cli) fn take(&mut self, number: u64, picture: &RgbImage) -> anyhow::Result<()> {
        // A short shot shows one frame more than once.
        while let Some(shot) = self.drawn().get(self.next.0)
            && moments(shot)[self.next.1 as usize] == number
        {
            let (row, column) = self.next;
            let cell = Cell {
                left: GAP + LABEL + column * (PICTURE.0 + GAP),
                top: top(row % ROWS),
                width: PICTURE.0,
                height: PICTURE.1,
            };
            place(&mut self.sheet, Some(picture), cell);
            self.next = (row, column + 1);
            if column + 1 == COLUMNS {
                self.next = (row + 1, 0);
                if (row + 1) % ROWS == 0 || row + 1 == self.drawn().len() {
                    self.end()?;
                }
            }
        }
        Ok(())
    }

    /// Gives the sheets their final names.
    pub(in crate::cli) fn show(self) -> anyhow::Result<Vec<PathBuf>> {
        self.full.into_iter().map(UnfinishedSheet::show).collect()
    }

    /// Starts the sheet of the next rows, with all its text.
    fn begin(&mut self) {
        let (first, all) = (self.next.0, self.video.shots.len());
        let rest = self.drawn().get(first..).unwrap_or_default();
        let rows = rest.get(..ROWS).unwrap_or(rest);
        let width = GAP + LABEL + COLUMNS * (PICTURE.0 + GAP);
        let mut sheet = RgbImage::from_pixel(width, top(rows.len()), PAPER);
        let last = first + rows.len().saturating_sub(1);
        let path = Path::new(&self.video.file);
        let name = path.file_name().unwrap_or(path.as_os_str());
        let name = name.to_string_lossy();
        let head = format!("{name}   shots {first} to {last} of {all}");
        let at = (GAP, GAP + 4);
        write(
            &mut sheet,
            &ascii::FONT_9X18_BOLD,
            &head,
            at,
            width - 2 * GAP,
        );
        for (row, shot) in rows.iter().enumerate() {
            label(&mut sheet, first + row, shot, top(row));
        }
        self.sheet = sheet;
    }

    /// Writes the full sheet and starts the next.
    fn end(&mut self) -> anyhow::Result<()> {
        let file = sheet_name(self.file, self.full.len() + 1);
        self.full.push(UnfinishedSheet::write(&self.sheet, &file)?);
        self.begin();
        Ok(())
    }
}

/// First, middle and last frame.
fn moments(shot: &ShotView) -> [u64; COLUMNS as usize] {
    let (start, end) = (shot.start.frame, shot.end.frame);
    [start, u64::midpoint(start, end), end - 1]
}

/// Top of row `row` of a sheet, in pixels.
fn top(row: usize) -> u32 {
    let row = u32::try_from(row).unwrap_or(u32::MAX);
    GAP + HEAD + row * (PICTURE.1 + GAP)
}

fn label(sheet: &mut RgbImage, index: usize, shot: &ShotView, top: u32) {
    let room = LABEL - GAP;
    write(
        sheet,
        &ascii::FONT_9X18_BOLD,
        &index.to_string(),
        (GAP, top),
        room,
    );
    let opening = &shot.opening;
    let mut begins = format!("{} {:.2}", opening.kind.as_str(), opening.confidence);
    if opening.start < opening.end {
        begins += &format!(", frames {} to {}", opening.start, opening.end);
    }
    let mut lines = vec![
        format!("{}  {}", shot.start.smpte, shot.end.smpte),
        format!("frames {} to {}", shot.start.frame, shot.end.frame),
        begins,
    ];
    if let Some(first) = shot.same_as {
        lines.push(format!("same as {first}"));
    }
    for (at, line) in (0..).zip(&lines) {
        write(
            sheet,
            &ascii::FONT_9X15,
            line,
            (GAP, top + 26 + at * 20),
            room,
        );
    }
}

/// The name of sheet `number`, from 1. The first is `file`: `out.png`, `out.2.png`, …
fn sheet_name(file: &Path, number: usize) -> PathBuf {
    if number == 1 {
        file.to_owned()
    } else {
        file.with_extension(format!("{number}.png"))
    }
}
