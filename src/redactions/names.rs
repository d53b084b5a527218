//! Names of files from outside, made plain: relative, without tricks, each once.

use std::collections::HashMap;

/// Longest part of a name in bytes; of a longer one the end is kept, where the extension is.
const LONGEST_PART: usize = 150;
/// Deepest name; of a deeper one the last parts are kept.
const MOST_PARTS: usize = 8;

/// Hands out plain names.
#[derive(Debug, Default)]
pub struct Names {
    /// Names given out, in lower case, with the number that the next of the same name tries first.
    taken: HashMap<String, u32>,
}

impl Names {
    /// A name like `name` that leads nowhere else and was not given out before.
    pub fn plain(&mut self, name: &str) -> String {
        let name = relative(name);
        let (stem, extension) = match name.rfind('.') {
            // A dot that begins the last part begins no extension.
            Some(dot) if dot > name.rfind('/').map_or(0, |slash| slash + 1) => name.split_at(dot),
            Some(_) | None => (name.as_str(), ""),
        };
        let mut number = self.taken.get(&name.to_lowercase()).copied().unwrap_or(1);
        loop {
            let candidate = match number {
                1 => name.clone(),
                number => format!("{stem}-{number}{extension}"),
            };
            number += 1;
            if !self.taken.contains_key(&candidate.to_lowercase()) {
                self.taken.insert(candidate.to_lowercase(), 2);
                self.taken.insert(name.to_lowercase(), number);
                return candidate;
            }
        }
    }
}

fn relative(name: &str) -> String {
    let parts: Vec<String> = name
        .split(['/', '\\'])
        .filter(|part| !matches!(*part, "" | "." | ".."))
        .map(part)
        .collect();
    if parts.is_empty() {
        return "picture".to_owned();
    }
    parts[parts.len().saturating_sub(MOST_PARTS)..].join("/")
}

fn part(part: &str) -> String {
    let plain: String = part
        .chars()
        .map(|c| match c {
            ':' | '*' | '?' | '"' | '<' | '>' | '|' => '_',
            c if c.is_control() || is_invisible(c) => '_',
            c => c,
        })
        .collect();
    let mut from = plain.len().saturating_sub(LONGEST_PART);
    while !plain.is_char_boundary(from) {
        from += 1;
    }
    plain[from..].to_owned()
}

/// Marks that turn text around or cannot be seen: `gpj.exe` must not read as `exe.jpg`.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_below_their_folder() {
        let plain = |name| Names::default().plain(name);
        assert_eq!(plain("../../etc/passwd"), "etc/passwd");
        assert_eq!(plain("/abs/a.jpg"), "abs/a.jpg");
        assert_eq!(plain("C:\\trip\\a b.jpg"), "C_/trip/a b.jpg");
        assert_eq!(plain("a\r\nb\u{202E}.jpg"), "a__b_.jpg");
        assert_eq!(plain(".."), "picture");
        assert_eq!(plain(""), "picture");
        assert_eq!(plain(&format!("{}.jpg", "ü".repeat(300))).len(), 150);
    }

    #[test]
    fn the_same_name_twice_gets_a_number() {
        let mut names = Names::default();
        let all = ["a.jpg", "A.jpg", "a.jpg", "a-2.jpg", "t.x/.jpg", "t.x/.jpg"];
        let given = all.map(|name| names.plain(name));
        let mut different: Vec<String> = given.iter().map(|n| n.to_lowercase()).collect();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), all.len(), "{given:?}");
        assert_eq!(given[0], "a.jpg");
        assert_eq!(given[1], "A-2.jpg");
        assert_eq!(given[5], "t.x/.jpg-2");
    }
}
