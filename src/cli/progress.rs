//! Progress of an ingest: one bar per stage, with rate and remaining time.

use std::collections::HashMap;
use std::time::Instant;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use rushes_workers::stages::Feature;

use crate::catalog::jobs::Job;
use crate::catalog::runs::{Run, RunState};
use crate::features::{Unit, unit_of};

/// Steps of a bar per video.
const STEPS: u64 = 1000;

impl Stage {
    /// The remaining time at the pace so far, once there is a pace.
    fn left(&self) -> Option<String> {
        let (since, _) = self.began?;
        let (done, all) = (self.bar.position(), self.bar.length()?);
        let elapsed = since.elapsed().as_secs_f64();
        if done == 0 || done >= all || elapsed < 2.0 {
            return None;
        }
        let seconds = elapsed * (all - done) as f64 / done as f64;
        let left = std::time::Duration::try_from_secs_f64(seconds).ok()?;
        Some(indicatif::HumanDuration(left).to_string())
    }
}

/// Progress bars on the terminal.
pub(super) struct Progress {
    bars: MultiProgress,
    stages: HashMap<&'static str, Stage>,
}

struct Stage {
    bar: ProgressBar,
    /// When the stage was first seen running, and the units done by then.
    began: Option<(Instant, i64)>,
}

impl Progress {
    /// Bars on standard error, or none if `quiet`.
    pub(super) fn new(quiet: bool) -> Self {
        Self {
            bars: MultiProgress::with_draw_target(target(quiet)),
            stages: HashMap::new(),
        }
    }

    /// Draws the progress of `jobs`.
    pub(super) fn show<'a>(&mut self, jobs: &(impl Iterator<Item = &'a Job> + Clone)) {
        for &feature in Feature::ALL {
            let name = feature.as_str();
            let runs: Vec<&Run> = jobs
                .clone()
                .flat_map(|job| &job.runs)
                .filter(|run| run.feature.split('/').next() == Some(name))
                .collect();
            if runs.is_empty() {
                continue;
            }
            let stage = self.stages.entry(name).or_insert_with(|| Stage {
                bar: self.bars.add(new_bar(name)),
                began: None,
            });
            stage.bar.set_length(STEPS * runs.len() as u64);
            stage
                .bar
                .set_position(runs.iter().map(|run| steps(run)).sum());
            let ended = runs.iter().filter(|run| run.state.is_final()).count();
            let units: i64 = runs.iter().map(|run| run.done).sum();
            let running = runs.iter().any(|run| run.state == RunState::Running);
            if stage.began.is_none() && running {
                stage.began = Some((Instant::now(), units));
            }
            let rate = stage.began.map_or(0.0, |(since, before)| {
                (units - before) as f64 / since.elapsed().as_secs_f64().max(0.001)
            });
            let failed = runs
                .iter()
                .filter(|run| run.state == RunState::Failed)
                .count();
            let mut message = format!("{ended}/{} videos", runs.len());
            if rate > 0.0 && running {
                message += &format!("  {}", per_second(unit_of(feature), rate));
            }
            if let Some(left) = stage.left().filter(|_| running) {
                message += &format!("  {left} left");
            }
            if failed > 0 {
                message += &format!("  {failed} failed");
            }
            stage.bar.set_message(message);
            if ended == runs.len() && !stage.bar.is_finished() {
                stage.bar.finish();
            }
        }
    }

    /// Leaves the last state on the screen.
    pub(super) fn finish(&self) {
        for stage in self.stages.values() {
            stage.bar.abandon();
        }
    }
}

/// Progress of one video, in frames. The bar disappears when the video is done.
pub(super) struct FrameProgress(Stage);

impl FrameProgress {
    /// A bar on standard error, or none if `quiet`.
    pub(super) fn new(name: &'static str, quiet: bool) -> Self {
        let bar = new_bar(name);
        bar.set_draw_target(target(quiet));
        let began = Some((Instant::now(), 0));
        Self(Stage { bar, began })
    }

    /// Draws that `done` of about `total` frames are done.
    pub(super) fn show(&self, done: u64, total: Option<u64>) {
        let Stage { bar, began } = &self.0;
        // The bar stays empty if the length of the video is unknown.
        bar.set_length(total.map_or(u64::MAX, |total| total.max(done)));
        bar.set_position(done);
        let seconds = began.map_or(0.0, |(since, _)| since.elapsed().as_secs_f64());
        let rate = per_second(Unit::Frames, done as f64 / seconds.max(0.001));
        let mut message = format!("{done} frames  {rate}");
        if let Some(left) = self.0.left().filter(|_| total.is_some()) {
            message += &format!("  {left} left");
        }
        bar.set_message(message);
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        self.0.bar.finish_and_clear();
    }
}

/// Progress of a catalogue that is copied, in rows.
pub(super) struct RowProgress(Stage);

impl RowProgress {
    /// A bar on standard error, or none if `quiet`.
    pub(super) fn new(quiet: bool) -> Self {
        let bar = new_bar("catalogue");
        bar.set_draw_target(target(quiet));
        let began = Some((Instant::now(), 0));
        Self(Stage { bar, began })
    }

    /// Draws that `done` of `total` steps are done, and that `what` is next.
    pub(super) fn show(&self, what: &str, done: u64, total: u64) {
        let Stage { bar, .. } = &self.0;
        bar.set_length(total.max(done));
        bar.set_position(done);
        let left = self.0.left().map(|left| format!("  {left} left"));
        bar.set_message(format!("{what}{}", left.unwrap_or_default()));
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        self.0.bar.finish_and_clear();
    }
}

/// Progress of a store that is copied, whose number of objects is not known before.
pub(super) struct ObjectProgress(ProgressBar);

impl ObjectProgress {
    /// A line on standard error, or none if `quiet`.
    pub(super) fn new(quiet: bool) -> Self {
        let style = ProgressStyle::with_template("{prefix:>11} {spinner} {msg}");
        let bar = ProgressBar::new_spinner()
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
            .with_prefix("store");
        bar.set_draw_target(target(quiet));
        Self(bar)
    }

    /// Draws how many objects were copied, with so many bytes, and how many were there already.
    pub(super) fn show(&self, copied: u64, same: u64, bytes: u64) {
        let bytes = bytesize::ByteSize(bytes);
        self.0
            .set_message(format!("{copied} copied  {bytes}  {same} there already"));
        self.0.tick();
    }

    /// Removes the line.
    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

fn target(quiet: bool) -> ProgressDrawTarget {
    if quiet {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    }
}

fn new_bar(name: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix:>11} {bar:28} {percent:>3}%  {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::no_length().with_style(style).with_prefix(name)
}

/// How much of its share of the bar a run fills, in steps.
fn steps(run: &Run) -> u64 {
    if run.state.is_final() {
        return STEPS;
    }
    match run.total {
        Some(total) if total > 0 => {
            (run.done.clamp(0, total).cast_unsigned() * STEPS) / total.cast_unsigned()
        }
        _ => 0,
    }
}

fn per_second(unit: Unit, rate: f64) -> String {
    match unit {
        Unit::Bytes => format!("{:.0} MB/s", rate / 1e6),
        Unit::Frames => format!("{rate:.0} frames/s"),
        Unit::Lines => format!("{rate:.0} lines/s"),
        Unit::Shots => format!("{rate:.1} shots/s"),
    }
}
