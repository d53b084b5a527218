//! Subtitles inside videos, in all their forms, and closed captions in the pictures.

use std::path::Path;

use rushes_workers::dialogue::TimedText;
use rushes_workers::media::{Bounds, StreamDetails, captions, probe, subtitles};

use crate::clips::{Clips, open};

const VIDEO: &str = "-f lavfi -i testsrc2=r=25:s=320x180:d=6";

fn seen(cues: &[TimedText]) -> Vec<(u64, u64, &str)> {
    let cue = |cue: &'_ TimedText| (cue.start_ms, cue.end_ms);
    cues.iter()
        .map(|c| (cue(c).0, cue(c).1, c.text.as_str()))
        .collect()
}

/// The cues of a video's only subtitle stream.
fn embedded(video: &Path) -> Vec<TimedText> {
    let info = probe(open(video), &Bounds::default()).unwrap();
    let is_text = |details: &StreamDetails| matches!(details, StreamDetails::Subtitle(s) if s.text);
    let stream = info.streams.iter().find(|s| is_text(&s.details)).unwrap();
    subtitles(open(video), stream.index, &Bounds::default()).unwrap()
}

#[test]
fn words_that_look_like_markup_are_kept_in_every_form() {
    let clips = Clips::new();
    let second = "2\n00:00:01,000 --> 00:00:02,500\n{\\an8}Größe\n\n";
    for (codec, name, words) in [
        ("mov_text", "video.mp4", "I say, 5 > 4"),
        ("copy", "srt.mkv", "I <3 {you}, 5 > 4"),
        ("ass", "ass.mkv", "I say, 5 > 4"),
    ] {
        let (first, rest) = words.split_at(1);
        let lines = format!("1\n00:00:00,500 --> 00:00:01,250\n<i>{first}</i>{rest}\n\n{second}");
        clips.write("lines.srt", lines.as_bytes());
        let video = clips.make(
            &format!("{VIDEO} -i lines.srt -c:v libx264 -c:s {codec}"),
            name,
        );
        let cues = embedded(&video);
        let texts: Vec<_> = cues.iter().map(|cue| cue.text.as_str()).collect();
        assert_eq!(texts, [words, "Größe"], "{name}");
        // The second starts before the first ends, as it may in a separate file. MP4 does not support this.
        if name != "video.mp4" {
            assert_eq!((cues[0].end_ms, cues[1].start_ms), (1250, 1000), "{name}");
        }
    }
}

#[test]
fn webvtt_in_a_video_is_read_as_in_a_file() {
    let clips = Clips::new();
    let lines = "WEBVTT\n\n00:00.500 --> 00:01.250 align:start\n<v Anna>5 &gt; 4 {so}\n\n\
                 00:02.000 --> 00:02.500\n<c.loud>I <3</c> it\n";
    clips.write("lines.vtt", lines.as_bytes());
    let video = clips.make(
        &format!("{VIDEO} -i lines.vtt -c:v libx264 -c:s copy"),
        "video.mkv",
    );
    assert_eq!(
        seen(&embedded(&video)),
        [(500, 1250, "5 > 4 {so}"), (2000, 2500, "I <3 it")]
    );
}

#[test]
fn ass_in_a_video_has_neither_drawings_nor_comments() {
    let clips = Clips::new();
    let lines = "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize\nStyle: Default,Arial,20\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\nDialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\\p1}m 0 0 l 100 0{\\p0}\nDialogue: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,{\\b1}One,{note} two\\Nthree\n";
    clips.write("lines.ass", lines.as_bytes());
    let video = clips.make(
        &format!("{VIDEO} -i lines.ass -c:v libx264 -c:s copy"),
        "video.mkv",
    );
    assert_eq!(seen(&embedded(&video)), [(3000, 4000, "One, two\nthree")]);
}

#[test]
fn ttml_in_a_video_is_read_though_ffmpeg_has_no_decoder_for_it() {
    let clips = Clips::new();
    let lines = "1\n00:00:00,500 --> 00:00:01,250\nHello,\nworld\n\n\
                 2\n00:00:02,000 --> 00:00:02,500\nGröße\n\n";
    clips.write("lines.srt", lines.as_bytes());
    let video = clips.make(
        &format!("{VIDEO} -i lines.srt -c:v libx264 -c:s ttml"),
        "video.mp4",
    );
    assert_eq!(
        seen(&embedded(&video)),
        [(500, 1250, "Hello,\nworld"), (2000, 2500, "Größe")]
    );
}

/// A CEA-608 byte with its odd parity bit.
fn odd(byte: u8) -> u8 {
    byte | if byte.count_ones().is_multiple_of(2) {
        0x80
    } else {
        0
    }
}

/// The byte pairs of a pop-on caption, one pair per frame; the last one shows it.
fn pop_on(text: &str) -> Vec<[u8; 2]> {
    // Resume caption loading, erase the hidden caption, go to row 15; each twice, as in broadcasts.
    let mut pairs = vec![
        [0x14, 0x20],
        [0x14, 0x20],
        [0x14, 0x2e],
        [0x14, 0x2e],
        [0x14, 0x70],
        [0x14, 0x70],
    ];
    for two in text.as_bytes().chunks(2) {
        pairs.push([two[0], two.get(1).copied().unwrap_or(0)]);
    }
    pairs.push([0x14, 0x2f]);
    pairs
}

/// A supplemental message of H.264 with one pair of field 1 (ATSC A/53 part 4, ITU-T T.35).
fn message([a, b]: [u8; 2]) -> Vec<u8> {
    let data = [
        0xb5,
        0x00,
        0x31,
        b'G',
        b'A',
        b'9',
        b'4',
        0x03,
        0xc1,
        0xff,
        0xfc,
        odd(a),
        odd(b),
        0xff,
    ];
    let mut unit = vec![0, 0, 0, 1, 0x06, 0x04, u8::try_from(data.len()).unwrap()];
    unit.extend(data);
    unit.push(0x80);
    unit
}

#[test]
fn closed_captions_in_the_pictures_are_read() {
    let clips = Clips::new();
    let arguments = format!("{VIDEO} -c:v libx264 -bf 0 -x264-params aud=1 -f h264");
    let plain = std::fs::read(clips.make(&arguments, "plain.h264")).unwrap();
    // The caption appears at frame 25 and disappears at frame 75; the other lasts to the end.
    let mut pairs = vec![[0, 0]; 150];
    let (first, second) = (pop_on("HELLO THERE"), pop_on("GOODBYE"));
    pairs[26 - first.len()..26].copy_from_slice(&first);
    pairs[75] = [0x14, 0x2c];
    pairs[101 - second.len()..101].copy_from_slice(&second);
    let mut captioned = Vec::new();
    let (mut at, mut frame) = (0, 0);
    while at < plain.len() {
        captioned.push(plain[at]);
        at += 1;
        // After each access unit delimiter, whose second byte is its only one.
        if captioned.ends_with(&[0, 0, 0, 1, 9]) {
            captioned.push(plain[at]);
            at += 1;
            captioned.extend(message(pairs[frame]));
            frame += 1;
        }
    }
    assert_eq!(frame, 150);
    clips.write("captioned.h264", &captioned);
    for name in ["video.mp4", "video.ts", "video.mkv"] {
        let video = clips.make("-framerate 25 -i captioned.h264 -c copy", name);
        let cues = captions(open(&video), &Bounds::default()).unwrap();
        let texts: Vec<_> = cues.iter().map(|cue| cue.text.as_str()).collect();
        assert_eq!(texts, ["HELLO THERE", "GOODBYE"], "{name}");
        for (cue, (start, end)) in cues.iter().zip([(1000, 3000), (4000, 6000)]) {
            let off = cue.start_ms.abs_diff(start).max(cue.end_ms.abs_diff(end));
            assert!(off <= 80, "{name}: {cue:?}");
        }
    }
    let without = clips.make("-framerate 25 -i plain.h264 -c copy", "plain.mp4");
    assert_eq!(captions(open(&without), &Bounds::default()), Ok(Vec::new()));
}
