//! The cut list as JSON, for programs.

use serde::Serialize;

use super::{CutList, ExportError, ExportFormat};

/// The format.
#[derive(Debug)]
pub(super) struct Json;

#[derive(Serialize)]
struct ListView<'a> {
    schema: u32,
    name: &'a str,
    rate: String,
    drop_frame: bool,
    picks: Vec<PickView<'a>>,
}

#[derive(Serialize)]
struct PickView<'a> {
    name: &'a str,
    shot: Option<&'a str>,
    asset: &'a str,
    title: &'a str,
    file: &'a str,
    path: &'a str,
    url: &'a str,
    rate: String,
    variable_rate: bool,
    audio_channels: u32,
    source_frames: u64,
    source_start: String,
    start_frame: u64,
    end_frame: u64,
    source_in: String,
    source_out: String,
    record_in: u64,
    record_out: u64,
    note: Option<&'a str>,
    markers: Vec<MarkerView<'a>>,
}

#[derive(Serialize)]
struct MarkerView<'a> {
    frame: u64,
    name: &'a str,
    comment: &'a str,
}

impl ExportFormat for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn purpose(&self) -> &'static str {
        "everything, for programs"
    }

    fn extension(&self) -> &'static str {
        "json"
    }

    fn media_type(&self) -> &'static str {
        "application/json"
    }

    fn write(&self, list: &CutList) -> Result<Vec<u8>, ExportError> {
        let picks = list.picks.iter().zip(list.record_spans());
        let picks = picks.map(|(pick, record)| {
            let source = list.source(pick);
            PickView {
                name: &pick.name,
                shot: pick.shot.as_deref(),
                asset: &source.asset,
                title: &source.title,
                file: &source.file_name,
                path: &source.path,
                url: &source.url,
                rate: source.timecode.rate.to_string(),
                variable_rate: source.variable,
                audio_channels: source.audio.map_or(0, |audio| audio.channels),
                source_frames: source.frames,
                source_start: source.timecode.label(0),
                start_frame: pick.start,
                end_frame: pick.end,
                source_in: source.timecode.label(pick.start),
                source_out: source.timecode.label(pick.end),
                record_in: record.start,
                record_out: record.end,
                note: pick.note.as_deref(),
                markers: pick
                    .markers
                    .iter()
                    .map(|marker| MarkerView {
                        frame: marker.frame,
                        name: &marker.name,
                        comment: &marker.comment,
                    })
                    .collect(),
            }
        });
        let view = ListView {
            schema: 1,
            name: &list.name,
            rate: list.rate.to_string(),
            drop_frame: list.drop_frame,
            picks: picks.collect(),
        };
        let mut text = serde_json::to_vec_pretty(&view).map_err(std::io::Error::from)?;
        text.push(b'\n');
        Ok(text)
    }
}
