//! Values of fields in the text of a query.

use super::is_quote;
use crate::catalog::filter::FieldKind;
use crate::catalog::metadata::MetadataValue;

/// A value of a field: what is in quotes is text.
pub(super) fn typed(kind: FieldKind, value: String, is_quoted: bool) -> MetadataValue {
    let takes_number = match kind {
        FieldKind::Number
        | FieldKind::Size
        | FieldKind::Rate
        | FieldKind::Share
        | FieldKind::Any => !is_quoted,
        FieldKind::Text | FieldKind::Duration | FieldKind::Date => false,
    };
    if takes_number {
        let is_plain = value
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '.' | '-'));
        match value.parse::<f64>() {
            Ok(number) if is_plain && number.is_finite() => return MetadataValue::Number(number),
            Ok(_) | Err(_) => {}
        }
        match (kind, value.as_str()) {
            (FieldKind::Any, "true") => return MetadataValue::Flag(true),
            (FieldKind::Any, "false") => return MetadataValue::Flag(false),
            _ => {}
        }
    }
    MetadataValue::Text(value)
}

/// Whether a text must be in quotes to stay what it is.
pub(super) fn needs_quotes(value: &str) -> bool {
    let is_plain =
        |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | '+' | '.' | ':' | '%');
    !value.chars().all(is_plain) || value.contains("..") || value.chars().any(is_quote)
}
