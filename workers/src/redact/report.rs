//! The report of a batch: one HTML page that needs nothing else, to open and to send.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use rushes_models::{Class, with_causes};

use super::batch::Outcome;
use super::job::OutputRecord;
use super::paint::upright;
use super::picture::{Editor, PictureLimits};
use super::record::{Record, RegionRecord, RegionSource};
use super::video::VideoRecord;

/// Regions that were sure enough need no second look.
const SURE: f32 = 0.5;

/// Crops on a page; a person looks through hundreds, not thousands.
const MOST_CROPS: usize = 300;

/// Sides of a region, the longer one, in pixels: upper ends of the bins.
const BINS: [f64; 6] = [8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// Sums up a batch while it runs.
#[derive(Debug, Default)]
pub struct Report {
    processed: usize,
    resumed: usize,
    regions: BTreeMap<Class, [usize; BINS.len() + 1]>,
    crops: Vec<Crop>,
    left_out: usize,
    notes: Vec<(String, String)>,
    failures: Vec<(PathBuf, String)>,
}

#[derive(Debug)]
struct Crop {
    file: String,
    region: usize,
    class: Class,
    score: f32,
    jpeg: Vec<u8>,
}

impl Report {
    /// Takes in what became of one file. Crops are cut from the *redacted* picture.
    pub fn add(&mut self, outcome: &Outcome) {
        match &outcome.result {
            Err(error) => self.fail(&outcome.item.path, &with_causes(&error)),
            Ok(done) => {
                self.processed += 1;
                self.resumed += usize::from(done.resumed);
                match &done.record {
                    OutputRecord::Picture(record) => {
                        self.count(record);
                        if let Some(output) = &outcome.output {
                            self.cut(record, output);
                        }
                    }
                    OutputRecord::Video(record) => self.count_video(record),
                }
            }
        }
    }

    /// Takes in a file that could not be processed.
    pub fn fail(&mut self, path: &Path, why: &str) {
        self.failures.push((path.to_owned(), why.to_owned()));
    }

    /// Each track counts once, where it is largest.
    fn count_video(&mut self, record: &VideoRecord) {
        for track in &record.tracks {
            let sides = track.boxes.iter().map(|it| it.bounds[2].max(it.bounds[3]));
            self.size(track.class, sides.fold(0.0, f64::max));
        }
        let name = &record.input.name;
        let notes = record
            .warnings
            .iter()
            .map(|warning| (name.clone(), warning.clone()));
        self.notes.extend(notes);
    }

    fn size(&mut self, class: Class, longer: f64) {
        let bin = BINS
            .iter()
            .position(|&end| longer < end)
            .unwrap_or(BINS.len());
        self.regions.entry(class).or_default()[bin] += 1;
    }

    fn count(&mut self, record: &Record) {
        for region in record.regions.iter().filter(|region| is_shown(region)) {
            self.size(region.class, region.bounds[2].max(region.bounds[3]));
        }
        for warning in &record.warnings {
            self.notes
                .push((record.input.name.clone(), warning.clone()));
        }
        for copy in &record.hidden {
            let note = format!("{:?} {:?} ({} bytes)", copy.kind, copy.action, copy.bytes);
            self.notes.push((record.input.name.clone(), note));
        }
    }

    fn cut(&mut self, record: &Record, output: &Path) {
        let doubtful: Vec<&RegionRecord> = record
            .regions
            .iter()
            .filter(|region| {
                region.blurred && region.score < SURE && region.source == RegionSource::Detected
            })
            .collect();
        if self.crops.len() >= MOST_CROPS {
            self.left_out += doubtful.len();
            return;
        }
        if doubtful.is_empty() {
            return;
        }
        let picture = std::fs::read(output)
            .ok()
            .and_then(|bytes| Editor::open(bytes, &PictureLimits::default()).ok())
            .and_then(|editor| Some((editor.header().orientation, editor.rgb().ok()?)));
        let Some((orientation, picture)) = picture else {
            self.left_out += doubtful.len();
            return;
        };
        let picture = upright(picture, orientation);
        for region in doubtful {
            if self.crops.len() >= MOST_CROPS {
                self.left_out += 1;
                continue;
            }
            if let Some(jpeg) = crop(&picture, region) {
                self.crops.push(Crop {
                    file: record.input.name.clone(),
                    region: region.id,
                    class: region.class,
                    score: region.score,
                    jpeg,
                });
            }
        }
    }

    /// The page.
    #[must_use]
    pub fn html(&self) -> String {
        let mut page = String::from(HEAD);
        // Writing to a string cannot fail.
        let mut put = |text: std::fmt::Arguments<'_>| page.write_fmt(text).unwrap_or_default();
        put(format_args!(
            "<h1>Redaction</h1><p>{} processed ({} of them before), {} failed.</p>",
            self.processed,
            self.resumed,
            self.failures.len()
        ));
        if !self.failures.is_empty() {
            put(format_args!("<h2>Not processed: no output</h2><table>"));
            for (path, why) in &self.failures {
                let (path, why) = (escape(&path.display().to_string()), escape(why));
                put(format_args!("<tr><td>{path}<td>{why}"));
            }
            put(format_args!("</table>"));
        }
        put(format_args!(
            "<h2>Regions by longer side, in pixels</h2><table><tr><th>"
        ));
        for end in BINS {
            put(format_args!("<th>&lt; {end}"));
        }
        put(format_args!("<th>larger<th>all"));
        for (class, bins) in &self.regions {
            put(format_args!("<tr><th>{class}"));
            for count in bins {
                put(format_args!("<td>{count}"));
            }
            put(format_args!("<td>{}", bins.iter().sum::<usize>()));
        }
        put(format_args!(
            "</table><h2>Worth a look: blurred on a score below {SURE}</h2>"
        ));
        if self.left_out > 0 {
            put(format_args!("<p>{} more are not shown.</p>", self.left_out));
        }
        put(format_args!("<div class=crops>"));
        for crop in &self.crops {
            let data = BASE64_STANDARD.encode(&crop.jpeg);
            let (file, class) = (escape(&crop.file), crop.class);
            put(format_args!(
                "<figure><img src=\"data:image/jpeg;base64,{data}\" alt=\"\"><figcaption>{file}<br>region {}, {class} {:.2}</figcaption></figure>",
                crop.region, crop.score
            ));
        }
        put(format_args!("</div>"));
        if !self.notes.is_empty() {
            put(format_args!("<h2>Hidden copies and warnings</h2><table>"));
            for (file, note) in &self.notes {
                put(format_args!("<tr><td>{}<td>{}", escape(file), escape(note)));
            }
            put(format_args!("</table>"));
        }
        page.push_str("</main></html>\n");
        page
    }
}

const HEAD: &str = "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
<title>Redaction</title><style>body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;\
color:#222;background:#fff}table{border-collapse:collapse}td,th{border-bottom:1px solid #ddd;padding:.3rem .8rem;\
text-align:left;vertical-align:top}.crops{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:0;width:11rem}\
img{width:100%;border-radius:4px}figcaption{font-size:12px;color:#555;overflow-wrap:anywhere}\
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}td,th{border-color:#444}figcaption{color:#aaa}}\
</style><main>";

/// Whether a region counts as found.
fn is_shown(region: &RegionRecord) -> bool {
    match region.source {
        RegionSource::Detected | RegionSource::Added => true,
        RegionSource::Removed | RegionSource::Outvoted => false,
    }
}

/// The region with as much around it, small.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the picture"
)]
fn crop(picture: &image::RgbImage, region: &RegionRecord) -> Option<Vec<u8>> {
    const SIDE: u32 = 176;
    let [x, y, width, height] = region.bounds;
    let half = width.max(height).max(16.0);
    let (cx, cy) = (x + width / 2.0, y + height / 2.0);
    let (w, h) = (f64::from(picture.width()), f64::from(picture.height()));
    let left = (cx - half).clamp(0.0, w - 1.0) as u32;
    let top = (cy - half).clamp(0.0, h - 1.0) as u32;
    let across = ((cx + half).min(w) as u32).saturating_sub(left).max(1);
    let down = ((cy + half).min(h) as u32).saturating_sub(top).max(1);
    let cut = image::imageops::crop_imm(picture, left, top, across, down).to_image();
    let longer = across.max(down);
    let side = |length: u32| (length * SIDE / longer).max(1);
    let small = image::imageops::resize(&cut, side(across), side(down), FilterType::Triangle);
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 80)
        .encode_image(&small)
        .ok()?;
    Some(jpeg)
}

/// Text as HTML shows it.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(c),
        }
    }
    out
}
