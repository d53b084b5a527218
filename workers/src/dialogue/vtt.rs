//! WebVTT (W3C, Candidate Recommendation 2019): blocks parted by blank lines; cues may overlap.

use super::{DialogueError, TimedText, clock, cue};

pub(super) fn parse(text: &str) -> Result<Vec<TimedText>, DialogueError> {
    let mut cues = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((at, line)) = lines.next() {
        // Headers, notes, styles and cue identifiers hold no arrow.
        if !line.contains("-->") {
            continue;
        }
        let times = clock::range(line, at + 1)?;
        let mut words = Vec::new();
        while let Some((_, line)) = lines.next_if(|(_, line)| !line.trim().is_empty()) {
            words.push(line);
        }
        cues.extend(cue(times, &words));
    }
    Ok(cues)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_styles_and_identifiers_are_passed_over() {
        let cues = parse(
            "WEBVTT - a title\n\nNOTE nothing here\n\nSTYLE\n::cue { color: red }\n\nintro\n00:01.000 --> 00:02.000 line:0\n<v Anna>Merry Christmas!\n\n00:01.500 --> 00:03.000\nAnd you\n",
        )
        .unwrap();
        assert_eq!(cues.len(), 2);
        assert_eq!(cues[0].text, "Merry Christmas!");
        assert_eq!(cues[1].start_ms, 1500);
    }
}
