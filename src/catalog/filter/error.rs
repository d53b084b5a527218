//! Errors of filters.

use thiserror::Error;

/// A condition that cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FilterError {
    /// There is no such field.
    #[error("there is no field {name:?}; {}", suggestion(.nearest.as_deref(), .known))]
    UnknownField {
        /// The name that was given.
        name: String,
        /// The most similar name, if one is similar.
        nearest: Option<String>,
        /// All names.
        known: Vec<&'static str>,
    },
    /// The field cannot be compared in this way.
    #[error("`{field}` has no order, so `{op}` cannot be used; use `eq`, `ne`, `in` or `not`")]
    Operator {
        /// The field.
        field: String,
        /// The operator.
        op: &'static str,
    },
    /// A value of another type.
    #[error("{found} is not a value of `{field}`; use {expected}")]
    Value {
        /// The field.
        field: String,
        /// The value.
        found: String,
        /// What it takes.
        expected: String,
    },
    /// Conditions that nothing fulfils.
    #[error("the conditions on `{field}` exclude everything: {why}")]
    Contradiction {
        /// The field.
        field: String,
        /// The reason.
        why: String,
    },
    /// A field whose values cannot be counted.
    #[error("the values of `{0}` cannot be counted")]
    NoFacet(String),
    /// Too many conditions, or too many values in one.
    #[error("at most {0} filters, or values in a filter, can be used in one query")]
    TooMany(usize),
}

fn suggestion(nearest: Option<&str>, known: &[&str]) -> String {
    let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    let known = format!("the fields are {}", known.join(", "));
    match nearest {
        Some(nearest) => format!("did you mean `{nearest}`? {known}"),
        None => known,
    }
}

impl FilterError {
    /// The stable code, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownField { .. } => "unknown-field",
            Self::Operator { .. } => "bad-operator",
            Self::Value { .. } => "bad-filter-value",
            Self::Contradiction { .. } => "contradictory-filter",
            Self::NoFacet(_) => "bad-facet",
            Self::TooMany(_) => "too-many-filters",
        }
    }

    /// The field that is wrong, if it is one.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::UnknownField { name: field, .. }
            | Self::Operator { field, .. }
            | Self::Value { field, .. }
            | Self::Contradiction { field, .. }
            | Self::NoFacet(field) => Some(field),
            Self::TooMany(_) => None,
        }
    }
}
