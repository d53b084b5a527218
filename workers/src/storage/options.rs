//! Options of S3-compatible stores.

use std::str::FromStr as _;
use std::time::Duration;

use object_store::RetryConfig;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};

use rushes_models::LibraryError;
use secrecy::{ExposeSecret as _, SecretString};

use super::StorageError;

/// Settings for S3-compatible stores by their usual names: `aws_access_key_id`, `aws_region`, `aws_endpoint` …
/// Their values include credentials.
#[derive(Debug, Clone, Default)]
pub struct S3Options {
    settings: Vec<(String, SecretString)>,
}

impl S3Options {
    /// Creates them from names and values, e.g. the `AWS_…` variables. Names are case-insensitive. Names that
    /// do not concern storage are ignored, because other tools share the prefix.
    pub fn new(settings: impl IntoIterator<Item = (String, SecretString)>) -> Self {
        let mut settings: Vec<_> = settings
            .into_iter()
            .map(|(name, value)| (name.to_lowercase(), value))
            .filter(|(name, _)| AmazonS3ConfigKey::from_str(name).is_ok())
            .collect();
        settings.sort_by(|one, other| one.0.cmp(&other.0));
        Self { settings }
    }

    /// The region, if one is set.
    pub(super) fn region(&self) -> Option<String> {
        let named = self.settings.iter().find(|(name, _)| {
            let key = AmazonS3ConfigKey::from_str(name).ok();
            matches!(
                key,
                Some(AmazonS3ConfigKey::Region | AmazonS3ConfigKey::DefaultRegion)
            )
        });
        named.map(|(_, region)| region.expose_secret().to_owned())
    }

    pub(super) fn bucket(&self, bucket: &str) -> Result<AmazonS3, StorageError> {
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_retry(RetryConfig {
                max_retries: 4,
                // Jobs retry later and for longer; a single request should not hang for minutes.
                retry_timeout: Duration::from_secs(20),
                ..RetryConfig::default()
            });
        for (name, value) in &self.settings {
            let value = value.expose_secret();
            let key = AmazonS3ConfigKey::from_str(name).map_err(|source| setting(name, source))?;
            if key == AmazonS3ConfigKey::Endpoint && value.starts_with("http://") {
                builder = builder.with_allow_http(true);
            }
            builder = builder.with_config(key, value);
        }
        builder.build().map_err(|source| setting("bucket", source))
    }
}

fn setting(name: &str, source: object_store::Error) -> StorageError {
    StorageError::Setting {
        name: name.to_owned(),
        source: LibraryError::new(source).into(),
    }
}
