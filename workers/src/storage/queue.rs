//! Queues of messages: Amazon SQS, and what speaks its JSON protocol.
//!
//! Messages are received, used and then deleted. One that is not deleted is received again once its visibility timeout is
//! over, so nothing is lost with the process, and some arrive twice.

use std::fmt;
use std::time::Duration;

use object_store::aws::{AmazonS3, AwsAuthorizer};
use object_store::client::{HttpRequest, HttpRequestBody};
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use rushes_models::LibraryError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;
use url::Url;

use super::{S3Options, StorageError};

/// Most messages at a time; SQS gives no more.
const MOST: u32 = 10;
/// Seconds for which SQS waits for a message; it waits no longer.
const WAIT_S: u64 = 20;
/// Largest answer in bytes: ten messages of 1 MiB, which is the largest, with their escapes.
const LARGEST: usize = 32 * 1024 * 1024;
/// How long an answer may take beyond the wait.
const PATIENCE: Duration = Duration::from_secs(20);

/// A queue that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum QueueError {
    /// Not the URL of a queue.
    #[error(
        "{0:?} is not the URL of a queue; it is like https://sqs.eu-west-1.amazonaws.com/123456789012/arrivals"
    )]
    Address(String),
    /// Settings or credentials for S3 that cannot be used.
    #[error("the credentials for the queue {url}")]
    Credentials {
        /// The queue.
        url: String,
        /// The problem.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It does not answer.
    #[error("the queue {url} does not answer; check the URL and the network")]
    Unavailable {
        /// The queue.
        url: String,
        /// The error from the client.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It refuses.
    #[error(
        "the queue {url} answers {status} {code}: {message}; the credentials need sqs:ReceiveMessage and \
         sqs:DeleteMessage on it"
    )]
    Refused {
        /// The queue.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The kind of problem, as the queue calls it.
        code: String,
        /// What it says about it.
        message: String,
    },
    /// It answers something else.
    #[error("the queue {0} does not speak the JSON protocol of SQS; check the URL")]
    Answer(String),
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Message {
    /// Its text.
    #[serde(rename = "Body", default)]
    pub body: String,
    /// What deletes it.
    #[serde(rename = "ReceiptHandle")]
    receipt: String,
}

#[derive(Deserialize)]
struct Received {
    #[serde(rename = "Messages", default)]
    messages: Option<Vec<Message>>,
}

#[derive(Deserialize)]
struct Deleted {
    #[serde(rename = "Failed", default)]
    failed: Option<Vec<Kept>>,
}

/// A message that was not deleted.
#[derive(Deserialize)]
struct Kept {
    #[serde(rename = "Code", default)]
    code: String,
    #[serde(rename = "Message")]
    message: Option<String>,
}

#[derive(Serialize)]
struct Deletion<'a> {
    #[serde(rename = "Id")]
    id: String,
    #[serde(rename = "ReceiptHandle")]
    receipt: &'a str,
}

/// A queue.
pub struct MessageQueue {
    url: Url,
    region: String,
    /// It only keeps the credentials, and renews them.
    keyring: AmazonS3,
    client: reqwest::Client,
}

impl fmt::Debug for MessageQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageQueue")
            .field("url", &self.url.as_str())
            .finish_non_exhaustive()
    }
}

impl MessageQueue {
    /// A queue by its URL, with the credentials for S3. No network is used.
    ///
    /// # Errors
    /// [`QueueError::Address`] and [`QueueError::Credentials`].
    pub fn open(url: &str, options: &S3Options) -> Result<Self, QueueError> {
        let address = || QueueError::Address(url.to_owned());
        let parsed = Url::parse(url).map_err(|_not_a_url| address())?;
        let is_http = matches!(parsed.scheme(), "http" | "https");
        if !parsed.username().is_empty() || parsed.password().is_some() {
            // What is wrong with it is not repeated, for it is a secret.
            return Err(QueueError::Address("https://…@…".to_owned()));
        }
        if !is_http || parsed.host_str().is_none() || parsed.path().len() < 2 {
            return Err(address());
        }
        let credentials = |source: StorageError| QueueError::Credentials {
            url: url.to_owned(),
            source: source.into(),
        };
        // Any name of a bucket: none is used.
        let keyring = options.bucket("rushes").map_err(credentials)?;
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(WAIT_S) + PATIENCE)
            .build()
            .map_err(|source| QueueError::Unavailable {
                url: url.to_owned(),
                source: LibraryError::new(source).into(),
            })?;
        Ok(Self {
            region: region(&parsed)
                .or_else(|| options.region())
                .unwrap_or_else(|| "us-east-1".to_owned()),
            url: parsed,
            keyring,
            client,
        })
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The next messages, up to ten. With none, it waits for some for up to 20 seconds. They are received again after
    /// a minute unless they are deleted.
    ///
    /// # Errors
    /// [`QueueError`]; a later attempt may succeed.
    pub async fn receive(&self) -> Result<Vec<Message>, QueueError> {
        let asked = serde_json::json!({
            "QueueUrl": self.url.as_str(),
            "MaxNumberOfMessages": MOST,
            "WaitTimeSeconds": WAIT_S,
            "VisibilityTimeout": 60,
        });
        let answer = self.ask("ReceiveMessage", &asked).await?;
        let received: Received =
            serde_json::from_slice(&answer).map_err(|_other| self.wrong_answer())?;
        Ok(received.messages.unwrap_or_default())
    }

    /// Deletes messages that were used. One that cannot be deleted is received again.
    ///
    /// # Errors
    /// [`QueueError`].
    pub async fn delete(&self, messages: &[Message]) -> Result<(), QueueError> {
        for batch in messages.chunks(MOST as usize) {
            let entries = batch.iter().enumerate().map(|(at, message)| Deletion {
                id: at.to_string(),
                receipt: &message.receipt,
            });
            let asked = serde_json::json!({
                "QueueUrl": self.url.as_str(),
                "Entries": entries.collect::<Vec<_>>(),
            });
            let answer = self.ask("DeleteMessageBatch", &asked).await?;
            let answer: Deleted =
                serde_json::from_slice(&answer).map_err(|_other| self.wrong_answer())?;
            if let Some(kept) = answer.failed.unwrap_or_default().into_iter().next() {
                return Err(QueueError::Refused {
                    url: self.url.to_string(),
                    status: 200,
                    code: kept.code,
                    message: kept.message.unwrap_or_default(),
                });
            }
        }
        Ok(())
    }

    /// Whether the queue can be used: asks for its size.
    ///
    /// # Errors
    /// [`QueueError`].
    pub async fn waiting(&self) -> Result<u64, QueueError> {
        let asked = serde_json::json!({
            "QueueUrl": self.url.as_str(),
            "AttributeNames": ["ApproximateNumberOfMessages"],
        });
        let answer = self.ask("GetQueueAttributes", &asked).await?;
        let answer: Value =
            serde_json::from_slice(&answer).map_err(|_other| self.wrong_answer())?;
        let waiting = answer["Attributes"]["ApproximateNumberOfMessages"].as_str();
        waiting
            .and_then(|count| count.parse().ok())
            .ok_or_else(|| self.wrong_answer())
    }

    async fn ask(&self, action: &str, body: &Value) -> Result<Vec<u8>, QueueError> {
        let credentials = |source| QueueError::Credentials {
            url: self.url.to_string(),
            source,
        };
        let held = self.keyring.credentials().get_credential().await;
        let held = held.map_err(|source| credentials(LibraryError::new(source).into()))?;
        let body = body.to_string();
        // The queue is named in the body.
        let endpoint = self.url.join("/").map_err(|_url| self.wrong_answer())?;
        let mut signed = HttpRequest::new(HttpRequestBody::from(body.clone()));
        *signed.method_mut() = reqwest::Method::POST;
        *signed.uri_mut() = endpoint
            .as_str()
            .parse()
            .map_err(|_url| QueueError::Address(self.url.to_string()))?;
        let target = HeaderValue::from_str(&format!("AmazonSQS.{action}"));
        let target = target.map_err(|_text| self.wrong_answer())?;
        let headers = signed.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-amz-json-1.0"),
        );
        headers.insert(HeaderName::from_static("x-amz-target"), target);
        AwsAuthorizer::new(&held, "sqs", &self.region)
            .try_authorize(&mut signed, None)
            .map_err(|source| credentials(LibraryError::new(source).into()))?;
        let unavailable = |source: reqwest::Error| QueueError::Unavailable {
            url: self.url.to_string(),
            source: LibraryError::new(source).into(),
        };
        let sent = self.client.post(endpoint).headers(signed.headers().clone());
        let mut answer = sent.body(body).send().await.map_err(unavailable)?;
        let status = answer.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(unavailable)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > LARGEST {
                return Err(self.wrong_answer());
            }
        }
        if status.is_success() {
            return Ok(bytes);
        }
        Err(self.refusal(status.as_u16(), &bytes))
    }

    fn refusal(&self, status: u16, answer: &[u8]) -> QueueError {
        let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
        let said = |names: [&str; 2]| {
            let text = names.iter().find_map(|name| answer[*name].as_str());
            text.unwrap_or_default().to_owned()
        };
        let code = said(["__type", "Code"]);
        QueueError::Refused {
            url: self.url.to_string(),
            status,
            // `com.amazonaws.sqs#QueueDoesNotExist`.
            code: code.rsplit('#').next().unwrap_or_default().to_owned(),
            message: said(["message", "Message"]),
        }
    }

    fn wrong_answer(&self) -> QueueError {
        QueueError::Answer(self.url.to_string())
    }
}

/// The region that an address of Amazon names.
fn region(url: &Url) -> Option<String> {
    let rest = url.host_str()?.strip_prefix("sqs.")?;
    let (region, rest) = rest.split_once('.')?;
    rest.starts_with("amazonaws.com").then(|| region.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(url: &str) -> Result<MessageQueue, QueueError> {
        MessageQueue::open(url, &S3Options::default())
    }

    #[test]
    fn a_queue_is_named_by_its_url() {
        let queue = open("https://sqs.eu-west-1.amazonaws.com/123456789012/arrivals").unwrap();
        assert_eq!(queue.region, "eu-west-1");
        let queue = open("http://127.0.0.1:9324/000000000000/arrivals").unwrap();
        assert_eq!(queue.region, "us-east-1");
        let settings = [("AWS_REGION".to_owned(), "nowhere-1".into())];
        let options = S3Options::new(settings);
        let queue = MessageQueue::open("https://queue.example/1/a", &options).unwrap();
        assert_eq!(queue.region, "nowhere-1");
        let error = open("https://user:hidden@queue.example/1/a").unwrap_err();
        assert!(!error.to_string().contains("hidden"), "{error}");
        for wrong in [
            "",
            "arrivals",
            "arn:aws:sqs:eu-west-1:1:a",
            "https://host",
            "file:///a/b",
        ] {
            let error = open(wrong).unwrap_err();
            assert!(matches!(error, QueueError::Address(_)), "{wrong}");
        }
    }

    #[test]
    fn a_refusal_says_what_the_queue_says() {
        let queue = open("https://queue.example/1/a").unwrap();
        let answer =
            br##"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no such queue"}"##;
        let error = queue.refusal(400, answer).to_string();
        assert!(
            error.contains("400 QueueDoesNotExist: no such queue"),
            "{error}"
        );
        // A proxy answers in its own words.
        let error = queue.refusal(502, b"<html>").to_string();
        assert!(error.contains("502"), "{error}");
    }
}
