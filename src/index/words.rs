//! Splits a line of dialogue into search terms.
//!
//! Where words are separated, the terms are words. In Chinese, Japanese, Korean, Thai, Lao, Khmer and Burmese
//! they are single letters and pairs of neighbours (bigrams). Variants of a letter are folded: width and
//! compatibility (NFKC, Unicode Standard Annex 15), case, accents, and the points of Hebrew and Arabic.

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Longest word in letters. The rest is cut off, in lines and in queries.
const LONGEST: usize = 100;

/// The purpose of a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Indexing: every letter of unspaced writing and every pair, because a query may have one letter or more.
    Line,
    /// Querying: pairs, and single letters only where they stand alone. A pair is specific, a single letter is
    /// not.
    Query,
}

/// A tokenizer for all scripts.
#[derive(Debug, Clone)]
pub(super) struct Words {
    purpose: Purpose,
    tokens: Vec<Token>,
}

impl Words {
    pub(super) const fn new(purpose: Purpose) -> Self {
        Self {
            purpose,
            tokens: Vec::new(),
        }
    }
}

impl Tokenizer for Words {
    type TokenStream<'a> = Stream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Stream<'a> {
        self.tokens = split(text, self.purpose);
        Stream {
            tokens: &mut self.tokens,
            next: 0,
        }
    }
}

/// The tokens of one text.
#[derive(Debug)]
pub(super) struct Stream<'a> {
    tokens: &'a mut [Token],
    next: usize,
}

impl TokenStream for Stream<'_> {
    fn advance(&mut self) -> bool {
        self.next += 1;
        self.next <= self.tokens.len()
    }

    fn token(&self) -> &Token {
        &self.tokens[self.next - 1]
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.tokens[self.next - 1]
    }
}

/// Words and single letters of unspaced writing both count as one position, so phrases match across both.
fn split(text: &str, purpose: Purpose) -> Vec<Token> {
    let letters = folded(text);
    let mut tokens = Vec::new();
    let (mut position, mut at) = (0, 0);
    let mut emit = |letters: &[char], position: usize| {
        tokens.push(Token {
            position,
            text: letters.iter().take(LONGEST).collect(),
            ..Token::default()
        });
    };
    while at < letters.len() {
        let unspaced = is_unspaced(letters[at]);
        let alike = |c: &&char| is_letter(**c) && is_unspaced(**c) == unspaced;
        let length = letters[at..].iter().take_while(alike).count();
        let run = &letters[at..at + length];
        at += length.max(1);
        if run.is_empty() {
            continue;
        }
        if !unspaced {
            emit(run, position);
            position += 1;
            continue;
        }
        for (offset, letter) in run.iter().enumerate() {
            if purpose == Purpose::Line || run.len() == 1 {
                emit(std::slice::from_ref(letter), position + offset);
            }
            if let Some(pair) = run.get(offset..offset + 2) {
                emit(pair, position + offset);
            }
        }
        position += run.len();
    }
    tokens
}

/// The letters of a text, with width, case, accents and points folded.
fn folded(text: &str) -> Vec<char> {
    text.nfkd()
        .filter(|c| !is_folded_away(*c))
        .flat_map(char::to_lowercase)
        // Some capitals become two characters in lower case, of which the second is a mark.
        .filter(|c| !is_folded_away(*c))
        .nfkc()
        .collect()
}

/// Marks that change how a letter is read but not which letter it is. Marks that do change the letter, such as
/// the voicing of kana and the vowels of Indic and Thai writing, are excluded.
const fn is_folded_away(c: char) -> bool {
    matches!(c,
        // Latin, Greek and Cyrillic accents.
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}'
        // Hebrew points and accents.
        | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}' | '\u{5c2}' | '\u{5c4}' | '\u{5c5}' | '\u{5c7}'
        // Arabic vowels, Quranic signs, and the stroke that only lengthens words.
        | '\u{610}'..='\u{61a}' | '\u{640}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{6d6}'..='\u{6dc}'
        | '\u{6df}'..='\u{6e4}' | '\u{6e7}' | '\u{6e8}' | '\u{6ea}'..='\u{6ed}' | '\u{8d3}'..='\u{8ff}'
        // Syriac points.
        | '\u{711}' | '\u{730}'..='\u{74a}'
        // Joiners, direction marks, soft hyphens, variation selectors.
        | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0100}'..='\u{e01ef}')
}

fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c)
}

/// Whether a letter belongs to a script that does not always separate words.
const fn is_unspaced(c: char) -> bool {
    matches!(c,
        // Thai, Lao, Burmese, Khmer.
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{19e0}'..='\u{19ff}'
        | '\u{a9e0}'..='\u{a9ff}' | '\u{aa60}'..='\u{aa7f}'
        // Hangul.
        | '\u{1100}'..='\u{11ff}' | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7ff}'
        // Radicals, iteration marks, kana, bopomofo, Chinese characters.
        | '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{303c}' | '\u{3040}'..='\u{312f}'
        | '\u{31a0}'..='\u{31bf}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{1aff0}'..='\u{1b16f}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str, purpose: Purpose) -> Vec<(usize, String)> {
        let tokens = split(text, purpose).into_iter();
        tokens.map(|token| (token.position, token.text)).collect()
    }

    fn found_by(text: &str, purpose: Purpose, expected: &[(usize, &str)]) {
        let found = tokens(text, purpose);
        let found: Vec<_> = found
            .iter()
            .map(|(at, text)| (*at, text.as_str()))
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn words_and_pairs_share_one_count() {
        found_by(
            "看电影, ok?",
            Purpose::Line,
            &[
                (0, "看"),
                (0, "看电"),
                (1, "电"),
                (1, "电影"),
                (2, "影"),
                (3, "ok"),
            ],
        );
        found_by("电影 ok", Purpose::Query, &[(0, "电影"), (2, "ok")]);
        found_by("影", Purpose::Query, &[(0, "影")]);
        found_by(
            "日本語のIDです",
            Purpose::Query,
            &[
                (0, "日本"),
                (1, "本語"),
                (2, "語の"),
                (4, "id"),
                (5, "です"),
            ],
        );
        found_by("?! …", Purpose::Query, &[]);
    }

    #[test]
    fn forms_of_a_letter_are_one() {
        for (a, b) in [
            ("Crème Brûlée", "creme brulee"),
            ("cre\u{300}me", "crème"),
            ("ＡＢＣ１２", "abc12"),
            ("ｶﾞｷﾞ", "ガギ"),
            ("か\u{3099}", "が"),
            ("שָׁלוֹם", "שלום"),
            ("مُحَمَّد", "محمد"),
            ("أحمـــد", "احمد"),
            ("ﬁn", "fin"),
            ("İstanbul", "istanbul"),
            ("ёлка", "елка"),
            ("\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}", "한국"),
            ("co\u{ad}operate", "cooperate"),
        ] {
            assert_eq!(
                tokens(a, Purpose::Line),
                tokens(b, Purpose::Line),
                "{a} {b}"
            );
        }
        for (a, b) in [("はは", "ばば"), ("कि", "कु"), ("มา", "มี")] {
            assert_ne!(
                tokens(a, Purpose::Line),
                tokens(b, Purpose::Line),
                "{a} {b}"
            );
        }
    }

    #[test]
    fn marks_do_not_part_words() {
        assert_eq!(tokens("हिन्दी भाषा", Purpose::Line).len(), 2);
        assert_eq!(tokens("தமிழ்", Purpose::Line).len(), 1);
    }

    #[test]
    fn long_words_are_cut_and_not_dropped() {
        let word = "я".repeat(300);
        let found = tokens(&word, Purpose::Line);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].1.chars().count(), LONGEST);
    }
}
