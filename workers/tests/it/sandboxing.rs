//! The decoding process: the same results as without it, and a typed error however it ends.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use rushes_workers::media::{MediaError, ProxyParams, SandboxFailure, StillsJob};
use rushes_workers::sandbox::{Limits, Observer, PassError, Sandbox};
use rushes_workers::segment::{SegmentParams, ShotScan};
use rushes_workers::source::ByteSource;
use rustix::process::{Pid, Signal, kill_process};

use crate::clips::{Clips, open, sandbox, scan};

fn video(clips: &Clips) -> std::path::PathBuf {
    clips.make(
        "-f lavfi -i testsrc2=r=25:s=640x360:d=4 -f lavfi -i sine=d=4 -c:v libx264 -preset ultrafast",
        "video.mp4",
    )
}

fn shots(
    sandbox: &Sandbox,
    video: &Path,
    observer: &mut dyn Observer,
) -> Result<ShotScan, MediaError> {
    sandbox.shots(open(video).as_mut(), &SegmentParams::default(), observer)
}

fn failure(result: Result<ShotScan, MediaError>) -> SandboxFailure {
    match result.unwrap_err() {
        MediaError::Sandbox(failure) => failure,
        other => panic!("{other}"),
    }
}

#[test]
fn a_child_answers_what_this_process_would() {
    let clips = Clips::new();
    let video = video(&clips);
    let sandbox = sandbox(Limits::default());
    let info = sandbox.probe(open(&video).as_mut(), &mut ()).unwrap();
    assert_eq!(info.video().unwrap().1.width, 640);
    let found = shots(&sandbox, &video, &mut ()).unwrap();
    assert_eq!(found, scan(&video));
    let mut stretches = [0..50, 50..100]
        .map(|span| found.timeline.stretch(&span))
        .into_iter();
    let mut proxies = Vec::new();
    let mut sink = |frames: Range<u64>, bytes: Vec<u8>| {
        let number = proxies.len() as u64;
        assert_eq!(frames, number * 50..number * 50 + 50);
        proxies.push(bytes);
        Ok::<_, MediaError>(())
    };
    sandbox
        .proxies(
            open(&video).as_mut(),
            &ProxyParams::default(),
            &mut stretches,
            &mut (),
            &mut sink,
        )
        .unwrap();
    assert_eq!(proxies.len(), 2);
    let proxy = clips.write("proxy.mp4", &proxies[1]);
    assert_eq!(scan(&proxy).timeline.frames(), 50);
    let error = sandbox
        .subtitles(open(&video).as_mut(), 0, &mut ())
        .unwrap_err();
    assert_eq!(error.code(), "wrong-stream");
}

#[test]
fn stills_are_the_frames_that_were_asked_for() {
    let clips = Clips::new();
    // Neighbouring frames differ much in their grey, and the video is rotated.
    let video = clips.make_oriented(
        "-f lavfi -i color=black:r=25:s=320x180:d=2,format=yuv420p,geq=lum=16+mod(37*N\\,200):cb=128:cr=128 \
         -c:v libx264 -preset ultrafast -qp 0",
        6,
        "steps.mp4",
    );
    let sandbox = sandbox(Limits::default());
    let mut job = StillsJob {
        frames: vec![0, 7, 8, 49],
        max_width: 90,
        max_height: 90,
        threads: 1,
    };
    let mut got = Vec::new();
    let mut sink = |number, picture: image::RgbImage| {
        assert_eq!(picture.dimensions(), (51, 90));
        got.push((number, picture.get_pixel(25, 45).0[0]));
        Ok::<_, MediaError>(())
    };
    sandbox
        .stills(open(&video).as_mut(), &job, &mut (), &mut sink)
        .unwrap();
    for (number, grey) in got {
        // Luma of 16 to 235 becomes 0 to 255.
        let wanted = (37 * number % 200) as f64 * 255.0 / 219.0;
        assert!((f64::from(grey) - wanted).abs() <= 4.0, "{number}: {grey}");
    }
    let mut ignore = |_number, _picture| Ok::<_, MediaError>(());
    for wrong in [vec![3, 3], vec![4, 3], vec![10, 50]] {
        job.frames = wrong;
        let error = sandbox
            .stills(open(&video).as_mut(), &job, &mut (), &mut ignore)
            .unwrap_err()
            .or(|error| error);
        assert_eq!(error.code(), "wrong-spans", "{:?}", job.frames);
    }
    job.frames.clear();
    sandbox
        .stills(open(&video).as_mut(), &job, &mut (), &mut ignore)
        .unwrap();
}

/// Does something to the child at its first progress report.
struct Meddler<'a> {
    marker: &'a str,
    signal: Signal,
    meddled: bool,
}

impl Observer for Meddler<'_> {
    fn progress(&mut self, _done: u64, _total: Option<u64>) {
        if !self.meddled {
            self.meddled = true;
            kill_process(child(self.marker), self.signal).unwrap();
        }
    }

    fn cancelled(&self) -> bool {
        false
    }
}

/// The process that was started with a given argument.
fn child(argument: &str) -> Pid {
    let processes = std::fs::read_dir("/proc").unwrap();
    processes
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
        .find(|id: &i32| {
            let command = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            command
                .split(|&byte| byte == 0)
                .any(|part| part == argument.as_bytes())
        })
        .and_then(Pid::from_raw)
        .unwrap()
}

#[test]
fn a_child_that_is_killed_is_an_error_that_says_so() {
    let clips = Clips::new();
    let video = video(&clips);
    let mut sandbox = sandbox(Limits::default());
    sandbox.args = vec!["child-to-be-killed".into()];
    let mut meddler = Meddler {
        marker: "child-to-be-killed",
        signal: Signal::KILL,
        meddled: false,
    };
    let failure = failure(shots(&sandbox, &video, &mut meddler));
    assert!(
        matches!(failure, SandboxFailure::Signal { signal: 9, .. }),
        "{failure}"
    );
}

#[test]
fn a_child_that_stops_is_killed_after_a_while() {
    let clips = Clips::new();
    let video = video(&clips);
    let mut sandbox = sandbox(Limits {
        stall: Duration::from_millis(300),
        ..Limits::default()
    });
    sandbox.args = vec!["child-to-be-stopped".into()];
    let mut meddler = Meddler {
        marker: "child-to-be-stopped",
        signal: Signal::STOP,
        meddled: false,
    };
    let failure = failure(shots(&sandbox, &video, &mut meddler));
    assert_eq!(failure, SandboxFailure::Stalled { limit_ms: 300 });
}

#[test]
fn a_child_without_memory_is_an_error_that_names_the_limit() {
    let clips = Clips::new();
    let video = video(&clips);
    let limit = 64 << 20;
    let sandbox = sandbox(Limits {
        memory_bytes: limit,
        ..Limits::default()
    });
    let failure = failure(shots(&sandbox, &video, &mut ()));
    assert_eq!(failure, SandboxFailure::Memory { limit });
}

#[test]
fn a_child_that_uses_up_its_time_is_an_error_that_names_the_limit() {
    let clips = Clips::new();
    let video = video(&clips);
    let sandbox = sandbox(Limits {
        cpu_seconds: Some(1),
        ..Limits::default()
    });
    let found = scan(&video);
    let params = ProxyParams {
        preset: "placebo".to_owned(),
        crf: 1,
        ..ProxyParams::default()
    };
    let mut stretches = std::iter::once(found.timeline.stretch(&(0..100)));
    let mut sink = |_frames, _bytes| Ok::<_, MediaError>(());
    let error = sandbox
        .proxies(
            open(&video).as_mut(),
            &params,
            &mut stretches,
            &mut (),
            &mut sink,
        )
        .unwrap_err();
    assert_eq!(
        error.or(|error| error),
        MediaError::Sandbox(SandboxFailure::CpuTime { limit: 1 })
    );
}

struct Impatient(bool);

impl Observer for Impatient {
    fn progress(&mut self, _done: u64, _total: Option<u64>) {
        self.0 = true;
    }

    fn cancelled(&self) -> bool {
        self.0
    }
}

#[test]
fn work_can_be_cancelled() {
    let clips = Clips::new();
    let video = video(&clips);
    let result = shots(&sandbox(Limits::default()), &video, &mut Impatient(false));
    assert_eq!(result.unwrap_err(), MediaError::Cancelled);
}

#[test]
fn a_sink_that_fails_ends_the_work_with_its_own_error() {
    let clips = Clips::new();
    let video = video(&clips);
    let found = scan(&video);
    let mut stretches = [0..10, 10..100]
        .map(|span| found.timeline.stretch(&span))
        .into_iter();
    let mut sink = |_frames, _bytes| Err("the store is full");
    let result = sandbox(Limits::default()).proxies(
        open(&video).as_mut(),
        &ProxyParams::default(),
        &mut stretches,
        &mut (),
        &mut sink,
    );
    assert_eq!(
        result.unwrap_err(),
        PassError::Receiver("the store is full")
    );
}

#[test]
fn programs_that_are_no_decoding_child_are_found_out() {
    let clips = Clips::new();
    let video = video(&clips);
    let run = |command: &str, args: &[&str]| {
        let sandbox = Sandbox {
            command: command.into(),
            args: args.iter().map(Into::into).collect(),
            limits: Limits {
                stall: Duration::from_millis(200),
                ..Limits::default()
            },
        };
        failure(shots(&sandbox, &video, &mut ()))
    };
    assert!(matches!(run("/nonexistent", &[]), SandboxFailure::Start(_)));
    assert!(matches!(
        run("/bin/false", &[]),
        SandboxFailure::Exit { status: 1, .. }
    ));
    assert!(matches!(run("/bin/cat", &[]), SandboxFailure::Protocol(_)));
    assert!(matches!(
        run("/bin/sleep", &["60"]),
        SandboxFailure::Stalled { .. }
    ));
    let SandboxFailure::Exit { status: 3, stderr } =
        run("/bin/sh", &["-c", "echo oh no >&2; exit 3"])
    else {
        panic!("a shell is no decoding child");
    };
    assert_eq!(stderr, "oh no");
}

/// A source that fails after a while.
struct Broken(Box<dyn ByteSource>);

impl ByteSource for Broken {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if offset > 0 {
            return Err(io::Error::other("the store went away"));
        }
        self.0.read_at(offset, buffer)
    }
}

#[test]
fn a_source_that_fails_is_not_the_videos_fault() {
    let clips = Clips::new();
    let video = clips.make(
        "-f lavfi -i testsrc2=r=25:s=640x360:d=4 -c:v rawvideo -pix_fmt yuv420p",
        "large.avi",
    );
    let error = sandbox(Limits::default())
        .shots(
            &mut Broken(open(&video)),
            &SegmentParams::default(),
            &mut (),
        )
        .unwrap_err();
    assert_eq!(error, MediaError::Io("the store went away".to_owned()));
}

#[test]
fn an_empty_source_needs_no_child() {
    let error = sandbox(Limits::default())
        .probe(&mut bytes::Bytes::new(), &mut ())
        .unwrap_err();
    assert_eq!(error, MediaError::Empty);
}

#[test]
fn a_child_can_reach_nothing_but_its_pipes() {
    let confinement = sandbox(Limits::default()).confinement().unwrap();
    assert!(confinement.seccomp, "{confinement:?}");
    // The kernel's own report on a working child.
    let clips = Clips::new();
    let video = video(&clips);
    let mut source = Spy {
        inner: open(&video),
        seen: None,
    };
    let found = sandbox(Limits::default())
        .probe(&mut source, &mut ())
        .unwrap();
    assert_eq!(found.video().unwrap().1.width, 640);
    let seen = source.seen.unwrap();
    for line in ["Seccomp:\t2", "NoNewPrivs:\t1"] {
        assert!(seen.contains(line), "{line} is not in {seen}");
    }
}

/// A source that examines the child that requests its first bytes; this process then has no other child.
struct Spy {
    inner: Box<dyn ByteSource>,
    seen: Option<String>,
}

impl ByteSource for Spy {
    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if self.seen.is_none() {
            self.seen = std::fs::read_dir("/proc").unwrap().find_map(|entry| {
                let status = std::fs::read_to_string(entry.unwrap().path().join("status")).ok()?;
                let ours = format!("PPid:\t{}\n", std::process::id());
                (status.contains(&ours) && status.contains("Seccomp:\t2")).then_some(status)
            });
        }
        self.inner.read_at(offset, buffer)
    }
}

#[test]
fn nothing_that_a_hostile_video_would_do_succeeds() {
    let output = std::process::Command::new(crate::clips::example("confined"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "done\n");
}
