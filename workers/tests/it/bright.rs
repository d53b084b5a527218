//! Films of high dynamic range: pictures and proxies of them are of standard range.

use std::path::Path;

use image::RgbImage;
use rushes_workers::media::{Bounds, FrameReader, ReadOptions, RgbMaker, sample_frames};

use crate::clips::{Clips, ffprobe, open};
use crate::proxies::cut_to;
use crate::rewriting::again;

const FILM: &str = "-f lavfi -i testsrc2=r=25:s=192x128:d=1";

/// The film in standard range, and the same light as HDR10 and as HLG.
fn films(clips: &Clips) -> [std::path::PathBuf; 3] {
    let tags = |transfer: &str, rest: &str| {
        format!("-color_primaries {rest} -color_trc {transfer} -color_range tv")
    };
    let make = |name: &str, filter: &str, tags: &str, space: &str| {
        clips.make(
            &format!("{FILM} -vf {filter} -c:v libx264 -crf 10 {tags} -colorspace {space}"),
            name,
        )
    };
    let up = |transfer: &str| {
        format!(
            "format=yuv444p,setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv,zscale=t=linear:npl=203,format=gbrpf32le,\
             zscale=p=2020:t={transfer}:m=2020_ncl:r=limited:npl=203,format=yuv420p10le"
        )
    };
    [
        make(
            "plain.mp4",
            "format=yuv420p",
            &tags("bt709", "bt709"),
            "bt709",
        ),
        make(
            "pq.mp4",
            &up("smpte2084"),
            &tags("smpte2084", "bt2020"),
            "bt2020nc",
        ),
        make(
            "hlg.mp4",
            &up("arib-std-b67"),
            &tags("arib-std-b67", "bt2020"),
            "bt2020nc",
        ),
    ]
}

/// The mean saturation and brightness of a picture, of 255.
fn looks(picture: &RgbImage) -> (f64, f64) {
    let mut sums = (0.0, 0.0);
    for pixel in picture.pixels() {
        let [r, g, b] = pixel.0;
        let (high, low) = (r.max(g).max(b), r.min(g).min(b));
        sums.0 += f64::from(high - low);
        sums.1 += f64::from(high);
    }
    let count = f64::from(picture.width() * picture.height());
    (sums.0 / count, sums.1 / count)
}

fn first(path: &Path) -> RgbImage {
    sample_frames(open(path), 1, 192).unwrap().remove(0)
}

/// The first frame, as detectors see it.
fn seen(path: &Path) -> RgbImage {
    let options = ReadOptions::default();
    let mut reader = FrameReader::open(open(path), options, &Bounds::default()).unwrap();
    let frame = reader.next_frame().unwrap().unwrap();
    RgbMaker::default().make(frame).unwrap()
}

#[test]
fn high_dynamic_range_looks_as_standard_range_does() {
    let clips = Clips::new();
    let [plain, pq, hlg] = films(&clips);
    let expected = looks(&first(&plain));
    for path in [&pq, &hlg] {
        for picture in [first(path), seen(path)] {
            let found = looks(&picture);
            let what = format!("{}: {found:?}, not {expected:?}", path.display());
            assert!((found.0 / expected.0 - 1.0).abs() < 0.25, "{what}");
            assert!((found.1 / expected.1 - 1.0).abs() < 0.25, "{what}");
        }
        let (_, proxies) = cut_to(&clips, path, &[0..25]);
        let tags = "stream=pix_fmt,color_range,color_space,color_transfer,color_primaries";
        assert_eq!(
            ffprobe(&proxies[0], "v:0", tags).trim_end_matches(','),
            "yuv420p,tv,bt709,bt709,bt709"
        );
        let found = looks(&first(&proxies[0]));
        assert!((found.0 / expected.0 - 1.0).abs() < 0.3, "{found:?}");
        // What is written again stays what it is.
        let (output, ..) = again(path, &[]);
        assert_eq!(ffprobe(&output, "v:0", tags), ffprobe(path, "v:0", tags));
    }
}
