//! WebVTT by the specification's parser (W3C, Candidate Recommendation 2019, section 6): blocks separated by
//! blank lines. Blocks that are not cues, and cues with invalid times, are skipped.

use super::clock::{Timing, timing};
use super::cues::{Cues, Fault};
use super::markup::plain;

pub(super) fn parse(lines: &[&str], cues: &mut Cues) {
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        at += 1;
        // Headers, notes, styles, regions and cue identifiers contain no arrow.
        if !line.contains("-->") {
            continue;
        }
        let first = at;
        while lines.get(at).is_some_and(|line| belongs(line)) {
            at += 1;
        }
        if at > first && lines.get(at).is_some_and(|line| line.contains("-->")) {
            cues.warn(at + 1, Fault::NotParted);
        }
        let mut words = &lines[first..at];
        // Automatic captions start with a line of one space, and the files of some players with an empty one.
        if words.is_empty() && lines.get(at).is_some_and(|line| line.trim().is_empty()) {
            let from = at + 1;
            let mut to = from;
            while lines.get(to).is_some_and(|line| belongs(line)) {
                to += 1;
            }
            let next_is_cue = lines.get(to).is_some_and(|line| line.contains("-->"));
            // The line directly above a timing line is its identifier.
            if to > from && !next_is_cue && !is_block(lines[from]) {
                words = &lines[from..to];
                at = to;
            }
        }
        match timing(line) {
            Timing::Times(start, end) => cues.add(first, (start, end), plain(words)),
            Timing::Bad | Timing::No => cues.bad_time(first, line),
        }
    }
    if let Some(last) = lines.iter().rposition(|line| !line.trim().is_empty())
        && lines[last].contains("-->")
    {
        cues.warn(last + 1, Fault::CutShort);
    }
}

/// Whether a line after a timing line still belongs to that cue.
fn belongs(line: &str) -> bool {
    // The header of a concatenated file follows without a blank line.
    !line.is_empty()
        && !line.contains("-->")
        && line != "WEBVTT"
        && !line.starts_with("X-TIMESTAMP-MAP=")
}

/// Whether a block that starts like this has no text to show.
fn is_block(line: &str) -> bool {
    ["NOTE", "STYLE", "REGION", "WEBVTT"]
        .iter()
        .any(|name| line.starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::super::{DialogueError, Fault, Subtitles, parse as parse_file};

    fn read(text: &str) -> Subtitles {
        parse_file(text.as_bytes()).unwrap()
    }

    fn cues(text: &str) -> Vec<(u64, u64, String)> {
        let cues = read(text).cues.into_iter();
        cues.map(|cue| (cue.start_ms, cue.end_ms, cue.text))
            .collect()
    }

    fn expect(file: &str, expected: &[(u64, u64, &str)]) {
        let found = cues(file);
        let found: Vec<_> = found
            .iter()
            .map(|(a, b, text)| (*a, *b, text.as_str()))
            .collect();
        assert_eq!(found, expected, "{file:?}");
    }

    #[test]
    fn notes_styles_regions_and_identifiers_are_passed_over() {
        let file = "WEBVTT - a title\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000\n\nNOTE nothing here\n\nSTYLE\n::cue { color: red }\n\nREGION\nid:fred\nwidth:40%\n\nintro\n00:01.000 --> 00:02.000 line:0 unknown:7\n<v Anna>Merry Christmas!\n\n00:01.500 --> 00:03.000\nAnd you\n";
        expect(
            file,
            &[(1000, 2000, "Merry Christmas!"), (1500, 3000, "And you")],
        );
        // Cues may overlap.
        assert_eq!(read(file).warnings, []);
    }

    #[test]
    fn a_bad_cue_is_skipped_and_named() {
        let file = "WEBVTT\n\n00:01.000 --> nonsense\nlost\n\n00:02.000 --> 00:03.000\nkept\n\n--> 00:04.000\nlost\n";
        expect(file, &[(2000, 3000, "kept")]);
        let warnings = read(file).warnings;
        assert_eq!(warnings.len(), 1);
        let found = (warnings[0].fault, warnings[0].line, warnings[0].count);
        assert_eq!(found, (Fault::Time, 3, 2));
        let error = parse_file(b"WEBVTT\n\na --> b\nx\n").unwrap_err();
        assert!(
            matches!(error, DialogueError::Time { line: 3, .. }),
            "{error}"
        );
    }

    #[test]
    fn an_arrow_begins_a_cue() {
        expect(
            "WEBVTT\n00:01.000 --> 00:02.000\na\n00:02.000 --> 00:03.000\nb\n",
            &[(1000, 2000, "a"), (2000, 3000, "b")],
        );
        let warnings =
            read("WEBVTT\n00:01.000 --> 00:02.000\na\n00:02.000 --> 00:03.000\nb\n").warnings;
        let found: Vec<_> = warnings.iter().map(|w| (w.fault, w.line)).collect();
        assert_eq!(found, [(Fault::NotParted, 4)]);
    }

    #[test]
    fn files_that_were_joined_are_read_to_the_end() {
        let part = |at: u32, text: &str| {
            format!(
                "\u{feff}WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n\n00:0{at}.000 --> 00:0{at}.900\n{text}\n"
            )
        };
        expect(
            &format!("{}{}", part(1, "a"), part(2, "b")),
            &[(1000, 1900, "a"), (2000, 2900, "b")],
        );
    }

    #[test]
    fn automatic_captions_begin_with_a_line_of_one_space() {
        let file = "WEBVTT\nKind: captions\nLanguage: en\n\n00:00:00.080 --> 00:00:02.310 align:start position:0%\n \nwelcome<00:00:00.560><c> back</c>\n\n00:00:02.310 --> 00:00:02.320 align:start position:0%\nwelcome back\n \n\n";
        expect(
            file,
            &[(80, 2310, "welcome back"), (2310, 2320, "welcome back")],
        );
        // By the standard an empty line ends the cue; the words after it would be lost.
        expect(
            "WEBVTT\n\n00:01.000 --> 00:02.000\n\nwords\n\nid\n00:02.000 --> 00:03.000\n\nNOTE no words\n",
            &[(1000, 2000, "words")],
        );
    }

    #[test]
    fn a_last_cue_without_words_is_named() {
        let file = "WEBVTT\n\n00:01.000 --> 00:02.000\na\n\n00:03.000 --> 00:04.000\n";
        expect(file, &[(1000, 2000, "a")]);
        let faults: Vec<_> = read(file).warnings.iter().map(|w| w.fault).collect();
        assert_eq!(faults, [Fault::Empty, Fault::CutShort]);
    }
}
