//! FCPXML 1.11, for Final Cut Pro and Resolve.
//!
//! Times are fractions of a second: a frame count times the duration of a frame, so that they are exact at every rate.
//! An asset begins at its own start timecode, and every clip of it lies on that clock.

use std::collections::BTreeMap;

use rushes_workers::time::{Rate, Timecode};

use super::xml::{Element, document};
use super::{CutList, ExportError, ExportFormat, Pick, RecordSpan, SourceFile};

/// The format.
#[derive(Debug)]
pub(super) struct FcpXml;

/// What one `format` resource says: rate, width and height.
type FormatKey = (u32, u32, u32, u32);

impl ExportFormat for FcpXml {
    fn name(&self) -> &'static str {
        "fcpxml"
    }

    fn purpose(&self) -> &'static str {
        "FCPXML 1.11 for Final Cut Pro and Resolve; any rates"
    }

    fn extension(&self) -> &'static str {
        "fcpxml"
    }

    fn media_type(&self) -> &'static str {
        "application/xml"
    }

    fn write(&self, list: &CutList) -> Result<Vec<u8>, ExportError> {
        let record = list.record_timecode(self.name())?;
        let size = list
            .picks
            .first()
            .map_or((0, 0), |pick| list.source(pick).size);
        let mut formats = BTreeMap::new();
        let mut of = |rate: Rate, size: (u32, u32)| {
            let next = formats.len() + 1;
            let key: FormatKey = (rate.num(), rate.den(), size.0, size.1);
            format!("r{}", *formats.entry(key).or_insert(next))
        };
        let sequence_format = of(list.rate, size);
        let source_formats: Vec<String> = list
            .sources
            .iter()
            .map(|source| of(source.timecode.rate, source.size))
            .collect();
        let mut ranked: Vec<(FormatKey, usize)> = formats.into_iter().collect();
        ranked.sort_by_key(|(_, rank)| *rank);
        let formats = ranked.into_iter().map(|(key, rank)| format(key, rank));
        let assets = (0..)
            .zip(&list.sources)
            .zip(&source_formats)
            .map(|((index, source), format)| asset(index, source, format));
        let clips = list
            .picks
            .iter()
            .zip(list.record_spans())
            .map(|(pick, span)| clip(list, pick, span, record, &source_formats));
        let sequence = Element::new("sequence")
            .with("format", sequence_format)
            .with("duration", time(list.record_frames(), list.rate))
            .with("tcStart", time(record.start, list.rate))
            .with("tcFormat", tc_format(record))
            .with("audioLayout", "stereo")
            .with("audioRate", "48k")
            .holding([Element::new("spine").holding(clips)]);
        let project = Element::new("project")
            .with("name", &list.name)
            .holding([sequence]);
        let event = Element::new("event")
            .with("name", "rushes")
            .holding([project]);
        let root = Element::new("fcpxml").with("version", "1.11").holding([
            Element::new("resources").holding(formats.chain(assets)),
            Element::new("library").holding([event]),
        ]);
        document("fcpxml", &root)
    }
}

fn format((num, den, width, height): FormatKey, rank: usize) -> Element {
    Element::new("format")
        .with("id", format!("r{rank}"))
        .with("frameDuration", format!("{den}/{num}s"))
        .with("width", width)
        .with("height", height)
}

fn asset(index: usize, source: &SourceFile, format: &str) -> Element {
    let timecode = source.timecode;
    let mut asset = Element::new("asset")
        .with("id", asset_id(index))
        .with("name", &source.file_name)
        .with("start", time(timecode.start, timecode.rate))
        .with("duration", time(source.frames, timecode.rate))
        .with("hasVideo", "1")
        .with("format", format)
        .with("videoSources", "1");
    if let Some(audio) = source.audio {
        asset = asset
            .with("hasAudio", "1")
            .with("audioSources", "1")
            .with("audioChannels", audio.channels)
            .with("audioRate", audio.sample_rate);
    }
    let media = Element::new("media-rep")
        .with("kind", "original-media")
        .with("src", &source.url);
    asset.holding([media])
}

fn clip(
    list: &CutList,
    pick: &Pick,
    span: RecordSpan,
    record: Timecode,
    formats: &[String],
) -> Element {
    let source = list.source(pick);
    let timecode = source.timecode;
    let at = |frame: u64| time(timecode.start + frame, timecode.rate);
    let mut clip = Element::new("asset-clip")
        .with("ref", asset_id(pick.source))
        .with("name", &pick.name)
        .with("offset", time(record.start + span.start, list.rate))
        .with("start", at(pick.start))
        .with("duration", time(span.end - span.start, list.rate))
        .with("format", &formats[pick.source])
        .with("tcFormat", tc_format(timecode));
    if source.audio.is_some() {
        clip = clip.with("audioRole", "dialogue");
    }
    if let Some(note) = &pick.note {
        clip = clip.holding([Element::text("note", note)]);
    }
    if timecode.rate != list.rate {
        let conform = Element::new("conform-rate").with("scaleEnabled", "0");
        clip = clip.holding([conform.with("srcFrameRate", rate_name(timecode.rate))]);
    }
    clip.holding(pick.markers.iter().map(|marker| {
        Element::new("marker")
            .with("start", at(marker.frame.clamp(pick.start, pick.end - 1)))
            .with("duration", time(1, timecode.rate))
            .with("value", &marker.comment)
            .with("note", &marker.name)
    }))
}

fn asset_id(index: usize) -> String {
    format!("a{}", index + 1)
}

const fn tc_format(timecode: Timecode) -> &'static str {
    if timecode.drop_frame { "DF" } else { "NDF" }
}

/// The names that `srcFrameRate` takes.
fn rate_name(rate: Rate) -> String {
    match (rate.num(), rate.den()) {
        (24_000, 1001) => "23.98".to_owned(),
        (30_000, 1001) => "29.97".to_owned(),
        (48_000, 1001) => "47.95".to_owned(),
        (60_000, 1001) => "59.94".to_owned(),
        _ => rate.nominal().to_string(),
    }
}

/// The time of so many frames, in seconds as a fraction.
fn time(frames: u64, rate: Rate) -> String {
    let (numerator, denominator) = (u128::from(frames) * u128::from(rate.den()), rate.num());
    if numerator == 0 {
        return "0s".to_owned();
    }
    format!("{numerator}/{denominator}s")
}
