//! Subtitle files, written: SubRip and WebVTT.

use std::fmt::Write as _;

use super::TimedText;

/// A SubRip file of these lines.
#[must_use]
pub fn to_srt(lines: &[TimedText]) -> String {
    let mut file = String::new();
    for (number, line) in (1_usize..).zip(lines) {
        let (start, end) = (clock(line.start_ms, ','), clock(line.end_ms, ','));
        let text = unbroken(&line.text);
        // Text takes everything.
        writeln!(file, "{number}\n{start} --> {end}\n{text}\n").ok();
    }
    file
}

/// A WebVTT file of these lines.
#[must_use]
pub fn to_vtt(lines: &[TimedText]) -> String {
    let mut file = "WEBVTT\n\n".to_owned();
    for line in lines {
        let (start, end) = (clock(line.start_ms, '.'), clock(line.end_ms, '.'));
        let text = unbroken(&line.text)
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        writeln!(file, "{start} --> {end}\n{text}\n").ok();
    }
    file
}

/// An empty line would end the cue.
fn unbroken(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines.join("\n")
}

fn clock(ms: u64, mark: char) -> String {
    let (seconds, ms) = (ms / 1000, ms % 1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}{mark}{ms:03}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> TimedText {
        TimedText {
            start_ms: 3_723_004,
            end_ms: 3_724_500,
            text: text.to_owned(),
        }
    }

    #[test]
    fn files_are_those_of_their_formats() {
        let lines = [line("a < b\n\n& c")];
        assert_eq!(
            to_srt(&lines),
            "1\n01:02:03,004 --> 01:02:04,500\na < b\n& c\n\n"
        );
        assert_eq!(
            to_vtt(&lines),
            "WEBVTT\n\n01:02:03.004 --> 01:02:04.500\na &lt; b\n&amp; c\n\n"
        );
    }

    #[test]
    fn files_are_read_again_as_they_were_written() {
        let lines = [line("So it is.")];
        for file in [to_srt(&lines), to_vtt(&lines)] {
            let read = super::super::parse(file.as_bytes()).unwrap();
            assert!(read.warnings.is_empty());
            assert_eq!(read.cues, lines);
        }
    }
}
