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
    /// The rules for a file with this XMP packet.
    pub(crate) fn new(changed: bool, forget_names: bool, xmp: Option<&[u8]>) -> Self {
        Self {
            changed,
            forget_names,
            names: xmp
                .filter(|_| forget_names)
                .map(people::names)
                .unwrap_or_default(),
        }
    }
}
