//! From a query to text.

use super::value::{needs_quotes, typed};
use super::{MINUS, is_quote, is_space};
use crate::catalog::filter::{FieldKind, Filter, FilterOp};
use crate::catalog::metadata::MetadataValue;
use crate::search::query::{
    GroupBy, Operator, OtherOnly, PartKind, Query, QueryPart, SIMILAR, SortBy,
};

/// The text that says this query; `None` if it has a part without text, such as a picture.
pub(in crate::search::query) fn write(query: &Query) -> Option<String> {
    let mut items = Vec::new();
    for (at, part) in query.parts.iter().enumerate() {
        items.push(written_part(at, part)?);
    }
    items.extend(query.filters.iter().map(written_filter));
    if !query.modalities.is_empty() {
        let names = query
            .modalities
            .iter()
            .map(|sense| format!("{}{}", sense.modality.name(), caret(sense.weight, 1.0)));
        items.push(format!("in:{}", names.collect::<Vec<_>>().join(",")));
    }
    if query.operator == Operator::All {
        items.push("match:all".to_owned());
    }
    match query.group_by {
        GroupBy::Shot => {}
        GroupBy::Asset => items.push("group:asset".to_owned()),
        GroupBy::Title => items.push("group:title".to_owned()),
    }
    let mut collapse = Vec::new();
    match query.collapse.similar {
        None => {}
        Some(similar) if similar.to_bits() == SIMILAR.to_bits() => {
            collapse.push("similar".to_owned());
        }
        Some(similar) => collapse.push(format!("similar={similar}")),
    }
    if query.collapse.alternating {
        collapse.push("alternating".to_owned());
    }
    if !collapse.is_empty() {
        items.push(format!("collapse:{}", collapse.join(",")));
    }
    match query.sort {
        SortBy::Relevance => {}
        SortBy::Time => items.push("sort:time".to_owned()),
        SortBy::Date => items.push("sort:date".to_owned()),
        SortBy::Earliest => items.push("sort:earliest".to_owned()),
        SortBy::Loudest => items.push("sort:loudest".to_owned()),
        SortBy::Quietest => items.push("sort:quietest".to_owned()),
    }
    match query.other {
        None => {}
        Some(OtherOnly::Titles) => items.push("other:titles".to_owned()),
        Some(OtherOnly::Assets) => items.push("other:assets".to_owned()),
    }
    if !query.facets.is_empty() {
        let names: Vec<String> = query.facets.iter().map(|field| field.name()).collect();
        items.push(format!("facet:{}", names.join(",")));
    }
    Some(items.join(" "))
}

fn written_part(at: usize, part: &QueryPart) -> Option<String> {
    let minus = if part.weight < 0.0 { "-" } else { "" };
    let usual = if part.weight < 0.0 { -MINUS } else { 1.0 };
    let weight = caret(part.weight.abs(), usual);
    let what = match &part.kind {
        PartKind::Text { words, phrases } => {
            let mut pieces: Vec<String> = words
                .split(is_space)
                .filter(|w| !w.is_empty())
                .map(word)
                .collect();
            pieces.extend(phrases.iter().map(|phrase| quoted(phrase)));
            let is_usual = part.modality.is_none() && minus.is_empty() && weight.is_empty();
            // Only the first text can stand without brackets: others would become part of it.
            let is_bare = is_usual && at == 0;
            let text = pieces.join(" ");
            if is_bare || (pieces.len() == 1 && !is_usual) {
                text
            } else {
                format!("({text})")
            }
        }
        PartKind::Shot(shot) => format!("like:{shot}"),
        PartKind::Span {
            asset,
            from_ms,
            to_ms,
        } => format!("like:{asset}@{from_ms}ms..{to_ms}ms"),
        PartKind::Picture(_) | PartKind::Clip(_) | PartKind::Vector { .. } => return None,
    };
    let modality = match (&part.kind, part.modality) {
        (PartKind::Text { .. }, Some(modality)) => format!("{}:", modality.name()),
        (_, Some(_)) => return None,
        (_, None) => String::new(),
    };
    Some(format!("{minus}{modality}{what}{weight}"))
}

/// A weight, if it is not the usual one.
fn caret(weight: f64, usual: f64) -> String {
    if weight.to_bits() == usual.to_bits() {
        String::new()
    } else {
        format!("^{weight}")
    }
}

/// A word in which nothing has a meaning of its own.
fn word(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for (at, c) in text.chars().enumerate() {
        let has_meaning = is_quote(c) || matches!(c, '\\' | '(' | ')' | '^' | ':');
        if has_meaning || (at == 0 && c == '-') {
            written.push('\\');
        }
        written.push(c);
    }
    written
}

fn quoted(text: &str) -> String {
    let mut written = String::from("\"");
    for c in text.chars() {
        if is_quote(c) || c == '\\' {
            written.push('\\');
        }
        written.push(c);
    }
    written.push('"');
    written
}

fn written_filter(filter: &Filter) -> String {
    let values: Vec<String> = filter
        .values()
        .iter()
        .map(|value| written_value(filter.kind(), value))
        .collect();
    let values = values.join(",");
    let name = filter.name();
    match filter.op() {
        // One value in a list is the same as that value.
        FilterOp::Eq | FilterOp::In => format!("{name}:{values}"),
        FilterOp::Ne | FilterOp::Not => format!("-{name}:{values}"),
        FilterOp::Gt => format!("{name}:>{values}"),
        FilterOp::Gte => format!("{name}:>={values}"),
        FilterOp::Lt => format!("{name}:<{values}"),
        FilterOp::Lte => format!("{name}:<={values}"),
    }
}

fn written_value(kind: FieldKind, value: &MetadataValue) -> String {
    match value {
        MetadataValue::Flag(_) | MetadataValue::Number(_) => value.to_string(),
        MetadataValue::Text(text) => {
            let reads_back = typed(kind, text.clone(), false) == *value;
            if needs_quotes(text) || !reads_back {
                quoted(text)
            } else {
                text.clone()
            }
        }
    }
}
