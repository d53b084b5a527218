//! Videos that players turn and mirror: all our output shows them in the same way.

use std::path::Path;

use image::RgbImage;
use rushes_workers::media::{
    Bounds, FrameReader, ReadOptions, RgbMaker, ThumbnailAt, probe, sample_frames, thumbnail,
};
use rushes_workers::orientation::Orientation;

use crate::clips::{Clips, ffprobe, open};
use crate::proxies::cut_to;
use crate::rewriting::again;

/// Four quarters, each in another grey.
const VIDEO: &str = "-f lavfi -i color=white:r=25:s=192x128:d=1,drawbox=c=0xaaaaaa:t=fill:x=96,\
    drawbox=c=0x555555:t=fill:y=64,drawbox=c=black:t=fill:x=96:y=64 -c:v libx264 -pix_fmt yuv420p";

/// The greys, row by row.
const GREYS: [u8; 4] = [255, 170, 85, 0];

/// The grey nearest to each quarter of a picture, row by row.
fn quarters(picture: &RgbImage) -> [u8; 4] {
    let (width, height) = picture.dimensions();
    [(1, 1), (3, 1), (1, 3), (3, 3)].map(|(x, y)| {
        let found = picture.get_pixel(width * x / 4, height * y / 4).0[1];
        GREYS
            .into_iter()
            .min_by_key(|grey| grey.abs_diff(found))
            .unwrap()
    })
}

/// The quarters of the stored picture after turning it upright.
fn expected(exif: usize) -> [u8; 4] {
    let orientation = Orientation::from_exif(u16::try_from(exif).unwrap());
    let mut greys = [0; 4];
    for (index, grey) in GREYS.into_iter().enumerate() {
        let centre = ([0.5, 1.5][index % 2], [0.5, 1.5][index / 2]);
        let (x, y) = orientation.to_upright(centre, (2, 2));
        greys[usize::from(x > 1.0) + 2 * usize::from(y > 1.0)] = grey;
    }
    greys
}

/// The output of `ffmpeg` for a video.
fn shown(clips: &Clips, path: &Path) -> RgbImage {
    let png = clips.make(&format!("-i {} -frames:v 1", path.display()), "shown.png");
    image::open(png).unwrap().to_rgb8()
}

#[test]
fn pictures_are_upright_however_a_video_is_turned_or_mirrored() {
    let clips = Clips::new();
    for exif in 1..=8 {
        let video = clips.make_oriented(VIDEO, exif, &format!("video-{exif}.mp4"));
        let expected = expected(exif);
        let what = format!("orientation {exif}");
        let size = if exif < 5 { (192, 128) } else { (128, 192) };
        assert_eq!(quarters(&shown(&clips, &video)), expected, "{what}");
        let info = probe(open(&video), &Bounds::default()).unwrap();
        let (_, stream) = info.video().unwrap();
        let orientation = Orientation::from_exif(u16::try_from(exif).unwrap());
        assert_eq!(stream.orientation, orientation);
        assert_eq!(
            (stream.display_width, stream.display_height),
            size,
            "{what}"
        );
        let mut pictures = sample_frames(open(&video), 2, 192).unwrap();
        let (_, proxies) = cut_to(&clips, &video, &[3..9]);
        pictures.push(shown(&clips, &proxies[0]));
        for picture in pictures {
            assert_eq!(picture.dimensions(), size, "{what}");
            assert_eq!(quarters(&picture), expected, "{what}");
        }
        let jpeg = thumbnail(open(&video), ThumbnailAt::Middle, 100).unwrap();
        let picture = image::load_from_memory(&jpeg).unwrap().to_rgb8();
        assert_eq!(quarters(&picture), expected, "{what}");
        // The stored picture is unchanged.
        let options = ReadOptions::default();
        let mut reader = FrameReader::open(open(&video), options, &Bounds::default()).unwrap();
        let frame = reader.next_frame().unwrap().unwrap();
        assert_eq!(quarters(&RgbMaker::default().make(frame).unwrap()), GREYS);
    }
}

#[test]
fn a_video_that_is_written_again_is_shown_as_before() {
    let clips = Clips::new();
    for name in ["mp4", "mov"] {
        for exif in 1..=8 {
            let video = clips.make_oriented(VIDEO, exif, &format!("video-{exif}.{name}"));
            let (output, ..) = again(&video, &[]);
            let (before, after) = (shown(&clips, &video), shown(&clips, &output));
            assert_eq!(after.dimensions(), before.dimensions(), "{exif}");
            assert_eq!(quarters(&after), expected(exif), "{exif}");
            let stored = ffprobe(&output, "v:0", "stream=width,height");
            assert!(stored.starts_with("192,128"), "stored as before: {stored}");
        }
    }
}
