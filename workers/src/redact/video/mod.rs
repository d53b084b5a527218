//! Videos: every frame looked at, tracks made of what was seen, and all of it hidden in each frame.
//!
//! Two passes, each in a decoding child that knows neither path nor detector. The first hands up frames, at which the
//! detectors of this process look. From the sightings come tracks, which fill what detectors miss. In the second
//! pass the child decodes the video again, asks for each frame what to hide in it, and hands up the bytes of the
//! new video. Frames go by one at a time, so memory does not grow with the video but for boxes and times.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::RedactError;
use super::blur::Fill;
use super::job::{self, Done, JobContext, JobObserver, OutputRecord, RedactionJob};
use super::memory::Use;
use super::record::{FileRecord, SCHEMA, Tool};
use super::sink::{SinkOutput, Staged, digest};
use super::still::{Redactor, layout_name, views};
use crate::media::{Bounds, RewriteOptions, StreamFate};
use crate::sandbox::{Limits, Observer, Sandbox};
use crate::source::ByteSource;
use crate::time::Rate;

mod child;
mod look;
mod opened;
mod pace;
mod place;
mod plan;
mod record;
mod track;

pub(crate) use child::{DetectionSummary, LookJob, RewriteJob, SurveyJob};
use look::{FrameIntake, FrameQueue, Seen, Watch, at_once, nonsense};
pub(super) use opened::output_names;
use opened::{OpenedVideo, finished, open};
use pace::Pace;
use plan::{Plan, RewritePass, disagree};
pub use record::{VideoBox, VideoRecord, VideoStreamRecord, VideoTrack};
pub use track::FoundBy;
use track::{Rules, Times, tracks};

/// The longest gap in a track that is filled, in seconds.
const GAP: f64 = 1.0;
/// How long a track goes on at both ends, in seconds.
const EXTENSION: f64 = 0.25;
/// x264: visually lossless. In its similarity to the source it is near the preset "fast" at 18, in half of the time
/// (`benches/RESULTS.md`).
const CRF: u8 = 16;
const PRESET: &str = "veryfast";
/// Threads of a child. Each takes address space for its stack and its heap.
const MOST_THREADS: usize = 8;
/// Part of the work that the first pass is, for the progress.
const FIRST_PASS: f64 = 0.75;

/// How videos are redacted.
#[derive(Debug, Clone)]
pub struct VideoOptions {
    /// Look at every n-th frame; tracks fill the others. If absent, nothing is shown more than
    /// 85 ms after a look.
    pub every: Option<u32>,
    /// How decoding children are started.
    pub sandbox: Sandbox,
    /// Bytes that an output may have at most.
    pub longest: u64,
}

impl VideoOptions {
    /// With children of this very program.
    ///
    /// # Errors
    /// The system does not tell the path of the running program.
    pub fn new(every: Option<u32>) -> Result<Self, RedactError> {
        let sandbox = Sandbox::current_exe(Self::limits())
            .map_err(RedactError::io("find", "the running program"))?;
        Ok(Self {
            every,
            sandbox,
            longest: u64::MAX,
        })
    }

    /// What a child may use: an encoder keeps some sixty frames, which at 8K is 5 GB of addresses.
    #[must_use]
    pub fn limits() -> Limits {
        Limits {
            memory_bytes: 12 << 30,
            bounds: Bounds::default(),
            ..Limits::default()
        }
    }
}

/// One video to redact.
pub(super) struct Work<'a> {
    pub(super) redactor: &'a mut Redactor,
    pub(super) job: &'a RedactionJob<'a>,
    pub(super) context: &'a JobContext<'a>,
    pub(super) observer: &'a mut dyn JobObserver,
}

/// Tells how far a child is, and stops it.
struct Follow<'a> {
    observer: &'a mut dyn JobObserver,
    from: f64,
    to: f64,
}

impl Observer for Follow<'_> {
    #[expect(clippy::cast_precision_loss, reason = "a share of the work")]
    fn progress(&mut self, done: u64, total: Option<u64>) {
        if let Some(total) = total.filter(|&total| total > 0) {
            let share = (done as f64 / total as f64).min(1.0);
            self.observer
                .progress(self.from + (self.to - self.from) * share);
        }
    }

    fn cancelled(&self) -> bool {
        self.observer.is_stopped()
    }
}

/// About how many bytes a video of 4K takes while it is worked on: frames in the decoder, the encoder and here.
const COST: u64 = 2 << 30;

/// Redacts one video, or finds that it was done before.
pub(super) fn redact(
    mut work: Work<'_>,
    mut source: Box<dyn ByteSource>,
) -> Result<Done, RedactError> {
    let (job, context) = (work.job, work.context);
    if job.corrections.is_some() {
        return Err(RedactError::Unsupported(
            "regions by hand are for pictures; take this video out of them".to_owned(),
        ));
    }
    if context.videos.every == Some(0) {
        return Err(RedactError::Settings(
            "every is 0; look at least at every frame: 1".to_owned(),
        ));
    }
    let observer = &*work.observer;
    let _held = context
        .memory
        .hold(Use::Video, COST, &|| observer.is_stopped())?;
    let input = identify(&work, &mut *source);
    if job.resume
        && let Ok(input) = &input
        && let Some(done) = finished(&work, input)
    {
        return Ok(done);
    }
    // What is there from before must not stand if this run fails, whatever it was called.
    job::clear_earlier(context.sink, job)?;
    let opened = open(&mut work, source, input?)?;
    context.sink.claim(&opened.output)?;
    context.sink.clear(&opened.output, job.name)?;
    run(&mut work, opened)
}

/// What identifies the video.
fn identify(work: &Work<'_>, source: &mut dyn ByteSource) -> Result<FileRecord, RedactError> {
    let is_stopped = || work.observer.is_stopped();
    match digest(source, &is_stopped) {
        Ok((sha256, bytes)) => Ok(FileRecord {
            name: work.job.name.to_owned(),
            sha256,
            bytes,
        }),
        Err(_) if is_stopped() => Err(RedactError::Cancelled),
        Err(error) => Err(RedactError::io("read", work.job.name)(error)),
    }
}

/// Both passes.
fn run(work: &mut Work<'_>, mut video: OpenedVideo) -> Result<Done, RedactError> {
    let camera = video.taken.camera.clone();
    let layouts = work.redactor.layouts(&video.taken)?;
    let every = work.context.videos.every;
    let pace = Pace::new(every, video.time_base);
    let threads = u32::try_from(work.context.threads.clamp(1, MOST_THREADS)).unwrap_or(1);
    let begun = Instant::now();
    let sandbox = &work.context.videos.sandbox;
    let size = (video.video.width, video.video.height);
    let views = views(&layouts, &camera)?;
    let votes = work.redactor.settings().votes;
    let watch = Watch {
        camera: &camera,
        views: &views,
        orientation: video.orientation,
        votes,
    };
    let mut follow = Follow {
        observer: &mut *work.observer,
        from: 0.0,
        to: FIRST_PASS,
    };
    let source = &mut *video.source;
    let hand_up = |queue: FrameQueue<'_>| {
        let mut intake = FrameIntake {
            size,
            max_frames: sandbox.limits.bounds.max_frames,
            pts: Vec::new(),
            looked: Vec::new(),
            queue,
        };
        let job = LookJob { pace, threads };
        let looked = sandbox.run(source, &job, &mut follow, &mut intake)?;
        Ok((looked, intake.pts, intake.looked))
    };
    let lookouts = work.redactor.lookouts(at_once(size));
    let ((looked, pts, frames), seen) = watch.look(lookouts, hand_up)?;
    let Seen {
        sights,
        mut timings,
    } = seen;
    if looked.frames != pts.len() as u64 {
        return Err(disagree(looked.frames.min(pts.len() as u64)));
    }
    if !pace.is_kept(&pts, &frames) {
        return Err(nonsense("frames without their pixels"));
    }
    let took = begun.elapsed().as_secs_f64();
    timings.decode = (took - timings.render - timings.detect - timings.merge).max(0.0);
    let times = times(&pts, video.time_base, &looked);
    let step = longest_step(&times, &frames);
    let rules = Rules {
        gap: GAP.max(2.0 * step),
        extension: EXTENSION.max(step),
    };
    let spots: Vec<_> = sights.iter().map(|sight| sight.spot).collect();
    let tracks = tracks(&spots, &times, rules);
    let settings = work.redactor.settings().clone();
    let plan = Plan::new(&camera, &settings, &views, &sights, &tracks, pts.len());
    let mut record = VideoRecord {
        schema: SCHEMA,
        tool: Tool::this(),
        input: video.input.clone(),
        output: None,
        video: video_record(&video, pts.len()),
        settings: work.redactor.settings_record(),
        every,
        detectors: work.redactor.detectors().records().to_vec(),
        layouts: layouts.iter().map(layout_name).collect(),
        views: views.clone(),
        tracks: plan.records(),
        streams: video.survey.streams.clone(),
        warnings: warnings(&video, &looked, pts.first().copied().unwrap_or(0)),
    };
    let mut written = None;
    if settings.fill != Fill::None {
        let begun = Instant::now();
        written = Some(write(work, &mut video, &plan, &pts, threads, &mut record)?);
        timings.blur = begun.elapsed().as_secs_f64();
    }
    let begun = Instant::now();
    // The record of a video is long: it has no spaces.
    let json = job::json(serde_json::to_vec, &record)?;
    let sink = work.context.sink;
    sink.put(&video.output, json, written.map(SinkOutput::Staged))?;
    timings.write = begun.elapsed().as_secs_f64();
    Ok(Done {
        record: OutputRecord::Video(Box::new(record)),
        resumed: false,
        name: video.output,
        timings: Some(timings),
    })
}

/// The second pass: the video with its regions hidden, in a file that has no name yet.
fn write(
    work: &mut Work<'_>,
    video: &mut OpenedVideo,
    plan: &Plan<'_>,
    pts: &[i64],
    threads: u32,
    record: &mut VideoRecord,
) -> Result<Staged, RedactError> {
    let mut staged = work.context.sink.stage(&video.output)?;
    let copies = video
        .survey
        .with_fate(StreamFate::Copied)
        .map(|stream| stream.index)
        .collect();
    let job = RewriteJob {
        options: RewriteOptions {
            container: video.survey.container.clone(),
            copies,
            crf: CRF,
            preset: PRESET.to_owned(),
            threads,
        },
        camera: plan.camera.clone(),
        orientation: video.orientation,
        fill: plan.settings.fill,
        frames: pts.len() as u64,
    };
    let length = video.source.len();
    let mut writing = RewritePass {
        plan,
        pts,
        next: 0,
        file: staged.file(),
        // A video of few bits a pixel grows when it is encoded well, but not without end.
        longest: length
            .saturating_mul(64)
            .saturating_add(1 << 30)
            .min(work.context.videos.longest),
    };
    let mut follow = Follow {
        observer: &mut *work.observer,
        from: FIRST_PASS,
        to: 1.0,
    };
    let sandbox = &work.context.videos.sandbox;
    let written = sandbox.run(&mut *video.source, &job, &mut follow, &mut writing)?;
    let next = writing.next;
    if written.frames != pts.len() as u64 || next != pts.len() {
        return Err(disagree(written.frames));
    }
    if written.converted {
        record.warnings.push(format!(
            "its pictures were converted to {} to be changed and encoded",
            written.pixel_format
        ));
    }
    record.video.pixel_format = Some(written.pixel_format);
    let sealed = staged.sealed();
    let (sha256, bytes) = sealed.map_err(RedactError::io("write", &video.output))?;
    record.output = Some(FileRecord {
        name: named(
            Path::new(&video.input.name),
            video.survey.extension.as_deref(),
        )
        .to_string_lossy()
        .into_owned(),
        sha256,
        bytes,
    });
    Ok(staged)
}

/// A name with another extension behind its own, so that `a.avi` and `a.mpg` stay two.
fn named(path: &Path, extension: Option<&str>) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    if let Some(extension) = extension {
        name.push(".");
        name.push(extension);
    }
    name.into()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "times in seconds, for tracks only"
)]
fn times(pts: &[i64], time_base: Rate, looked: &DetectionSummary) -> Times {
    let unit = f64::from(time_base.den()) / f64::from(time_base.num());
    let first = pts.first().copied().unwrap_or(0);
    Times {
        seconds: pts.iter().map(|pts| (pts - first) as f64 * unit).collect(),
        cuts: looked
            .cuts
            .iter()
            .filter_map(|&cut| usize::try_from(cut).ok())
            .collect::<BTreeSet<_>>(),
    }
}

/// The longest time from one frame that is looked at to the next, in seconds; 0 if all are.
fn longest_step(times: &Times, looked: &[usize]) -> f64 {
    let seconds = &times.seconds;
    if looked.len() == seconds.len() {
        return 0.0;
    }
    let looked = looked.iter().filter_map(|&frame| seconds.get(frame));
    let looked: Vec<f64> = looked.chain(seconds.last()).copied().collect();
    looked
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .fold(0.0, f64::max)
}

fn video_record(video: &OpenedVideo, frames: usize) -> VideoStreamRecord {
    let codec = video
        .survey
        .info
        .video()
        .map(|(stream, _)| stream.codec.clone());
    VideoStreamRecord {
        container: video.survey.info.container.clone(),
        codec: codec.unwrap_or_default(),
        width: video.video.width,
        height: video.video.height,
        orientation: video.orientation,
        camera: video.taken.camera.clone(),
        time_base: video.time_base.to_string(),
        frames: frames as u64,
        pixel_format: None,
    }
}

/// What a person should know of a video whose first frame is shown at `first`.
fn warnings(video: &OpenedVideo, looked: &DetectionSummary, first: i64) -> Vec<String> {
    let mut warnings = video.survey.warnings.clone();
    warnings.extend(video.taken.warning.clone());
    let seconds = |pts: i64| {
        let from = pts.saturating_sub(first);
        let ms = video
            .time_base
            .rescale(from, Rate::new(1000, 1).unwrap_or(video.time_base));
        format!("{}.{:03} s", ms / 1000, ms % 1000)
    };
    for found in &looked.clock_breaks {
        warnings.push(format!(
            "{} at {}; the output plays on without a gap",
            found.describe(),
            seconds(found.at_pts)
        ));
    }
    if !looked.corrupt.is_empty() {
        warnings.push(format!(
            "the video is damaged in {} places: frames there may be missing, or show rubbish",
            looked.corrupt.len()
        ));
    }
    for stream in video.survey.with_fate(StreamFate::Dropped) {
        let why = stream.why.as_deref().unwrap_or("it cannot be carried over");
        warnings.push(format!(
            "stream {} ({}, {}) is left out: {why}",
            stream.index, stream.kind, stream.codec
        ));
    }
    warnings
}
