//! The coordinator of a worker on another machine: a server's `/v1/work`, over HTTP.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Method, StatusCode};
use rushes_models::LibraryError;

use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::wire::{
    BAD_RESULT, CompleteRequest, FailRequest, HeartbeatRequest, HeartbeatResponse, LEASE_LOST,
    LeaseRequest, PATH, ReleaseRequest, ServerInfo,
};
use super::{Coordinator, CoordinatorError, Directive, Failure, Lease, Ticket};
use crate::stages::{Output, Queue};
use crate::watch::Progress;

/// How long a request for work waits at the server.
const WAIT: Duration = Duration::from_secs(4);
/// Time limit for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Time limit for a quick answer.
const PROMPT: Duration = Duration::from_secs(15);
/// Time limit for sending the vectors of a long video over a slow line.
const LONG: Duration = Duration::from_secs(300);
/// Largest answer in bytes: a lease names every shot of a video.
const MAX_ANSWER: usize = 32 * 1024 * 1024;
/// Most characters to quote from a foreign server's answer.
const MAX_QUOTE: usize = 300;

/// A server's key. It is never printed.
#[derive(Debug, Clone)]
pub struct WorkKey(SecretString);

impl WorkKey {
    /// Parses a key and trims white space; `None` if it cannot be a key.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let sound =
            !text.is_empty() && text.len() <= 512 && text.chars().all(|c| c.is_ascii_graphic());
        sound.then(|| Self(text.into()))
    }

    fn header(&self) -> Result<HeaderValue, CoordinatorError> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.0.expose_secret()))
            // The cause would quote the key.
            .map_err(|_not_a_header| {
                CoordinatorError::Refused("the key has invalid characters".to_owned())
            })?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// The queue of a server, for workers on other machines. It has only the `embed` queue.
pub struct HttpCoordinator {
    client: Client,
    /// Without a trailing slash.
    server: String,
    authorization: HeaderValue,
    wait: Duration,
    /// The models that this machine has; all if `None`.
    models: Option<Vec<String>>,
}

impl fmt::Debug for HttpCoordinator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpCoordinator")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// The fields of problem details that matter here.
#[derive(Debug, Default, Deserialize)]
struct Problem {
    #[serde(default)]
    code: String,
    #[serde(default)]
    detail: String,
}

impl HttpCoordinator {
    /// A client of the server at `server`, e.g. `https://rushes.example`. Nothing is sent yet.
    ///
    /// Over plain HTTP anyone on the network path can read the key, so plain HTTP is refused except to this
    /// machine, unless `insecure`.
    ///
    /// # Errors
    /// [`CoordinatorError::Refused`] if the address or the key is invalid.
    pub fn new(server: &str, key: &WorkKey, insecure: bool) -> Result<Self, CoordinatorError> {
        let url = address(server, insecure)?;
        let mut builder = Client::builder()
            .connect_timeout(CONNECT)
            // The key is for this server, so redirects are not followed.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("rushes/", env!("CARGO_PKG_VERSION")));
        if url.scheme() == "http" {
            // Through TLS a proxy sees nothing; in plain text it would read the key.
            builder = builder.no_proxy();
        }
        let client = builder
            .build()
            .map_err(|error| CoordinatorError::Refused(LibraryError::new(error).to_string()))?;
        Ok(Self {
            client,
            server: url.as_str().trim_end_matches('/').to_owned(),
            authorization: key.header()?,
            wait: WAIT,
            models: None,
        })
    }

    /// The same, with another waiting time for work at the server.
    #[must_use]
    pub const fn waiting(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// The same, for vectors of these models only.
    #[must_use]
    pub fn of_models(mut self, models: Vec<String>) -> Self {
        self.models = Some(models);
        self
    }

    /// The server's requirements of its workers. It also shows that the key is accepted.
    ///
    /// # Errors
    /// The same as for the others.
    pub async fn about(&self) -> Result<ServerInfo, CoordinatorError> {
        let answer = self.send(Method::GET, "", None::<&()>, PROMPT).await?;
        answer
            .ok_or_else(|| foreign("an empty answer"))
            .and_then(|bytes| read(&bytes))
    }

    async fn post<T: Serialize + Sync>(
        &self,
        ticket: &Ticket,
        what: &str,
        body: &T,
        limit: Duration,
    ) -> Result<Option<Vec<u8>>, CoordinatorError> {
        let path = format!("/{}/{what}", ticket.run);
        match self.send(Method::POST, &path, Some(body), limit).await {
            Err(CoordinatorError::LeaseLost(_)) => {
                Err(CoordinatorError::LeaseLost(ticket.run.clone()))
            }
            answer => answer,
        }
    }

    /// The body of the answer; `None` if the status has no body.
    async fn send<T: Serialize + Sync>(
        &self,
        method: Method,
        path: &str,
        body: Option<&T>,
        limit: Duration,
    ) -> Result<Option<Vec<u8>>, CoordinatorError> {
        let mut request = self
            .client
            .request(method, format!("{}{PATH}{path}", self.server))
            .header(AUTHORIZATION, self.authorization.clone())
            .timeout(limit);
        if let Some(body) = body {
            let json = serde_json::to_vec(body)
                .map_err(|error| CoordinatorError::Invalid(error.to_string()))?;
            request = request.header(CONTENT_TYPE, "application/json").body(json);
        }
        let unavailable =
            |error: reqwest::Error| CoordinatorError::Unavailable(LibraryError::new(error).into());
        let mut answer = request.send().await.map_err(unavailable)?;
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(unavailable)? {
            if bytes.len() + chunk.len() > MAX_ANSWER {
                return Err(foreign("an endless answer"));
            }
            bytes.extend_from_slice(&chunk);
        }
        match answer.status() {
            StatusCode::NO_CONTENT => Ok(None),
            status if status.is_success() => Ok(Some(bytes)),
            status => Err(self.refusal(status, &bytes)),
        }
    }

    /// The meaning of an error status for a worker.
    fn refusal(&self, status: StatusCode, body: &[u8]) -> CoordinatorError {
        let problem: Problem = serde_json::from_slice(body).unwrap_or_default();
        let detail = match problem.detail.is_empty() {
            true => status.to_string(),
            false => problem.detail.chars().take(MAX_QUOTE).collect(),
        };
        match (status, problem.code.as_str()) {
            (StatusCode::CONFLICT, LEASE_LOST) | (StatusCode::GONE, _) => {
                CoordinatorError::LeaseLost(String::new())
            }
            (_, BAD_RESULT) | (StatusCode::PAYLOAD_TOO_LARGE, _) => {
                CoordinatorError::Invalid(detail)
            }
            (StatusCode::UNAUTHORIZED, _) => CoordinatorError::Refused(format!(
                "{} does not accept the key; create one there with `rushes key create NAME`, and pass it \
                 with --key-file or RUSHES_KEY",
                self.server
            )),
            (StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS, _) => {
                CoordinatorError::Unavailable(detail.into())
            }
            (status, _) if status.is_server_error() => CoordinatorError::Unavailable(detail.into()),
            (status, "") => CoordinatorError::Refused(format!(
                "{} answered {status}, unlike a rushes server of this version; check the address",
                self.server
            )),
            _ => CoordinatorError::Refused(format!("{}: {detail}", self.server)),
        }
    }
}

fn foreign(what: &str) -> CoordinatorError {
    CoordinatorError::Unavailable(format!("it sent {what}").into())
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CoordinatorError> {
    serde_json::from_slice(bytes)
        .map_err(|error| foreign(&format!("an unreadable answer: {error}")))
}

/// The server's address, if a key may be sent there.
fn address(server: &str, insecure: bool) -> Result<Url, CoordinatorError> {
    let refused = |why: &str| CoordinatorError::Refused(format!("--server: {why}"));
    let url = Url::parse(server).map_err(|error| {
        refused(&format!(
            "{error}; write https://host or http://127.0.0.1:7420"
        ))
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused(
            "remove the user name and password; the key is the only credential",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refused("remove everything after ? and #"));
    }
    let here = match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if here || insecure => Ok(url),
        "http" => Err(refused(
            "over plain HTTP anyone on the network path can read the key and change results; use https, or a \
             tunnel to this machine (ssh -L), or pass --insecure on a trusted network",
        )),
        _ => Err(refused("write https://host or http://127.0.0.1:7420")),
    }
}

#[async_trait]
impl Coordinator for HttpCoordinator {
    async fn lease(&self, worker: &str, queue: Queue) -> Result<Option<Lease>, CoordinatorError> {
        let body = LeaseRequest {
            worker: worker.to_owned(),
            queues: vec![queue],
            wait_ms: u64::try_from(self.wait.as_millis()).unwrap_or(u64::MAX),
            models: self.models.clone(),
        };
        let limit = self.wait + PROMPT;
        let answer = self
            .send(Method::POST, "/lease", Some(&body), limit)
            .await?;
        answer.map(|bytes| read(&bytes)).transpose()
    }

    async fn heartbeat(
        &self,
        ticket: &Ticket,
        progress: Progress,
    ) -> Result<Directive, CoordinatorError> {
        let body = HeartbeatRequest::new(ticket, progress);
        match self.post(ticket, "heartbeat", &body, PROMPT).await {
            Ok(Some(bytes)) => Ok(read::<HeartbeatResponse>(&bytes)?.directive),
            Ok(None) => Err(foreign("an empty answer")),
            Err(error) => Err(error),
        }
    }

    async fn complete(&self, ticket: &Ticket, output: &Output) -> Result<(), CoordinatorError> {
        let body = CompleteRequest {
            token: ticket.token,
            output: output.clone(),
        };
        self.post(ticket, "complete", &body, LONG).await.map(drop)
    }

    async fn fail(&self, ticket: &Ticket, failure: &Failure) -> Result<(), CoordinatorError> {
        let body = FailRequest {
            token: ticket.token,
            kind: failure.kind,
            code: failure.code.clone(),
            reason: failure.reason.clone(),
        };
        self.post(ticket, "fail", &body, PROMPT).await.map(drop)
    }

    async fn release(&self, ticket: &Ticket) -> Result<(), CoordinatorError> {
        let body = ReleaseRequest {
            token: ticket.token,
        };
        self.post(ticket, "release", &body, PROMPT).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> WorkKey {
        WorkKey::new(" rk_hush\n").unwrap()
    }

    #[test]
    fn a_key_goes_over_plain_http_to_this_machine_only() {
        for good in [
            "http://127.0.0.1:7420",
            "http://localhost:7420/",
            "http://[::1]:7420",
            "https://rushes.example/behind/a/proxy/",
        ] {
            HttpCoordinator::new(good, &key(), false).unwrap();
        }
        let plain = "http://10.0.0.7:7420";
        HttpCoordinator::new(plain, &key(), true).unwrap();
        let error = HttpCoordinator::new(plain, &key(), false).unwrap_err();
        assert!(error.to_string().contains("--insecure"), "{error}");
        for bad in [
            "",
            "rushes.example",
            "ftp://rushes.example",
            "http://localhost.evil.example",
            "https://name:word@rushes.example",
            "https://rushes.example/?key=1",
        ] {
            let error = HttpCoordinator::new(bad, &key(), false).unwrap_err();
            assert!(
                matches!(error, CoordinatorError::Refused(_)),
                "{bad}: {error}"
            );
        }
    }

    #[test]
    fn the_key_is_not_printed() {
        let coordinator = HttpCoordinator::new("https://rushes.example", &key(), false).unwrap();
        let printed = format!(
            "{coordinator:?} {:?} {:?}",
            key(),
            coordinator.authorization
        );
        assert!(!printed.contains("hush"), "{printed}");
        assert!(WorkKey::new("rk_ü").is_none());
        assert!(WorkKey::new("rk_a\nrk_b").is_none());
    }

    #[test]
    fn statuses_become_what_a_worker_does() {
        let coordinator = HttpCoordinator::new("https://rushes.example", &key(), false).unwrap();
        let told = |status: u16, body: &str| {
            coordinator.refusal(StatusCode::from_u16(status).unwrap(), body.as_bytes())
        };
        let lost = told(409, r#"{"code": "lease-lost", "detail": "gone"}"#);
        assert!(matches!(lost, CoordinatorError::LeaseLost(_)));
        let bad = told(
            422,
            r#"{"code": "bad-result", "detail": "3 vectors for 4 shots"}"#,
        );
        assert!(matches!(bad, CoordinatorError::Invalid(why) if why.contains("4 shots")));
        for status in [408, 429, 500, 502, 503] {
            let later = told(status, "<html>");
            assert!(
                matches!(later, CoordinatorError::Unavailable(_)),
                "{status}"
            );
        }
        for status in [302, 400, 401, 403, 404] {
            let never = told(status, "<html>");
            assert!(matches!(never, CoordinatorError::Refused(_)), "{status}");
        }
    }
}
