//! Reads Rust files as tokens, so that comments, strings and tests do not count as code.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// All Rust files below a folder.
pub(super) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// A file without its test-only code.
pub(super) struct Code {
    pub(super) path: PathBuf,
    tokens: Vec<TokenTree>,
}

/// The code of a source folder, without tests.
pub(super) fn code(folder: &Path) -> Vec<Code> {
    let mut tests = Vec::new();
    let mut files = Vec::new();
    for path in rust_files(folder) {
        let text = std::fs::read_to_string(&path).unwrap();
        let tokens: TokenStream = text.parse().unwrap();
        let mut kept = Vec::new();
        strip(tokens, &path, &mut kept, &mut tests);
        files.push(Code { path, tokens: kept });
    }
    files.retain(|file| !tests.iter().any(|test| file.path.starts_with(test)));
    files
}

/// Keeps all items except those under `#[cfg(test)]`, whose files and folders are added to `tests`.
fn strip(tokens: TokenStream, file: &Path, kept: &mut Vec<TokenTree>, tests: &mut Vec<PathBuf>) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let is_test = is_punct(&token, '#')
            && matches!(tokens.peek(), Some(TokenTree::Group(group))
                if group.stream().to_string().replace(' ', "") == "cfg(test)");
        if !is_test {
            kept.push(token);
            continue;
        }
        let mut item: Vec<TokenTree> = Vec::new();
        for token in tokens.by_ref() {
            let is_end = is_punct(&token, ';')
                || matches!(&token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
            item.push(token);
            if is_end {
                break;
            }
        }
        tests.extend(files_of(&item, file));
    }
}

/// The file and the folder of `mod name;`.
fn files_of(item: &[TokenTree], file: &Path) -> Vec<PathBuf> {
    let words: Vec<String> = item.iter().map(ToString::to_string).collect();
    let Some(at) = words.iter().position(|word| word == "mod") else {
        return Vec::new();
    };
    if words.last().is_none_or(|last| last != ";") {
        return Vec::new();
    }
    let beside = file.parent().unwrap();
    let stem = file.file_stem().unwrap();
    let named = words.iter().find_map(|word| {
        let path = word.strip_prefix("[path = \"")?;
        Some(beside.join(path.strip_suffix("\"]")?))
    });
    let folder = if ["mod", "lib", "main"].iter().any(|root| stem == *root) {
        beside.to_owned()
    } else {
        beside.join(stem)
    };
    let module = folder.join(&words[at + 1]);
    let own = named.unwrap_or_else(|| module.with_extension("rs"));
    vec![own, module]
}

fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

impl Code {
    /// Its tokens.
    pub(super) fn tokens(&self) -> &[TokenTree] {
        &self.tokens
    }

    /// Its words in order, groups opened.
    fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        flatten(&self.tokens, &mut words);
        words
    }

    /// The modules below the crate's root that it names, by `crate::` or `super::`.
    pub(super) fn used(&self, root: &Path) -> BTreeSet<String> {
        let words = self.words();
        let inside = self.path.strip_prefix(root).unwrap().with_extension("");
        let is_root = inside.ends_with("mod");
        let depth = inside.components().count() - usize::from(is_root);
        let mut used = BTreeSet::new();
        let mut at = 0;
        while at < words.len() {
            let supers = words[at..]
                .chunks(3)
                .take_while(|chunk| chunk[0] == "super")
                .count();
            let start = match words[at].as_str() {
                "crate" => at + 1,
                "super" if supers >= depth => at + 3 * depth - 2,
                "super" => {
                    at += 3 * supers;
                    continue;
                }
                _ => {
                    at += 1;
                    continue;
                }
            };
            at = start;
            let is_path = words.get(start).is_some_and(|word| word == ":")
                && words.get(start + 1).is_some_and(|word| word == ":");
            if is_path {
                used.extend(first_names(&words[start + 2..]));
            }
        }
        used
    }

    /// Whether it contains a path of these segments.
    pub(super) fn names(&self, path: &str) -> bool {
        let wanted: Vec<String> = path
            .replace("::", " : : ")
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        self.words()
            .windows(wanted.len())
            .any(|words| words == wanted)
    }

    /// The public types that it defines.
    pub(super) fn public_types(&self) -> Vec<String> {
        let words = self.words();
        words
            .windows(3)
            .filter(|words| {
                words[0] == "pub" && ["struct", "enum", "trait"].contains(&words[1].as_str())
            })
            .map(|words| words[2].clone())
            .collect()
    }
}

/// What follows `crate::`: one name, or the first names of a list.
fn first_names(words: &[String]) -> Vec<String> {
    if words.first().is_none_or(|word| word != "{") {
        return words.first().cloned().into_iter().collect();
    }
    let mut names = Vec::new();
    let mut depth = 0;
    let mut begins = false;
    for word in words {
        match word.as_str() {
            "{" => {
                depth += 1;
                begins = depth == 1;
            }
            "}" => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
            "," if depth == 1 => begins = true,
            name if begins => {
                names.push(name.to_owned());
                begins = false;
            }
            _ => {}
        }
    }
    names
}

fn flatten(tokens: &[TokenTree], words: &mut Vec<String>) {
    for token in tokens {
        let TokenTree::Group(group) = token else {
            words.push(token.to_string());
            continue;
        };
        let (open, close) = match group.delimiter() {
            Delimiter::Brace => ("{", "}"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::None => ("", ""),
        };
        words.push(open.to_owned());
        let inner: Vec<TokenTree> = group.stream().into_iter().collect();
        flatten(&inner, words);
        words.push(close.to_owned());
    }
}

#[test]
fn tests_comments_and_strings_are_no_code() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir_all(folder.path().join("a/tests")).unwrap();
    write("lib.rs", "mod a;");
    write(
        "a/mod.rs",
        r#"
        // crate::comment
        use crate::{b::{c, d}, e};
        use super::f;
        pub struct Known(pub(crate) &'static str);
        const S: &str = "crate::string { }";
        fn g() { println!("{}", crate::h::i()); let c = '{'; }
        #[cfg(test)]
        mod tests;
        #[cfg(test)]
        #[path = "named.rs"]
        mod other;
        #[cfg(test)]
        mod inner { use crate::test; pub struct Hidden; }
        "#,
    );
    write("a/deep.rs", "use super::sibling; use super::super::j;");
    write("a/tests.rs", "use crate::test;");
    write("a/tests/more.rs", "use crate::test;");
    write("a/named.rs", "use crate::test;");
    let code = code(folder.path());
    let names: Vec<_> = code
        .iter()
        .map(|file| file.path.strip_prefix(folder.path()).unwrap())
        .collect();
    assert_eq!(names, ["a/deep.rs", "a/mod.rs", "lib.rs"].map(Path::new));
    let used = |index: usize| -> Vec<String> {
        let used: &Code = &code[index];
        used.used(folder.path()).into_iter().collect()
    };
    assert_eq!(used(0), ["j"]);
    assert_eq!(used(1), ["b", "e", "f", "h"]);
    assert_eq!(code[1].public_types(), ["Known"]);
    assert!(code[1].names("println"));
    assert!(!code[1].names("string"));
}
