//! Splits a line of dialogue into search terms.
//!
//! Where words are separated, the terms are words. In Chinese, Japanese, Korean, Thai, Lao, Khmer and Burmese
//! they are single letters and pairs of neighbours (bigrams). Variants of a letter are folded: width and
//! compatibility (NFKC, Unicode Standard Annex 15), case, accents, and the points of Hebrew and Arabic. Every term
//! remembers its place in the text, in characters (Unicode scalar values).

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

/// What a word looks like as a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// Variants of a letter are one.
    Folded,
    /// In lower case, with accents: what stemmers and lists of stop words expect. Unspaced writing is folded.
    Own,
}

/// A tokenizer for all scripts. The offsets of its tokens are in characters.
#[derive(Debug, Clone)]
pub(super) struct Words {
    purpose: Purpose,
    spelling: Spelling,
    tokens: Vec<Token>,
}

impl Words {
    pub(super) const fn new(purpose: Purpose, spelling: Spelling) -> Self {
        Self {
            purpose,
            spelling,
            tokens: Vec::new(),
        }
    }
}

impl Tokenizer for Words {
    type TokenStream<'a> = Stream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Stream<'a> {
        self.tokens = split(text, self.purpose, self.spelling);
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
fn split(text: &str, purpose: Purpose, spelling: Spelling) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let letters = folded(&chars);
    let mut tokens = Vec::new();
    let (mut position, mut at) = (0, 0);
    let mut emit = |run: &[Letter], spelling: Spelling, position: usize| {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            return;
        };
        let text = match spelling {
            Spelling::Folded => run
                .iter()
                .take(LONGEST)
                .map(|letter| letter.folded)
                .collect(),
            Spelling::Own => {
                let own = chars[first.from..last.to].iter().copied();
                own.nfkc()
                    .flat_map(char::to_lowercase)
                    .take(LONGEST)
                    .collect()
            }
        };
        tokens.push(Token {
            position,
            text,
            offset_from: first.from,
            offset_to: last.to,
            ..Token::default()
        });
    };
    while at < letters.len() {
        let unspaced = is_unspaced(letters[at].folded);
        let alike =
            |letter: &&Letter| is_letter(letter.folded) && is_unspaced(letter.folded) == unspaced;
        let length = letters[at..].iter().take_while(alike).count();
        let run = &letters[at..at + length];
        at += length.max(1);
        if run.is_empty() {
            continue;
        }
        if !unspaced {
            emit(run, spelling, position);
            position += 1;
            continue;
        }
        for (offset, letter) in run.iter().enumerate() {
            if purpose == Purpose::Line || run.len() == 1 {
                emit(
                    std::slice::from_ref(letter),
                    Spelling::Folded,
                    position + offset,
                );
            }
            if let Some(pair) = run.get(offset..offset + 2) {
                emit(pair, Spelling::Folded, position + offset);
            }
        }
        position += run.len();
    }
    tokens
}

/// A folded letter, and the characters of the text that it stands for.
#[derive(Debug, Clone, Copy)]
struct Letter {
    folded: char,
    from: usize,
    to: usize,
}

/// The letters of a text, with width, case, accents and points folded. A letter is folded with the marks that follow it,
/// which is the same as folding the whole text.
fn folded(chars: &[char]) -> Vec<Letter> {
    let mut letters = Vec::with_capacity(chars.len());
    let mut from = 0;
    while from < chars.len() {
        let marks = chars[from + 1..].iter().take_while(|&&c| joins(c)).count();
        let to = from + 1 + marks;
        if marks == 0 && chars[from].is_ascii() {
            let folded = chars[from].to_ascii_lowercase();
            letters.push(Letter { folded, from, to });
        } else {
            let cluster = chars[from..to].iter().copied().nfkd();
            let cluster = cluster
                .filter(|c| !is_folded_away(*c))
                .flat_map(char::to_lowercase)
                // Some capitals become two characters in lower case, of which the second is a mark.
                .filter(|c| !is_folded_away(*c))
                .nfkc();
            letters.extend(cluster.map(|folded| Letter { folded, from, to }));
        }
        from = to;
    }
    letters
}

/// Whether a character becomes one letter with the one before it.
fn joins(c: char) -> bool {
    if c.is_ascii() {
        return false;
    }
    let first = std::iter::once(c).nfkd().next().unwrap_or(c);
    // The vowels and the last consonants of a syllable of Hangul.
    is_combining_mark(first)
        || is_folded_away(first)
        || matches!(first, '\u{1160}'..='\u{11ff}' | '\u{d7b0}'..='\u{d7fb}')
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
pub(super) const fn is_unspaced(c: char) -> bool {
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
        let tokens = split(text, purpose, Spelling::Folded).into_iter();
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
    fn terms_know_their_characters() {
        let places = |text: &str| -> Vec<(String, String)> {
            let chars: Vec<char> = text.chars().collect();
            let tokens = split(text, Purpose::Query, Spelling::Folded).into_iter();
            tokens
                .map(|token| {
                    let of = &chars[token.offset_from..token.offset_to];
                    (token.text, of.iter().collect())
                })
                .collect()
        };
        for (text, expected) in [
            (
                "Crème, BRÛLÉE!",
                &[("creme", "Crème"), ("brulee", "BRÛLÉE")][..],
            ),
            ("(cre\u{300}me)", &[("creme", "cre\u{300}me")]),
            ("a ﬁn z", &[("a", "a"), ("fin", "ﬁn"), ("z", "z")]),
            ("İstanbul'da", &[("istanbul", "İstanbul"), ("da", "da")]),
            ("ｶﾞｷﾞ", &[("ガギ", "ｶﾞｷﾞ")]),
            (
                "去看电影",
                &[("去看", "去看"), ("看电", "看电"), ("电影", "电影")],
            ),
            (
                "ok \u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}",
                &[
                    ("ok", "ok"),
                    ("한국", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}"),
                ],
            ),
            ("co\u{ad}op", &[("coop", "co\u{ad}op")]),
            ("👨\u{200d}👩 hi", &[("hi", "hi")]),
        ] {
            let expected: Vec<(String, String)> = expected
                .iter()
                .map(|&(term, of)| (term.to_owned(), of.to_owned()))
                .collect();
            assert_eq!(places(text), expected, "{text}");
        }
    }

    #[test]
    fn a_word_in_its_own_spelling_has_the_same_place() {
        let own = |text: &str| split(text, Purpose::Query, Spelling::Own);
        let words = own("Häuser, ÉTÉ cre\u{300}me 电影");
        let texts: Vec<&str> = words.iter().map(|token| token.text.as_str()).collect();
        assert_eq!(texts, ["häuser", "été", "crème", "电影"]);
        for text in [
            "Häuser, ÉTÉ",
            "İstanbul'da ﬁn",
            "日本語のIDです",
            "a\u{301}b c",
        ] {
            let folded = split(text, Purpose::Line, Spelling::Folded);
            let own = split(text, Purpose::Line, Spelling::Own);
            let places = |tokens: &[Token]| -> Vec<(usize, usize, usize)> {
                let place = |one: &Token| (one.position, one.offset_from, one.offset_to);
                tokens.iter().map(place).collect()
            };
            assert_eq!(places(&folded), places(&own), "{text}");
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
