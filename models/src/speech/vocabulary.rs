//! The tokens of a Whisper model: text by bytes, languages, times, and those that must not be said.

use serde::Deserialize;
use tokenizers::Tokenizer;

/// Time tokens are this far apart, in seconds.
pub(super) const TIME_STEP: f64 = 0.02;

/// The languages that are written without spaces between words.
const UNSPACED: [&str; 7] = ["zh", "ja", "th", "lo", "my", "km", "yue"];

/// The file beside the weights.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Config {
    /// Layers and heads of the decoder that follow the sound.
    pub(super) alignment_heads: Vec<[usize; 2]>,
    /// Tokens that are never said.
    suppress_ids: Vec<i64>,
    /// Tokens that are not said first.
    suppress_ids_begin: Vec<i64>,
    /// Tokens of languages.
    lang_ids: Vec<usize>,
}

/// The tokens of a model by their meaning.
#[derive(Debug)]
pub(super) struct Vocabulary {
    /// The bytes of each token of text.
    texts: Vec<Vec<u8>>,
    /// Token and code of each language.
    pub(super) languages: Vec<(usize, String)>,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) transcribe: usize,
    pub(super) no_speech: usize,
    pub(super) no_times: usize,
    /// The token of time 0; those of later times follow.
    pub(super) first_time: usize,
    pub(super) never: Vec<usize>,
    pub(super) not_first: Vec<usize>,
}

impl Vocabulary {
    /// The tokens of a model.
    pub(super) fn new(tokenizer: &[u8], config: &Config) -> Result<Self, String> {
        let tokenizer = Tokenizer::from_bytes(tokenizer).map_err(|e| e.to_string())?;
        // The special tokens have fixed places: the end of a text, its start, the languages, then tasks and marks.
        let first = config.lang_ids.iter().min().copied();
        let last = config.lang_ids.iter().max().copied();
        let (Some(first), Some(last)) = (first, last) else {
            return Err("it lists no languages; only multilingual models are supported".to_owned());
        };
        let (Some(end), first_time) = (first.checked_sub(2), last + 7) else {
            return Err(format!("the token {first} is no language"));
        };
        let token = |id: usize| {
            let id = u32::try_from(id).ok()?;
            tokenizer.id_to_token(id)
        };
        let mut texts = Vec::with_capacity(end);
        for id in 0..end {
            texts.push(token(id).map_or_else(Vec::new, |text| bytes_of(&text)));
        }
        let mut languages = Vec::with_capacity(config.lang_ids.len());
        for &id in &config.lang_ids {
            let name = token(id).unwrap_or_default();
            let code = name.strip_prefix("<|").and_then(|it| it.strip_suffix("|>"));
            let code = code.ok_or_else(|| format!("the token {id} ({name:?}) is no language"))?;
            languages.push((id, code.to_owned()));
        }
        let known = |ids: &[i64]| -> Vec<usize> {
            let ids = ids.iter().filter_map(|&id| usize::try_from(id).ok());
            ids.collect()
        };
        let mut never = known(&config.suppress_ids);
        never.extend(end + 1..first_time);
        Ok(Self {
            texts,
            languages,
            start: end + 1,
            end,
            transcribe: last + 2,
            no_speech: last + 5,
            no_times: last + 6,
            first_time,
            never,
            not_first: known(&config.suppress_ids_begin),
        })
    }

    /// The token of a language by its code.
    pub(super) fn language(&self, code: &str) -> Option<usize> {
        let found = self.languages.iter().find(|(_, known)| known == code);
        found.map(|(id, _)| *id)
    }

    /// The code of a language.
    pub(super) fn code(&self, language: usize) -> &str {
        let found = self.languages.iter().find(|(id, _)| *id == language);
        found.map_or("", |(_, code)| code)
    }

    /// The bytes of a token of text; none for other tokens.
    pub(super) fn bytes(&self, token: usize) -> &[u8] {
        self.texts.get(token).map_or(&[], Vec::as_slice)
    }

    /// The text of tokens.
    pub(super) fn text(&self, tokens: &[usize]) -> String {
        let bytes: Vec<u8> = tokens
            .iter()
            .flat_map(|&token| self.bytes(token))
            .copied()
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The tokens of each word, as ranges. A character may be spread over several tokens, which stay together.
    pub(super) fn words(&self, tokens: &[usize], language: usize) -> Vec<std::ops::Range<usize>> {
        let is_unspaced = UNSPACED.contains(&self.code(language));
        let mut words: Vec<std::ops::Range<usize>> = Vec::new();
        let mut from = 0;
        for at in 0..tokens.len() {
            let piece: Vec<u8> = tokens[from..=at]
                .iter()
                .flat_map(|&token| self.bytes(token))
                .copied()
                .collect();
            let is_last = at + 1 == tokens.len();
            let Ok(piece) = std::str::from_utf8(&piece) else {
                if is_last {
                    words.push(from..at + 1);
                }
                continue;
            };
            let is_punctuation = !piece.chars().any(char::is_alphanumeric);
            let begins = piece.starts_with(' ') || (is_unspaced && !is_punctuation);
            match words.last_mut() {
                Some(word) if !begins => word.end = at + 1,
                _ => words.push(from..at + 1),
            }
            from = at + 1;
        }
        words
    }
}

/// The bytes of a token as a byte-level tokenizer writes it: printable bytes as themselves, others as the characters
/// from U+0100 on, in order.
fn bytes_of(token: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(token.len());
    for character in token.chars() {
        let code = u32::from(character);
        let byte = match code {
            0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => u8::try_from(code).ok(),
            // The bytes that are not printable, in order: 0 to 32, 127 to 160, 173.
            0x100..=0x120 => u8::try_from(code - 0x100).ok(),
            0x121..=0x142 => u8::try_from(code - 0x121 + 127).ok(),
            0x143 => Some(173),
            _ => None,
        };
        match byte {
            Some(byte) => bytes.push(byte),
            None => bytes.extend(character.to_string().bytes()),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_the_bytes_that_they_stand_for() {
        assert_eq!(bytes_of("Ġand"), b" and");
        assert_eq!(bytes_of("Ã©"), "é".as_bytes());
        assert_eq!(bytes_of("Ċ"), b"\n");
        // Every byte has a character of its own.
        let mut seen = std::collections::HashSet::new();
        for code in 0x21..=0x143_u32 {
            let text = char::from_u32(code).unwrap().to_string();
            if let [byte] = bytes_of(&text).as_slice() {
                seen.insert(*byte);
            }
        }
        assert_eq!(seen.len(), 256);
    }
}
