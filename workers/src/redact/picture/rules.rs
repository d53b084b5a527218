//! What happened to a picture, which decides what may stay in its file.

use super::people;

/// What happened to a picture.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    /// Samples were changed: what is not known to show nothing goes.
    pub(crate) changed: bool,
    /// The people that were hidden stay unnamed.
    pub(crate) forget_names: bool,
    /// Their names, as the metadata spell them.
    pub(crate) names: Vec<String>,
}

impl Rules {
    /// The rules for a picture that was `changed`, or not; names stay.
    pub(crate) fn new(changed: bool) -> Self {
        Self {
            changed,
            ..Self::default()
        }
    }

    /// The same, by which the people whom an XMP packet names are forgotten.
    pub(crate) fn forgetting(self, xmp: Option<&[u8]>) -> Self {
        Self {
            forget_names: true,
            names: xmp.map(people::names).unwrap_or_default(),
            ..self
        }
    }
}
