//! The languages whose words are stemmed, and how.

use std::collections::HashMap;
use std::sync::LazyLock;

use tantivy::tokenizer::{
    AsciiFoldingFilter, Language, Stemmer, StopWordFilter, TextAnalyzer, Token,
};

use super::words::{Purpose, Spelling, Words};

/// Each language: its code, other codes (ISO 639-2, both forms, and those of its written forms), and its stemmer.
const LANGUAGES: [(&str, &[&str], Language); 18] = [
    ("ar", &["ara"], Language::Arabic),
    ("da", &["dan"], Language::Danish),
    ("de", &["deu", "ger"], Language::German),
    ("el", &["ell", "gre"], Language::Greek),
    ("en", &["eng"], Language::English),
    ("es", &["spa"], Language::Spanish),
    ("fi", &["fin"], Language::Finnish),
    ("fr", &["fra", "fre"], Language::French),
    ("hu", &["hun"], Language::Hungarian),
    ("it", &["ita"], Language::Italian),
    ("nl", &["nld", "dut"], Language::Dutch),
    (
        "no",
        &["nor", "nb", "nob", "nn", "nno"],
        Language::Norwegian,
    ),
    ("pt", &["por"], Language::Portuguese),
    ("ro", &["ron", "rum"], Language::Romanian),
    ("ru", &["rus"], Language::Russian),
    ("sv", &["swe"], Language::Swedish),
    ("ta", &["tam"], Language::Tamil),
    ("tr", &["tur"], Language::Turkish),
];

static STEMMING: LazyLock<HashMap<&'static str, [Stemming; 2]>> = LazyLock::new(|| {
    let both = |language| [Purpose::Line, Purpose::Query].map(|one| Stemming::new(language, one));
    let all = LANGUAGES.iter();
    all.map(|&(code, _, language)| (code, both(language)))
        .collect()
});

/// A language with a stemmer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct StemLanguage {
    code: &'static str,
}

/// The stems of a word. A word without any is a stop word: it is in most lines and says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stems {
    /// The place of the word in the text, in characters.
    pub(super) at: (usize, usize),
    pub(super) position: usize,
    /// The stem of the word as it is written, and that of the word without accents, if it differs.
    pub(super) stems: Vec<String>,
}

/// How texts of one language are stemmed.
#[derive(Clone)]
struct Stemming {
    own: TextAnalyzer,
    folded: TextAnalyzer,
}

impl Stemming {
    fn new(language: Language, purpose: Purpose) -> Self {
        let stop_words =
            StopWordFilter::new(language).unwrap_or_else(|| StopWordFilter::remove(Vec::new()));
        Self {
            own: TextAnalyzer::builder(Words::new(purpose, Spelling::Own))
                .filter(stop_words)
                .filter(Stemmer::new(language))
                .filter(AsciiFoldingFilter)
                .build(),
            // Many people do not type accents, and stemmers need them.
            folded: TextAnalyzer::builder(Words::new(purpose, Spelling::Folded))
                .filter(AsciiFoldingFilter)
                .filter(Stemmer::new(language))
                .build(),
        }
    }
}

impl StemLanguage {
    /// The language of a tag such as `en`, `pt-BR` or `deu`; `None` if there is no stemmer for it.
    pub(super) fn of(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next()?.to_ascii_lowercase();
        let mut all = LANGUAGES.iter();
        let found = all.find(|(code, others, _)| *code == primary || others.contains(&&*primary));
        found.map(|&(code, ..)| Self { code })
    }

    /// Its code.
    pub(super) const fn code(self) -> &'static str {
        self.code
    }

    /// The words of a text that are no stop words.
    pub(super) fn stems(self, text: &str, purpose: Purpose) -> Vec<Stems> {
        let Some([line, query]) = STEMMING.get(self.code) else {
            return Vec::new();
        };
        let stemming = match purpose {
            Purpose::Line => line,
            Purpose::Query => query,
        };
        let mut words: Vec<Stems> = Vec::new();
        let place = |token: &Token| (token.offset_from, token.offset_to);
        let mut own = stemming.own.clone();
        let mut stream = own.token_stream(text);
        while let Some(token) = stream.next() {
            words.push(Stems {
                at: place(token),
                position: token.position,
                stems: vec![token.text.clone()],
            });
        }
        drop(stream);
        let mut folded = stemming.folded.clone();
        let mut stream = folded.token_stream(text);
        // Both are in the order of the text, and the first lacks stop words.
        let mut next = words.iter_mut().peekable();
        while let Some(token) = stream.next() {
            if let Some(word) = next.next_if(|word| word.at == place(token))
                && !word.stems.contains(&token.text)
            {
                word.stems.push(token.text.clone());
            }
        }
        drop(stream);
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stems(tag: &str, text: &str) -> Vec<String> {
        let language = StemLanguage::of(tag).unwrap();
        let words = language.stems(text, Purpose::Line).into_iter();
        words.flat_map(|word| word.stems).collect()
    }

    #[test]
    fn a_language_is_known_by_its_tag() {
        let code = |tag: &str| StemLanguage::of(tag).map(StemLanguage::code);
        assert_eq!(code("en"), Some("en"));
        assert_eq!(code("pt-BR"), Some("pt"));
        assert_eq!(code("DEU"), Some("de"));
        assert_eq!(code("nb_NO"), Some("no"));
        assert_eq!(code("ja"), None);
        assert_eq!(code("und"), None);
        assert_eq!(code(""), None);
    }

    #[test]
    fn words_are_stemmed_in_their_language_and_stop_words_left_out() {
        assert_eq!(
            stems("en", "The cars were in the houses"),
            ["car", "were", "hous"]
        );
        assert_eq!(stems("de", "die Häuser"), ["haus"]);
        assert_eq!(stems("de", "die Hauser"), ["haus"]);
        assert_eq!(stems("fr", "les chevaux"), ["cheval"]);
        assert_eq!(stems("es", "las canciones"), ["cancion"]);
        // What two languages mean by a word is not the same.
        assert_eq!(stems("en", "die"), ["die"]);
        assert_eq!(stems("de", "die"), Vec::<String>::new());
        // With and without accents.
        let plain = stems("fr", "eleves");
        assert!(
            stems("fr", "élèves")
                .iter()
                .any(|stem| plain.contains(stem))
        );
    }
}
