//! Names before a colon that are no fields.

use crate::catalog::filter::FilterError;
use crate::search::recall::Modality;

/// Those that are neither parts nor fields.
pub(super) const DIRECTIVE_NAMES: [&str; 7] =
    ["in", "match", "group", "collapse", "sort", "facet", "other"];
/// The same, and what names a shot, for people.
pub(super) const DIRECTIVES: &str =
    "`in`, `match`, `group`, `collapse`, `sort`, `facet`, `other`, `like`";

/// An error that suggests what is no field either, if that is nearer than any field: `said` for `siad`.
pub(super) fn with_nearest_name(error: FilterError) -> FilterError {
    let FilterError::UnknownField {
        name,
        nearest,
        known,
    } = error
    else {
        return error;
    };
    let distance = |other: &str| strsim::osa_distance(&name.to_lowercase(), other);
    let others = Modality::names().chain(DIRECTIVE_NAMES).chain(["like"]);
    let other = others
        .map(|other| (distance(other), other))
        .filter(|&(away, other)| away <= 2 && away < other.len().div_ceil(2))
        .min_by_key(|&(away, _)| away)
        .filter(|&(away, _)| {
            nearest
                .as_deref()
                .is_none_or(|field| away < distance(field))
        })
        .map(|(_, other)| other.to_owned());
    FilterError::UnknownField {
        nearest: other.or(nearest),
        name,
        known,
    }
}
