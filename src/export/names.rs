//! Names in the form that formats have room for.

use std::collections::HashSet;

/// Characters of a reel name in CMX 3600.
const REEL: usize = 8;

/// A reel name for each source, each once.
#[derive(Debug)]
pub(super) struct ReelNames(Vec<String>);

impl ReelNames {
    /// Names made of file names: letters and digits of the name without its extension, the last few replaced by a
    /// number where two would be the same.
    pub(super) fn of<'a>(files: impl Iterator<Item = &'a str>) -> Self {
        let mut taken = HashSet::new();
        let names = files.map(|file| {
            let stem = file
                .rsplit_once('.')
                .map_or(file, |(stem, _extension)| stem);
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let mut name = stem
                .chars()
                .filter(|&c| plain(c))
                .take(REEL)
                .collect::<String>()
                .to_ascii_uppercase();
            // AX and BL are names that the format itself gives a meaning.
            if name.is_empty() || name == "AX" || name == "BL" {
                name = "REEL".to_owned();
            }
            let first = name.clone();
            let mut number = 1_u32;
            while !taken.insert(name.clone()) {
                number += 1;
                let digits = number.to_string();
                name = first.chars().take(REEL - digits.len()).collect::<String>() + &digits;
            }
            name
        });
        Self(names.collect())
    }

    /// The name of the source with this index.
    pub(super) fn of_source(&self, source: usize) -> &str {
        &self.0[source]
    }
}

/// Text on one line, without control characters, so that it cannot begin a line of its own.
pub(super) fn one_line(text: &str) -> String {
    let flat: String = text
        .chars()
        .map(|c| {
            if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
                ' '
            } else {
                c
            }
        })
        .collect();
    flat.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A file name made of text: without separators and what file systems reserve, at most 80 bytes.
#[must_use]
pub fn plain_file_name(text: &str) -> String {
    const LONGEST: usize = 80;
    let flat: String = one_line(text)
        .chars()
        .map(|c| match c {
            '/' | '\\' | ':' | ';' | '*' | '?' | '"' | '<' | '>' | '|' => '-',
            c => c,
        })
        .collect();
    let mut end = flat.len().min(LONGEST);
    while !flat.is_char_boundary(end) {
        end -= 1;
    }
    let name = flat[..end].trim_matches(['.', ' ']);
    if name.is_empty() {
        "rushes".to_owned()
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reel_names_are_plain_and_differ() {
        let reels = ReelNames::of(
            [
                "A001_C003_0101.mov",
                "a001_c003-0102.mov",
                "ü.mp4",
                "ß.mp4",
                "ax.mov",
            ]
            .into_iter(),
        );
        let names: Vec<_> = (0..5).map(|at| reels.of_source(at)).collect();
        assert_eq!(names, ["A001_C00", "A001_C02", "REEL", "REEL2", "REEL3"]);
    }

    #[test]
    fn file_names_lead_nowhere_else() {
        assert_eq!(plain_file_name("../a/b:c"), "-a-b-c");
        assert_eq!(plain_file_name(".."), "rushes");
        assert_eq!(plain_file_name(&"ü".repeat(80)).len(), 80);
    }

    #[test]
    fn text_cannot_begin_a_line_of_its_own() {
        assert_eq!(one_line("a\n002  AX V C\r\tb\u{2028}c"), "a 002 AX V C b c");
    }
}
