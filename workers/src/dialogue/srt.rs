//! SubRip, and its variants in practice: numbered blocks of a timing line and text, separated by blank lines.
//!
//! Only the timing lines separate cues. Counters and blank lines may be missing, doubled or misplaced.

use super::clock::{Timing, clock_like, digits, timing};
use super::cues::{Cues, Fault};
use super::markup::plain;

/// Reads the lines of a file; `false` if they are not subtitles.
pub(super) fn parse(lines: &[&str], cues: &mut Cues) -> bool {
    let timings: Vec<(usize, Timing)> = lines
        .iter()
        .enumerate()
        .map(|(at, line)| (at, timing(line)))
        .filter(|(_, timing)| *timing != Timing::No)
        .collect();
    let Some(&(first, _)) = timings.first() else {
        return lines.iter().all(|line| line.trim().is_empty());
    };
    let before = trimmed(&lines[..first]);
    let mut counter = before.last().and_then(|line| count(line));
    let numbered = counter.is_some();
    let header = &before[..before.len() - usize::from(numbered)];
    if let Some(at) = header.iter().position(|line| !line.trim().is_empty()) {
        cues.warn(at + 1, Fault::Header);
    }
    for (rank, &(at, times)) in timings.iter().enumerate() {
        let next = timings.get(rank + 1).map(|&(next, _)| next);
        let body = &lines[at + 1..next.unwrap_or(lines.len())];
        let words = if next.is_some() {
            let counted = without_counter(body, numbered, counter);
            counter = counted.1;
            if counted.0.last().is_some_and(|line| !line.trim().is_empty())
                && (counted.1.is_some() || counted.0.len() == body.len())
            {
                cues.warn(at + 2 + counted.0.len(), Fault::NotParted);
            }
            counted.0
        } else {
            let whole = without_torn_end(body, counter);
            if whole.len() < trimmed(body).len() {
                let blank = body[whole.len()..]
                    .iter()
                    .take_while(|line| line.trim().is_empty());
                cues.warn(at + 2 + whole.len() + blank.count(), Fault::CutShort);
            }
            whole
        };
        match times {
            Timing::Times(start, end) => {
                cues.check_order(at + 1, (start, end));
                cues.add(at + 1, (start, end), plain(words));
            }
            Timing::Bad | Timing::No => cues.bad_time(at + 1, lines[at]),
        }
    }
    true
}

/// Without trailing blank lines.
fn trimmed<'a, 'b>(lines: &'a [&'b str]) -> &'a [&'b str] {
    let used = lines.iter().rposition(|line| !line.trim().is_empty());
    &lines[..used.map_or(0, |at| at + 1)]
}

/// The value of a line that may be a counter.
fn count(line: &str) -> Option<u64> {
    digits(line.trim())
}

/// The lines between two timing lines without the counter of the second, and that counter.
///
/// In a file that starts with a counter, a number is a counter unless it is the cue's only text and does not
/// continue the count. In other files it is one if it stands alone directly above the timing line.
fn without_counter<'a, 'b>(
    body: &'a [&'b str],
    numbered: bool,
    before: Option<u64>,
) -> (&'a [&'b str], Option<u64>) {
    let words = trimmed(body);
    let Some((last, rest)) = words.split_last() else {
        return (words, None);
    };
    let Some(number) = count(last) else {
        return (words, None);
    };
    let alone = rest.last().is_some_and(|line| line.trim().is_empty());
    let is_counter = if numbered {
        !rest.is_empty() || before.is_some_and(|before| number == before.saturating_add(1))
    } else {
        alone && words.len() == body.len()
    };
    if is_counter {
        (rest, Some(number))
    } else {
        (words, None)
    }
}

/// The last cue's lines, without the beginning of a truncated next cue.
fn without_torn_end<'a, 'b>(body: &'a [&'b str], counter: Option<u64>) -> &'a [&'b str] {
    let words = trimmed(body);
    let Some((last, rest)) = words.split_last() else {
        return words;
    };
    let follows = |line: &str| count(line).is_some_and(|n| counter.is_some_and(|c| n == c + 1));
    let parted = |rest: &[&str]| rest.last().is_some_and(|line| line.trim().is_empty());
    if follows(last) && parted(rest) {
        return trimmed(rest);
    }
    // `12` and, on the next line, `00:01:0`.
    if clock_like(last)
        && let Some((number, rest)) = rest.split_last()
        && follows(number)
        && parted(rest)
    {
        return trimmed(rest);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::{Fault, Subtitles, TimedText, parse as parse_file};

    fn read(text: &str) -> Subtitles {
        parse_file(text.as_bytes()).unwrap()
    }

    fn words(text: &str) -> Vec<String> {
        read(text).cues.into_iter().map(|cue| cue.text).collect()
    }

    fn warned(text: &str) -> Vec<(Fault, usize, usize)> {
        let warnings = read(text).warnings;
        let parts = warnings.iter().map(|w| (w.fault, w.line, w.count));
        parts.collect()
    }

    #[test]
    fn cues_are_read_with_their_lines() {
        let found = read(
            "1\r\n00:00:01,000 --> 00:00:02,500\r\nBin blue\r\nat F two\r\n\r\n2\r\n00:00:03,000 --> 00:00:04,000\r\n<i>now</i>\r\n",
        );
        let cue = |start_ms, end_ms, text: &str| TimedText {
            start_ms,
            end_ms,
            text: text.to_owned(),
        };
        assert_eq!(
            found.cues,
            [
                cue(1000, 2500, "Bin blue\nat F two"),
                cue(3000, 4000, "now")
            ]
        );
        assert_eq!(found.warnings, []);
    }

    #[test]
    fn a_timing_line_begins_a_cue_wherever_it_stands() {
        let one = "00:00:01,000 --> 00:00:02,000";
        let two = "00:00:02,000 --> 00:00:03,000";
        for (file, line) in [
            (format!("1\n{one}\na\n2\n{two}\nb\n"), 4),
            (format!("{one}\na\n{two}\nb"), 3),
            (format!("1\n{one}\na\n2\n\n{two}\nb\n"), 4),
            (format!("1\n{one}\n\na\n{two}\nb\n"), 5),
        ] {
            assert_eq!(words(&file), ["a", "b"], "{file:?}");
            assert_eq!(warned(&file), [(Fault::NotParted, line, 1)], "{file:?}");
        }
        for file in [
            format!("{one}\na\n\n{two}\nb"),
            format!("1\n\n{one}\n\na\n\n2\n\n{two}\n\nb\n\n"),
            format!("1\r{one}\ra\r\r2\r{two}\rb\r"),
            format!("1\r\r\n{one}\r\r\na\r\r\n\r\r\n2\r\r\n{two}\r\r\nb\r\r\n"),
            format!("\u{feff}1\n{one}\na\n\n\u{feff}1\n{two}\nb\n"),
            format!("{one}\n \na\n\n{two}\n \nb\n"),
            format!("1\n{one}\na\n\n2\n{two}\nb\n\u{1a}"),
            format!("{one}\na\n\n7\n{two}\nb\n"),
        ] {
            let found = read(&file);
            let texts: Vec<&str> = found.cues.iter().map(|cue| cue.text.as_str()).collect();
            assert_eq!(texts, ["a", "b"], "{file:?}");
            assert_eq!(found.warnings, [], "{file:?}");
        }
    }

    #[test]
    fn numbers_that_are_said_are_words() {
        let file = "1\n00:00:01,000 --> 00:00:02,000\n42\n\n2\n00:00:02,000 --> 00:00:03,000\nforty-\n42\n\n3\n00:00:03,000 --> 00:00:04,000\n1984\n";
        assert_eq!(words(file), ["42", "forty-\n42", "1984"]);
        let unnumbered = "00:00:01,000 --> 00:00:02,000\n42\n\n00:00:02,000 --> 00:00:03,000\n43\n";
        assert_eq!(words(unnumbered), ["42", "43"]);
        let uncounted = "1\n00:00:01,000 --> 00:00:02,000\n42\n00:00:02,000 --> 00:00:03,000\nb\n";
        assert_eq!(words(uncounted), ["42", "b"]);
    }

    #[test]
    fn blank_lines_within_a_cue_do_not_end_it_and_cost_little() {
        let gap = "\n".repeat(200_000);
        let text = format!(
            "1\n00:00:01,000 --> 00:00:03,000\na{gap}b\n\n2\n00:00:03,000 --> 00:00:04,000\nc\n"
        );
        assert_eq!(words(&text), ["a\nb", "c"]);
    }

    #[test]
    fn what_is_wrong_is_read_all_the_same_and_named_by_line() {
        let head = "1\n00:00:01,000 --> 00:00:03,000\na\n\n";
        for (rest, texts, fault, line) in [
            (
                "2\n00:00:02,000 --> 00:00:04,000\nb\n",
                &["a", "b"][..],
                Fault::Overlap,
                6,
            ),
            (
                "2\n00:00:00,000 --> 00:00:01,000\nb\n",
                &["b", "a"],
                Fault::Order,
                6,
            ),
            (
                "2\n00:00:04,000 --> 00:00:05,000\n\n",
                &["a"],
                Fault::Empty,
                6,
            ),
            (
                "2\n00:00:0x,000 --> 00:00:05,000\nb\n\n3\n00:00:05,000 --> 00:00:06,000\nc",
                &["a", "c"],
                Fault::Time,
                6,
            ),
            (
                "2\n00:00:05,000 --> 00:00:04,000\nb\n",
                &["a", "b"],
                Fault::Length,
                6,
            ),
            ("2\n00:00:05,0", &["a"], Fault::CutShort, 5),
            ("2\n", &["a"], Fault::CutShort, 5),
            ("2\n00:00:05,000 --> 00:", &["a"], Fault::Time, 6),
        ] {
            let file = format!("{head}{rest}");
            assert_eq!(words(&file), texts, "{rest:?}");
            assert_eq!(warned(&file), [(fault, line, 1)], "{rest:?}");
        }
        let headed = format!("Subtitles by somebody\n\n{head}");
        assert_eq!(words(&headed), ["a"]);
        assert_eq!(warned(&headed), [(Fault::Header, 1, 1)]);
    }

    #[test]
    fn a_cue_without_an_end_lasts_until_the_next() {
        let file = "00:00:01,000 --> 00:00:01,000\na\n\n00:00:03,000 --> 00:00:02,000\nb\n\n00:00:20,000 --> 00:00:21,000\nc\n";
        let times: Vec<_> = read(file)
            .cues
            .iter()
            .map(|c| (c.start_ms, c.end_ms))
            .collect();
        assert_eq!(times, [(1000, 3000), (3000, 8000), (20_000, 21_000)]);
    }

    #[test]
    fn faults_of_a_kind_are_counted_together() {
        let cue = |at: usize| format!("00:00:{at:02},000 --> 00:00:{:02},500\nx\n\n", at + 1);
        let file: String = (0..10).map(cue).collect();
        let found = read(&file);
        assert_eq!(found.cues.len(), 10);
        assert_eq!(found.warnings.len(), 1);
        let told = found.warnings[0].to_string();
        assert!(
            told.starts_with("line 4: ") && told.ends_with("(and 8 more like it)"),
            "{told}"
        );
    }
}
