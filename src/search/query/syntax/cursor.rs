//! Reads the text of a query character by character.

use super::{SyntaxError, is_quote, is_space};

/// A place in the text of a query.
#[derive(Debug)]
pub(super) struct Cursor {
    text: Vec<char>,
    at: usize,
}

impl Cursor {
    pub(super) fn new(text: &str) -> Self {
        Self {
            text: text.chars().collect(),
            at: 0,
        }
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) const fn back_to(&mut self, at: usize) {
        self.at = at;
    }

    pub(super) fn error(&self, at: usize, why: impl Into<String>) -> SyntaxError {
        self.error_as(at, "bad-query", why)
    }

    pub(super) fn error_as(
        &self,
        at: usize,
        code: &'static str,
        why: impl Into<String>,
    ) -> SyntaxError {
        SyntaxError::new(&self.text, at, code, why.into())
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += 1;
        Some(next)
    }

    /// Skips what stands between words; `None` at the end.
    pub(super) fn skip_space(&mut self) -> Option<char> {
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
        self.peek()
    }

    /// Takes this text if it comes next.
    pub(super) fn take(&mut self, wanted: &str) -> bool {
        let length = wanted.chars().count();
        let next = self.text.get(self.at..self.at + length);
        let is_next = next.is_some_and(|next| next.iter().copied().eq(wanted.chars()));
        if is_next {
            self.at += length;
        }
        is_next
    }

    /// Takes a name that ends with a colon and has a value.
    pub(super) fn take_name(&mut self) -> Option<String> {
        let rest = &self.text[self.at..];
        let length = rest
            .iter()
            .position(|&c| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.')))?;
        let is_name = rest.first()?.is_alphabetic()
            && rest[length] == ':'
            && rest.get(length + 1).is_some_and(|&c| !is_space(c));
        if !is_name {
            return None;
        }
        self.at += length + 1;
        Some(rest_of(&self.text, self.at - length - 1, length))
    }

    /// A name before a colon that nothing follows.
    pub(super) fn peek_bare_name(&self) -> Option<String> {
        let rest = &self.text[self.at..];
        let length = rest.iter().position(|&c| c == ':')?;
        let is_bare = rest[..length]
            .iter()
            .all(|&c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
            && rest.get(length + 1).is_none_or(|&c| is_space(c));
        is_bare.then(|| rest_of(&self.text, self.at, length))
    }

    /// Takes characters up to a space, a bracket, a quote, or one of `stops`. A backslash takes its meaning from the
    /// next one.
    pub(super) fn take_bare(&mut self, stops: &[char]) -> Result<String, SyntaxError> {
        let mut taken = String::new();
        while let Some(c) = self.peek() {
            if is_space(c) || is_quote(c) || matches!(c, '(' | ')') || stops.contains(&c) {
                break;
            }
            self.at += 1;
            if c == '\\' {
                let at = self.at - 1;
                let next = self.next().filter(|&c| !is_space(c));
                let next = next.ok_or_else(|| {
                    self.error(at, "nothing follows this backslash; write two for one")
                })?;
                taken.push(next);
            } else {
                taken.push(c);
            }
        }
        Ok(taken)
    }

    /// Takes what is in quotes, if a quote comes next.
    pub(super) fn take_quoted(&mut self) -> Result<Option<String>, SyntaxError> {
        let start = self.at;
        if !self.peek().is_some_and(is_quote) {
            return Ok(None);
        }
        self.at += 1;
        let mut taken = String::new();
        loop {
            match self.next() {
                None => {
                    return Err(self.error(
                        start,
                        "this quote is not closed; close it, or write \\\" for a quote",
                    ));
                }
                Some('\\') => taken.extend(self.next()),
                Some(c) if is_quote(c) => break,
                Some(c) => taken.push(if c.is_control() { ' ' } else { c }),
            }
        }
        if taken.trim().is_empty() {
            return Err(self.error(start, "there is nothing between these quotes"));
        }
        Ok(Some(taken))
    }

    /// Takes `^` and a number, if they come next. A `^` before anything but a number is part of a word.
    pub(super) fn take_weight(&mut self) -> Result<Option<f64>, SyntaxError> {
        let start = self.at;
        let is_number = |c: char| c.is_ascii_digit() || c == '.';
        if self.peek() != Some('^') || !self.text.get(start + 1).copied().is_some_and(is_number) {
            return Ok(None);
        }
        self.at += 1;
        let rest = &self.text[self.at..];
        let length = rest.iter().take_while(|&&c| is_number(c)).count();
        let number = rest_of(&self.text, self.at, length);
        self.at += length;
        match number.parse::<f64>() {
            Ok(weight) if weight > 0.0 && weight <= 100.0 => Ok(Some(weight)),
            Ok(_) | Err(_) => Err(self.error_as(
                start,
                "bad-weight",
                "a weight is a number above 0 and up to 100, as in car^2",
            )),
        }
    }

    /// Whether a weight comes next.
    pub(super) fn is_at_weight(&self) -> bool {
        let next = self.text.get(self.at + 1);
        self.peek() == Some('^') && next.is_some_and(|&c| c.is_ascii_digit() || c == '.')
    }
}

fn rest_of(text: &[char], from: usize, length: usize) -> String {
    text.iter().skip(from).take(length).collect()
}
