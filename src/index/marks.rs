//! Which words of a line match a query.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::language::StemLanguage;
use super::text::{PlacedTerm, terms};
use super::words::Purpose;

/// A range of a text in characters (Unicode scalar values, not bytes and not UTF-16 units).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct TextRange {
    /// The first character, from 0.
    pub start: usize,
    /// One past the last.
    pub end: usize,
}

/// What is marked in the lines that a query finds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Marker {
    /// Words as they are written, folded. Stop words of the line's language are not marked.
    pub(super) words: HashSet<String>,
    /// Words that are marked in any line.
    pub(super) always: HashSet<String>,
    /// Stems by the code of their language.
    pub(super) stems: BTreeMap<&'static str, HashSet<String>>,
    /// Sequences of words, each with its distance to the first.
    pub(super) phrases: Vec<Vec<(usize, String)>>,
}

impl Marker {
    /// The ranges of `line` that match, in order, of which none touches the next.
    pub(super) fn marks(&self, line: &str, language: Option<StemLanguage>) -> Vec<TextRange> {
        let words = terms(line, Purpose::Line);
        let mut marked: BTreeSet<(usize, usize)> = BTreeSet::new();
        let mut meaning: Option<HashSet<(usize, usize)>> = None;
        if let Some(language) = language {
            let stemmed = language.stems(line, Purpose::Line);
            let wanted = self.stems.get(language.code());
            for word in &stemmed {
                if wanted.is_some_and(|wanted| word.stems.iter().any(|stem| wanted.contains(stem)))
                {
                    marked.insert(word.at);
                }
            }
            meaning = Some(stemmed.into_iter().map(|word| word.at).collect());
        }
        for word in &words {
            let says_something = meaning.as_ref().is_none_or(|some| some.contains(&word.at));
            if self.always.contains(&word.text)
                || (says_something && self.words.contains(&word.text))
            {
                marked.insert(word.at);
            }
        }
        if marked.is_empty() {
            // It was found by nothing but stop words.
            let found = words.iter().filter(|word| self.words.contains(&word.text));
            marked.extend(found.map(|word| word.at));
        }
        for phrase in &self.phrases {
            mark_phrase(phrase, &words, &mut marked);
        }
        joined(marked)
    }
}

/// Marks all words of a phrase wherever they follow each other.
fn mark_phrase(
    phrase: &[(usize, String)],
    words: &[PlacedTerm],
    marked: &mut BTreeSet<(usize, usize)>,
) {
    let Some((_, first)) = phrase.first() else {
        return;
    };
    for start in words.iter().filter(|word| word.text == *first) {
        let places = phrase.iter().map(|(distance, text)| {
            let mut words = words.iter();
            let at = start.position + distance;
            words.find(|word| word.position == at && word.text == *text)
        });
        if let Some(places) = places.collect::<Option<Vec<_>>>() {
            marked.extend(places.into_iter().map(|word| word.at));
        }
    }
}

/// Ranges that overlap or touch become one, as the pairs of unspaced writing do.
fn joined(marked: BTreeSet<(usize, usize)>) -> Vec<TextRange> {
    let mut ranges: Vec<TextRange> = Vec::new();
    for (start, end) in marked {
        match ranges.last_mut() {
            Some(last) if start <= last.end => last.end = last.end.max(end),
            Some(_) | None => ranges.push(TextRange { start, end }),
        }
    }
    ranges
}
