//! Typed conditions on shots and their assets, and the counts of their values.
//!
//! `fields` is the registry: a field has a name, a type and its SQL. To make something else filterable, add a row
//! there; the API, the command line, the text syntax and the facets follow from it.

mod by_sound;
mod error;
mod fields;
mod list;
mod operand;
mod select;

use serde::{Deserialize, Serialize};

pub use self::by_sound::levels;
pub use self::error::FilterError;
pub use self::fields::FieldKind;
use self::fields::ResolvedField;
pub use self::list::{ListOrder, ListScope, ShotPlace, facet_of_scope, list};
use self::operand::Operand;
pub use self::operand::{milliseconds, rfc3339};
pub use self::select::{CountedField, FacetCount, check_names, facet, matching};
use super::metadata::MetadataValue;

/// Most conditions in one query.
const MOST_FILTERS: usize = 50;
/// Most values in one condition.
const MOST_VALUES: usize = 200;

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FilterOp {
    /// Equal.
    Eq,
    /// Not equal, or without a value.
    Ne,
    /// Equal to one of several.
    In,
    /// Equal to none of several, or without a value.
    Not,
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
}

impl FilterOp {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Eq,
        Self::Ne,
        Self::In,
        Self::Not,
        Self::Gt,
        Self::Gte,
        Self::Lt,
        Self::Lte,
    ];

    /// Its name in requests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::In => "in",
            Self::Not => "not",
            Self::Gt => "gt",
            Self::Gte => "gte",
            Self::Lt => "lt",
            Self::Lte => "lte",
        }
    }

    const fn is_order(self) -> bool {
        matches!(self, Self::Gt | Self::Gte | Self::Lt | Self::Lte)
    }
}

/// One condition. It is valid by itself: its field exists, and its values have the type of the field.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    field: ResolvedField,
    op: FilterOp,
    values: Vec<MetadataValue>,
    operands: Vec<Operand>,
}

impl Filter {
    /// A condition on the field called `name`.
    ///
    /// # Errors
    /// If there is no such field, it cannot be compared in this way, or a value has another type.
    pub fn new(name: &str, op: FilterOp, values: Vec<MetadataValue>) -> Result<Self, FilterError> {
        let field = fields::resolve(name)?;
        if op.is_order() && !field.kind().has_order() {
            return Err(FilterError::Operator {
                field: field.name(),
                op: op.name(),
            });
        }
        if values.is_empty() {
            return Err(FilterError::Contradiction {
                field: field.name(),
                why: format!("`{}` has no values", op.name()),
            });
        }
        if values.len() > MOST_VALUES {
            return Err(FilterError::TooMany(MOST_VALUES));
        }
        let operands = values
            .iter()
            .map(|value| field.operand(value))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            field,
            op,
            values,
            operands,
        })
    }

    /// The field's name.
    #[must_use]
    pub fn name(&self) -> String {
        self.field.name()
    }

    /// The type of the field.
    #[must_use]
    pub const fn kind(&self) -> FieldKind {
        self.field.kind()
    }

    /// How it is compared.
    #[must_use]
    pub const fn op(&self) -> FilterOp {
        self.op
    }

    /// With what it is compared; one value unless it is a list.
    #[must_use]
    pub fn values(&self) -> &[MetadataValue] {
        &self.values
    }

    /// Whether it is about people, of whom nothing is known while their sense is off.
    #[must_use]
    pub const fn is_of_people(&self) -> bool {
        self.field.of_people()
    }

    /// Whether it depends on the shot, and not only on its asset.
    #[must_use]
    pub const fn is_per_shot(&self) -> bool {
        self.field.is_per_shot()
    }
}

/// The type of the field called `name`, and its name in full.
///
/// # Errors
/// If there is no such field.
pub fn kind_of(name: &str) -> Result<(String, FieldKind), FilterError> {
    let field = fields::resolve(name)?;
    Ok((field.name(), field.kind()))
}

/// The names of all fields, for people.
pub fn names() -> impl Iterator<Item = &'static str> {
    fields::all().map(|field| field.name)
}

/// Refuses conditions that no shot can fulfil together.
///
/// # Errors
/// [`FilterError::Contradiction`], or if there are too many.
pub fn check(filters: &[Filter]) -> Result<(), FilterError> {
    if filters.len() > MOST_FILTERS {
        return Err(FilterError::TooMany(MOST_FILTERS));
    }
    for (at, filter) in filters.iter().enumerate() {
        // A field with many values may have one value for each condition.
        if filter.field.has_many() {
            continue;
        }
        for other in &filters[..at] {
            if other.field == filter.field && !agree(other, filter) {
                return Err(FilterError::Contradiction {
                    field: filter.name(),
                    why: format!(
                        "nothing is {} and {} at once",
                        in_words(other),
                        in_words(filter)
                    ),
                });
            }
        }
    }
    Ok(())
}

/// Whether a single value can fulfil both conditions.
fn agree(a: &Filter, b: &Filter) -> bool {
    use FilterOp::{Eq, Gt, Gte, In, Lt, Lte, Ne, Not};
    match (a.op, b.op) {
        (Eq | In, Eq | In) => {
            let fits = |one: &Operand| b.operands.iter().any(|other| one.meets(other));
            a.operands.iter().any(fits)
        }
        (Eq | In, Ne | Not) => a.operands.iter().any(|one| !b.operands.contains(one)),
        (Ne | Not, Eq | In) => agree(b, a),
        (Eq | In, Gt | Gte | Lt | Lte) => {
            let mut bounds = b.operands.iter();
            let can = |bound: &Operand| a.operands.iter().any(|one| one.can_be(b.op, bound));
            bounds.all(can)
        }
        (Gt | Gte | Lt | Lte, Eq | In) => agree(b, a),
        (Gt | Gte, Lt | Lte) => match (a.operands.first(), b.operands.first()) {
            (Some(low), Some(high)) => low.leaves_room(a.op, high, b.op),
            (None, _) | (_, None) => true,
        },
        (Lt | Lte, Gt | Gte) => agree(b, a),
        (Ne | Not | Gt | Gte, Ne | Not | Gt | Gte) | (Ne | Not | Lt | Lte, Ne | Not | Lt | Lte) => {
            true
        }
    }
}

fn in_words(filter: &Filter) -> String {
    let values: Vec<String> = filter.values.iter().map(ToString::to_string).collect();
    format!("{} {}", filter.op.name(), values.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> MetadataValue {
        MetadataValue::Text(text.to_owned())
    }

    fn filter(name: &str, op: FilterOp, value: &str) -> Filter {
        Filter::new(name, op, vec![text(value)]).unwrap()
    }

    #[test]
    fn an_unknown_field_names_the_nearest_one() {
        let error = |name: &str| {
            let error = Filter::new(name, FilterOp::Eq, vec![text("x")]).unwrap_err();
            (error.code(), error.to_string())
        };
        let (code, said) = error("tilte");
        assert_eq!(code, "unknown-field");
        assert!(said.contains("did you mean `title`?"), "{said}");
        let (_, said) = error("weather");
        assert!(
            !said.contains("did you mean") && said.contains("`boundary`"),
            "{said}"
        );
        assert!(error("metadata").1.contains("metadata.NAME"));
        assert!(error("metadata.a'b").1.contains("metadata"));
        // Other names of the same field.
        assert_eq!(filter("added", FilterOp::Gt, "2026-01-01").name(), "date");
    }

    #[test]
    fn values_have_the_type_of_their_field() {
        let bad = |name: &str, op, value: MetadataValue| {
            let error = Filter::new(name, op, vec![value]).unwrap_err();
            (error.code(), error.to_string())
        };
        for (name, value) in [
            ("len", text("4")),
            ("len", MetadataValue::Number(4.0)),
            ("len", text("four seconds")),
            ("date", text("2026-02-30")),
            ("date", text("yesterday")),
            ("width", text("wide")),
            ("size", text("1 elephant")),
            ("rate", text("25/0")),
            ("title", MetadataValue::Number(1.0)),
            ("boundary", text("disolve")),
        ] {
            let (code, said) = bad(name, FilterOp::Eq, value.clone());
            assert_eq!(code, "bad-filter-value", "{name} {value}: {said}");
            assert!(said.contains(name), "{said}");
        }
        assert_eq!(bad("title", FilterOp::Lt, text("a")).0, "bad-operator");
        assert!(
            bad("boundary", FilterOp::Eq, text("disolve"))
                .1
                .contains("`dissolve`")
        );
        assert_eq!(
            Filter::new("tag", FilterOp::In, Vec::new())
                .unwrap_err()
                .code(),
            "contradictory-filter"
        );
    }

    #[test]
    fn conditions_that_exclude_each_other_are_refused() {
        use FilterOp::{Eq, Gt, Gte, Lt, Lte, Ne};
        let fits = |a: (FilterOp, &str), b: (FilterOp, &str), name: &str| {
            let both = [filter(name, a.0, a.1), filter(name, b.0, b.1)];
            let reversed = [filter(name, b.0, b.1), filter(name, a.0, a.1)];
            assert_eq!(check(&both).is_ok(), check(&reversed).is_ok());
            check(&both).is_ok()
        };
        assert!(!fits((Gte, "5s"), (Lte, "4s"), "len"));
        assert!(fits((Gte, "4s"), (Lte, "4s"), "len"));
        assert!(!fits((Gt, "4s"), (Lte, "4s"), "len"));
        assert!(fits((Gt, "3s"), (Lt, "4s"), "len"));
        assert!(!fits((Eq, "3s"), (Lt, "3s"), "len"));
        assert!(fits((Eq, "3000ms"), (Eq, "3s"), "len"));
        assert!(!fits((Eq, "2s"), (Eq, "3s"), "len"));
        assert!(!fits((Eq, "cut"), (Ne, "cut"), "boundary"));
        assert!(fits((Eq, "cut"), (Ne, "fade"), "boundary"));
        // A day includes all its moments.
        assert!(fits((Gte, "2026-01-01"), (Lte, "2026-01-01"), "date"));
        assert!(!fits((Gt, "2026-01-01"), (Lt, "2026-01-01"), "date"));
        // A shot may have both tags.
        assert!(fits((Eq, "hero"), (Eq, "night"), "tag"));
    }
}
