//! The text of a search box: `car exploding -night title:"Big Buck Bunny" said:"merry christmas" len:<4s sort:time`.
//!
//! `parse` turns it into a [`Query`](super::Query), `write` turns a query into the shortest such text. What has no text (a
//! picture, a vector) cannot be written.
//!
//! ```text
//! query  = { item }
//! item   = [ "-" ] [ modality ":" ] words [ "^" weight ]     "-" alone is the weight -0.5
//!        | [ "-" ] "like:" shot | asset "@" time ".." time [ "^" weight ]
//!        | [ "-" ] field ":" [ "<" | "<=" | ">" | ">=" | "=" ] value { "," value }
//!        | field ":" value ".." value
//!        | ("in" | "match" | "group" | "collapse" | "sort" | "facet" | "other") ":" value
//! words  = word | '"' phrase '"' | "(" { word | '"' phrase '"' } ")"
//! ```
//!
//! A backslash takes its meaning from the next character.

mod cursor;
mod names;
mod parse;
mod value;
mod write;

use std::fmt;

pub(super) use self::parse::parse;
pub(super) use self::write::write;

/// The weight of what is written with a minus. Texts are close to each other in most spaces, so more than this turns a
/// query into its own opposite.
const MINUS: f64 = -0.5;
/// Characters shown around a mistake.
const AROUND: usize = 40;

/// A mistake in the text of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// Its place in characters from 0.
    pub at: usize,
    /// What is wrong, and how to write it.
    pub why: String,
    /// The stable code.
    pub code: &'static str,
    /// The text around it.
    excerpt: String,
    /// The place in the excerpt.
    column: usize,
}

impl SyntaxError {
    fn new(text: &[char], at: usize, code: &'static str, why: String) -> Self {
        let from = at.saturating_sub(AROUND);
        let shown = text.iter().skip(from).take(2 * AROUND);
        // A caret below a line needs one line.
        let shown = shown.map(|&c| if c.is_control() { ' ' } else { c });
        Self {
            at,
            why,
            code,
            excerpt: shown.collect(),
            column: at - from,
        }
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            at,
            why,
            excerpt,
            column,
            ..
        } = self;
        write!(
            f,
            "{why} (character {})\n  {excerpt}\n  {:column$}^",
            at + 1,
            ""
        )
    }
}

impl std::error::Error for SyntaxError {}

/// Whether a character opens or closes a phrase. Some keyboards type curly quotes.
const fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\u{201c}' | '\u{201d}' | '\u{201e}')
}

/// Whether a character stands between words.
fn is_space(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

#[cfg(test)]
mod tests;
