//! Closed captions in a video's pictures: CEA-608, as in North American broadcasts and discs.
//!
//! They travel in the user data of H.264, HEVC and MPEG-2 (ATSC A/53 part 4), a few bytes per frame, which
//! FFmpeg outputs beside the decoded frames. The first channel of the first used field is read. Captions that
//! exist only as CEA-708 are not read: FFmpeg has no decoder for them.

use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec::Id;
use ffmpeg_next::frame::side_data::Type;

use super::ffi::decode_subtitle;
use super::frames::FrameReader;
use super::open::{PacketError, SharedSource, internal};
use super::probe::MILLISECONDS;
use super::subtitles::{Clock, MAX_CUES, words};
use super::video::MainVideo;
use super::{Bounds, MediaError, ReadOptions, probe};
use crate::dialogue::{TimedText, end_all};
use crate::source::ByteSource;

/// Video packets to examine before a video counts as one without captions, about two minutes. A captioned video
/// carries caption bytes with every frame, spoken or not.
const LOOK: usize = 3_000;

/// First bytes of caption data: those of ATSC, and those of discs.
const MARKS: [&[u8]; 2] = [b"GA94\x03", b"CC\x01\xf8"];

/// "Erase displayed memory", for either field: it completes the last caption.
const ERASE: [u8; 6] = [0xfc, 0x94, 0x2c, 0xfd, 0x15, 0x2c];

/// Reads the closed captions of the main video in order of their start; empty if there are none. The video is
/// decoded only if it has captions.
///
/// # Errors
/// Any error of opening; [`MediaError::Io`] if the source fails.
pub fn captions(
    source: Box<dyn ByteSource>,
    bounds: &Bounds,
) -> Result<Vec<TimedText>, MediaError> {
    let source = SharedSource::new(source);
    match has_captions(source.clone(), bounds) {
        Ok(true) => {}
        Ok(false) | Err(MediaError::NoVideo) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    }
    let options = ReadOptions {
        threads: 0,
        rough: true,
        ..ReadOptions::default()
    };
    let mut reader = FrameReader::open_shared(source, options, bounds)?;
    let clock = Clock {
        time_base: reader.time_base(),
        origin_ms: probe::earliest(&reader.info().streams, MILLISECONDS).unwrap_or(0),
    };
    let mut decoder = decoder()?;
    let mut cues = Vec::new();
    loop {
        let frame = match reader.next_frame() {
            Ok(Some(frame)) => frame,
            Ok(None) | Err(MediaError::NoFrames) => break,
            Err(error) => return Err(error),
        };
        if let Some(bytes) = frame.picture.side_data(Type::A53CC)
            && cues.len() < MAX_CUES
        {
            let ms = clock.time_base.rescale(frame.pts, MILLISECONDS);
            cues.extend(fed(&mut decoder, bytes.data(), ms, clock));
        }
    }
    let end = clock.time_base.rescale(reader.end_pts(), MILLISECONDS);
    cues.extend(fed(&mut decoder, &ERASE, end, clock));
    Ok(settled(cues))
}

fn has_captions(source: SharedSource, bounds: &Bounds) -> Result<bool, MediaError> {
    let mut video = MainVideo::open(source, bounds)?;
    let stream = video.container.input.stream(video.stream);
    let codec = stream.map(|stream| stream.parameters().id());
    if !matches!(codec, Some(Id::H264 | Id::HEVC | Id::MPEG2VIDEO)) {
        return Ok(false);
    }
    for _ in 0..LOOK {
        match video.packet() {
            Ok(Some(packet)) if marked(packet.data().unwrap_or_default()) => return Ok(true),
            Ok(Some(_)) | Err(PacketError::Damaged) => {}
            Err(PacketError::Final(error @ MediaError::Io(_))) => return Err(error),
            Ok(None) | Err(PacketError::Final(_)) => return Ok(false),
        }
    }
    Ok(false)
}

fn marked(bytes: &[u8]) -> bool {
    let holds = |mark: &[u8]| bytes.windows(mark.len()).any(|window| window == mark);
    MARKS.into_iter().any(holds)
}

fn decoder() -> Result<ffmpeg::decoder::Subtitle, MediaError> {
    let missing = || MediaError::UnsupportedCodec("eia_608".to_owned());
    let codec = ffmpeg::decoder::find(Id::EIA_608).ok_or_else(missing)?;
    let mut decoder = ffmpeg::codec::Context::new_with_codec(codec).decoder();
    decoder.set_packet_time_base(ffmpeg::Rational(1, 1000));
    let opened = decoder.open_as(codec).map_err(internal)?;
    opened.subtitle().map_err(|_wrong_kind| missing())
}

/// Gives the decoder the caption bytes of a frame, and returns the caption that they complete, if any.
fn fed(
    decoder: &mut ffmpeg::decoder::Subtitle,
    bytes: &[u8],
    ms: i64,
    clock: Clock,
) -> Option<TimedText> {
    let mut packet = ffmpeg::Packet::copy(bytes);
    packet.set_pts(Some(ms));
    packet.set_dts(Some(ms));
    let cue = decode_subtitle(decoder, &packet).ok()??;
    let (start_ms, end_ms) = clock.caption(&cue)?;
    Some(TimedText {
        start_ms,
        end_ms,
        text: words(&cue.texts, true),
    })
}

/// Removes text that the previous caption showed already: roll-up captions repeat lines.
fn settled(found: Vec<TimedText>) -> Vec<TimedText> {
    let mut cues: Vec<TimedText> = Vec::with_capacity(found.len());
    let mut shown: Vec<String> = Vec::new();
    for mut cue in found {
        let lines: Vec<String> = cue.text.lines().map(str::to_owned).collect();
        let follows = cues.last().is_some_and(|last| cue.start_ms <= last.end_ms);
        let most = if follows {
            lines.len().min(shown.len())
        } else {
            0
        };
        let repeated = (0..=most)
            .rev()
            .find(|&count| shown[shown.len() - count..] == lines[..count])
            .unwrap_or(0);
        cue.text = lines[repeated..].join("\n");
        shown = lines;
        if !cue.text.is_empty() {
            cues.push(cue);
        } else if let Some(last) = cues.last_mut().filter(|_| repeated > 0) {
            last.end_ms = last.end_ms.max(cue.end_ms);
        }
    }
    cues.sort_by_key(|cue| cue.start_ms);
    end_all(&mut cues);
    cues
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_that_roll_up_say_each_line_once() {
        let cue = |start_ms, end_ms, text: &str| TimedText {
            start_ms,
            end_ms,
            text: text.to_owned(),
        };
        let rolled = vec![
            cue(0, 1000, "one"),
            cue(1000, 2000, "one\ntwo"),
            cue(2000, 3000, "two\nthree"),
            cue(3000, 4000, "three"),
            cue(9000, 9500, "three"),
        ];
        let expected = [
            cue(0, 1000, "one"),
            cue(1000, 2000, "two"),
            cue(2000, 4000, "three"),
            cue(9000, 9500, "three"),
        ];
        assert_eq!(settled(rolled), expected);
    }
}
