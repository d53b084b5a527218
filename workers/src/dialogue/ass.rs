//! Advanced `SubStation Alpha` and its predecessor SSA: the `Dialogue:` lines of the section `[Events]`.

use super::clock::digits;
use super::cues::{Cues, Fault};
use super::markup;

/// The columns before the text if there is no `Format:` line.
const COLUMNS: Columns = Columns {
    start: 1,
    end: 2,
    text: 9,
};

/// The positions of the fields to read.
#[derive(Debug, Clone, Copy)]
struct Columns {
    start: usize,
    end: usize,
    /// The last field, which may contain commas.
    text: usize,
}

/// Whether a file looks like ASS or SSA.
pub(super) fn looks_like(lines: &[&str]) -> bool {
    lines.iter().take(200).any(|line| {
        let line = line.trim();
        line.eq_ignore_ascii_case("[Script Info]")
            || line.eq_ignore_ascii_case("[Events]")
            || line.starts_with("Dialogue:")
    })
}

pub(super) fn parse(lines: &[&str], cues: &mut Cues) {
    let mut columns = COLUMNS;
    let mut events = true;
    for (at, line) in lines.iter().enumerate() {
        let line = line.trim_start();
        if line.starts_with('[') {
            events = line.trim_end().eq_ignore_ascii_case("[Events]");
        } else if !events {
        } else if let Some(names) = line.strip_prefix("Format:") {
            columns = format(names).unwrap_or(columns);
        } else if let Some(fields) = line.strip_prefix("Dialogue:") {
            event(at + 1, fields, columns, cues);
        }
    }
}

fn format(names: &str) -> Option<Columns> {
    let names: Vec<&str> = names.split(',').map(str::trim).collect();
    let column = |wanted: &str| {
        names
            .iter()
            .position(|name| name.eq_ignore_ascii_case(wanted))
    };
    Some(Columns {
        start: column("Start")?,
        end: column("End")?,
        text: column("Text").filter(|&at| at + 1 == names.len())?,
    })
}

fn event(number: usize, fields: &str, columns: Columns, cues: &mut Cues) {
    let fields: Vec<&str> = fields.splitn(columns.text + 1, ',').collect();
    let time = |at: usize| fields.get(at).and_then(|text| milliseconds(text));
    let (Some(start), Some(end)) = (time(columns.start), time(columns.end)) else {
        cues.bad_time(number, fields.get(columns.start).unwrap_or(&""));
        return;
    };
    match fields.get(columns.text) {
        Some(text) => {
            let words = markup::ass(text, true);
            // Drawings and effects have no text, which is not a problem.
            if !words.is_empty() {
                cues.add(number, (start, end), words);
            }
        }
        None => cues.warn(number, Fault::CutShort),
    }
}

/// `H:MM:SS.cc` in milliseconds.
fn milliseconds(text: &str) -> Option<u64> {
    let (clock, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), "0"));
    let [hours, minutes, seconds] = clock.split(':').collect::<Vec<_>>()[..] else {
        return None;
    };
    let (hours, minutes, seconds) = (digits(hours)?, digits(minutes)?, digits(seconds)?);
    if hours > 9999 || minutes > 99 || seconds > 99 {
        return None;
    }
    digits(fraction)?;
    let thousandths = digits(&format!("{fraction}000")[..3])?;
    Some(((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths)
}

#[cfg(test)]
mod tests {
    use super::super::{Fault, parse as parse_file};

    #[test]
    fn the_dialogue_of_a_file_is_its_words() {
        let file = "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname\nStyle: Default,Arial\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\nDialogue: 0,0:00:01.50,0:00:02.00,Default,,0,0,0,,{\\i1}Yes, I do{\\i0}\\Nindeed\nComment: 0,0:00:01.50,0:00:02.00,Default,,0,0,0,,not said\nDialogue: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,{\\p1}m 0 0 l 1 1{\\p0}\nDialogue: 0,0:00:0x.00,0:00:04.00,Default,,0,0,0,,bad\nDialogue: 0,0:00:05.00\n\n[Fonts]\nfontname: x\nDialogue: no event\n";
        let found = parse_file(file.as_bytes()).unwrap();
        assert_eq!(found.cues.len(), 1);
        let cue = &found.cues[0];
        let cue = (cue.start_ms, cue.end_ms, cue.text.as_str());
        assert_eq!(cue, (1500, 2000, "Yes, I do\nindeed"));
        let faults: Vec<_> = found
            .warnings
            .iter()
            .map(|w| (w.fault, w.line, w.count))
            .collect();
        assert_eq!(faults, [(Fault::Time, 13, 2)]);
    }

    #[test]
    fn ssa_has_other_columns() {
        let file = "[Script Info]\r\nScriptType: v4.00\r\n[Events]\r\nFormat: Marked, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\r\nDialogue: Marked=0,0:00:01.00,0:00:02.00,Default,NTP,0000,0000,0000,!Effect,one, two\r\n";
        assert_eq!(
            parse_file(file.as_bytes()).unwrap().cues[0].text,
            "one, two"
        );
    }
}
