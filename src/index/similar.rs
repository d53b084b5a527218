//! Words of the index that may be meant by a mistyped word.

use std::collections::BTreeMap;

use tantivy::query::FuzzyTermQuery;
use tantivy::schema::Field;
use tantivy::{Searcher, TantivyError, Term};

use super::IndexError;
use super::words::is_unspaced;

/// Words that are tried for a word.
const MOST_SIMILAR: usize = 50;
/// Letters of a word from which it may differ by one letter, and by two.
const TYPO_LENGTHS: [usize; 2] = [4, 8];

/// Other words for words of a query.
pub(super) type Similar = BTreeMap<String, Vec<String>>;

/// Words of the index that differ from these by a typing error (Damerau-Levenshtein distance), the nearest and most
/// frequent ones.
pub(super) fn similar_words(
    searcher: &Searcher,
    field: Field,
    words: &[&str],
) -> Result<Similar, IndexError> {
    let mut similar = Similar::new();
    for &word in words {
        let length = word.chars().count();
        let distance = TYPO_LENGTHS
            .iter()
            .filter(|&&least| length >= least)
            .count();
        let is_plain = word.chars().all(|c| c.is_alphabetic() && !is_unspaced(c));
        let Some(distance) = u8::try_from(distance).ok().filter(|&d| d > 0 && is_plain) else {
            continue;
        };
        let term = Term::from_field_text(field, word);
        let query = FuzzyTermQuery::new(term, distance, true);
        let mut found: BTreeMap<String, u64> = BTreeMap::new();
        for segment in searcher.segment_readers() {
            let terms = segment.inverted_index(field)?;
            let near = terms.terms().search(query.automaton()?);
            let mut near = near.into_stream().map_err(TantivyError::from)?;
            while near.advance() {
                if let Ok(term) = std::str::from_utf8(near.key()) {
                    let lines = u64::from(near.value().doc_freq);
                    *found.entry(term.to_owned()).or_default() += lines;
                }
            }
        }
        found.remove(word);
        let mut found: Vec<(usize, u64, String)> = found
            .into_iter()
            .map(|(term, lines)| (strsim::osa_distance(word, &term), lines, term))
            .collect();
        found.sort_by(|a, b| (a.0, b.1, &a.2).cmp(&(b.0, a.1, &b.2)));
        let found = found.into_iter().take(MOST_SIMILAR);
        similar.insert(word.to_owned(), found.map(|(.., term)| term).collect());
    }
    Ok(similar)
}
