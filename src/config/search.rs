//! How searches are answered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Problem;

/// Most words with synonyms.
const MOST_WORDS: usize = 10_000;
/// Most synonyms of a word.
const MOST_SYNONYMS: usize = 20;
/// Longest word or synonym in characters.
const MAX_TEXT: usize = 100;

/// How searches are answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SearchConfig {
    /// For a word, other words that dialogue and labels are searched for too, such as `car = ["automobile", "auto"]`. A
    /// search for one of the others does not find the word.
    pub synonyms: BTreeMap<String, Vec<String>>,
    /// Whether searches over HTTP are logged, and other words for a search are learnt from them.
    pub learn: bool,
    /// How often other words must have been tried until a search looks for them too.
    pub learn_after: u32,
}

impl Default for SearchConfig {
    fn default() -> Self {
        Self {
            synonyms: BTreeMap::new(),
            learn: false,
            learn_after: 5,
        }
    }
}

impl SearchConfig {
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut problem = |key: String, what: String| problems.push(Problem { key, what });
        if self.learn_after == 0 {
            let what = "is 0; give how often other words must have been tried, at least 1";
            problem("search.learn_after".to_owned(), what.to_owned());
        }
        if self.synonyms.len() > MOST_WORDS {
            let what = format!("there are more than {MOST_WORDS} words");
            problem("search.synonyms".to_owned(), what);
        }
        let is_text = |text: &str| {
            text.chars().any(char::is_alphanumeric) && text.chars().count() <= MAX_TEXT
        };
        for (word, others) in &self.synonyms {
            let key = || format!("search.synonyms.{word}");
            if !is_text(word) || !word.chars().all(char::is_alphanumeric) {
                let what = "is not one word of letters and digits; a synonym may have several words, what it stands for may not";
                problem(key(), what.to_owned());
            }
            if others.is_empty() || others.len() > MOST_SYNONYMS {
                problem(
                    key(),
                    format!("has {} synonyms; give 1 to {MOST_SYNONYMS}", others.len()),
                );
            }
            if let Some(bad) = others.iter().find(|other| !is_text(other)) {
                let what =
                    format!("{bad:?} is no synonym; use words of up to {MAX_TEXT} characters");
                problem(key(), what);
            }
        }
        problems
    }
}
