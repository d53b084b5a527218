//! Videos of high dynamic range: their pictures and proxies have standard range.

use std::path::Path;

use image::RgbImage;
use rushes_workers::media::{Bounds, FrameReader, ReadOptions, RgbMaker, sample_frames};

use crate::clips::{Clips, ffprobe, open, scan};
use crate::proxies::cut_to;
use crate::rewriting::again;

const VIDEO: &str = "-f lavfi -i testsrc2=r=25:s=192x128:d=1";

/// The video in standard range, and the same light as HDR10 and as HLG.
fn videos(clips: &Clips) -> [std::path::PathBuf; 3] {
    let plain = clips.make(
        &format!(
            "{VIDEO} -vf format=yuv420p -c:v libx264 -crf 10 -color_primaries bt709 -color_trc bt709 -colorspace bt709 \
             -color_range tv"
        ),
        "plain.mp4",
    );
    let [pq, _] = bright(clips, VIDEO);
    let hlg = by_the_standard(clips, &plain);
    [plain, pq, hlg]
}

/// The first picture of a standard-range video, for a second, in HLG by ITU-R BT.2100, with the system gamma
/// applied to the luminance. FFmpeg's filters apply it to each colour separately.
fn by_the_standard(clips: &Clips, plain: &Path) -> std::path::PathBuf {
    let picture = first(plain);
    let mut samples = Vec::new();
    for pixel in picture.pixels() {
        let [r, g, b] = pixel.0.map(|it| 0.203 * (f64::from(it) / 255.0).powf(2.4));
        // ITU-R BT.2087.
        let light = [
            0.6274 * r + 0.3293 * g + 0.0433 * b,
            0.0691 * r + 0.9195 * g + 0.0114 * b,
            0.0164 * r + 0.0880 * g + 0.8956 * b,
        ];
        let luminance = 0.2627 * light[0] + 0.678 * light[1] + 0.0593 * light[2];
        for light in light {
            let scene = light * luminance.max(1e-9).powf(-1.0 / 6.0);
            let signal = if scene <= 1.0 / 12.0 {
                (3.0 * scene).sqrt()
            } else {
                0.178_832_77 * (12.0 * scene - 0.284_668_92).ln() + 0.559_910_73
            };
            let sample: u16 = format!("{:.0}", signal.clamp(0.0, 1.0) * 65535.0)
                .parse()
                .unwrap();
            samples.extend(sample.to_le_bytes());
        }
    }
    clips.write("hlg.raw", &samples);
    let (width, height) = picture.dimensions();
    clips.make(
        &format!(
            "-stream_loop 24 -f rawvideo -pix_fmt rgb48le -s {width}x{height} -r 25 -i hlg.raw -vf \
             scale=out_color_matrix=bt2020:out_range=tv:flags=accurate_rnd+full_chroma_int,format=yuv420p10le \
             -c:v libx264 -crf 10 -color_primaries bt2020 -color_trc arib-std-b67 -colorspace bt2020nc -color_range tv"
        ),
        "hlg-standard.mp4",
    )
}

/// A standard-range video as HDR10 and as HLG.
fn bright(clips: &Clips, video: &str) -> [std::path::PathBuf; 2] {
    let tags = |transfer: &str, rest: &str| {
        format!("-color_primaries {rest} -color_trc {transfer} -color_range tv")
    };
    let make = |name: &str, filter: &str, tags: &str, space: &str| {
        clips.make(
            &format!("{video} -vf {filter} -c:v libx264 -crf 10 {tags} -colorspace {space}"),
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

/// Six scenes of a second each, one of them dark.
const SCENES: &str = "-f lavfi -i testsrc2=r=25:s=192x128:d=1 -f lavfi -i mandelbrot=r=25:s=192x128 \
    -f lavfi -i smptebars=r=25:s=192x128:d=1 -f lavfi -i rgbtestsrc=r=25:s=192x128 \
    -f lavfi -i gradients=r=25:s=192x128:d=1:c0=0x224488:c1=0xaa6622:seed=3 -f lavfi -i testsrc=r=25:s=192x128:d=1";

#[test]
fn shots_of_high_dynamic_range_are_those_of_standard_range() {
    let clips = Clips::new();
    let join = "[1:v]trim=duration=1,format=yuv420p[m];[3:v]trim=duration=1,format=yuv420p[l];\
        [5:v]lutyuv=y='16+(val-16)*0.25'[d];[0:v][m][2:v][l][4:v][d]concat=n=6,format=yuv420p";
    let plain = clips.make(
        &format!("{SCENES} -filter_complex {join} -c:v libx264 -crf 10"),
        "scenes.mp4",
    );
    let expected: Vec<_> = scan(&plain).shots.iter().map(|it| it.start).collect();
    assert_eq!(expected, [0, 25, 50, 75, 100, 125]);
    for path in &bright(&clips, &format!("-i {}", plain.display())) {
        let found: Vec<_> = scan(path).shots.iter().map(|it| it.start).collect();
        assert_eq!(found, expected, "{}", path.display());
    }
}

/// Light of 203 cd/m² is white, and brighter light stays below it.
#[test]
fn a_ramp_of_light_keeps_its_steps() {
    let clips = Clips::new();
    // PQ of 0 to 1000 cd/m², from left to right.
    let path = clips.make(
        "-f lavfi -i color=black:s=256x64:r=5:d=1,format=yuv420p10le,geq=lum='64+876*0.7518*X/255':cb=512:cr=512 \
         -c:v libx264 -crf 4 -color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc -color_range tv",
        "ramp.mp4",
    );
    let (_, proxies) = cut_to(&clips, &path, &[0..5]);
    for picture in [first(&path), seen(&path), first(&proxies[0])] {
        let width = picture.width();
        let at = |share: u32| i32::from(picture.get_pixel(share * (width - 1) / 1000, 30).0[1]);
        // Signals of 10, 50, 100, 203 and 400 cd/m² on a scale to that of 1000.
        for (share, expected) in [
            (399, 73),
            (586, 142),
            (676, 189),
            (772, 230),
            (868, 250),
            (1000, 255),
        ] {
            let found = at(share);
            assert!(
                (found - expected).abs() <= 5,
                "{share}: {found}, not {expected}"
            );
        }
        let steps: Vec<i32> = (0..=50).map(|step| at(step * 20)).collect();
        assert!(
            steps.windows(2).all(|pair| pair[1] >= pair[0] - 1),
            "{steps:?}"
        );
    }
}

#[test]
fn high_dynamic_range_looks_as_standard_range_does() {
    let clips = Clips::new();
    let [plain, pq, hlg] = videos(&clips);
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
        // A rewritten video keeps its range.
        let (output, ..) = again(path, &[]);
        assert_eq!(ffprobe(&output, "v:0", tags), ffprobe(path, "v:0", tags));
    }
}
