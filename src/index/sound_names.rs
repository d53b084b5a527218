//! Which names of sounds a query asks for. The names are those of a tagger, in English: `Applause`, `Gunshot, gunfire`,
//! `Police car (siren)`.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use super::labels::meaning;
use super::words::Purpose;

/// The table of other words for sounds.
const TABLE: &str = include_str!("sound_names.txt");
/// Names whose stems are kept. AudioSet has 527.
const MOST_KNOWN: usize = 5_000;

/// What sounds are searched by.
#[derive(Debug, Clone)]
pub struct SoundNameQuery {
    words: Vec<QueryWord>,
}

/// A word of a query, with the stems of names that it asks for.
#[derive(Debug, Clone)]
struct QueryWord {
    text: String,
    stems: HashSet<String>,
}

/// A part of a name.
#[derive(Debug)]
struct NamePart {
    /// The stems of its words.
    words: Vec<Vec<String>>,
    /// Whether it stands in brackets, which say more about the other parts.
    is_aside: bool,
}

/// How a name fits a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameFit {
    /// The word of the query that asks for it.
    pub word: String,
    /// Whether all words of the name, or of one of its parts between commas, are asked for. Otherwise its last word is, as for
    /// the church bell in a search for a bell.
    pub whole: bool,
}

/// Stems of words that people use, with the stems of names.
static OTHERS: LazyLock<HashMap<String, Vec<String>>> = LazyLock::new(|| {
    let mut others: HashMap<String, Vec<String>> = HashMap::new();
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    for (name, words) in lines.filter_map(|line| line.split_once(':')) {
        let names = stems(name, Purpose::Line);
        for stem in stems(words, Purpose::Query) {
            others.entry(stem).or_default().extend(names.clone());
        }
    }
    others
});

/// The parts of names. Every search looks at all names, so they are stemmed once.
static KNOWN: LazyLock<Mutex<HashMap<String, Arc<Vec<NamePart>>>>> = LazyLock::new(Mutex::default);

fn stems(text: &str, purpose: Purpose) -> Vec<String> {
    let words = meaning(text, purpose).into_iter();
    words.flat_map(|(_, stems)| stems).collect()
}

impl SoundNameQuery {
    /// Sounds that the words of a text name.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let words = meaning(text, Purpose::Query).into_iter();
        let words = words.map(|(word, stems)| {
            let others = stems.iter().filter_map(|stem| OTHERS.get(stem)).flatten();
            let others: Vec<String> = others.cloned().collect();
            QueryWord {
                text: word.text,
                stems: stems.into_iter().chain(others).collect(),
            }
        });
        Self {
            words: words.collect(),
        }
    }

    /// How a name fits; `None` if it does not.
    #[must_use]
    pub fn fit(&self, name: &str) -> Option<NameFit> {
        let parts = known(name);
        let fits = parts.iter().filter_map(|part| {
            let asked: Vec<Option<&str>> =
                part.words.iter().map(|stems| self.asked(stems)).collect();
            let word = (*asked.last()?)?.to_owned();
            let whole = !part.is_aside && asked.iter().all(Option::is_some);
            Some(NameFit { word, whole })
        });
        fits.max_by_key(|fit| fit.whole)
    }

    /// The word of the query that asks for one of these stems.
    fn asked(&self, stems: &[String]) -> Option<&str> {
        let asks = |word: &&QueryWord| stems.iter().any(|stem| word.stems.contains(stem));
        Some(self.words.iter().find(asks)?.text.as_str())
    }
}

fn known(name: &str) -> Arc<Vec<NamePart>> {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(parts) = known.get(name) {
        return Arc::clone(parts);
    }
    if known.len() >= MOST_KNOWN {
        known.clear();
    }
    let parts = Arc::new(parts(name));
    known.insert(name.to_owned(), Arc::clone(&parts));
    drop(known);
    parts
}

/// The parts of a name: between commas, and in brackets.
fn parts(name: &str) -> Vec<NamePart> {
    let mut texts = Vec::new();
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('(') {
        let (inner, behind) = after.split_once(')').unwrap_or((after, ""));
        texts.extend(before.split(',').map(|part| (part, false)));
        texts.push((inner, true));
        rest = behind;
    }
    texts.extend(rest.split(',').map(|part| (part, false)));
    let parts = texts.into_iter().map(|(text, is_aside)| NamePart {
        words: meaning(text, Purpose::Line)
            .into_iter()
            .map(|(_, stems)| stems)
            .collect(),
        is_aside,
    });
    parts.filter(|part| !part.words.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(query: &str, name: &str) -> Option<(String, bool)> {
        let fit = SoundNameQuery::new(query).fit(name)?;
        Some((fit.word, fit.whole))
    }

    #[test]
    fn a_name_is_asked_for_by_all_its_words_or_by_the_last_one() {
        let whole = |word: &str| Some((word.to_owned(), true));
        let last = |word: &str| Some((word.to_owned(), false));
        for (query, name, wanted) in [
            ("a siren", "Siren", whole("siren")),
            ("Sirens wail", "Siren", whole("sirens")),
            ("sirens", "Police car (siren)", last("sirens")),
            ("siren", "Civil defense siren", last("siren")),
            ("a car exploding", "Explosion", whole("exploding")),
            ("a car exploding", "Car", whole("car")),
            ("a car exploding", "Car alarm", None),
            ("people clapping", "Clapping", whole("clapping")),
            ("people clapping", "Applause", whole("clapping")),
            ("gunfire", "Gunshot, gunfire", whole("gunfire")),
            ("a man shooting", "Gunshot, gunfire", whole("shooting")),
            // In this field a shot is a picture.
            ("a wide shot of a street", "Gunshot, gunfire", None),
            ("church bells", "Church bell", whole("bells")),
            ("a barking dog", "Bark", whole("barking")),
            ("a baby crying", "Baby cry, infant cry", whole("crying")),
            // A word that only looks alike is another one.
            ("who cares", "Car", None),
            ("a house", "House music", None),
            ("in the", "Inside, small room", None),
            ("", "Siren", None),
        ] {
            assert_eq!(fit(query, name), wanted, "{query:?} {name:?}");
        }
    }

    #[test]
    fn every_line_of_the_table_is_read() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
        for line in lines {
            let (name, words) = line.split_once(':').unwrap();
            for word in words.split_whitespace() {
                assert!(fit(word, name).is_some_and(|(_, whole)| whole), "{word}");
            }
        }
    }
}
