//! The output of one file below a prefix of the client's, where originals may lie as well: nothing is replaced or
//! deleted there but what a record of ours lies beside.

use bytes::Bytes;
use rushes_models::ErrorKind;
use rushes_workers::redact::RECORD_SUFFIX;
use rushes_workers::storage::{Storage, Uri};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::RedactionError;

/// No record of ours is longer, in bytes.
const LONGEST_RECORD: u64 = 256 << 20;

/// Where a picture and its record go.
#[derive(Debug)]
pub(super) struct Target {
    storage: Storage,
    /// The prefix, for people.
    output: String,
    picture: String,
    record: String,
}

/// What tells that a record is ours.
#[derive(Debug, Deserialize)]
struct Mark {
    tool: MarkTool,
    /// None if only a record was asked for: then a picture there is not ours.
    output: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
struct MarkTool {
    name: String,
}

impl Target {
    pub(super) fn new(storage: Storage, output: &str, name: &str) -> Self {
        Self {
            storage,
            output: output.to_owned(),
            picture: name.to_owned(),
            record: format!("{name}{RECORD_SUFFIX}"),
        }
    }

    /// Deletes what an earlier redaction wrote.
    ///
    /// # Errors
    /// [`RedactionError::Taken`] if something else is there.
    pub(super) async fn clear(&self) -> Result<(), RedactionError> {
        let mark = self.mark().await?;
        if mark.as_ref().is_some_and(|mark| mark.output.is_some()) {
            self.storage.delete(&self.picture).await?;
        } else if self.size(&self.picture).await?.is_some() {
            return Err(self.taken(&self.picture));
        }
        // Last: a picture without its record would be nobody's.
        if mark.is_some() {
            self.storage.delete(&self.record).await?;
        }
        Ok(())
    }

    /// Writes the record, and then the picture: there is none without its record.
    ///
    /// # Errors
    /// [`RedactionError::Taken`] if something came there since [`Target::clear`].
    pub(super) async fn put(
        &self,
        record: Bytes,
        picture: Option<Bytes>,
    ) -> Result<(), RedactionError> {
        if !self.storage.create(&self.record, record).await? {
            return Err(self.taken(&self.record));
        }
        let Some(picture) = picture else {
            return Ok(());
        };
        match self.storage.create(&self.picture, picture).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                // Beside our record it would pass for ours.
                self.storage.delete(&self.record).await?;
                Err(self.taken(&self.picture))
            }
            Err(error) => {
                if let Err(left) = self.clear().await {
                    tracing::warn!(%left, "half a result cannot be cleared away");
                }
                Err(error.into())
            }
        }
    }

    /// What our record there says; none if nothing is there.
    async fn mark(&self) -> Result<Option<Mark>, RedactionError> {
        match self.size(&self.record).await? {
            None => return Ok(None),
            Some(size) if size > LONGEST_RECORD => return Err(self.taken(&self.record)),
            Some(_) => {}
        }
        let bytes = self.storage.get(&self.record).await?;
        match serde_json::from_slice::<Mark>(&bytes) {
            Ok(mark) if mark.tool.name == "rushes" => Ok(Some(mark)),
            Ok(_) | Err(_) => Err(self.taken(&self.record)),
        }
    }

    async fn size(&self, key: &str) -> Result<Option<u64>, RedactionError> {
        match self
            .storage
            .locate(&Uri::Store(key.to_owned()).to_string())
            .await
        {
            Ok(locator) => Ok(Some(locator.size)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn taken(&self, key: &str) -> RedactionError {
        RedactionError::Taken(format!("{}/{key}", self.output))
    }
}

#[cfg(test)]
mod tests {
    use rushes_workers::storage::S3Options;

    use super::*;

    const OURS: &[u8] = br#"{"schema": 1, "tool": {"name": "rushes"}, "output": {"bytes": 1}}"#;
    const LOOKED: &[u8] = br#"{"schema": 1, "tool": {"name": "rushes"}, "output": null}"#;

    async fn cleared(record: Option<&'static [u8]>) -> (Result<(), RedactionError>, bool, bool) {
        let folder = tempfile::tempdir().unwrap();
        let url = folder.path().to_str().unwrap();
        let storage = Storage::open(url, S3Options::default()).unwrap();
        let target = Target::new(storage.clone(), url, "t/a.jpg");
        let put = |key: &'static str, bytes| storage.put(key, Bytes::from_static(bytes));
        put("t/a.jpg", b"x").await.unwrap();
        if let Some(record) = record {
            put("t/a.jpg.redaction.json", record).await.unwrap();
        }
        let outcome = target.clear().await;
        if outcome.is_ok() {
            let new = || Bytes::from_static(OURS);
            target.put(new(), Some(new())).await.unwrap();
            let again = target.put(new(), Some(new())).await;
            assert!(matches!(again, Err(RedactionError::Taken(_))));
        }
        let picture = storage.get("t/a.jpg").await;
        let record = storage.get("t/a.jpg.redaction.json").await;
        (
            outcome,
            picture.is_ok_and(|bytes| bytes.as_ref() == b"x"),
            record.is_ok(),
        )
    }

    #[tokio::test]
    async fn only_what_is_ours_is_replaced() {
        let (outcome, untouched, _) = cleared(Some(OURS)).await;
        assert!(outcome.is_ok() && !untouched, "{outcome:?}");
        for (record, stays) in [
            (None, false),
            (Some(&b"no record"[..]), true),
            (
                Some(&br#"{"tool": {"name": "other"}, "output": {}}"#[..]),
                true,
            ),
            // It was only looked at, so the picture is not ours.
            (Some(LOOKED), true),
        ] {
            let (outcome, untouched, recorded) = cleared(record).await;
            assert!(
                matches!(outcome, Err(RedactionError::Taken(_))),
                "{outcome:?}"
            );
            assert!(untouched && recorded == stays);
        }
    }

    #[tokio::test]
    async fn what_came_meanwhile_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let url = folder.path().to_str().unwrap();
        let storage = Storage::open(url, S3Options::default()).unwrap();
        let target = Target::new(storage.clone(), url, "a.jpg");
        target.clear().await.unwrap();
        storage
            .put("a.jpg", Bytes::from_static(b"x"))
            .await
            .unwrap();
        let outcome = target
            .put(Bytes::from_static(OURS), Some(Bytes::from_static(b"y")))
            .await;
        assert!(matches!(outcome, Err(RedactionError::Taken(_))));
        assert_eq!(storage.get("a.jpg").await.unwrap().as_ref(), b"x");
        assert!(storage.get("a.jpg.redaction.json").await.is_err());
    }
}
