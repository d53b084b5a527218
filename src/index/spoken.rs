//! What is looked for in dialogue, as a query of Tantivy.
//!
//! A line is found by its words as they are written, folded, and by their stems in the line's own language. In that
//! language stop words need not be said. A quoted phrase must be said as it stands.

use std::collections::BTreeMap;
use std::sync::Arc;

use tantivy::Term;
use tantivy::query::{
    BooleanQuery, BoostQuery, DisjunctionMaxQuery, Occur, PhraseQuery, Query, TermQuery,
    TermSetQuery,
};
use tantivy::schema::{Field, IndexRecordOption};

use super::language::StemLanguage;
use super::marks::Marker;
use super::scope::{Frames, ShotSet};
use super::similar::Similar;
use super::synonyms::Synonyms;
use super::text::{PlacedTerm, shot_term, stem_term, terms};
use super::words::Purpose;
use crate::catalog::cues::CueOrigin;

/// Boost of a line that contains the words as a phrase.
const PHRASE_BOOST: f32 = 4.0;
/// What a word counts for in addition if a line has it as it is written.
const WRITTEN_BOOST: f32 = 0.3;
/// What a synonym counts for, compared with the word itself.
const SYNONYM_BOOST: f32 = 0.8;
/// What a similar word counts for, compared with the word itself.
const SIMILAR_BOOST: f32 = 0.4;

type Clause = (Occur, Box<dyn Query>);

/// What is to be said in a line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpokenQuery {
    /// Words, in any order.
    pub words: String,
    /// Each of these as it stands: its words in this order, with no other between them.
    pub phrases: Vec<String>,
    /// Whether no word may be missing, or be spelt otherwise. Otherwise one word in three may be missing: people
    /// misremember lines.
    pub strict: bool,
    /// Where the lines come from.
    pub origin: CueOrigin,
    /// Words that mean the same.
    pub synonyms: Arc<Synonyms>,
}

impl From<&str> for SpokenQuery {
    fn from(words: &str) -> Self {
        Self {
            words: words.to_owned(),
            ..Self::default()
        }
    }
}

/// The fields of the index with words.
#[derive(Debug, Clone, Copy)]
pub(super) struct WordFields {
    /// Words as they are written, folded.
    pub(super) words: Field,
    /// Stems, each with its language.
    pub(super) stems: Field,
}

/// A query of Tantivy, and what it marks in the lines that it finds.
pub(super) struct Compiled {
    pub(super) query: BooleanQuery,
    pub(super) marker: Marker,
}

/// The languages of the lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Spoken {
    /// Those with stems.
    pub(super) languages: Vec<StemLanguage>,
    /// Whether there are lines without stems.
    pub(super) has_plain: bool,
}

/// One word of a query.
struct QueryWord {
    term: PlacedTerm,
    /// Its stems in each language; a language in which it is a stop word is missing.
    stems: BTreeMap<&'static str, Vec<String>>,
}

impl SpokenQuery {
    /// Lines with most of the words and all phrases. Lines that contain the words as a phrase count more. `None` if no
    /// searchable word is left. `spoken` has the languages of the lines, `similar` other words for words of the query.
    ///
    /// A line with stems is found by those: each language has its own, so what is frequent in one language costs nothing in
    /// the others. What is written is looked for in lines without stems, and where there are only stop words.
    pub(super) fn compile(
        &self,
        fields: WordFields,
        spoken: &Spoken,
        similar: &Similar,
    ) -> Option<Compiled> {
        let languages = spoken.languages.as_slice();
        let mut clauses: Vec<Clause> = Vec::new();
        let words = self.query_words(languages);
        let mut compiler = Compiler {
            fields,
            synonyms: &self.synonyms,
            similar,
            marker: Marker::default(),
        };
        if !words.is_empty() {
            let mut ways: Vec<Box<dyn Query>> = Vec::new();
            let mut as_written = spoken.has_plain || languages.is_empty();
            for &language in languages {
                let said: Vec<&QueryWord> = words
                    .iter()
                    .filter(|word| word.stems.contains_key(language.code()))
                    .collect();
                if said.is_empty() {
                    as_written = true;
                } else {
                    ways.push(compiler.most(said, Some(language), self.strict));
                }
            }
            if as_written {
                ways.push(compiler.most(&words, None, self.strict));
            }
            for word in &words {
                let written = BoostQuery::new(compiler.word(&word.term.text), WRITTEN_BOOST);
                clauses.push((Occur::Should, Box::new(written)));
            }
            clauses.push((Occur::Must, Box::new(DisjunctionMaxQuery::new(ways))));
            if words.len() > 1 {
                let phrase: Vec<PlacedTerm> = words.iter().map(|word| word.term.clone()).collect();
                let boosted = BoostQuery::new(compiler.phrase(&phrase), PHRASE_BOOST);
                clauses.push((Occur::Should, Box::new(boosted)));
            }
        }
        for phrase in &self.phrases {
            let words = terms(phrase, Purpose::Query);
            if !words.is_empty() {
                clauses.push((Occur::Must, compiler.phrase(&words)));
            }
        }
        (!clauses.is_empty()).then(|| Compiled {
            query: BooleanQuery::new(clauses),
            marker: compiler.marker,
        })
    }

    /// The folded words with the other words that count as them, which the index may have or not: all that makes a word
    /// known. Empty for a query that accepts no other spelling.
    pub(super) fn spellings(
        &self,
        fields: WordFields,
        languages: &[StemLanguage],
    ) -> Vec<(String, Vec<Term>)> {
        if self.strict {
            return Vec::new();
        }
        let words = self.query_words(languages).into_iter();
        let spellings = words.map(|word| {
            let mut known = vec![Term::from_field_text(fields.words, &word.term.text)];
            for (code, stems) in &word.stems {
                let stems = stems.iter().map(|stem| stem_term(code, stem));
                known.extend(stems.map(|stem| Term::from_field_text(fields.stems, &stem)));
            }
            (word.term.text, known)
        });
        spellings.collect()
    }

    fn query_words(&self, languages: &[StemLanguage]) -> Vec<QueryWord> {
        let mut words: Vec<QueryWord> = terms(&self.words, Purpose::Query)
            .into_iter()
            .map(|term| QueryWord {
                term,
                stems: BTreeMap::new(),
            })
            .collect();
        for language in languages {
            for stemmed in language.stems(&self.words, Purpose::Query) {
                let place = words.iter_mut().find(|word| word.term.at == stemmed.at);
                if let Some(word) = place {
                    word.stems.insert(language.code(), stemmed.stems);
                }
            }
        }
        words
    }
}

struct Compiler<'a> {
    fields: WordFields,
    synonyms: &'a Synonyms,
    similar: &'a Similar,
    marker: Marker,
}

impl Compiler<'_> {
    /// Lines with most of these words, in a language or as they are written.
    fn most<'w>(
        &mut self,
        words: impl IntoIterator<Item = &'w QueryWord>,
        language: Option<StemLanguage>,
        strict: bool,
    ) -> Box<dyn Query> {
        let words: Vec<Clause> = words
            .into_iter()
            .map(|word| -> Clause { (Occur::Should, self.any_form(word, language)) })
            .collect();
        let missing = if strict { 0 } else { words.len() / 3 };
        let least = words.len() - missing;
        Box::new(BooleanQuery::with_minimum_required_clauses(words, least))
    }

    /// A word in any of its forms, of which the best counts.
    fn any_form(&mut self, word: &QueryWord, language: Option<StemLanguage>) -> Box<dyn Query> {
        let text = &word.term.text;
        self.marker.words.insert(text.clone());
        let mut forms: Vec<Box<dyn Query>> = Vec::new();
        let stems = language.and_then(|language| word.stems.get_key_value(language.code()));
        if let Some((code, stems)) = stems {
            forms.extend(stems.iter().map(|stem| self.stem(code, stem)));
        } else {
            forms.push(self.word(text));
        }
        for synonym in self.synonyms.of(text) {
            let query = self.synonym(synonym, language);
            forms.push(Box::new(BoostQuery::new(query, SYNONYM_BOOST)));
        }
        for similar in self.similar.get(text).into_iter().flatten() {
            self.marker.words.insert(similar.clone());
            let query = self.word(similar);
            forms.push(Box::new(BoostQuery::new(query, SIMILAR_BOOST)));
        }
        Box::new(DisjunctionMaxQuery::new(forms))
    }

    /// A synonym of a word. Several words are a phrase.
    fn synonym(&mut self, synonym: &str, language: Option<StemLanguage>) -> Box<dyn Query> {
        let words = terms(synonym, Purpose::Query);
        let mut forms = vec![self.phrase(&words)];
        let stems = language.map(|language| (language, language.stems(synonym, Purpose::Query)));
        if let Some((language, stems)) = stems
            && let ([_], [stemmed]) = (words.as_slice(), stems.as_slice())
        {
            forms.extend(
                stemmed
                    .stems
                    .iter()
                    .map(|stem| self.stem(language.code(), stem)),
            );
        }
        Box::new(DisjunctionMaxQuery::new(forms))
    }

    /// Words that follow each other.
    fn phrase(&mut self, words: &[PlacedTerm]) -> Box<dyn Query> {
        if let [only] = words {
            self.marker.always.insert(only.text.clone());
            return self.word(&only.text);
        }
        let Some(first) = words.first().map(|word| word.position) else {
            return Box::new(BooleanQuery::new(Vec::new()));
        };
        let places = words
            .iter()
            .map(|word| (word.position - first, word.text.clone()));
        let places: Vec<(usize, String)> = places.collect();
        let terms = places
            .iter()
            .map(|(at, text)| (*at, Term::from_field_text(self.fields.words, text)));
        let phrase = PhraseQuery::new_with_offset(terms.collect());
        self.marker.phrases.push(places);
        Box::new(phrase)
    }

    fn word(&self, text: &str) -> Box<dyn Query> {
        let term = Term::from_field_text(self.fields.words, text);
        Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs))
    }

    fn stem(&mut self, code: &'static str, stem: &str) -> Box<dyn Query> {
        let stems = self.marker.stems.entry(code).or_default();
        stems.insert(stem.to_owned());
        let term = Term::from_field_text(self.fields.stems, &stem_term(code, stem));
        Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs))
    }
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
