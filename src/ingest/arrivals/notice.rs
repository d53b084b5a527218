//! What object stores send when an object arrives, changes or goes.
//!
//! Amazon S3 writes event messages (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>),
//! which other stores copy. They come plain, in an envelope of SNS, or as events of `EventBridge`, which have a
//! form of their own.

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use thiserror::Error;

/// A message that is none of a store.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NoticeError {
    /// Not JSON, or of another shape.
    #[error(
        "this is no message of an object store; send S3 event messages, events of EventBridge, or either in an envelope \
         of SNS"
    )]
    Unknown,
    /// SNS asks whether this address wants its messages.
    #[error(
        "SNS asks for a confirmation, which rushes never gives; let the topic send to an SQS queue, and name it in \
         server.arrivals_queue"
    )]
    Subscription,
}

#[derive(Deserialize)]
struct Notice {
    #[serde(rename = "Records")]
    records: Option<Vec<Record>>,
    /// Of `EventBridge`.
    detail: Option<Entity>,
    source: Option<String>,
    /// Of SNS.
    #[serde(rename = "Type")]
    kind: Option<String>,
    #[serde(rename = "Message")]
    message: Option<String>,
    /// Of a message that S3 sends to try a target.
    #[serde(rename = "Event")]
    event: Option<String>,
}

#[derive(Deserialize)]
struct Record {
    s3: Entity,
}

#[derive(Deserialize)]
struct Entity {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
struct Object {
    key: String,
}

impl Entity {
    fn uri(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket.name)
    }
}

/// The objects that a message is about, as URIs. What happened to them is not looked at: who takes them looks at the
/// objects themselves.
///
/// # Errors
/// [`NoticeError`] if it is not a message of a store.
pub fn objects(message: &str) -> Result<Vec<String>, NoticeError> {
    let notice = parsed(message)?;
    match (notice.kind.as_deref(), notice.message) {
        (Some("SubscriptionConfirmation"), _) => Err(NoticeError::Subscription),
        // One envelope only.
        (Some("Notification"), Some(inner)) => of(parsed(&inner)?),
        (kind, message) => of(Notice {
            kind: kind.map(str::to_owned),
            message,
            ..notice
        }),
    }
}

fn parsed(message: &str) -> Result<Notice, NoticeError> {
    serde_json::from_str(message).map_err(|_other| NoticeError::Unknown)
}

fn of(notice: Notice) -> Result<Vec<String>, NoticeError> {
    if let Some(records) = notice.records {
        let uris = records
            .iter()
            .map(|record| record.s3.uri(&decoded(&record.s3.object.key)));
        return Ok(uris.collect());
    }
    match (
        notice.detail,
        notice.source.as_deref(),
        notice.event.as_deref(),
    ) {
        (Some(entity), Some("aws.s3"), _) => Ok(vec![entity.uri(&entity.object.key)]),
        (None, _, Some("s3:TestEvent")) => Ok(Vec::new()),
        _ => Err(NoticeError::Unknown),
    }
}

/// A key as event messages write it: encoded like a form.
fn decoded(key: &str) -> String {
    let spaced = key.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(key: &str) -> serde_json::Value {
        json!({
            "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
            "s3": {
                "s3SchemaVersion": "1.0", "bucket": { "name": "footage", "arn": "arn:aws:s3:::footage" },
                "object": { "key": key, "size": 1024, "eTag": "d41d8cd98f00b204e9800998ecf8427e" },
            },
        })
    }

    #[test]
    fn every_form_of_a_message_names_its_objects() {
        let event = json!({ "Records": [record("day1/two+words.mp4"), record("day1/%C3%A9t%C3%A9%2B.mp4")] });
        let uris = [
            "s3://footage/day1/two words.mp4",
            "s3://footage/day1/été+.mp4",
        ];
        assert_eq!(objects(&event.to_string()).unwrap(), uris);
        let of_minio = json!({
            "EventName": "s3:ObjectCreated:Put", "Key": "footage/day1/two words.mp4",
            "Records": [record("day1%2Ftwo+words.mp4")],
        });
        assert_eq!(objects(&of_minio.to_string()).unwrap(), uris[..1]);
        let enveloped = json!({
            "Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:eu-west-1:1:footage",
            "Message": event.to_string(),
        });
        assert_eq!(objects(&enveloped.to_string()).unwrap(), uris);
        let bridged = json!({
            "version": "0", "source": "aws.s3", "detail-type": "Object Created",
            "detail": {
                "version": "0", "bucket": { "name": "footage" },
                "object": { "key": "day1/two words.mp4", "size": 5, "etag": "b1946ac9" }, "reason": "PutObject",
            },
        });
        assert_eq!(objects(&bridged.to_string()).unwrap(), uris[..1]);
        let tried = json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "footage" });
        assert_eq!(objects(&tried.to_string()).unwrap(), [""; 0]);
    }

    #[test]
    fn other_messages_are_refused() {
        let envelope = json!({ "Type": "Notification", "Message": "hello" });
        let twice = json!({ "Type": "Notification", "Message": envelope.to_string() });
        let elsewhere = json!({ "source": "aws.ec2", "detail": { "bucket": { "name": "a" }, "object": { "key": "b" } } });
        for wrong in [
            "",
            "hello",
            "[]",
            "{}",
            "null",
            "{\"Records\": 5}",
            "{\"Records\": [{\"s3\": {}}]}",
            &envelope.to_string(),
            &twice.to_string(),
            &elsewhere.to_string(),
        ] {
            assert!(
                matches!(objects(wrong), Err(NoticeError::Unknown)),
                "{wrong}"
            );
        }
        let asked =
            json!({ "Type": "SubscriptionConfirmation", "SubscribeURL": "https://sns.example/" });
        let asked = objects(&asked.to_string());
        assert!(matches!(asked, Err(NoticeError::Subscription)));
    }
}
