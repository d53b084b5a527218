//! `OpenTimelineIO`: <https://github.com/AcademySoftwareFoundation/OpenTimelineIO>, schemas `Timeline.1` and `Clip.2`.
//!
//! Every time counts frames of its own source at its own exact rate. The media's range begins at its start timecode,
//! as the specification has it, and each clip's range lies within it.

use rushes_workers::time::Rate;
use serde_json::{Value, json};

use super::{CutList, ExportError, ExportFormat, Marker, Pick};

/// The format.
#[derive(Debug)]
pub(super) struct Otio;

impl ExportFormat for Otio {
    fn name(&self) -> &'static str {
        "otio"
    }

    fn purpose(&self) -> &'static str {
        "OpenTimelineIO for Resolve and pipelines; any rate, any length"
    }

    fn extension(&self) -> &'static str {
        "otio"
    }

    fn media_type(&self) -> &'static str {
        "application/vnd.opentimelineio+json"
    }

    fn write(&self, list: &CutList) -> Result<Vec<u8>, ExportError> {
        let record = list.record_timecode(self.name()).ok();
        let clips: Vec<(Value, bool)> = list
            .picks
            .iter()
            .map(|pick| (clip(list, pick), list.source(pick).audio.is_some()))
            .collect();
        let picture: Vec<&Value> = clips.iter().map(|(clip, _)| clip).collect();
        let mut tracks = vec![track("V1", "Video", &json!(picture))];
        if clips.iter().any(|(_, has_sound)| *has_sound) {
            let sound: Vec<Value> = clips.iter().map(|(clip, has)| sound(clip, *has)).collect();
            tracks.push(track("A1", "Audio", &json!(sound)));
        }
        let timeline = json!({
            "OTIO_SCHEMA": "Timeline.1",
            "name": list.name,
            "global_start_time": record.map(|record| time(record.start, list.rate)),
            "metadata": { "rushes": { "drop_frame": list.drop_frame, "rate": list.rate.to_string() } },
            "tracks": {
                "OTIO_SCHEMA": "Stack.1",
                "name": "tracks",
                "children": tracks,
                "effects": [], "markers": [], "enabled": true, "metadata": {}, "source_range": null,
            },
        });
        let mut text = serde_json::to_vec_pretty(&timeline).map_err(std::io::Error::from)?;
        text.push(b'\n');
        Ok(text)
    }
}

fn track(name: &str, kind: &str, children: &Value) -> Value {
    json!({
        "OTIO_SCHEMA": "Track.1",
        "name": name,
        "kind": kind,
        "children": children,
        "effects": [], "markers": [], "enabled": true, "metadata": {}, "source_range": null,
    })
}

fn clip(list: &CutList, pick: &Pick) -> Value {
    let source = list.source(pick);
    let (rate, start) = (source.timecode.rate, source.timecode.start);
    let reference = json!({
        "OTIO_SCHEMA": "ExternalReference.1",
        "name": source.file_name,
        "target_url": source.url,
        "available_range": range(start, source.frames, rate),
        "available_image_bounds": null,
        "metadata": { "rushes": {
            "asset": source.asset,
            "title": source.title,
            "path": source.path,
            "start_timecode": source.timecode.label(0),
            "variable_rate": source.variable,
            "audio_channels": source.audio.map_or(0, |audio| audio.channels),
        }},
    });
    let markers = pick
        .markers
        .iter()
        .map(|one| marker(one, pick, start, rate));
    json!({
        "OTIO_SCHEMA": "Clip.2",
        "name": pick.name,
        "source_range": range(start + pick.start, pick.end - pick.start, rate),
        "active_media_reference_key": "DEFAULT_MEDIA",
        "media_references": { "DEFAULT_MEDIA": reference },
        "effects": [],
        "markers": markers.collect::<Vec<_>>(),
        "enabled": true,
        "metadata": { "rushes": {
            "shot": pick.shot,
            "note": pick.note,
            "frames": [pick.frames.0, pick.frames.1],
        }},
    })
}

/// The sound of a clip: the same span of the same media; a gap where it has none.
fn sound(clip: &Value, has_sound: bool) -> Value {
    let mut sound = clip.clone();
    sound["markers"] = json!([]);
    if has_sound {
        return sound;
    }
    json!({
        "OTIO_SCHEMA": "Gap.1",
        "name": "",
        "source_range": sound["source_range"],
        "effects": [], "markers": [], "enabled": true, "metadata": {},
    })
}

fn marker(marker: &Marker, pick: &Pick, start: u64, rate: Rate) -> Value {
    let frame = marker.frame.clamp(pick.start, pick.end - 1);
    json!({
        "OTIO_SCHEMA": "Marker.2",
        "name": marker.name,
        "comment": marker.comment,
        "color": "RED",
        "marked_range": range(start + frame, 1, rate),
        "metadata": { "rushes": { "comment": marker.comment } },
    })
}

fn range(start: u64, frames: u64, rate: Rate) -> Value {
    json!({
        "OTIO_SCHEMA": "TimeRange.1",
        "start_time": time(start, rate),
        "duration": time(frames, rate),
    })
}

fn time(frames: u64, rate: Rate) -> Value {
    json!({
        "OTIO_SCHEMA": "RationalTime.1",
        "rate": f64::from(rate.num()) / f64::from(rate.den()),
        // A float by the schema; exact up to 2^53 frames.
        "value": float(frames),
    })
}

#[expect(clippy::cast_precision_loss, reason = "no video has 2^53 frames")]
const fn float(frames: u64) -> f64 {
    frames as f64
}
