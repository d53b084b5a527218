//! Sampled frames and thumbnails.

use std::ops::Range;

use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};
use rushes_workers::media::{
    Bounds, CutOutput, CutSource, MediaError, ProxyParams, ThumbnailAt, cut, sample_frames,
    sample_frames_plainly, thumbnail,
};

use crate::clips::{Clips, open, scan};

/// Green in its second half, red before.
fn red_then_green(clips: &Clips) -> std::path::PathBuf {
    clips.make(
        "-f lavfi -i color=red:r=25:s=320x180:d=1 -f lavfi -i color=lime:r=25:s=320x180:d=1 \
         -filter_complex concat=n=2 -c:v libx264",
        "two.mp4",
    )
}

#[test]
fn frames_are_sampled_evenly_in_time() {
    let clips = Clips::new();
    let video = red_then_green(&clips);
    let pictures = sample_frames(open(&video), 8, 64).unwrap();
    assert_eq!(pictures.len(), 8);
    for (index, picture) in pictures.iter().enumerate() {
        assert_eq!(picture.dimensions(), (64, 36));
        let [red, green, blue] = picture.get_pixel(32, 18).0;
        let is_red = red > 200 && green < 60;
        let is_green = green > 200 && red < 60;
        assert!(
            blue < 60 && if index < 4 { is_red } else { is_green },
            "{index}: {red} {green}"
        );
    }
}

#[test]
fn a_clip_of_one_frame_gives_as_many_pictures_as_asked_for() {
    let clips = Clips::new();
    let video = clips.make(
        "-f lavfi -i testsrc2=r=25:s=320x180:d=0.04 -c:v libx264",
        "one.mp4",
    );
    assert_eq!(sample_frames(open(&video), 8, 224).unwrap().len(), 8);
    assert_eq!(sample_frames(open(&video), 0, 224).unwrap().len(), 0);
}

#[test]
fn a_turned_picture_is_set_upright() {
    let clips = Clips::new();
    // White on top, black below: after turning, one side is white and the other black.
    let half = "-f lavfi -i color=white:r=25:s=320x180:d=1,drawbox=c=black:t=fill:y=90:h=90";
    let mut found = Vec::new();
    for exif in [6, 8] {
        let video = clips.make_oriented(&format!("{half} -c:v libx264"), exif, "turned.mp4");
        let shown = clips.make(&format!("-i {} -frames:v 1", video.display()), "shown.png");
        let shown = image::open(shown).unwrap().to_rgb8();
        let picture = &sample_frames(open(&video), 1, 320).unwrap()[0];
        assert_eq!(picture.dimensions(), (180, 320));
        let is_white = |image: &image::RgbImage, x| image.get_pixel(x, 160).0[0] > 128;
        let sides = |image| (is_white(image, 20), is_white(image, 160));
        assert_eq!(sides(picture), sides(&shown), "{exif}");
        found.push(sides(picture));
    }
    assert!(found.contains(&(true, false)) && found.contains(&(false, true)));
}

#[test]
fn a_thumbnail_shows_the_middle_with_square_pixels() {
    let clips = Clips::new();
    let video = clips.make(
        "-f lavfi -i testsrc2=r=25:s=320x180:d=1,setsar=2/1 -c:v libx264",
        "wide.mp4",
    );
    let jpeg = thumbnail(open(&video), ThumbnailAt::Middle, 320).unwrap();
    let picture = image::load_from_memory(&jpeg).unwrap();
    assert_eq!((picture.width(), picture.height()), (320, 90));
    let start = thumbnail(open(&video), ThumbnailAt::Start, 320).unwrap();
    assert_ne!(start, jpeg);
}

/// Noise, so that no two frames are equal.
const NOISE: &str =
    "-f lavfi -i nullsrc=s=16x9:r=25:d=4,geq=random(1)*255:128:128,scale=64:36:flags=neighbor";

struct Kept(Vec<Vec<u8>>);

impl CutOutput for Kept {
    fn progress(&mut self, _done: u64) -> Result<(), MediaError> {
        Ok(())
    }

    fn proxy(&mut self, _index: usize, bytes: Vec<u8>) -> Result<(), MediaError> {
        self.0.push(bytes);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn samples_of_proxies_are_those_that_decoding_all_shows(
        (rate, lengths, samples, counts) in (
            proptest::sample::select(vec!["25", "vfr", "24000/1001"]),
            proptest::collection::vec(1_u64..60, 1..4),
            0_u32..9,
            proptest::collection::vec(0_usize..20, 3),
        )
    ) {
        let clips = Clips::new();
        let video = match rate {
            "vfr" => clips.make(
                &format!("{NOISE} -vf select='not(mod(n\\,3))+gt(n\\,50)' -vsync vfr -c:v libx264"),
                "video.mkv",
            ),
            rate => clips.make(&format!("{NOISE} -r {rate} -c:v libx264"), "video.mp4"),
        };
        let scan = scan(&video);
        let mut spans: Vec<Range<u64>> = Vec::new();
        for length in lengths {
            let start = spans.last().map_or(0, |span| span.end);
            let end = (start + length).min(scan.timeline.frames());
            if start < end {
                spans.push(start..end);
            }
        }
        let mut kept = Kept(Vec::new());
        let bounds = Bounds::default();
        let source = CutSource { source: open(&video), bounds: &bounds };
        let mut stretches = spans.iter().map(|span| Ok(scan.timeline.stretch(span)));
        let params = ProxyParams { samples, ..ProxyParams::default() };
        cut(source, &mut stretches, &params, &mut kept).unwrap();
        for proxy in kept.0 {
            let bytes = bytes::Bytes::from(proxy);
            for &count in &counts {
                let sparse = sample_frames(Box::new(bytes.clone()), count, 640).unwrap();
                let plain = sample_frames_plainly(Box::new(bytes.clone()), count, 640).unwrap();
                prop_assert_eq!(sparse.len(), count);
                prop_assert_eq!(sparse, plain);
            }
        }
    }
}

#[test]
fn samples_of_other_clips_are_those_that_decoding_all_shows() {
    let clips = Clips::new();
    for (arguments, name) in [
        ("-c:v libx264 -bf 3 -g 30", "reordered.mp4"),
        ("-c:v libx264 -bf 0 -g 7", "short-groups.mp4"),
        (
            "-c:v libx264 -bf 0 -x264-params open-gop=1:keyint=9",
            "open.mp4",
        ),
        (
            "-c:v libx264 -bf 0 -x264-params intra-refresh=1:keyint=20",
            "refresh.mp4",
        ),
        ("-c:v libx264 -bf 0 -ss 0.5", "late.mp4"),
    ] {
        let video = clips.make(&format!("{NOISE} {arguments}"), name);
        for count in [1, 2, 3, 4, 7, 16, 64, 150] {
            let sparse = sample_frames(open(&video), count, 640).unwrap();
            let plain = sample_frames_plainly(open(&video), count, 640).unwrap();
            assert!(sparse == plain, "{name}: {count}");
        }
    }
}

/// Outside a child only H.264 in MP4 is decoded, like our own proxies.
#[test]
fn what_is_no_proxy_of_ours_is_refused_before_it_is_decoded() {
    let clips = Clips::new();
    for (arguments, name, code) in [
        ("-c:v mpeg4 -bf 2", "other.mp4", "unsupported-codec"),
        (
            "-c:v mjpeg -pix_fmt yuvj420p",
            "pictures.mp4",
            "unsupported-codec",
        ),
        ("-c:v libvpx -b:v 500k", "other.webm", "forbidden-container"),
        ("-c:v libx264", "video.mkv", "forbidden-container"),
        ("-c:v libx264", "video.ts", "forbidden-container"),
        ("-c:v mpeg1video", "other.mpg", "forbidden-container"),
    ] {
        let video = clips.make(&format!("{NOISE} {arguments}"), name);
        let sampled = sample_frames(open(&video), 4, 64).unwrap_err();
        assert_eq!(sampled.code(), code, "{name}: {sampled}");
        let shown = thumbnail(open(&video), ThumbnailAt::Start, 64).unwrap_err();
        assert_eq!(shown.code(), code, "{name}: {shown}");
    }
}

#[test]
fn a_proxy_begins_anew_where_it_is_sampled() {
    let clips = Clips::new();
    let video = clips.make(&format!("{NOISE} -c:v libx264"), "video.mp4");
    let scan = scan(&video);
    let bounds = Bounds::default();
    let mut kept = Kept(Vec::new());
    let source = CutSource {
        source: open(&video),
        bounds: &bounds,
    };
    let mut stretches = std::iter::once(Ok(scan.timeline.stretch(&(0..80))));
    cut(source, &mut stretches, &ProxyParams::default(), &mut kept).unwrap();
    let path = clips.write("proxy.mp4", &kept.0[0]);
    let keys = crate::clips::ffprobe(&path, "v:0", "frame=key_frame");
    // The first frame has side data, which takes a separate line.
    let lines = keys.lines().filter(|line| !line.is_empty());
    let is_key: Vec<bool> = lines.map(|line| line.starts_with('1')).collect();
    for part in [10, 30, 50, 70] {
        assert!(is_key[part], "frame {part} of {keys}");
    }
}
