//! Words that mean the same, from the settings.

use std::collections::BTreeMap;

use super::text::terms;
use super::words::Purpose;

/// For each word, what is searched for too. The words are folded: without case and accents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Synonyms {
    of: BTreeMap<String, Vec<String>>,
}

impl Synonyms {
    /// A table of words and what is searched for too. A search for a word of a list does not find the others.
    #[must_use]
    pub fn new(table: &BTreeMap<String, Vec<String>>) -> Self {
        let mut of: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (word, others) in table {
            // Unspaced writing has several terms.
            let terms = terms(word, Purpose::Query);
            let Some(first) = terms.first() else {
                continue;
            };
            if terms.len() == 1 {
                of.entry(first.text.clone())
                    .or_default()
                    .extend(others.iter().cloned());
            }
        }
        Self { of }
    }

    /// What is searched for beside a folded word.
    pub(super) fn of(&self, word: &str) -> &[String] {
        self.of.get(word).map_or(&[], Vec::as_slice)
    }

    /// The words of a text that have synonyms, and those.
    #[must_use]
    pub fn used(&self, text: &str) -> BTreeMap<String, Vec<String>> {
        let words = terms(text, Purpose::Query).into_iter();
        let used = words.filter_map(|word| {
            let others = self.of.get(&word.text)?;
            Some((word.text, others.clone()))
        });
        used.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_table_are_found_in_any_form() {
        let table = [
            ("Café".to_owned(), vec!["coffee shop".to_owned()]),
            ("two words".to_owned(), vec!["never".to_owned()]),
        ];
        let synonyms = Synonyms::new(&table.into_iter().collect());
        let used = synonyms.used("the CAFE at night");
        assert_eq!(used.len(), 1);
        assert_eq!(used["cafe"], ["coffee shop"]);
        assert!(synonyms.used("two words").is_empty());
        assert!(synonyms.of("coffee").is_empty());
    }
}
