//! Shots of very dark videos.

use rushes_workers::media::Bounds;
use rushes_workers::segment::{BoundaryKind, DetectorKind, SegmentParams, ShotScan, segment};

use crate::clips::{Clips, material, open, scan};

fn starts(scan: &ShotScan) -> Vec<u64> {
    scan.shots.iter().map(|shot| shot.start).collect()
}

/// Four scenes joined by cuts at frames 60, 110 and 170.
const SCENES: &str = "-f lavfi -i testsrc2=r=25:s=320x180:d=2.4 -f lavfi -i smptehdbars=r=25:s=320x180:d=2 \
     -f lavfi -i mandelbrot=r=25:s=320x180:start_scale=0.1 -f lavfi -i rgbtestsrc=r=25:s=320x180:d=2";

const JOINED: &str = "[2]trim=end_frame=60[m];[0][1][m][3]concat=n=4";

#[test]
fn cuts_of_a_generated_video_are_found_in_the_dark() {
    let clips = Clips::new();
    for gain in ["1", "0.12", "0.08"] {
        let video = clips.make(
            &format!(
                "{SCENES} -filter_complex {JOINED},format=yuv420p,lutyuv=y=val*{gain} -c:v libx264 -preset fast -crf 18"
            ),
            &format!("scenes-{gain}.mp4"),
        );
        assert_eq!(starts(&scan(&video)), [0, 60, 110, 170], "{gain}");
    }
}

#[test]
fn cuts_of_a_street_video_are_found_in_the_dark() {
    let Some(material) = material() else { return };
    let clips = Clips::new();
    let input = material.join("video/bikes.mp4");
    for gain in ["0.12", "0.08"] {
        let video = clips.make(
            &format!(
                "-i {} -an -vf lutyuv=y=val*{gain} -c:v libx264 -preset fast -crf 18",
                input.display()
            ),
            &format!("bikes-{gain}.mp4"),
        );
        for detector in [DetectorKind::Learned, DetectorKind::Signal] {
            let params = SegmentParams {
                detector,
                ..SegmentParams::default()
            };
            let found = segment(
                open(&video),
                &params,
                &Bounds::default(),
                &mut |_done, _total| Ok(()),
            )
            .unwrap();
            let expected = [0, 30, 76, 137, 187, 242];
            assert_eq!(starts(&found), expected, "{gain}, {detector:?}");
            let openings = found.shots[1..].iter().map(|shot| shot.opening.kind);
            assert!(openings.into_iter().all(|kind| kind == BoundaryKind::Cut));
        }
    }
}

#[test]
fn noise_in_black_is_no_picture() {
    let clips = Clips::new();
    let video = clips.make(
        "-f lavfi -i color=black:r=25:s=320x180:d=8 -vf noise=alls=12:allf=t -c:v libx264 -preset fast -crf 18",
        "noise.mp4",
    );
    assert_eq!(starts(&scan(&video)), [0]);
}
