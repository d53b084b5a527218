//! From text to a query.

use super::cursor::Cursor;
use super::names::{DIRECTIVE_NAMES, DIRECTIVES, with_nearest_name};
use super::value::typed;
use super::{MINUS, SyntaxError};
use crate::catalog::filter::{self, CountedField, Filter, FilterError, FilterOp};
use crate::catalog::metadata::MetadataValue;
use crate::catalog::{AssetId, ShotId};
use crate::search::query::{
    Collapse, GroupBy, Operator, OtherOnly, PartKind, Query, QueryPart, SortBy, WeightedModality,
};
use crate::search::recall::Modality;

/// Longest text of a query in characters.
const MAX_QUERY: usize = 8000;

/// The query that a text says.
///
/// # Errors
/// [`SyntaxError`] with the place of the mistake.
pub(in crate::search::query) fn parse(text: &str) -> Result<Query, SyntaxError> {
    let cursor = Cursor::new(text);
    if text.chars().count() > MAX_QUERY {
        let why = format!("the query is longer than {MAX_QUERY} characters; shorten it");
        return Err(cursor.error_as(MAX_QUERY, "too-long", why));
    }
    Parser {
        cursor,
        bare: Words::default(),
        query: Query::default(),
        given: Vec::new(),
    }
    .run()
}

/// Words and phrases that make one text.
#[derive(Debug, Default)]
struct Words {
    words: Vec<String>,
    phrases: Vec<String>,
}

impl Words {
    const fn is_empty(&self) -> bool {
        self.words.is_empty() && self.phrases.is_empty()
    }

    fn text(self) -> PartKind {
        PartKind::Text {
            words: self.words.join(" "),
            phrases: self.phrases,
        }
    }
}

struct Parser {
    cursor: Cursor,
    /// Words and phrases without a sign or a weight, which are one text.
    bare: Words,
    query: Query,
    /// Directives that were read.
    given: Vec<&'static str>,
}

impl Parser {
    fn run(mut self) -> Result<Query, SyntaxError> {
        while self.cursor.skip_space().is_some() {
            self.item()?;
        }
        if !self.bare.is_empty() {
            let bare = std::mem::take(&mut self.bare);
            self.query.parts.insert(0, QueryPart::new(bare.text()));
        }
        Ok(self.query)
    }

    fn item(&mut self) -> Result<(), SyntaxError> {
        let start = self.cursor.at();
        let minus = self.cursor.take("-");
        if minus && self.cursor.peek().is_none_or(super::is_space) {
            // A dash between words.
            self.bare.words.push("-".to_owned());
            return Ok(());
        }
        let Some(name) = self.cursor.take_name() else {
            self.check_value_follows()?;
            return self.words(start, minus, None);
        };
        if let Some(modality) = Modality::named(&name) {
            return self.words(start, minus, Some(modality));
        }
        if name == "like" {
            return self.like(start, minus);
        }
        if !self.directive(&name, start, minus)? {
            self.filter(&name, start, minus)?;
        }
        Ok(())
    }

    /// Refuses `title: Day 3`, which would otherwise be searched as words.
    fn check_value_follows(&self) -> Result<(), SyntaxError> {
        let Some(name) = self.cursor.peek_bare_name() else {
            return Ok(());
        };
        let is_known = name == "like"
            || DIRECTIVE_NAMES.contains(&name.as_str())
            || Modality::named(&name).is_some()
            || filter::kind_of(&name).is_ok();
        if !is_known {
            return Ok(());
        }
        let why = format!(
            "a value is missing here; write it after `{name}:` without a space, or \\: for a colon"
        );
        let at = self.cursor.at() + name.chars().count() + 1;
        Err(self.cursor.error(at, why))
    }

    /// Words, a phrase or a group.
    fn words(
        &mut self,
        start: usize,
        minus: bool,
        modality: Option<Modality>,
    ) -> Result<(), SyntaxError> {
        let mut found = Words::default();
        let is_group = self.cursor.take("(");
        if is_group {
            loop {
                match self.cursor.skip_space() {
                    None => {
                        return Err(self
                            .cursor
                            .error(start, "this bracket is not closed; add `)`"));
                    }
                    Some(')') => break,
                    Some(_) => self.word(&mut found)?,
                }
            }
            self.cursor.take(")");
            if found.is_empty() {
                return Err(self
                    .cursor
                    .error(start, "there is nothing in these brackets"));
            }
        } else {
            self.word(&mut found)?;
        }
        let weight = self.cursor.take_weight()?;
        if !minus && weight.is_none() && modality.is_none() && !is_group {
            self.bare.words.append(&mut found.words);
            self.bare.phrases.append(&mut found.phrases);
            return Ok(());
        }
        self.query.parts.push(QueryPart {
            kind: found.text(),
            modality,
            weight: signed(minus, weight),
        });
        Ok(())
    }

    /// One word or phrase.
    fn word(&mut self, found: &mut Words) -> Result<(), SyntaxError> {
        if let Some(phrase) = self.cursor.take_quoted()? {
            found.phrases.push(phrase);
            return Ok(());
        }
        let start = self.cursor.at();
        let mut word = String::new();
        loop {
            word.push_str(&self.cursor.take_bare(&['^'])?);
            let caret = self.cursor.at();
            if self.cursor.is_at_weight() || !self.cursor.take("^") {
                break;
            }
            if word.chars().any(char::is_alphanumeric) {
                let why = "a weight is a number above 0 and up to 100, as in car^2; write \\^ for a caret";
                return Err(self.cursor.error_as(caret, "bad-weight", why));
            }
            word.push('^');
        }
        if word.is_empty() {
            let why = match self.cursor.peek() {
                Some(')') => "this bracket closes nothing; write \\) for a bracket",
                Some('(') => "a bracket cannot be here; write \\( for a bracket",
                Some('^') => "a weight follows a word, a phrase or a group",
                _ => "a word is missing here",
            };
            return Err(self.cursor.error(start, why));
        }
        found.words.push(word);
        Ok(())
    }

    /// `like:SHOT` or `like:ASSET@12s..15s`.
    fn like(&mut self, start: usize, minus: bool) -> Result<(), SyntaxError> {
        let at = self.cursor.at();
        let value = self.value(&['^'])?.0;
        let kind = match value.split_once('@') {
            None => value.parse::<ShotId>().ok().map(PartKind::Shot),
            Some((asset, span)) => span.split_once("..").and_then(|(from, to)| {
                Some(PartKind::Span {
                    asset: asset.parse::<AssetId>().ok()?,
                    from_ms: filter::milliseconds(from)?,
                    to_ms: filter::milliseconds(to)?,
                })
            }),
        };
        let kind = kind.ok_or_else(|| {
            self.cursor.error(
                at,
                "write `like:` with the id of a shot, or with an asset and a time as in like:ASSET@12s..15s",
            )
        })?;
        let weight = self.cursor.take_weight()?;
        if !self.is_at_end_of_item() {
            return Err(self.cursor.error(start, "a space is missing after this"));
        }
        self.query.parts.push(QueryPart {
            weight: signed(minus, weight),
            ..QueryPart::new(kind)
        });
        Ok(())
    }

    /// What is no part and no filter. `false` if `name` is none of these.
    fn directive(&mut self, name: &str, start: usize, minus: bool) -> Result<bool, SyntaxError> {
        let Some(name) = DIRECTIVE_NAMES.into_iter().find(|one| *one == name) else {
            return Ok(false);
        };
        if minus {
            let why = format!("`{name}:` cannot be excluded; leave out the minus");
            return Err(self.cursor.error(start, why));
        }
        if self.given.contains(&name) {
            return Err(self
                .cursor
                .error(start, format!("`{name}:` is given twice")));
        }
        self.given.push(name);
        loop {
            let at = self.cursor.at();
            let value = self.value(&['^', ','])?.0;
            let weight = self.cursor.take_weight()?;
            if weight.is_some() && name != "in" {
                return Err(self
                    .cursor
                    .error(at, "only modalities and parts have a weight"));
            }
            self.set(name, &value, weight, at)?;
            let takes_many = matches!(name, "in" | "collapse" | "facet");
            if !takes_many || !self.cursor.take(",") {
                break;
            }
        }
        if !self.is_at_end_of_item() {
            return Err(self
                .cursor
                .error(self.cursor.at(), "a space is missing here"));
        }
        Ok(true)
    }

    fn set(
        &mut self,
        name: &'static str,
        value: &str,
        weight: Option<f64>,
        at: usize,
    ) -> Result<(), SyntaxError> {
        match name {
            "in" => {
                let names: Vec<_> = Modality::ALL.iter().map(|one| (one.name(), *one)).collect();
                let modality = match Modality::named(value) {
                    Some(modality) => modality,
                    None => self.choice(name, value, at, &names)?,
                };
                self.query.modalities.push(WeightedModality {
                    modality,
                    weight: weight.unwrap_or(1.0),
                });
            }
            "facet" => {
                let field = CountedField::named(value);
                let field = field.map_err(|error| refused(&self.cursor, at, &error))?;
                self.query.facets.push(field);
            }
            "match" => {
                let choices = [("any", Operator::Any), ("all", Operator::All)];
                self.query.operator = self.choice(name, value, at, &choices)?;
            }
            "group" => {
                let choices = [
                    ("shot", GroupBy::Shot),
                    ("asset", GroupBy::Asset),
                    ("title", GroupBy::Title),
                ];
                self.query.group_by = self.choice(name, value, at, &choices)?;
            }
            "other" => {
                let choices = [("titles", OtherOnly::Titles), ("assets", OtherOnly::Assets)];
                self.query.other = Some(self.choice(name, value, at, &choices)?);
            }
            "sort" => {
                let choices = [
                    ("relevance", SortBy::Relevance),
                    ("time", SortBy::Time),
                    ("date", SortBy::Date),
                    ("earliest", SortBy::Earliest),
                    ("loudest", SortBy::Loudest),
                    ("quietest", SortBy::Quietest),
                ];
                self.query.sort = self.choice(name, value, at, &choices)?;
            }
            _ => {
                let number = value.strip_prefix("similar=");
                let number = number.and_then(|number| number.parse::<f32>().ok());
                if let Some(similar) = number.filter(|&similar| similar > 0.0 && similar <= 1.0) {
                    self.query.collapse.similar = Some(similar);
                    return Ok(());
                }
                let usual = Collapse::similar();
                let alternating = Collapse {
                    alternating: true,
                    ..Collapse::default()
                };
                let choices = [
                    ("similar", usual),
                    ("alternating", alternating),
                    ("similar=0.9", usual),
                ];
                let collapse = self.choice(name, value, at, &choices)?;
                self.query.collapse = Collapse {
                    similar: collapse.similar.or(self.query.collapse.similar),
                    alternating: collapse.alternating || self.query.collapse.alternating,
                };
            }
        }
        Ok(())
    }

    /// The choice called `value`.
    fn choice<T: Copy>(
        &self,
        name: &str,
        value: &str,
        at: usize,
        choices: &[(&str, T)],
    ) -> Result<T, SyntaxError> {
        if let Some((_, choice)) = choices.iter().find(|(one, _)| *one == value) {
            return Ok(*choice);
        }
        let names: Vec<String> = choices.iter().map(|(one, _)| format!("`{one}`")).collect();
        let why = format!("`{name}:` takes {}", names.join(", "));
        Err(self.cursor.error(at, why))
    }

    fn filter(&mut self, name: &str, start: usize, minus: bool) -> Result<(), SyntaxError> {
        let value_at = self.cursor.at();
        let (name, kind) = filter::kind_of(name).map_err(|error| {
            let error = with_nearest_name(error);
            let why =
                format!("{error}; beside fields there are {DIRECTIVES}; write \\: for a colon");
            self.cursor.error_as(start, error.code(), why)
        })?;
        let op = [
            (">=", FilterOp::Gte),
            ("<=", FilterOp::Lte),
            (">", FilterOp::Gt),
            ("<", FilterOp::Lt),
            ("=", FilterOp::Eq),
        ]
        .into_iter()
        .find_map(|(sign, op)| self.cursor.take(sign).then_some(op));
        let (first, is_quoted) = self.value(&[','])?;
        if op.is_none()
            && !is_quoted
            && kind.has_order()
            && let Some((from, to)) = first.split_once("..")
            && !from.is_empty()
            && !to.is_empty()
        {
            if minus {
                return Err(self.cursor.error(start, "a range cannot be excluded"));
            }
            for (op, value) in [(FilterOp::Gte, from), (FilterOp::Lte, to)] {
                self.add(
                    &name,
                    op,
                    vec![typed(kind, value.to_owned(), false)],
                    value_at,
                )?;
            }
            return self.end_of_filter();
        }
        let mut values = vec![typed(kind, first, is_quoted)];
        while self.cursor.take(",") {
            let (value, is_quoted) = self.value(&[','])?;
            values.push(typed(kind, value, is_quoted));
        }
        let is_list = values.len() > 1;
        let op = match (op, minus, is_list) {
            (None | Some(FilterOp::Eq), false, false) => FilterOp::Eq,
            (None | Some(FilterOp::Eq), true, false) => FilterOp::Ne,
            (None | Some(FilterOp::Eq), false, true) => FilterOp::In,
            (None | Some(FilterOp::Eq), true, true) => FilterOp::Not,
            (Some(op), false, false) => op,
            (Some(_), true, _) => {
                let why = "a comparison cannot be excluded; turn it round and leave out the minus";
                return Err(self.cursor.error(start, why));
            }
            (Some(_), false, true) => {
                return Err(self.cursor.error(value_at, "a comparison takes one value"));
            }
        };
        self.add(&name, op, values, value_at)?;
        self.end_of_filter()
    }

    fn add(
        &mut self,
        name: &str,
        op: FilterOp,
        values: Vec<MetadataValue>,
        at: usize,
    ) -> Result<(), SyntaxError> {
        let filter = Filter::new(name, op, values);
        let filter = filter.map_err(|error| refused(&self.cursor, at, &error))?;
        self.query.filters.push(filter);
        filter::check(&self.query.filters).map_err(|error| refused(&self.cursor, at, &error))
    }

    fn end_of_filter(&self) -> Result<(), SyntaxError> {
        if self.is_at_end_of_item() {
            return Ok(());
        }
        Err(self
            .cursor
            .error(self.cursor.at(), "a space is missing here"))
    }

    fn is_at_end_of_item(&self) -> bool {
        self.cursor.peek().is_none_or(super::is_space)
    }

    /// A value, and whether it was in quotes.
    fn value(&mut self, stops: &[char]) -> Result<(String, bool), SyntaxError> {
        let start = self.cursor.at();
        if let Some(quoted) = self.cursor.take_quoted()? {
            return Ok((quoted, true));
        }
        let value = self.cursor.take_bare(stops)?;
        if value.is_empty() {
            self.cursor.back_to(start);
            return Err(self.cursor.error(start, "a value is missing here"));
        }
        Ok((value, false))
    }
}

fn signed(minus: bool, weight: Option<f64>) -> f64 {
    match (minus, weight) {
        (false, weight) => weight.unwrap_or(1.0),
        (true, None) => MINUS,
        (true, Some(weight)) => -weight,
    }
}

fn refused(cursor: &Cursor, at: usize, error: &FilterError) -> SyntaxError {
    cursor.error_as(at, error.code(), error.to_string())
}
