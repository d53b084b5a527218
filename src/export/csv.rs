//! The cut list as a table with one row per pick.

use super::{CutList, ExportError, ExportFormat};

const COLUMNS: [&str; 17] = [
    "number",
    "name",
    "title",
    "file",
    "path",
    "rate",
    "variable_rate",
    "source_start",
    "source_in",
    "source_out",
    "start_frame",
    "end_frame",
    "frames",
    "audio_channels",
    "shot",
    "note",
    "markers",
];

/// The format.
#[derive(Debug)]
pub(super) struct Csv;

impl ExportFormat for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn purpose(&self) -> &'static str {
        "a table for spreadsheets"
    }

    fn extension(&self) -> &'static str {
        "csv"
    }

    fn media_type(&self) -> &'static str {
        "text/csv; charset=utf-8"
    }

    fn write(&self, list: &CutList) -> Result<Vec<u8>, ExportError> {
        let mut table = csv::Writer::from_writer(Vec::new());
        let written = |error: csv::Error| ExportError::Write(error.into());
        table.write_record(COLUMNS).map_err(written)?;
        for (number, pick) in (1..).zip(&list.picks) {
            let source = list.source(pick);
            let markers: Vec<&str> = pick.markers.iter().map(|m| m.comment.as_str()).collect();
            let channels = source.audio.map_or(0, |audio| audio.channels);
            let row = [
                i32::to_string(&number),
                pick.name.clone(),
                source.title.clone(),
                source.file_name.clone(),
                source.path.clone(),
                source.timecode.rate.to_string(),
                source.variable.to_string(),
                source.timecode.label(0),
                source.timecode.label(pick.start),
                source.timecode.label(pick.end),
                pick.start.to_string(),
                pick.end.to_string(),
                (pick.end - pick.start).to_string(),
                channels.to_string(),
                pick.shot.clone().unwrap_or_default(),
                pick.note.clone().unwrap_or_default(),
                markers.join(" | "),
            ];
            table.write_record(row.map(inert)).map_err(written)?;
        }
        table
            .into_inner()
            .map_err(|error| ExportError::Write(error.into_error()))
    }
}

/// A cell that a spreadsheet does not take for a formula: it gets an apostrophe in front (OWASP, CSV injection).
fn inert(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{cell}")
    } else {
        cell
    }
}
