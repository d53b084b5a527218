//! What is looked for in dialogue, as a query of Tantivy.

use tantivy::Term;
use tantivy::query::{
    BooleanQuery, BoostQuery, Occur, PhraseQuery, Query, TermQuery, TermSetQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::tokenizer::TokenStream as _;

use super::scope::{Frames, ShotSet};
use super::text::{analyser, shot_term};
use super::words::Purpose;

/// Boost of a line that contains the words as a phrase.
const PHRASE_BOOST: f32 = 4.0;

type Clause = (Occur, Box<dyn Query>);

/// What is to be said in a line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpokenQuery {
    /// Words, in any order.
    pub words: String,
    /// Each of these as it stands: its words in this order, with no other between them.
    pub phrases: Vec<String>,
    /// Whether no word may be missing. Otherwise one word in three may be: people misremember lines.
    pub strict: bool,
}

impl From<&str> for SpokenQuery {
    fn from(words: &str) -> Self {
        Self {
            words: words.to_owned(),
            ..Self::default()
        }
    }
}

impl SpokenQuery {
    /// Lines with most of the words and all phrases. Lines that contain the words as a phrase count more. `None` if no
    /// searchable word is left.
    pub(super) fn compile(&self, text: Field) -> Option<BooleanQuery> {
        let mut clauses: Vec<Clause> = Vec::new();
        let words = terms(&self.words, text);
        if !words.is_empty() {
            let missing = if self.strict { 0 } else { words.len() / 3 };
            let most_words = BooleanQuery::with_minimum_required_clauses(
                words.iter().map(|(_, term)| optional(term)).collect(),
                words.len() - missing,
            );
            clauses.push((Occur::Must, Box::new(most_words)));
            if words.len() > 1 {
                let phrase = PhraseQuery::new_with_offset(words);
                let boosted = BoostQuery::new(Box::new(phrase), PHRASE_BOOST);
                clauses.push((Occur::Should, Box::new(boosted)));
            }
        }
        for phrase in &self.phrases {
            let words = terms(phrase, text);
            match words.as_slice() {
                [] => {}
                [(_, only)] => clauses.push((Occur::Must, optional(only).1)),
                [_, _, ..] => {
                    let phrase = PhraseQuery::new_with_offset(words);
                    clauses.push((Occur::Must, Box::new(phrase)));
                }
            }
        }
        (!clauses.is_empty()).then(|| BooleanQuery::new(clauses))
    }
}

fn optional(term: &Term) -> Clause {
    let query = TermQuery::new(term.clone(), IndexRecordOption::WithFreqs);
    (Occur::Should, Box::new(query))
}

/// The terms of a text with their positions.
fn terms(words: &str, text: Field) -> Vec<(usize, Term)> {
    let mut terms = Vec::new();
    analyser(Purpose::Query)
        .token_stream(words)
        .process(&mut |token| {
            terms.push((token.position, Term::from_field_text(text, &token.text)));
        });
    terms
}

/// Lines of these shots only. A scope restricts the hits and does not add to the score.
pub(super) fn within(scope: &ShotSet, asset: Field, shot: Field) -> Clause {
    let (mut assets, mut shots) = (Vec::new(), Vec::new());
    for (id, frames) in scope.iter() {
        match frames {
            Frames::All => assets.push(Term::from_field_text(asset, id.as_str())),
            Frames::Starts(starts) => {
                let terms = starts.iter().map(|&start| shot_term(id, start));
                shots.extend(terms.map(|term| Term::from_field_text(shot, &term)));
            }
        }
    }
    let either: Vec<Clause> = [assets, shots]
        .into_iter()
        .map(|terms| -> Clause { (Occur::Should, Box::new(TermSetQuery::new(terms))) })
        .collect();
    let filter = BoostQuery::new(Box::new(BooleanQuery::new(either)), 0.0);
    (Occur::Must, Box::new(filter))
}

#[cfg(test)]
mod tests {
    use super::super::text::TextIndex;
    use super::super::text::tests::{at, entry};
    use super::*;

    #[test]
    fn a_phrase_is_found_as_it_stands_only() {
        let folder = tempfile::tempdir().unwrap();
        let (index, _) = TextIndex::open(folder.path()).unwrap();
        let lines = [
            "merry christmas, all",
            "a merry white christmas",
            "christmas",
        ];
        index.replace(&entry(&lines)).unwrap();
        index.commit(&at(1)).unwrap();
        let found = |words: &str, phrases: &[&str], strict| {
            let wanted = SpokenQuery {
                words: words.to_owned(),
                phrases: phrases.iter().map(|&phrase| phrase.to_owned()).collect(),
                strict,
            };
            index.search(&wanted, 10, None).unwrap().len()
        };
        assert_eq!(found("merry christmas", &[], false), 2);
        assert_eq!(found("", &["merry christmas"], false), 1);
        assert_eq!(found("all", &["christmas"], false), 1);
        assert_eq!(found("", &["?!"], false), 0);
        assert_eq!(found("merry white snow", &[], false), 1);
        assert_eq!(found("merry white snow", &[], true), 0);
    }
}
