//! Text in pictures: finds lines of writing and reads them.
//!
//! Two networks of PP-OCR (Cui et al. 2025, arXiv 2507.05595) do the work. The *finder* gives each pixel the
//! probability that it belongs to a line (DB, Liao et al. 2020, arXiv 1911.08947). The *reader* gives each column of
//! a line the probabilities of its characters, which are joined as CTC specifies (Graves et al. 2006).

mod crop;
mod find;
#[cfg(test)]
mod tests;

use std::fmt;

use image::RgbImage;
use ort::session::Session;
use ort::value::Tensor;

use crate::error::{ModelError, OcrError};
use crate::manifest::{Manifest, ManifestError, Parameters, PpOcrParameters};
use crate::preprocess::stretched;
use crate::runtime::{self, RuntimeError};
use crate::store::{ModelStore, StoreError};

use crop::Strip;
pub use find::LineBox;

/// The picture that the finder sees has sides that are multiples of this, in pixels.
const MULTIPLE: u32 = 32;
/// Mean and standard deviation of ImageNet, for channels in the order blue, green, red, of values from 0 to 1. The
/// networks were trained on pictures in this order.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const STD: [f32; 3] = [0.229, 0.224, 0.225];
/// Lines that are read together.
const BATCH: usize = 6;
/// Lines of one picture that are read, the largest first. A page of a book has about forty.
const MOST_LINES: usize = 400;

/// A line of text in a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct TextLine {
    /// What it says.
    pub text: String,
    /// Mean probability of its characters, 0 to 1.
    pub score: f32,
    /// Where it is.
    pub place: LineBox,
}

/// Finds and reads text. It is not shared between threads; each opens its own.
pub struct TextReader {
    name: String,
    parameters: PpOcrParameters,
    finder: Session,
    reader: Session,
    /// The character of each class; the first one is CTC's blank.
    characters: Vec<String>,
}

impl fmt::Debug for TextReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextReader")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl TextReader {
    /// Opens a reader by the id of its manifest, to run on `threads` threads.
    ///
    /// # Errors
    /// The reader does not exist, is not installed (the error names the pull), or its files cannot be used.
    pub fn open(store: &ModelStore, id: &str, threads: usize) -> Result<Self, ModelError> {
        let manifest = store.manifests().get(id)?;
        let parameters = parameters_of(manifest)?;
        let session = |name: &str| -> Result<Session, ModelError> {
            let path = store.file(manifest, name)?;
            let graph = std::fs::read(&path).map_err(|e| StoreError::io("read", &path, e))?;
            let runtime = &parameters.runtime;
            Ok(runtime::accelerated_session(store, runtime, &graph, threads)?.0)
        };
        let path = store.file(manifest, &parameters.characters)?;
        let list = std::fs::read(&path).map_err(|e| StoreError::io("read", &path, e))?;
        let list = String::from_utf8(list).map_err(|_binary| OcrError::Characters { path })?;
        Ok(Self {
            name: manifest.full_name(),
            finder: session(&parameters.finder)?,
            reader: session(&parameters.reader)?,
            characters: characters(&list),
            parameters: parameters.clone(),
        })
    }

    /// Its name and revision, `id@revision`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The lines of text in a picture, row by row, and from left to right within a row.
    ///
    /// # Errors
    /// The runtime fails, or the networks' outputs are not those of PP-OCR.
    pub fn read(&mut self, picture: &RgbImage) -> Result<Vec<TextLine>, ModelError> {
        if picture.width() < 3 || picture.height() < 3 {
            return Ok(Vec::new());
        }
        let mut places = self.find(picture)?;
        places.sort_by(|a, b| b.area().total_cmp(&a.area()));
        places.truncate(MOST_LINES);
        // Lines of about one length are read together, because short ones are padded.
        places.sort_by(|a, b| a.ratio().total_cmp(&b.ratio()));
        let mut lines = Vec::with_capacity(places.len());
        for batch in places.chunks(BATCH) {
            let strips: Vec<Strip> = batch
                .iter()
                .map(|place| Strip::of(picture, place))
                .collect();
            let read = self.read_strips(&strips)?;
            lines.extend(
                batch
                    .iter()
                    .zip(read)
                    .map(|(place, (text, score))| TextLine {
                        text,
                        score,
                        place: *place,
                    }),
            );
        }
        let least = self.parameters.score_threshold;
        lines.retain(|line| line.score >= least && !line.text.trim().is_empty());
        Ok(in_reading_order(lines))
    }

    /// Where there are lines, in pixels of the picture.
    fn find(&mut self, picture: &RgbImage) -> Result<Vec<LineBox>, ModelError> {
        let (width, height) = seen_size(picture.dimensions(), self.parameters.side);
        let seen = stretched(picture, width, height)?;
        let (across, down) = (width as usize, height as usize);
        let mut planes = Vec::with_capacity(3 * across * down);
        for plane in 0..3 {
            let pixels = seen.as_raw().as_chunks::<3>().0.iter();
            planes.extend(
                pixels.map(|p| (f32::from(p[2 - plane]) / 255.0 - MEAN[plane]) / STD[plane]),
            );
        }
        let tensor = Tensor::from_array(([1, 3, down, across], planes))
            .map_err(RuntimeError::run("take a picture"))?;
        let outputs = self
            .finder
            .run(ort::inputs![tensor])
            .map_err(RuntimeError::run("find text"))?;
        let (shape, map) = outputs[0]
            .try_extract_tensor::<f32>()
            .map_err(RuntimeError::run("read the map of text"))?;
        if map.len() != across * down {
            return Err(OcrError::outputs(&self.name, shape).into());
        }
        let thresholds = (
            self.parameters.pixel_threshold,
            self.parameters.line_threshold,
        );
        let found = find::lines(map, across, thresholds);
        let scale = [
            picture.width() as f32 / width as f32,
            picture.height() as f32 / height as f32,
        ];
        Ok(found.into_iter().map(|line| line.scaled(scale)).collect())
    }

    /// What strips say, with the mean probability of their characters.
    fn read_strips(&mut self, strips: &[Strip]) -> Result<Vec<(String, f32)>, ModelError> {
        let width = strips
            .iter()
            .map(Strip::width)
            .max()
            .unwrap_or(0)
            .max(crop::LEAST_WIDTH);
        let mut planes = Vec::with_capacity(strips.len() * 3 * crop::HEIGHT * width);
        for strip in strips {
            strip.append(width, &mut planes);
        }
        let tensor = Tensor::from_array(([strips.len(), 3, crop::HEIGHT, width], planes))
            .map_err(RuntimeError::run("take lines of text"))?;
        let outputs = self
            .reader
            .run(ort::inputs![tensor])
            .map_err(RuntimeError::run("read text"))?;
        let (shape, scores) = outputs[0]
            .try_extract_tensor::<f32>()
            .map_err(RuntimeError::run("read characters"))?;
        let classes = self.characters.len();
        let is_right = shape.len() == 3 && shape[2].unsigned_abs() == classes as u64;
        if !is_right || scores.len() % (strips.len() * classes) != 0 {
            return Err(OcrError::outputs(&self.name, shape).into());
        }
        let length = scores.len() / strips.len();
        let read = scores.chunks_exact(length);
        Ok(read
            .map(|columns| spell(columns, &self.characters))
            .collect())
    }
}

/// The size at which the finder looks at a picture. Pictures are made smaller, never larger.
fn seen_size((width, height): (u32, u32), side: u32) -> (u32, u32) {
    let longer = u64::from(width.max(height)).max(1);
    let rounded = |length: u32| {
        let scaled = u64::from(length) * u64::from(side).min(longer) / longer;
        let steps = (scaled + u64::from(MULTIPLE) / 2) / u64::from(MULTIPLE);
        u32::try_from(steps.max(1)).unwrap_or(1) * MULTIPLE
    };
    (rounded(width), rounded(height))
}

/// The character of each class. The list has one per line; a space or a wide space is a character too.
fn characters(list: &str) -> Vec<String> {
    let list = list.strip_suffix('\n').unwrap_or(list);
    let mut characters: Vec<String> = list
        .split('\n')
        .map(|line| line.trim_end_matches('\r').to_owned())
        .collect();
    if let Some(blank) = characters.first_mut() {
        blank.clear();
    }
    characters
}

/// Sorts lines by rows, and the lines of a row from left to right.
fn in_reading_order(mut lines: Vec<TextLine>) -> Vec<TextLine> {
    lines.sort_by(|a, b| a.place.top().total_cmp(&b.place.top()));
    let mut rows: Vec<Vec<TextLine>> = Vec::new();
    for line in lines {
        let [_, top, _, bottom] = line.place.bounds();
        let middle = f32::midpoint(top, bottom);
        let is_beside = |row: &&mut Vec<TextLine>| {
            let [_, top, _, bottom] = row[0].place.bounds();
            (top..bottom).contains(&middle)
        };
        match rows.last_mut().filter(is_beside) {
            Some(row) => row.push(line),
            None => rows.push(vec![line]),
        }
    }
    for row in &mut rows {
        row.sort_by(|a, b| a.place.bounds()[0].total_cmp(&b.place.bounds()[0]));
    }
    rows.into_iter().flatten().collect()
}

/// Wide forms of Latin letters and signs as their common forms, unless they stand in Chinese or Japanese writing,
/// where they belong.
fn in_common_forms(text: &str) -> String {
    let is_latin = |c: char| !matches!(c, '\u{2e80}'..='\u{ff00}');
    if !text.chars().all(is_latin) {
        return text.to_owned();
    }
    let common = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        _ => c,
    };
    text.chars().map(common).collect()
}

/// Joins the best characters of the columns: repeated ones count once, and blanks not at all.
fn spell(columns: &[f32], characters: &[String]) -> (String, f32) {
    let (mut text, mut sum, mut count, mut before) = (String::new(), 0.0, 0.0, 0);
    for column in columns.chunks_exact(characters.len()) {
        let best = column.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        let Some((class, &score)) = best else {
            continue;
        };
        if class != 0 && class != before {
            text.push_str(&characters[class]);
            sum += score;
            count += 1.0;
        }
        before = class;
    }
    let mean = if count > 0.0 { sum / count } else { 0.0 };
    (in_common_forms(&text), mean)
}

fn parameters_of(manifest: &Manifest) -> Result<&PpOcrParameters, ManifestError> {
    match &manifest.parameters {
        Parameters::PpOcr(parameters) => Ok(parameters),
        Parameters::OnnxRuntime(_)
        | Parameters::BertSentence(_)
        | Parameters::ConseEfficientnetLite0(_)
        | Parameters::DualEncoder(_)
        | Parameters::Whisper(_)
        | Parameters::SileroVad(_)
        | Parameters::SoundTagger(_)
        | Parameters::FaceDescriptor(_)
        | Parameters::Detector(_) => Err(manifest.wrong_kind("read text in pictures")),
    }
}
