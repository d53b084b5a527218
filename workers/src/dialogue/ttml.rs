//! TTML (W3C, Timed Text Markup Language 2): the paragraphs and their text.
//!
//! Times are relative to those of the enclosing elements, with parallel timing throughout. Styles, regions and
//! animation are ignored.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::clock::digits;
use super::cues::{Cues, Fault};
use super::markup::{entity, push_line};

/// Maximum nesting depth of elements; subtitle files have about six levels.
const MAX_DEPTH: usize = 100;

/// Elements that are metadata and not shown.
const UNSEEN: &[&str] = &[
    "head",
    "metadata",
    "desc",
    "title",
    "copyright",
    "agent",
    "name",
];

/// The units of times.
#[derive(Debug, Clone, Copy)]
struct Rates {
    /// Frames per this many seconds.
    frames: (u64, u64),
    /// Ticks per second.
    ticks: u64,
}

/// An open element.
#[derive(Debug, Clone, Copy)]
struct Element {
    begin: u64,
    /// Its latest possible end.
    end: Option<u64>,
    paragraph: bool,
    unseen: bool,
}

/// A paragraph being read: its text by display time.
#[derive(Debug)]
struct Paragraph {
    line: usize,
    parts: Vec<((u64, Option<u64>), String)>,
}

/// Whether a file looks like TTML.
pub(super) fn looks_like(text: &str) -> bool {
    let text = text.trim_start();
    let head = text.get(..4096).unwrap_or(text);
    text.starts_with('<')
        && head.split('<').any(|tag| {
            let name = tag
                .split([' ', '>', '\t', '\r', '\n'])
                .next()
                .unwrap_or_default();
            name == "tt" || name.ends_with(":tt")
        })
}

pub(super) fn parse(text: &str, cues: &mut Cues) {
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    let mut document = Document {
        rates: Rates {
            frames: (30, 1),
            ticks: 1,
        },
        open: Vec::new(),
        paragraph: None,
        cues,
    };
    let (mut line, mut counted) = (1, 0);
    loop {
        let event = reader.read_event();
        let position = usize::try_from(reader.buffer_position()).unwrap_or(text.len());
        let passed = text.as_bytes().get(counted..position).unwrap_or_default();
        line += passed.iter().filter(|byte| **byte == b'\n').count();
        counted = position.max(counted);
        match event {
            Ok(Event::Start(tag)) => document.start(&tag, line),
            Ok(Event::Empty(tag)) => {
                document.start(&tag, line);
                document.end();
            }
            Ok(Event::End(_)) => document.end(),
            Ok(Event::Text(text)) => document.text(&String::from_utf8_lossy(&text)),
            Ok(Event::CData(text)) => document.text(&String::from_utf8_lossy(&text)),
            Ok(Event::GeneralRef(name)) => {
                let name = String::from_utf8_lossy(&name);
                document.text(&entity(&name).unwrap_or_else(|| format!("&{name};")));
            }
            Ok(Event::Eof) => {
                if !document.open.is_empty() {
                    document.cues.warn(line, Fault::CutShort);
                }
                break;
            }
            Ok(Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_)) => {}
            Err(_) => {
                document.cues.warn(line, Fault::Markup);
                break;
            }
        }
        if document.open.len() > MAX_DEPTH {
            document.cues.warn(line, Fault::Markup);
            break;
        }
    }
    // Elements that are open at the end of a truncated file are shown too.
    document.finish_paragraph();
}

struct Document<'a> {
    rates: Rates,
    open: Vec<Element>,
    paragraph: Option<Paragraph>,
    cues: &'a mut Cues,
}

impl Document<'_> {
    fn start(&mut self, tag: &BytesStart<'_>, line: usize) {
        let name = String::from_utf8_lossy(tag.local_name().as_ref()).into_owned();
        if name == "tt" {
            self.rates = rates(tag);
        }
        let parent = self.open.last().copied();
        let paragraph = name == "p" && self.paragraph.is_none();
        let mut element = self.timed(tag, parent, line);
        element.paragraph = paragraph;
        element.unseen |= UNSEEN.contains(&name.as_str());
        if paragraph {
            self.paragraph = Some(Paragraph {
                line,
                parts: Vec::new(),
            });
        }
        self.open.push(element);
        if name == "br" {
            self.push("\n");
        }
    }

    /// The element `tag` with its times, relative to its parent.
    fn timed(&mut self, tag: &BytesStart<'_>, parent: Option<Element>, line: usize) -> Element {
        let origin = parent.map_or(0, |parent| parent.begin);
        let mut time = |name: &str| {
            let text = attribute(tag, name)?;
            let read = milliseconds(&text, self.rates);
            if read.is_none() {
                self.cues.bad_time(line, &text);
            }
            read
        };
        let begin = origin.saturating_add(time("begin").unwrap_or(0));
        let ends = [
            time("end").map(|end| origin.saturating_add(end)),
            time("dur").map(|length| begin.saturating_add(length)),
            parent.and_then(|parent| parent.end),
        ];
        Element {
            begin,
            end: ends.into_iter().flatten().min(),
            paragraph: false,
            unseen: parent.is_some_and(|parent| parent.unseen),
        }
    }

    fn end(&mut self) {
        if self.open.pop().is_some_and(|element| element.paragraph) {
            self.finish_paragraph();
        }
    }

    /// Text as written; white space only separates words.
    fn text(&mut self, text: &str) {
        let mut plain = String::with_capacity(text.len());
        for letter in text.chars() {
            if !letter.is_whitespace() {
                plain.push(letter);
            } else if !plain.ends_with(' ') {
                plain.push(' ');
            }
        }
        self.push(&plain);
    }

    fn push(&mut self, text: &str) {
        let Some(element) = self.open.last().filter(|element| !element.unseen) else {
            return;
        };
        let Some(paragraph) = &mut self.paragraph else {
            return;
        };
        let shown = (element.begin, element.end);
        match paragraph.parts.last_mut() {
            Some((times, words)) if *times == shown => words.push_str(text),
            _ => paragraph.parts.push((shown, text.to_owned())),
        }
    }

    fn finish_paragraph(&mut self) {
        let Some(paragraph) = self.paragraph.take() else {
            return;
        };
        for ((begin, end), text) in paragraph.parts {
            let mut words = String::new();
            for line in text.split('\n') {
                push_line(&mut words, line);
            }
            if !words.is_empty() {
                let times = (begin, end.unwrap_or(begin));
                self.cues.add(paragraph.line, times, words);
            }
        }
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = tag.attributes();
    let found = attributes
        .with_checks(false)
        .flatten()
        .find(|found| found.key.local_name().as_ref() == name.as_bytes())?;
    Some(String::from_utf8_lossy(&found.value).trim().to_owned())
}

/// The rates declared by the root element `tt`.
fn rates(tag: &BytesStart<'_>) -> Rates {
    let number = |name: &str| {
        let text = attribute(tag, name)?;
        digits(&text).filter(|value| (1..=1_000_000_000).contains(value))
    };
    let rate = number("frameRate");
    let multiplier = attribute(tag, "frameRateMultiplier").and_then(|text| {
        let (up, down) = text.split_once([' ', ':'])?;
        let (up, down) = (digits(up.trim())?, digits(down.trim())?);
        ((1..=1_000_000).contains(&up) && (1..=1_000_000).contains(&down)).then_some((up, down))
    });
    let (up, down) = multiplier.unwrap_or((1, 1));
    Rates {
        frames: (rate.unwrap_or(30) * up, down),
        ticks: number("tickRate").or(rate).unwrap_or(1),
    }
}

/// A time expression in milliseconds: `00:01:02.5`, `00:01:02:12` (frames), `62.5s`, `500ms`, `12f`, `9t`.
fn milliseconds(text: &str, rates: Rates) -> Option<u64> {
    let (frames, seconds) = rates.frames;
    if text.contains(':') {
        let parts: Vec<&str> = text.split(':').collect();
        let (&[hours, minutes, whole], rest) = parts.split_first_chunk::<3>()?;
        let clock = (digits(hours)?, digits(minutes)?);
        if clock.0 > 9999 || clock.1 > 99 {
            return None;
        }
        let ms = (clock.0 * 60 + clock.1) * 60_000;
        let ms = ms.checked_add(scaled(whole, 1000, 1)?)?;
        return match rest {
            [] => Some(ms),
            // Fractions of a frame do not matter here.
            [count] => {
                let count = count.split('.').next()?;
                ms.checked_add(scaled(count, seconds.checked_mul(1000)?, frames)?)
            }
            _ => None,
        };
    }
    let unit = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (value, unit) = text.split_at(unit);
    match unit {
        "h" => scaled(value, 3_600_000, 1),
        "m" => scaled(value, 60_000, 1),
        "s" => scaled(value, 1000, 1),
        "ms" => scaled(value, 1, 1),
        "f" => scaled(value, seconds.checked_mul(1000)?, frames),
        "t" => scaled(value, 1000, rates.ticks),
        _ => None,
    }
}

/// A decimal number times `up / down`, rounded down.
fn scaled(text: &str, up: u64, down: u64) -> Option<u64> {
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, "0"));
    digits(fraction)?;
    let millionths = digits(&format!("{fraction}000000")[..6])?;
    let value = u128::from(digits(whole)?) * 1_000_000 + u128::from(millionths);
    u64::try_from(value * u128::from(up) / (u128::from(down) * 1_000_000)).ok()
}

#[cfg(test)]
mod tests {
    use super::super::{DialogueError, Fault, Subtitles, parse as parse_file};

    fn read(body: &str) -> Subtitles {
        let file = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<tt xmlns=\"http://www.w3.org/ns/ttml\" xmlns:ttp=\"http://www.w3.org/ns/ttml#parameter\" ttp:frameRate=\"30\" ttp:frameRateMultiplier=\"1000 1001\" ttp:tickRate=\"10000000\">\n<head><metadata><title>not said</title></metadata></head>\n{body}</tt>"
        );
        parse_file(file.as_bytes()).unwrap()
    }

    fn expect(body: &str, expected: &[(u64, u64, &str)]) {
        let found = read(body).cues;
        let found: Vec<_> = found
            .iter()
            .map(|cue| (cue.start_ms, cue.end_ms, cue.text.as_str()))
            .collect();
        assert_eq!(found, expected, "{body}");
    }

    #[test]
    fn paragraphs_have_words_and_times() {
        expect(
            "<body><div>\n <p begin=\"00:00:01.500\" end=\"00:00:02.000\">Hello,\n   <span>world</span><br/>&amp; you &#233;</p>\n <p begin=\"3s\" dur=\"500ms\"><metadata>x</metadata>b</p></div></body>",
            &[(1500, 2000, "Hello, world\n& you é"), (3000, 3500, "b")],
        );
    }

    #[test]
    fn every_way_to_write_a_time_is_read() {
        for (begin, ms) in [
            ("01:02:03", 3_723_000),
            ("00:00:01.25", 1250),
            ("00:00:01:15", 1500),
            ("1.5s", 1500),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("30f", 1001),
            ("15000000t", 1500),
        ] {
            expect(
                &format!("<body><div><p begin=\"{begin}\" dur=\"1s\">x</p></div></body>"),
                &[(ms, ms + 1000, "x")],
            );
        }
    }

    #[test]
    fn times_count_from_those_around() {
        expect(
            "<body begin=\"10s\"><div begin=\"1s\" end=\"20s\"><p><span begin=\"0s\" end=\"1s\">a</span><span begin=\"1s\">b</span></p></div></body>",
            &[(11_000, 12_000, "a"), (12_000, 30_000, "b")],
        );
    }

    #[test]
    fn a_broken_file_is_read_up_to_there() {
        let found = read(
            "<body><div><p begin=\"1s\" end=\"2s\">a</p><p begin=\"x\" end=\"3s\">b</p><p begin=\"3s\" end=\"4s\">c<",
        );
        let texts: Vec<_> = found.cues.iter().map(|cue| cue.text.as_str()).collect();
        assert_eq!(texts, ["b", "a", "c"]);
        assert!(
            found
                .warnings
                .iter()
                .any(|warning| warning.fault == Fault::Time && warning.line == 4)
        );
        let error = parse_file(b"<html><body>x</body></html>").unwrap_err();
        assert_eq!(error, DialogueError::NotSubtitles);
    }
}
