//! Exports of bins.

use rmcp::model::CallToolResult;
use rmcp::schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use rushes_models::ErrorKind;
use rushes_workers::time::Rate;
use serde::Deserialize;
use serde_json::json;

use super::error::ToolError;
use super::library::Visit;
use super::tool::{AssistantTool, Effect, reply};
use crate::catalog::bins::{self, Selection};
use crate::export::{CutListOptions, ExportFile, ExportKind, export, gather};

/// Longest export that is returned as text, in bytes.
const INLINE: usize = 256 * 1024;

/// Export a bin.
pub(super) struct ExportBin;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct ExportBinArguments {
    /// Id or name of the bin.
    bin: String,
    // Described by its schema.
    #[schemars(schema_with = "formats")]
    format: String,
    /// The file to write, such as "trailer.otio" or "monday/trailer.otio", below the folder of exports. It must end
    /// with the extension of the format. If absent, the export is returned as `text`.
    file: Option<String>,
    /// Whether the file may replace one that is there already. No if absent.
    #[serde(default)]
    overwrite: bool,
    /// What to call the list. The name of the bin if absent.
    name: Option<String>,
    /// Frames per second of the sequence, such as "25" or "24000/1001". That of most items if absent.
    #[schemars(with = "Option<String>")]
    rate: Option<Rate>,
    /// Whether the sequence counts drop-frame timecode. As the items do if absent.
    drop_frame: Option<bool>,
    /// Frames added before and after each item, as far as its video goes. 0 if absent.
    #[serde(default)]
    handles: u32,
}

impl AssistantTool for ExportBin {
    type Arguments = ExportBinArguments;
    const NAME: &'static str = "export_bin";
    const PURPOSE: &'static str = "Export a bin for an editing program: as a file below the folder of exports, if \
        there is one, or as text if it is short enough.";
    const EFFECT: Effect = Effect::Files;

    async fn answer(
        visit: &Visit,
        arguments: ExportBinArguments,
    ) -> Result<CallToolResult, ToolError> {
        let kind = ExportKind::named(&arguments.format)?;
        let library = &visit.library;
        // A place that cannot be written to is known before any work.
        let place = match (&arguments.file, &library.exports) {
            (Some(file), Some(folder)) => Some((file, folder.place(file, kind.extension())?)),
            (Some(_), None) => {
                let detail = "no file can be written here; leave out `file` to get the text, start `rushes mcp \
                              --exports DIR`, or POST /v1/exports of a server";
                let kind = ErrorKind::InvalidInput;
                return Err(ToolError::new(kind, "no-exports-folder", detail));
            }
            (None, _) if !matches!(kind, ExportKind::Text(_)) => {
                let why = "holds pictures, which cannot be returned as text";
                return Err(not_inline(kind, why));
            }
            (None, _) => None,
        };
        let mut db = library.catalog.snapshot().await?;
        let bin = bins::find(&mut db, &arguments.bin, visit.caller.owner()).await?;
        let items = visit.caller.items(&mut db, &bin).await?;
        drop(db);
        let found: Vec<Selection> = items.into_iter().map(Selection::from).collect();
        let options = CutListOptions {
            name: arguments.name.unwrap_or(bin.name),
            rate: arguments.rate,
            drop_frame: arguments.drop_frame,
            handles: arguments.handles.into(),
        };
        let list = gather(&library.catalog, &library.storage, &found, &options).await?;
        let export = export(kind, &list, &library.sources).await?;
        let mut answer = json!({
            "format": kind.name(),
            "picks": list.picks.len(),
            "frames": list.record_frames(),
            "rate": list.rate,
        });
        match place {
            Some((file, place)) => {
                let path = place.save(export, file, arguments.overwrite).await?;
                answer["file"] = json!(path);
            }
            None => answer["text"] = json!(text(kind, export)?),
        }
        reply(&answer)
    }
}

fn text(kind: ExportKind, export: ExportFile) -> Result<String, ToolError> {
    let why = match export {
        ExportFile::Text(bytes) if bytes.len() <= INLINE => match String::from_utf8(bytes) {
            Ok(text) => return Ok(text),
            Err(_not_text) => "is not UTF-8".to_owned(),
        },
        ExportFile::Text(bytes) => format!(
            "has {} bytes, and at most {INLINE} are returned as text",
            bytes.len()
        ),
        ExportFile::Media(_) => "holds pictures, which cannot be returned as text".to_owned(),
    };
    Err(not_inline(kind, &why))
}

fn not_inline(kind: ExportKind, why: &str) -> ToolError {
    let detail = format!(
        "this {} export {why}; give `file` to write it, or POST /v1/exports of a server",
        kind.name()
    );
    ToolError::new(ErrorKind::InvalidInput, "not-inline", detail)
}

fn formats(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<&str> = ExportKind::all().map(ExportKind::name).collect();
    let purposes: Vec<String> = ExportKind::all()
        .map(|kind| {
            format!(
                "{}: {} (.{})",
                kind.name(),
                kind.purpose(),
                kind.extension()
            )
        })
        .collect();
    let described = format!("The format. {}.", purposes.join("; "));
    json_schema!({ "type": "string", "enum": names, "description": described })
}
