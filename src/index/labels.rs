//! Which labels match a query, and what of them: names of titles, tags and notes, which are short and of no known language.

use std::collections::HashSet;

use super::language::StemLanguage;
use super::marks::{Marker, TextRange};
use super::synonyms::Synonyms;
use super::text::{PlacedTerm, terms};
use super::words::{Purpose, is_unspaced};

/// The language whose stems and stop words are used, as in the catalogue's index of labels.
const LANGUAGE: &str = "en";

/// What labels are searched by.
#[derive(Debug, Clone)]
pub struct LabelQuery {
    words: Vec<Forms>,
    phrases: Vec<Vec<PlacedTerm>>,
    /// Whether all words must be there.
    strict: bool,
}

/// A word with what counts as it.
#[derive(Debug, Clone)]
struct Forms {
    /// The word itself and synonyms of one word, folded, and their stems.
    words: HashSet<String>,
    /// Synonyms of several words.
    phrases: Vec<Vec<PlacedTerm>>,
}

/// Words that say something, with their stems. If all are stop words, all count.
pub(super) fn meaning(text: &str, purpose: Purpose) -> Vec<(PlacedTerm, Vec<String>)> {
    let words = terms(text, purpose);
    let language = StemLanguage::of(LANGUAGE);
    let stems = language.map_or_else(Vec::new, |language| language.stems(text, purpose));
    let of = |word: &PlacedTerm| {
        let found = stems.iter().find(|one| one.at == word.at);
        found.map(|one| one.stems.clone())
    };
    let said: Vec<_> = words
        .iter()
        .filter_map(|word| Some((word.clone(), of(word)?)))
        .collect();
    if said.is_empty() {
        words.into_iter().map(|word| (word, Vec::new())).collect()
    } else {
        said
    }
}

impl LabelQuery {
    /// Labels with most of the words, or all if it is `strict`, and with all phrases; or labels of nothing else than words
    /// of the query.
    #[must_use]
    pub fn new(words: &str, phrases: &[String], strict: bool, synonyms: &Synonyms) -> Self {
        let words = meaning(words, Purpose::Query).into_iter();
        let words = words.map(|(word, stems)| {
            let mut forms = Forms {
                words: stems.into_iter().collect(),
                phrases: Vec::new(),
            };
            for synonym in synonyms.of(&word.text) {
                let several = terms(synonym, Purpose::Query);
                if several.len() > 1 {
                    forms.phrases.push(several);
                } else {
                    for (word, stems) in meaning(synonym, Purpose::Query) {
                        forms.words.insert(word.text);
                        forms.words.extend(stems);
                    }
                }
            }
            forms.words.insert(word.text);
            forms
        });
        let phrases = phrases.iter().map(|phrase| terms(phrase, Purpose::Query));
        Self {
            words: words.collect(),
            phrases: phrases.filter(|phrase| !phrase.is_empty()).collect(),
            strict,
        }
    }

    /// Words of which a label that matches has at least one: those of separated writing, and letters of other writing.
    #[must_use]
    pub fn candidates(&self) -> (Vec<String>, Vec<String>) {
        let of_phrases = self.phrases.iter().flatten().map(|word| &word.text);
        let of_words = self.words.iter().flat_map(|forms| {
            let several = forms.phrases.iter().flatten().map(|word| &word.text);
            forms.words.iter().chain(several)
        });
        let mut all: Vec<String> = of_words.chain(of_phrases).cloned().collect();
        all.sort();
        all.dedup();
        all.into_iter()
            .partition(|word| !word.chars().any(is_unspaced))
    }

    /// What of a label matches; `None` if the label does not match.
    #[must_use]
    pub fn marks(&self, label: &str) -> Option<Vec<TextRange>> {
        let said = meaning(label, Purpose::Line);
        let all = terms(label, Purpose::Line);
        let mut marker = Marker::default();
        let mut matched = 0;
        for forms in &self.words {
            let is_one = |(word, stems): &&(PlacedTerm, Vec<String>)| {
                forms.words.contains(&word.text)
                    || stems.iter().any(|stem| forms.words.contains(stem))
            };
            let found: Vec<String> = said
                .iter()
                .filter(is_one)
                .map(|(word, _)| word.text.clone())
                .collect();
            let several = forms.phrases.iter().find(|phrase| stands_in(phrase, &all));
            if found.is_empty() && several.is_none() {
                continue;
            }
            matched += 1;
            marker.always.extend(found);
            marker.phrases.extend(several.map(|phrase| places(phrase)));
        }
        for phrase in &self.phrases {
            if !stands_in(phrase, &all) {
                return None;
            }
            marker.phrases.push(places(phrase));
        }
        let missing = if self.strict { 0 } else { self.words.len() / 3 };
        let is_most =
            matched + missing >= self.words.len() && (matched > 0 || self.words.is_empty());
        let is_whole = || {
            let own = meaning(label, Purpose::Query);
            own.iter()
                .all(|(word, _)| marker.always.contains(&word.text))
        };
        if !is_most && (self.strict || matched == 0 || !is_whole()) {
            return None;
        }
        let marks = marker.marks(label, None);
        (!marks.is_empty()).then_some(marks)
    }
}

/// The words of a phrase with their distances to the first.
fn places(phrase: &[PlacedTerm]) -> Vec<(usize, String)> {
    let first = phrase.first().map_or(0, |word| word.position);
    let places = phrase
        .iter()
        .map(|word| (word.position - first, word.text.clone()));
    places.collect()
}

/// Whether the words of a phrase follow each other somewhere in a text.
fn stands_in(phrase: &[PlacedTerm], text: &[PlacedTerm]) -> bool {
    let places = places(phrase);
    let has = |at: usize, word: &str| {
        text.iter()
            .any(|one| one.position == at && one.text == word)
    };
    let Some((_, first)) = places.first() else {
        return false;
    };
    let mut starts = text.iter().filter(|one| one.text == *first);
    starts.any(|start| {
        places
            .iter()
            .all(|(distance, word)| has(start.position + distance, word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(words: &str, phrases: &[&str], label: &str) -> Option<String> {
        let phrases: Vec<String> = phrases.iter().map(|&phrase| phrase.to_owned()).collect();
        let table = [(
            "car".to_owned(),
            vec!["auto".to_owned(), "motor vehicle".to_owned()],
        )];
        let synonyms = Synonyms::new(&table.into_iter().collect());
        let marks = LabelQuery::new(words, &phrases, false, &synonyms).marks(label)?;
        let chars: Vec<char> = label.chars().collect();
        let marks = marks
            .iter()
            .map(|mark| chars[mark.start..mark.end].iter().collect::<String>());
        Some(marks.collect::<Vec<_>>().join("|"))
    }

    #[test]
    fn a_label_matches_by_most_words_or_as_a_whole() {
        for (words, label, expected) in [
            ("red door", "A red door at night", Some("red|door")),
            ("red doors", "the DOOR is red", Some("DOOR|red")),
            // Two of three words, or all that the label has.
            ("red door open", "red door", Some("red|door")),
            ("a car explodes on the bridge", "car", Some("car")),
            (
                "big buck bunny eats",
                "Big_Buck-Bunny",
                Some("Big|Buck|Bunny"),
            ),
            ("a car explodes on the bridge", "car park", None),
            ("the day", "The Night", None),
            ("an elephant", "an answer", None),
            ("the", "The The", Some("The|The")),
            ("car", "motor vehicles", None),
            ("car", "a motor vehicle", Some("motor|vehicle")),
            ("car", "autos", Some("autos")),
            ("電影", "看電影", Some("電影")),
            ("影", "看電影", Some("影")),
            ("creme", "crème", Some("crème")),
        ] {
            assert_eq!(
                marked(words, &[], label).as_deref(),
                expected,
                "{words} in {label}"
            );
        }
        assert_eq!(
            marked("", &["red door"], "the red door").as_deref(),
            Some("red|door")
        );
        assert_eq!(marked("", &["red door"], "the door is red"), None);
        assert_eq!(marked("open", &["red door"], "red door"), None);
    }

    #[test]
    fn candidates_are_the_words_that_say_something() {
        let query = LabelQuery::new("the cars of 電影", &[], false, &Synonyms::default());
        let (words, letters) = query.candidates();
        assert_eq!(words, ["car", "cars"]);
        assert_eq!(letters, ["電影"]);
    }
}
