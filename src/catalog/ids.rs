//! Ids: ULIDs, and for a shot its asset and frames.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use ulid::Ulid;

use super::CatalogError;
use super::database::{Bind, BoundValue};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type)]
        #[sqlx(transparent)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// A new id. Later ids sort after earlier ones.
            #[must_use]
            #[expect(clippy::new_without_default, reason = "every new id is different")]
            pub fn new() -> Self {
                Self(Ulid::generate().to_string())
            }

            /// As text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<'q> Bind<'q> for &'q $name {
            fn bound(self) -> BoundValue<'q> {
                self.as_str().bound()
            }

            fn null() -> BoundValue<'q> {
                <&str>::null()
            }
        }

        impl Bind<'_> for $name {
            fn bound(self) -> BoundValue<'static> {
                self.0.bound()
            }

            fn null() -> BoundValue<'static> {
                String::null()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = CatalogError;

            fn from_str(text: &str) -> Result<Self, CatalogError> {
                Ulid::from_string(text)
                    .map(|ulid| Self(ulid.to_string()))
                    .map_err(|_not_a_ulid| CatalogError::BadId {
                        what: $what,
                        id: text.to_owned(),
                    })
            }
        }
    };
}

id! {
    /// Id of a title.
    TitleId, "a title"
}
id! {
    /// Id of a place that the server watches.
    WatchId, "a watch"
}
id! {
    /// Id of an asset.
    AssetId, "an asset"
}
id! {
    /// Id of a run.
    RunId, "a run"
}
id! {
    /// Id of a job.
    JobId, "a job"
}
id! {
    /// Id of a key.
    KeyId, "a key"
}
id! {
    /// Id of a redaction.
    RedactionId, "a redaction"
}
id! {
    /// Id of a webhook.
    WebhookId, "a webhook"
}
id! {
    /// Id of a delivery to a webhook.
    DeliveryId, "a delivery"
}
id! {
    /// Id of an upload.
    UploadId, "an upload"
}
id! {
    /// Id of a bin.
    BinId, "a bin"
}
id! {
    /// Id of a pick in a bin.
    BinItemId, "a bin's item"
}

id! {
    /// Id of a person.
    PersonId, "a person"
}
id! {
    /// Id of a face.
    FaceId, "a face"
}

/// Id of a shot, `asset.start-end`, with half-open frames.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShotId {
    /// Its asset.
    pub asset: AssetId,
    /// First frame.
    pub start: u64,
    /// One past the last frame.
    pub end: u64,
}

impl fmt::Display for ShotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}-{}", self.asset, self.start, self.end)
    }
}

impl FromStr for ShotId {
    type Err = CatalogError;

    fn from_str(text: &str) -> Result<Self, CatalogError> {
        let parse = || {
            let (asset, frames) = text.split_once('.')?;
            let (start, end) = frames.split_once('-')?;
            let shot = Self {
                asset: asset.parse().ok()?,
                start: start.parse().ok()?,
                end: end.parse().ok()?,
            };
            // Each id has one spelling: no signs, no leading zeros.
            (shot.start < shot.end && shot.to_string().eq_ignore_ascii_case(text)).then_some(shot)
        };
        parse().ok_or_else(|| CatalogError::BadId {
            what: "a shot",
            id: text.to_owned(),
        })
    }
}

impl Serialize for ShotId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ShotId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shots_id_is_its_asset_and_frames() {
        let shot = ShotId {
            asset: AssetId::new(),
            start: 30,
            end: 76,
        };
        assert_eq!(shot.to_string().parse::<ShotId>().unwrap(), shot);
        let asset = &shot.asset;
        for bad in [
            "",
            "x.1-2",
            &format!("{asset}.5-5"),
            &format!("{asset}.+1-2"),
            &format!("{asset}.01-2"),
        ] {
            assert!(bad.parse::<ShotId>().is_err(), "{bad}");
        }
    }
}
