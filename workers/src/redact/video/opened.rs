//! A video before anything is looked at: what it holds, where its output goes, and whether that is there already.

use std::path::{Path, PathBuf};

use super::super::RedactError;
use super::super::job::{Done, OutputRecord};
use super::super::picture::{Format, GPano, Header, Orientation};
use super::super::record::{FileRecord, SCHEMA, Tool};
use super::super::settings::ResolvedCamera;
use super::child::SurveyJob;
use super::record::VideoRecord;
use super::{Follow, Work, named};
use crate::media::{MediaError, Survey, VideoInfo};
use crate::source::ByteSource;
use crate::time::Rate;

/// A video before anything is looked at.
pub(super) struct OpenedVideo {
    pub(super) source: Box<dyn ByteSource>,
    pub(super) input: FileRecord,
    pub(super) survey: Survey,
    pub(super) video: VideoInfo,
    pub(super) time_base: Rate,
    pub(super) orientation: Orientation,
    pub(super) taken: ResolvedCamera,
    /// The name of its output.
    pub(super) output: PathBuf,
}

/// The names that the output of a file may have; that of a picture is the first.
pub(in crate::redact) fn output_names(own: &Path) -> impl Iterator<Item = PathBuf> {
    [None, Some("mp4"), Some("mkv"), Some("mov")]
        .into_iter()
        .map(|new| named(own, new))
}

/// What an earlier run made, if it is what this one would make.
pub(super) fn finished(work: &Work<'_>, input: &FileRecord) -> Option<Done> {
    let sink = work.context.sink;
    output_names(work.job.output).find_map(|name| {
        let json = sink.record(&name).ok()??;
        let record: VideoRecord = serde_json::from_slice(&json).ok()?;
        let same = record.schema == SCHEMA
            && record.tool == Tool::this()
            && record.input == *input
            && record.every == work.context.videos.every
            && work.redactor.is_asked(&record.settings, &record.detectors);
        let whole = match &record.output {
            Some(file) => sink.holds(&name, file).ok()?,
            None => true,
        };
        (same && whole).then(|| Done {
            name,
            record: OutputRecord::Video(Box::new(record)),
            resumed: true,
            timings: None,
        })
    })
}

/// Looks at what the video holds.
pub(super) fn open(
    work: &mut Work<'_>,
    mut source: Box<dyn ByteSource>,
    input: FileRecord,
) -> Result<OpenedVideo, RedactError> {
    let extension = Path::new(work.job.name)
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    let mut follow = Follow {
        observer: &mut *work.observer,
        from: 0.0,
        to: 0.0,
    };
    let sandbox = &work.context.videos.sandbox;
    let survey = sandbox.run(&mut *source, &SurveyJob { extension }, &mut follow, &mut ())?;
    let (stream, video) = survey.info.video().ok_or(MediaError::NoVideo)?;
    let video = video.clone();
    let time_base = stream
        .time_base
        .ok_or_else(|| MediaError::Decode("the video has no time base".to_owned()))?;
    let orientation = video.orientation;
    let taken = work
        .redactor
        .settings()
        .camera
        .taken(&header(&survey, &video, orientation))?;
    let output = named(work.job.output, survey.extension.as_deref());
    Ok(OpenedVideo {
        source,
        input,
        video,
        time_base,
        orientation,
        taken,
        output,
        survey,
    })
}

/// The video's pictures as a picture file would describe them.
fn header(survey: &Survey, video: &VideoInfo, orientation: Orientation) -> Header {
    let gpano = survey.panorama.map(|[left, top, right, bottom]| {
        let whole = |side: u32, missing: f64| pixels(f64::from(side) / (1.0 - missing).max(0.01));
        let full = (
            whole(video.width, left + right),
            whole(video.height, top + bottom),
        );
        GPano {
            projection: Some("equirectangular".to_owned()),
            full_width: Some(full.0),
            full_height: Some(full.1),
            cropped_width: Some(video.width),
            cropped_height: Some(video.height),
            cropped_left: Some(
                pixels(f64::from(full.0) * left).min(full.0.saturating_sub(video.width)),
            ),
            cropped_top: Some(
                pixels(f64::from(full.1) * top).min(full.1.saturating_sub(video.height)),
            ),
            ..GPano::default()
        }
    });
    Header {
        // Nothing that is asked of this header depends on it.
        format: Format::Jpeg,
        width: video.width,
        height: video.height,
        bits: video.bit_depth.unwrap_or(8),
        channels: 3,
        orientation,
        gpano,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a whole number of pixels, not negative; saturates"
)]
fn pixels(exact: f64) -> u32 {
    exact.round().max(0.0) as u32
}
