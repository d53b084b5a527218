//! SubRip: numbered blocks of a timing line and text, parted by blank lines.

use super::{DialogueError, TimedText, clock, cue};

pub(super) fn parse(text: &str) -> Result<Vec<TimedText>, DialogueError> {
    let lines: Vec<&str> = text.lines().collect();
    let mut cues: Vec<TimedText> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        if lines[at].trim().is_empty() {
            at += 1;
            continue;
        }
        // The counter above the timing line may be missing.
        if !lines[at].contains("-->") && is_counter(lines[at]) {
            at += 1;
        }
        let Some(timing) = lines.get(at).filter(|line| line.contains("-->")) else {
            return Err(if cues.is_empty() {
                DialogueError::NotSubtitles
            } else {
                let text = lines.get(at).unwrap_or(&"").trim().to_owned();
                DialogueError::Time { line: at + 1, text }
            });
        };
        let times = clock::range(timing, at + 1)?;
        if cues.last().is_some_and(|last| times.0 < last.end_ms) {
            return Err(DialogueError::Overlap { line: at + 1 });
        }
        let first = at + 1;
        at = end_of_cue(&lines, first);
        cues.extend(cue(times, &lines[first..at]));
    }
    Ok(cues)
}

fn is_counter(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit())
}

/// The line after a cue whose text begins at line `at`.
///
/// Blank lines end a cue only if a new one (or nothing) follows: some files part the lines of one cue
/// by blank lines.
fn end_of_cue(lines: &[&str], mut at: usize) -> usize {
    let next_word = |from: usize| {
        let blank = lines[from..]
            .iter()
            .take_while(|line| line.trim().is_empty());
        from + blank.count()
    };
    while at < lines.len() {
        if lines[at].trim().is_empty() {
            let next = next_word(at);
            let starts_cue = |line: &&str| line.contains("-->");
            let numbered = lines.get(next).is_some_and(|line| is_counter(line));
            let ends = match lines.get(next) {
                None => true,
                Some(line) if starts_cue(line) => true,
                Some(_) if numbered => lines.get(next_word(next + 1)).is_none_or(starts_cue),
                Some(_) => false,
            };
            if ends {
                return at;
            }
            at = next;
        }
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cues_are_read_with_their_lines() {
        let cues = parse(
            "1\r\n00:00:01,000 --> 00:00:02,500\r\nBin blue\r\nat F two\r\n\r\n2\r\n00:00:03,000 --> 00:00:04,000\r\n<i>now</i>\r\n",
        )
        .unwrap();
        assert_eq!(cues.len(), 2);
        assert_eq!(cues[0].text, "Bin blue\nat F two");
        assert_eq!((cues[1].start_ms, cues[1].end_ms), (3000, 4000));
        assert_eq!(cues[1].text, "now");
    }

    #[test]
    fn an_overlap_names_the_line() {
        let error =
            parse("1\n00:00:01,000 --> 00:00:03,000\na\n\n2\n00:00:02,000 --> 00:00:04,000\nb\n")
                .unwrap_err();
        assert_eq!(error, DialogueError::Overlap { line: 6 });
    }

    #[test]
    fn blank_lines_within_a_cue_do_not_end_it_and_cost_little() {
        let gap = "\n".repeat(200_000);
        let text = format!(
            "1\n00:00:01,000 --> 00:00:03,000\na{gap}b\n\n2\n00:00:03,000 --> 00:00:04,000\nc\n"
        );
        let cues = parse(&text).unwrap();
        assert_eq!(cues[0].text, "a\nb");
        assert_eq!(cues[1].text, "c");
    }

    #[test]
    fn prose_is_no_subtitle_file_and_an_empty_file_has_no_cues() {
        assert_eq!(parse("Dear diary,\n"), Err(DialogueError::NotSubtitles));
        assert_eq!(parse(""), Ok(Vec::new()));
    }
}
