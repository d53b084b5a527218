//! The properties of files, and their embedded subtitles.

use std::path::Path;

use rushes_workers::media::{Bounds, MediaInfo, StreamDetails, probe, subtitles};

use crate::clips::{Clips, open};

fn info(path: &Path) -> MediaInfo {
    probe(open(path), &Bounds::default()).unwrap()
}

#[test]
fn a_video_says_what_it_is() {
    let clips = Clips::new();
    let video = clips.make(
        "-f lavfi -i testsrc2=r=30000/1001:s=720x480:d=2 -f lavfi -i sine=d=2:r=48000 \
         -vf setsar=8/9 -c:v libx264 -profile:v high -pix_fmt yuv420p \
         -color_primaries bt709 -color_trc bt709 -colorspace bt709 -color_range tv \
         -c:a aac -ac 2 -metadata:s:a language=fra -timecode 01:00:00;00",
        "video.mov",
    );
    let info = info(&video);
    assert_eq!(info.start_timecode.as_deref(), Some("01:00:00;00"));
    assert!(info.duration_ms.unwrap().abs_diff(2000) < 40);
    assert_eq!(info.bytes, std::fs::metadata(&video).unwrap().len());
    let (stream, video) = info.video().unwrap();
    assert_eq!(
        (stream.codec.as_str(), stream.profile.as_deref()),
        ("h264", Some("High"))
    );
    assert_eq!(
        (video.width, video.height, video.pixel_aspect),
        (720, 480, (8, 9))
    );
    assert_eq!((video.display_width, video.display_height), (640, 480));
    assert_eq!(video.average_rate.unwrap().to_string(), "30000/1001");
    assert_eq!(
        (video.pixel_format.as_deref(), video.bit_depth),
        (Some("yuv420p"), Some(8))
    );
    assert_eq!(
        (video.primaries.as_deref(), video.transfer.as_deref()),
        (Some("bt709"), Some("bt709"))
    );
    assert_eq!(
        (video.matrix.as_deref(), video.range.as_deref()),
        (Some("bt709"), Some("tv"))
    );
    let audio = &info.streams[1];
    assert_eq!(audio.language.as_deref(), Some("fra"));
    assert!(
        matches!(&audio.details, StreamDetails::Audio(audio) if audio.channels == 2 && audio.sample_rate == 48_000)
    );
    // A child's answer survives the transfer.
    let json = serde_json::to_string(&info).unwrap();
    assert_eq!(serde_json::from_str::<MediaInfo>(&json).unwrap(), info);
}

#[test]
fn cover_art_is_not_the_video() {
    let clips = Clips::new();
    clips.make(
        "-f lavfi -i testsrc2=s=640x640:d=1 -frames:v 1",
        "cover.png",
    );
    let video = clips.make(
        "-i cover.png -f lavfi -i testsrc2=r=25:s=320x180:d=1 -map 0 -map 1 \
         -c:v:0 copy -c:v:1 libx264 -disposition:v:0 attached_pic",
        "video.mp4",
    );
    let info = info(&video);
    let (_, video) = info.video().unwrap();
    assert_eq!(video.width, 320);
    assert!(
        info.streams
            .iter()
            .any(|stream| stream.details == StreamDetails::AttachedPicture)
    );
}

const SRT: &str = "1\n00:00:00,500 --> 00:00:01,250\n<i>Hello,</i> world\nsecond line\n\n\
                   2\n00:00:02,000 --> 00:00:02,500\n{\\an8}Größe\n\n";

#[test]
fn embedded_subtitles_are_plain_text_with_their_times() {
    let clips = Clips::new();
    clips.write("lines.srt", SRT.as_bytes());
    for (codec, name) in [
        ("mov_text", "video.mp4"),
        ("srt", "srt.mkv"),
        ("ass", "ass.mkv"),
        ("webvtt", "video.webm"),
    ] {
        let video = if codec == "webvtt" {
            "libvpx"
        } else {
            "libx264"
        };
        let video = clips.make(
            &format!(
                "-f lavfi -i testsrc2=r=25:s=320x180:d=3 -i lines.srt -c:v {video} -c:s {codec}"
            ),
            name,
        );
        let cues = subtitles(open(&video), 1, &Bounds::default()).unwrap();
        let found: Vec<_> = cues
            .iter()
            .map(|cue| (cue.start_ms, cue.end_ms, cue.text.as_str()))
            .collect();
        let expected = [
            (500, 1250, "Hello, world\nsecond line"),
            (2000, 2500, "Größe"),
        ];
        assert_eq!(found, expected, "{name}");
        let error = subtitles(open(&video), 0, &Bounds::default()).unwrap_err();
        assert_eq!(error.code(), "wrong-stream", "{name}");
    }
}

#[test]
fn chapters_have_titles_and_times() {
    let clips = Clips::new();
    clips.write(
        "chapters.txt",
        b";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle=One\n\
          [CHAPTER]\nTIMEBASE=1/1000\nSTART=1000\nEND=2000\ntitle=Two\n",
    );
    let video = clips.make(
        "-f lavfi -i testsrc2=r=25:s=320x180:d=2 -i chapters.txt -map_metadata 1 -c:v libx264",
        "video.mkv",
    );
    let chapters = info(&video).chapters;
    assert_eq!(chapters.len(), 2);
    assert_eq!((chapters[1].start_ms, chapters[1].end_ms), (1000, 2000));
    assert_eq!(chapters[1].title.as_deref(), Some("Two"));
}

#[test]
fn a_timecode_counts_at_the_rate_of_its_own_track() {
    let clips = Clips::new();
    let video = clips.make(
        "-f lavfi -i testsrc2=r=60000/1001:s=96x64:d=1 -c:v libx264 -timecode 01:00:00:20",
        "fast.mp4",
    );
    let whole = crate::clips::scan(&video).timeline;
    assert_eq!(whole.start_timecode.as_deref(), Some("01:00:00:20"));
    // The same label in a track that counts 30 per second, as written by cameras (QuickTime, "timecode sample
    // description").
    let mut bytes = std::fs::read(&video).unwrap();
    let entry = bytes
        .windows(8)
        .position(|window| window == b"\0\0\0\x24tmcd" || window == b"\0\0\0\x22tmcd")
        .unwrap()
        + 4;
    let rate = entry + 4 + 6 + 2 + 4 + 4;
    assert_eq!(bytes[rate..rate + 4], 60_000_u32.to_be_bytes());
    bytes[rate..rate + 4].copy_from_slice(&30_000_u32.to_be_bytes());
    assert_eq!(bytes[rate + 8], 60);
    bytes[rate + 8] = 30;
    let (fast, slow) = (3600_u32 * 60 + 20, 3600_u32 * 30 + 20);
    let sample = bytes
        .windows(4)
        .position(|window| window == fast.to_be_bytes())
        .unwrap();
    bytes[sample..sample + 4].copy_from_slice(&slow.to_be_bytes());
    let video = clips.write("slow.mp4", &bytes);
    let found = info(&video);
    assert_eq!(found.start_timecode.as_deref(), Some("01:00:00:20"));
    assert_eq!(found.timecode_rate.unwrap().to_string(), "30000/1001");
    let timeline = crate::clips::scan(&video).timeline;
    assert_eq!(timeline.start_timecode.as_deref(), Some("01:00:00:40"));
    assert_eq!(timeline.timecode().label(0), "01:00:00:40");
    let (output, ..) = crate::rewriting::again(&video, &[]);
    let timeline = crate::clips::scan(&output).timeline;
    assert_eq!(timeline.start_timecode.as_deref(), Some("01:00:00:40"));
}

#[test]
fn a_duration_that_is_unknown_is_no_limit() {
    let clips = Clips::new();
    let video = clips.make(
        "-f lavfi -i testsrc2=r=25:s=96x64:d=1 -c:v libx264 -bf 0 -movflags frag_keyframe+empty_moov",
        "fragments.mp4",
    );
    let mut bytes = std::fs::read(&video).unwrap();
    // All bits set: unknown (ISO/IEC 14496-12).
    for (kind, into) in [(b"mvhd", 20), (b"mdhd", 20), (b"tkhd", 24)] {
        let found = bytes.windows(4).position(|window| window == kind).unwrap();
        bytes[found + into..found + into + 4].fill(0xff);
    }
    let video = clips.write("unknown.mp4", &bytes);
    assert_eq!(info(&video).duration_ms, None);
    let scan = crate::clips::scan(&video);
    assert_eq!(scan.timeline.frames(), 25);
    assert_eq!(scan.timeline.ms_of(25), 1000);
    let (output, ..) = crate::rewriting::again(&video, &[]);
    assert_eq!(info(&output).duration_ms, Some(1000));
}
