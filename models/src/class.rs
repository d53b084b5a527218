//! The classes that detectors find.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A class of things to hide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// A human face.
    Face,
    /// The number plate of a vehicle.
    Plate,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 2] = [Self::Face, Self::Plate];

    /// The stable kebab-case name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Face => "face",
            Self::Plate => "plate",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
