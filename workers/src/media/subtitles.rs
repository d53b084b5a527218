//! Text subtitles embedded in a video.

use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec::Id;

use super::ffi::{CueText, decode_subtitle};
use super::open::{Container, PacketError, SharedSource, internal};
use super::probe::{self, MILLISECONDS, units_per_second};
use super::{Bounds, MediaError, StreamDetails};
use crate::dialogue::{self, TimedText};
use crate::source::ByteSource;
use crate::time::Rate;

/// Damaged reads after which the rest of a file is given up.
const MAX_DAMAGED: u32 = 1000;

/// Most cues per stream; a video has a few thousand.
pub(super) const MAX_CUES: usize = 200_000;

/// How to turn packets into words.
enum Reading {
    /// The packet is a TTML document, for which FFmpeg has no decoder.
    Documents,
    /// The packet is text with SubRip or WebVTT markup, parsed as in a file.
    Text,
    /// A decoder of FFmpeg. In ASS itself, all braces are markup.
    Decoder(ffmpeg::decoder::Subtitle, bool),
}

impl Reading {
    fn of(stream: &ffmpeg::Stream<'_>, codec: &str) -> Result<Self, MediaError> {
        let id = stream.parameters().id();
        if codec == "ttml" {
            return Ok(Self::Documents);
        }
        if matches!(id, Id::SUBRIP | Id::WEBVTT | Id::TEXT) {
            return Ok(Self::Text);
        }
        let mut decoder = ffmpeg::codec::Context::from_parameters(stream.parameters())
            .map_err(internal)?
            .decoder();
        decoder.set_packet_time_base(stream.time_base());
        let unsupported = |_error| MediaError::UnsupportedCodec(id.name().to_owned());
        let decoder = decoder.subtitle().map_err(unsupported)?;
        Ok(Self::Decoder(decoder, matches!(id, Id::ASS | Id::SSA)))
    }

    /// The cues of a packet, with times on the stream's clock.
    fn read(&mut self, packet: &ffmpeg::Packet, clock: Clock) -> Vec<TimedText> {
        let Some(pts) = packet.pts() else {
            return Vec::new();
        };
        let start_ms = clock.ms(pts);
        let lasting = |text: String, shown: u32| TimedText {
            start_ms,
            end_ms: if packet.duration() > 0 {
                clock.ms(pts.saturating_add(packet.duration()))
            } else {
                start_ms.saturating_add(u64::from(shown))
            },
            text,
        };
        let bytes = packet.data().unwrap_or_default();
        match self {
            Self::Documents => document(bytes, clock),
            Self::Text => {
                let text = String::from_utf8_lossy(bytes);
                let lines: Vec<&str> = text.trim_end_matches('\0').split(['\r', '\n']).collect();
                vec![lasting(dialogue::plain_text(&lines), 0)]
            }
            Self::Decoder(decoder, native) => {
                let Ok(Some(cue)) = decode_subtitle(decoder, packet) else {
                    return Vec::new();
                };
                let mut read = lasting(words(&cue.texts, *native), 0);
                if decoder.id() == Id::EIA_608 {
                    // A caption is complete when the next one replaces it.
                    (read.start_ms, read.end_ms) =
                        clock.caption(&cue).unwrap_or((start_ms, start_ms));
                } else {
                    read.start_ms = start_ms.saturating_add(u64::from(cue.start));
                    // Decoders mark "until the next one" with the highest number.
                    if packet.duration() <= 0 && cue.end != u32::MAX {
                        read.end_ms = start_ms.saturating_add(u64::from(cue.end));
                    }
                }
                vec![read]
            }
        }
    }
}

/// The clock of a stream, and the start of the video on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub(super) time_base: Rate,
    pub(super) origin_ms: i64,
}

impl Clock {
    /// Milliseconds from the start of the video.
    pub(super) fn ms(self, units: i64) -> u64 {
        let ms = self.time_base.rescale(units, MILLISECONDS);
        u64::try_from(ms.saturating_sub(self.origin_ms)).unwrap_or(0)
    }

    /// Presentation time of a caption from a decoder that keeps its own time.
    pub(super) fn caption(self, cue: &super::ffi::Cue) -> Option<(u64, u64)> {
        let start = cue.pts_us?.div_euclid(1000).saturating_sub(self.origin_ms);
        let start = u64::try_from(start).unwrap_or(0);
        let shown = if cue.end == u32::MAX { 0 } else { cue.end };
        Some((start, start.saturating_add(u64::from(shown))))
    }
}

/// Reads the cues of the text subtitle stream `index` in order of their start.
///
/// # Errors
/// [`MediaError::WrongStream`] if that stream has no text subtitles; any error of opening.
pub fn subtitles(
    source: Box<dyn ByteSource>,
    index: usize,
    bounds: &Bounds,
) -> Result<Vec<TimedText>, MediaError> {
    let bytes = source.len();
    let mut container = Container::open(SharedSource::new(source), bounds)?;
    let info = probe::describe(&container.input, bytes);
    let origin_ms = probe::earliest(&info.streams, MILLISECONDS).unwrap_or(0);
    let is_text = info.streams.get(index).is_some_and(
        |stream| matches!(&stream.details, StreamDetails::Subtitle(subtitle) if subtitle.text),
    );
    let (true, Some(stream)) = (is_text, container.input.stream(index)) else {
        return Err(MediaError::WrongStream {
            index,
            wanted: "a text subtitle".to_owned(),
        });
    };
    let clock = Clock {
        time_base: units_per_second(stream.time_base()).unwrap_or(MILLISECONDS),
        origin_ms,
    };
    let mut reading = Reading::of(&stream, &info.streams[index].codec)?;
    container.only(&[index]);

    let mut cues: Vec<TimedText> = Vec::new();
    let mut damaged = 0;
    while damaged < MAX_DAMAGED && cues.len() < MAX_CUES {
        match container.packet() {
            Ok(Some(packet)) if packet.stream() == index => {
                cues.extend(reading.read(&packet, clock));
            }
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(PacketError::Damaged) => damaged += 1,
            Err(PacketError::Final(error @ MediaError::Io(_))) => return Err(error),
            // The end of a truncated file: the cues before it count.
            Err(PacketError::Final(_)) => break,
        }
    }
    cues.retain(|cue| !cue.text.is_empty());
    cues.sort_by_key(|cue| cue.start_ms);
    dialogue::end_all(&mut cues);
    Ok(cues)
}

/// The cues of a TTML document, whose times are on the stream's clock.
fn document(bytes: &[u8], clock: Clock) -> Vec<TimedText> {
    let Ok(found) = dialogue::parse(bytes) else {
        return Vec::new();
    };
    let ms = |ms: u64| {
        let ms = i64::try_from(ms).unwrap_or(i64::MAX);
        u64::try_from(ms.saturating_sub(clock.origin_ms)).unwrap_or(0)
    };
    let cues = found.cues.into_iter().map(|cue| TimedText {
        start_ms: ms(cue.start_ms),
        end_ms: ms(cue.end_ms),
        text: cue.text,
    });
    cues.collect()
}

/// The words of a decoded cue.
pub(super) fn words(texts: &[CueText], native: bool) -> String {
    let texts: Vec<String> = texts
        .iter()
        .map(|text| match text {
            CueText::Plain(text) => text.clone(),
            // The format of FFmpeg's decoders: eight fields, then the text.
            CueText::Ass(event) => {
                let text = event.splitn(9, ',').nth(8).unwrap_or(event);
                dialogue::ass_text(text, native)
            }
        })
        .filter(|text| !text.is_empty())
        .collect();
    texts.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_stripped_of_its_fields_and_its_markup() {
        let event = r"0,0,Default,,0,0,0,,{\i1}Hello,{\i0} world\N- and\hyou ";
        assert_eq!(
            words(&[CueText::Ass(event.to_owned())], true),
            "Hello, world\n- and you"
        );
    }
}
