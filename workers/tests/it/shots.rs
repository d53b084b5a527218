//! Shot boundaries, in real and in synthetic videos.

use rushes_workers::media::Bounds;
use rushes_workers::segment::{BoundaryKind, DetectorKind, SegmentParams, ShotScan, segment};

use crate::clips::{Clips, material, open, scan};

fn starts(scan: &ShotScan) -> Vec<u64> {
    scan.shots.iter().map(|shot| shot.start).collect()
}

#[test]
fn the_shots_of_a_street_video_begin_where_a_person_sees_them() {
    let Some(material) = material() else { return };
    let scan = scan(&material.join("video/bikes.mp4"));
    assert_eq!(scan.timeline.frames(), 250);
    assert_eq!(starts(&scan), [0, 30, 76, 137, 187, 242]);
}

#[test]
fn clips_joined_end_to_end_are_cut_where_they_were_joined() {
    let Some(material) = material() else { return };
    let clips = Clips::new();
    let mut names: Vec<_> = std::fs::read_dir(material.join("grid"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "mpg"))
        .collect();
    names.sort();
    let inputs: Vec<_> = names
        .iter()
        .map(|path| format!("-i {}", path.display()))
        .collect();
    let arguments = format!(
        "{} -filter_complex concat=n={}:v=1:a=0 -c:v libx264 -preset ultrafast",
        inputs.join(" "),
        names.len(),
    );
    let video = clips.make(&arguments, "joined.mp4");
    let joins: Vec<u64> = (0..names.len() as u64).map(|clip| clip * 75).collect();
    assert_eq!(starts(&scan(&video)), joins);
}

#[test]
fn fades_through_black_and_white_are_boundaries() {
    let Some(material) = material() else { return };
    let scan = scan(&material.join("video/fades.mp4"));
    let fades = &scan.shots[1..];
    assert!(
        fades
            .iter()
            .all(|shot| shot.opening.kind == BoundaryKind::Fade)
    );
    for (found, known) in starts(&scan).into_iter().zip([0, 42, 84, 126, 167, 209]) {
        assert!(found.abs_diff(known) <= 1, "{found} is not {known}");
    }
    assert_eq!(fades.len(), 5);
}

#[test]
fn a_flash_is_no_cut() {
    let clips = Clips::new();
    let video = clips.make(
        "-f lavfi -i testsrc2=r=25:s=320x180:d=4 \
         -vf lutyuv=y=val:enable='1',drawbox=c=white:t=fill:enable='between(n,40,42)' \
         -c:v libx264 -preset ultrafast",
        "flash.mp4",
    );
    assert_eq!(starts(&scan(&video)), [0]);
}

#[test]
fn a_still_picture_and_a_single_frame_are_one_shot() {
    let clips = Clips::new();
    for (duration, name) in [("3", "still.mp4"), ("0.04", "frame.mp4")] {
        let arguments = format!("-f lavfi -i color=red:r=25:s=64x64:d={duration} -c:v libx264");
        assert_eq!(starts(&scan(&clips.make(&arguments, name))), [0], "{name}");
    }
}

#[test]
fn shots_of_a_video_whose_rate_varies_are_found_where_they_are() {
    let clips = Clips::new();
    let video = clips.make(
        "-f lavfi -i testsrc2=r=50:s=320x180:d=3 -f lavfi -i smptebars=r=50:s=320x180:d=3 \
         -filter_complex concat=n=2,select='not(mod(n\\,3))+lt(n\\,75)' -vsync vfr \
         -c:v libx264 -preset ultrafast",
        "vfr.mp4",
    );
    let scan = scan(&video);
    assert!(scan.timeline.variable);
    // 75 frames, then each third of those up to number 149.
    assert_eq!(starts(&scan), [0, 100]);
    assert_eq!(scan.timeline.ms_of(100), 3000);
}

#[test]
fn a_dissolve_is_a_boundary_in_its_middle() {
    let clips = Clips::new();
    // Frames 50 to 61 are mixtures.
    let video = clips.make(
        "-f lavfi -i testsrc2=r=25:s=320x180:d=3 -f lavfi -i mandelbrot=r=25:s=320x180 \
         -filter_complex xfade=duration=0.48:offset=2 -t 4 -c:v libx264 -preset ultrafast",
        "dissolve.mp4",
    );
    let shots = scan(&video).shots;
    assert_eq!(shots.len(), 2, "{shots:#?}");
    assert_eq!(shots[1].opening.kind, BoundaryKind::Dissolve);
    assert!(shots[1].start.abs_diff(56) <= 4, "{}", shots[1].start);
}

/// Index of the shot that each shot was found to resemble.
fn marks(scan: &ShotScan) -> Vec<Option<u64>> {
    scan.shots.iter().map(|shot| shot.same_as).collect()
}

/// The parts `[start, end)` of inputs, concatenated.
fn joined(clips: &Clips, inputs: &[&std::path::Path], parts: &[(usize, u32, u32)]) -> ShotScan {
    let mut arguments = String::new();
    let mut graph = String::new();
    let mut order = String::new();
    for (at, &(input, start, end)) in parts.iter().enumerate() {
        arguments += &format!("-i {} ", inputs[input].display());
        graph += &format!(
            "[{at}:v]trim=start_frame={start}:end_frame={end},setpts=PTS-STARTPTS[p{at}];"
        );
        order += &format!("[p{at}]");
    }
    let count = parts.len();
    let video = clips.make(
        &format!(
            "{arguments}-filter_complex {graph}{order}concat=n={count}:v=1:a=0 -c:v libx264 -preset ultrafast"
        ),
        "joined.mp4",
    );
    // Which shots are alike does not depend on the detector; this one separates two takes of one speaker.
    let params = SegmentParams {
        detector: DetectorKind::Signal,
        ..SegmentParams::default()
    };
    segment(
        open(&video),
        &params,
        &Bounds::default(),
        &mut |_done, _total| Ok(()),
    )
    .unwrap()
}

#[test]
fn the_sides_of_a_dialogue_are_recognised_and_told_apart() {
    let Some(material) = material() else { return };
    let clips = Clips::new();
    let speaker = |name: &str| material.join("grid").join(name);
    // Two takes of one man, and men who sit before the same backdrop.
    let (take, other_take) = (speaker("id2_vcd_swwp2s.mpg"), speaker("pwij3p.mpg"));
    let (like_him, another) = (speaker("sbia1a.mpg"), speaker("bbaf2n.mpg"));
    let inputs = [&*take, &*like_him, &*other_take, &*another];
    let found = joined(
        &clips,
        &inputs,
        &[
            (0, 0, 37),
            (1, 0, 37),
            (0, 37, 75),
            (1, 37, 75),
            (2, 0, 75),
            (3, 0, 75),
        ],
    );
    assert_eq!(starts(&found), [0, 37, 74, 112, 150, 225]);
    assert_eq!(marks(&found), [None, None, Some(0), Some(1), Some(0), None]);
}

#[test]
fn speakers_before_one_backdrop_are_not_taken_for_each_other() {
    let Some(material) = material() else { return };
    let clips = Clips::new();
    let mut names: Vec<_> = std::fs::read_dir(material.join("grid"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        // The second take of a speaker who already appeared.
        .filter(|path| {
            path.extension().is_some_and(|end| end == "mpg") && !path.ends_with("pwij3p.mpg")
        })
        .collect();
    names.sort();
    let inputs: Vec<_> = names.iter().map(std::path::PathBuf::as_path).collect();
    // Everybody once, then everybody again with the rest of the take.
    let parts: Vec<_> = (0..inputs.len())
        .map(|input| (input, 0, 40))
        .chain((0..inputs.len()).map(|input| (input, 40, 75)))
        .collect();
    let found = joined(&clips, &inputs, &parts);
    let nobody = inputs.iter().map(|_| None);
    let themselves = (0..inputs.len() as u64).map(Some);
    assert_eq!(marks(&found), nobody.chain(themselves).collect::<Vec<_>>());
}

#[test]
fn even_pictures_that_come_back_are_not_alike() {
    let clips = Clips::new();
    let video = clips.make(
        "-f lavfi -i color=blue:r=25:s=320x180:d=1 -f lavfi -i testsrc2=r=25:s=320x180:d=1 \
         -f lavfi -i color=blue:r=25:s=320x180:d=1 -f lavfi -i testsrc2=r=25:s=320x180:d=1 \
         -filter_complex concat=n=4 -c:v libx264 -preset ultrafast",
        "even.mp4",
    );
    let found = scan(&video);
    assert_eq!(starts(&found), [0, 25, 50, 75]);
    assert_eq!(marks(&found), [None, None, None, Some(1)]);
}
