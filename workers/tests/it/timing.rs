//! Presentation times of frames, compared with those of `ffprobe`.

use std::path::Path;

use crate::clips::{Clips, ffprobe_pts, material, scan};

const VIDEO: &str = "-f lavfi -i testsrc2=r=25:s=320x180:d=3";

/// Compares with `ffprobe` frame by frame, where it has a timestamp: it omits the last ones of files that have
/// only decoding timestamps.
fn assert_timed(found: &[i64], video: &Path) {
    let expected = ffprobe_pts(video);
    assert!(
        found.starts_with(&expected),
        "{}: {found:?}",
        video.display()
    );
    assert!(found.len() - expected.len() <= 1, "{}", video.display());
}

#[test]
fn every_frame_of_every_container_is_where_ffprobe_has_it() {
    let clips = Clips::new();
    for (arguments, name) in [
        ("-c:v libx264 -bf 3 -g 25", "b_frames.mp4"),
        (
            "-c:v libx264 -bf 3 -x264-params b-pyramid=normal:open-gop=1",
            "open_gop.ts",
        ),
        ("-c:v libx264", "index_less.mkv"),
        ("-c:v libvpx -b:v 300k", "vp8.webm"),
        ("-c:v mpeg4 -bf 2", "mpeg4.avi"),
        ("-c:v mpeg1video -bf 2", "mpeg1.mpg"),
        ("-c:v mpeg2video -bf 2 -r 25 -s 320x180", "mpeg2.mxf"),
        ("-c:v flv1", "spark.flv"),
        ("-c:v libtheora", "theora.ogv"),
        ("-c:v libx264 -pix_fmt yuv420p10le", "deep.mp4"),
        (
            "-c:v libx264 -movflags frag_keyframe+empty_moov",
            "fragments.mp4",
        ),
    ] {
        let video = clips.make(&format!("{VIDEO} {arguments}"), name);
        let timeline = scan(&video).timeline;
        assert_timed(&timeline.pts, &video);
        assert_eq!(timeline.frames(), 75, "{name}");
        assert!(!timeline.variable, "{name}");
        assert_eq!(timeline.rate.to_string(), "25/1", "{name}");
        let length = timeline.ms_of(75) - timeline.ms_of(0);
        assert!(length.abs_diff(3000) <= 1, "{name}: {length} ms");
    }
}

#[test]
fn a_rate_of_television_is_a_fraction() {
    let clips = Clips::new();
    for name in ["ntsc.mp4", "ntsc.mkv", "ntsc.ts"] {
        let video = clips.make(
            "-f lavfi -i testsrc2=r=30000/1001:s=320x180:d=3 -c:v libx264",
            name,
        );
        let timeline = scan(&video).timeline;
        assert_eq!(timeline.pts, ffprobe_pts(&video), "{name}");
        assert_eq!(timeline.rate.to_string(), "30000/1001", "{name}");
        assert!(!timeline.variable, "{name}");
    }
}

#[test]
fn a_varying_rate_is_kept_and_said() {
    let clips = Clips::new();
    let select = "-vf select='not(mod(n\\,3))+gt(n\\,50)' -vsync vfr -c:v libx264 -bf 2";
    for name in ["vfr.mp4", "vfr.mkv"] {
        let video = clips.make(&format!("{VIDEO} {select}"), name);
        let timeline = scan(&video).timeline;
        assert_eq!(timeline.pts, ffprobe_pts(&video), "{name}");
        assert!(timeline.variable, "{name}");
    }
}

#[test]
fn a_video_that_starts_after_its_sound_counts_from_the_sound() {
    let clips = Clips::new();
    for (name, codecs) in [
        ("late.mp4", "-c:v libx264 -bf 0 -c:a aac"),
        ("late.mkv", "-c:v libx264 -c:a flac"),
    ] {
        let arguments =
            format!("-f lavfi -i sine=d=4 -itsoffset 0.48 {VIDEO} {codecs} -vsync passthrough");
        let video = clips.make(&arguments, name);
        let timeline = scan(&video).timeline;
        assert_eq!(timeline.pts, ffprobe_pts(&video), "{name}");
        assert_eq!(timeline.ms_of(0), 480, "{name}");
    }
}

#[test]
fn a_video_whose_clock_does_not_start_at_zero_counts_from_its_first_frame() {
    let clips = Clips::new();
    let video = clips.make(
        &format!("{VIDEO} -c:v libx264 -output_ts_offset 7"),
        "offset.ts",
    );
    let timeline = scan(&video).timeline;
    assert_eq!(timeline.pts, ffprobe_pts(&video));
    assert!(timeline.pts[0] > 7 * 90_000);
    assert_eq!(timeline.ms_of(0), 0);
}

#[test]
fn an_edit_list_hides_what_it_cuts_off() {
    let clips = Clips::new();
    clips.make(&format!("{VIDEO} -c:v libx264 -bf 3 -g 25"), "whole.mp4");
    let video = clips.make("-ss 0.52 -i whole.mp4 -c copy", "edited.mp4");
    let timeline = scan(&video).timeline;
    let expected = ffprobe_pts(&video);
    assert!(expected.len() < 75);
    assert_eq!(timeline.pts, expected);
}

#[test]
fn real_videos_are_timed_as_ffprobe_times_them() {
    let Some(material) = material() else { return };
    for name in [
        "video/bikes.mp4",
        "video/fades.mp4",
        "video/chaplin.mp4",
        "video/fire2.mp4",
        "video/carphone_pristine.mp4",
        "video/big_buck_bunny_0_30.webm",
        "video/delayed_start.mp4",
        "video/egoblur_gen1_test_video.mp4",
        "grid/bbaf2n.mpg",
        "grid/id2_vcd_swwp2s.mpg",
    ] {
        let video = material.join(name);
        assert_eq!(scan(&video).timeline.pts, ffprobe_pts(&video), "{name}");
    }
}
