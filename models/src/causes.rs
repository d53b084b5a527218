//! Errors as text.
//!
//! The `Display` of an error of this workspace says its own part only; `source` returns the cause. Where an error
//! leaves the program (printed, logged, stored as a reason, sent), [`with_causes`] makes the text.

use std::error::Error;
use std::fmt;

/// An error with all its causes, each said once.
///
/// A cause follows after a colon: `film.mp4: the file is truncated`. After a message that ends with a remedy, it
/// is in parentheses: `cannot open the catalogue; check the folder (permission denied)`.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    let own = error.to_string();
    match error.source() {
        None => own,
        Some(cause) => {
            let cause = with_causes(cause);
            if own.contains("; ") {
                format!("{own} ({cause})")
            } else {
                format!("{own}: {cause}")
            }
        }
    }
}

/// An error of a library that prints its causes itself and returns them as `source` too.
///
/// The text has each cause once, and there is no `source`. Errors of `sqlx`, `object_store`, `reqwest` and
/// `tantivy` enter the workspace in this form.
#[derive(Debug)]
pub struct LibraryError(Box<dyn Error + Send + Sync>);

impl LibraryError {
    /// Takes the error over.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(error.into())
    }

    /// The library's own error.
    #[must_use]
    pub fn inner(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }
}

impl fmt::Display for LibraryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.0.to_string();
        let mut next = self.0.source();
        while let Some(cause) = next {
            let said = cause.to_string();
            if !text.contains(&said) {
                text = format!("{text}: {said}");
            }
            next = cause.source();
        }
        f.write_str(&text)
    }
}

impl Error for LibraryError {}

#[cfg(test)]
mod tests {
    use thiserror::Error;

    use super::{LibraryError, with_causes};

    #[derive(Debug, Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Self>>,
    }

    fn layers(texts: &[&'static str]) -> Layer {
        let (first, rest) = texts.split_first().unwrap();
        Layer {
            text: first,
            source: (!rest.is_empty()).then(|| Box::new(layers(rest))),
        }
    }

    #[test]
    fn every_cause_follows_its_error() {
        assert_eq!(with_causes(&layers(&["a", "b", "c"])), "a: b: c");
        assert_eq!(
            with_causes(&layers(&["a; do b", "c", "d"])),
            "a; do b (c: d)"
        );
        assert_eq!(with_causes(&layers(&["a"])), "a");
    }

    #[test]
    fn a_cause_that_resembles_its_error_is_kept() {
        assert_eq!(
            with_causes(&layers(&["no file a", "no file"])),
            "no file a: no file"
        );
    }

    #[test]
    fn a_library_that_prints_its_causes_says_each_once() {
        let error = LibraryError::new(layers(&["store: net: refused", "net: refused", "os 111"]));
        assert_eq!(with_causes(&error), "store: net: refused: os 111");
    }
}
