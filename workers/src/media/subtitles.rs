//! Text subtitles that are embedded in a film.

use ffmpeg_next as ffmpeg;
use serde::{Deserialize, Serialize};

use super::ffi::{CueText, decode_subtitle};
use super::open::{Container, PacketError, SharedSource, internal};
use super::probe::{self, MILLISECONDS, units_per_second};
use super::{Bounds, MediaError, StreamDetails};
use crate::source::ByteSource;

/// Damaged reads after which the rest of a file is given up.
const MAX_DAMAGED: u32 = 1000;

/// Cues that one stream may have; a film has a few thousand.
const MAX_CUES: usize = 200_000;

/// One line of dialogue as the file has it, without markup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawCue {
    /// Start in milliseconds from the start of the file.
    pub start_ms: u64,
    /// End in milliseconds from the start of the file.
    pub end_ms: u64,
    /// Plain text; lines are separated by `\n`.
    pub text: String,
}

/// Reads the cues of the text subtitle stream `index`, in order of their start.
///
/// # Errors
/// [`MediaError::WrongStream`] if that stream is no text subtitle; any error of opening.
pub fn subtitles(
    source: Box<dyn ByteSource>,
    index: usize,
    bounds: &Bounds,
) -> Result<Vec<RawCue>, MediaError> {
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
    let time_base = units_per_second(stream.time_base()).unwrap_or(MILLISECONDS);
    let mut decoder = ffmpeg::codec::Context::from_parameters(stream.parameters())
        .map_err(internal)?
        .decoder();
    decoder.set_packet_time_base(stream.time_base());
    let unsupported = |_error| MediaError::UnsupportedCodec(info.streams[index].codec.clone());
    let mut decoder = decoder.subtitle().map_err(unsupported)?;
    container.only(index);

    let ms = |units: i64| {
        let ms = time_base
            .rescale(units, MILLISECONDS)
            .saturating_sub(origin_ms);
        u64::try_from(ms).unwrap_or(0)
    };
    let mut cues = Vec::new();
    let mut damaged = 0;
    while damaged < MAX_DAMAGED && cues.len() < MAX_CUES {
        let packet = match container.packet() {
            Ok(Some(packet)) if packet.stream() == index => packet,
            Ok(Some(_)) => continue,
            Ok(None) => break,
            Err(PacketError::Damaged) => {
                damaged += 1;
                continue;
            }
            Err(PacketError::Final(error @ MediaError::Io(_))) => return Err(error),
            // The cut end of a file: the cues before it count.
            Err(PacketError::Final(_)) => break,
        };
        let (Some(pts), Ok(Some(cue))) = (packet.pts(), decode_subtitle(&mut decoder, &packet))
        else {
            continue;
        };
        let text = plain(&cue.texts);
        if text.is_empty() {
            continue;
        }
        let start_ms = ms(pts).saturating_add(u64::from(cue.start));
        let end_ms = if packet.duration() > 0 {
            ms(pts.saturating_add(packet.duration()))
        } else {
            // Decoders say "until the next one" with the highest number.
            let shown = if cue.end == u32::MAX {
                cue.start
            } else {
                cue.end
            };
            ms(pts).saturating_add(u64::from(shown))
        };
        cues.push(RawCue {
            start_ms,
            end_ms: end_ms.max(start_ms),
            text,
        });
    }
    cues.sort_by_key(|cue| cue.start_ms);
    Ok(cues)
}

/// The text of a cue: its lines without markup, without empty ones.
fn plain(texts: &[CueText]) -> String {
    let mut lines = Vec::new();
    for text in texts {
        let text = match text {
            CueText::Plain(text) => text.replace('\r', ""),
            CueText::Ass(event) => plain_ass(event),
        };
        lines.extend(text.lines().map(|line| line.trim().to_owned()));
    }
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

/// The text of an ASS event as FFmpeg's decoders write it: eight fields, then the text, with
/// overrides in braces and escapes for line ends and hard spaces.
fn plain_ass(event: &str) -> String {
    let text = event.splitn(9, ',').nth(8).unwrap_or(event);
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        match letter {
            // An override; one that is never closed is text after all.
            '{' if rest.as_str().contains('}') => {
                rest.by_ref().find(|&letter| letter == '}');
            }
            '\\' => match rest.clone().next() {
                Some('N' | 'n') => {
                    rest.next();
                    plain.push('\n');
                }
                Some('h') => {
                    rest.next();
                    plain.push(' ');
                }
                _ => plain.push('\\'),
            },
            '\r' => {}
            letter => plain.push(letter),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_stripped_and_lines_are_kept() {
        let event = r"0,0,Default,,0,0,0,,{\i1}Hello,{\i0} world\N- and\hyou ";
        assert_eq!(
            plain(&[CueText::Ass(event.to_owned())]),
            "Hello, world\n- and you"
        );
    }

    #[test]
    fn an_open_brace_is_text() {
        assert_eq!(plain_ass("0,0,Default,,0,0,0,,a { b"), "a { b");
    }
}
