//! Settings of the catalogue.

use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where the catalogue is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CatalogConfig {
    /// `postgres://user:password@host/database`; by default, or if it is empty, a file in the data folder.
    url: CatalogUrl,
    /// Seconds without a sign of life after which others on the same database take over what a process did.
    pub(super) lease_s: u64,
}

impl Default for CatalogConfig {
    fn default() -> Self {
        Self {
            url: CatalogUrl::default(),
            lease_s: 15,
        }
    }
}

impl CatalogConfig {
    /// How long others on the same database wait for a sign of life.
    #[must_use]
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_s)
    }

    /// The address of the database, if it is not a file in the data folder.
    #[must_use]
    pub fn url(&self) -> Option<&SecretString> {
        Some(&self.url.0).filter(|url| !url.expose_secret().is_empty())
    }
}

/// An address with a password in it. It is written out only where the sources of settings are merged.
#[derive(Clone, Default)]
struct CatalogUrl(SecretString);

impl fmt::Debug for CatalogUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CatalogUrl")
    }
}

impl Serialize for CatalogUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose_secret())
    }
}

impl<'de> Deserialize<'de> for CatalogUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(String::deserialize(deserializer)?.into()))
    }
}
