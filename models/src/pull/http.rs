//! A plain download, which resumes where an earlier one stopped.

use std::fs::{self, File, OpenOptions};
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::blocking::{Client, Response};
use reqwest::header::{CONTENT_RANGE, HeaderMap, RANGE};
use reqwest::redirect::Policy;
use secrecy::{ExposeSecret as _, SecretString};

use super::SourceError;
use super::transfer::Transfer;

/// The user agent.
const AGENT: &str = concat!("rushes/", env!("CARGO_PKG_VERSION"));
/// Longest silence of a server.
const SILENCE: Duration = Duration::from_secs(60);

/// Downloads `url`. The environment's proxy is honoured. A token is sent to the first host only.
pub(super) fn fetch(
    url: &str,
    token: Option<&SecretString>,
    transfer: &Transfer<'_>,
) -> Result<(), SourceError> {
    let client = Client::builder()
        .user_agent(AGENT)
        .connect_timeout(SILENCE)
        // The blocking client's timeout applies to each wait, not to the whole transfer, for which there is no
        // sensible bound.
        .timeout(SILENCE)
        .build()
        .map_err(|e| network(url, &e))?;
    let have = bytes_to_keep(transfer);
    let (response, have) = match request(&client, url, token, have)? {
        // The server has no further bytes, so the partial file is either complete or wrong.
        response if response.status() == StatusCode::RANGE_NOT_SATISFIABLE && have > 0 => {
            (request(&client, url, token, 0)?, 0)
        }
        response
            if response.status() == StatusCode::PARTIAL_CONTENT && starts_at(&response, have) =>
        {
            (response, have)
        }
        response => (response, 0),
    };
    if response.status() != StatusCode::OK && response.status() != StatusCode::PARTIAL_CONTENT {
        return Err(SourceError::Status {
            url: url.to_owned(),
            status: response.status().as_u16(),
        });
    }
    let to = if have > 0 {
        append(transfer)?
    } else {
        transfer.create()?
    };
    transfer.copy(response, to, have, |e| SourceError::Network {
        url: url.to_owned(),
        message: e.to_string(),
    })
}

/// The response headers, from a request for headers only. Redirects are not followed, because the first
/// response is the one that describes the file.
pub(super) fn headers(url: &str, token: Option<&SecretString>) -> Result<HeaderMap, SourceError> {
    let client = Client::builder()
        .user_agent(AGENT)
        .connect_timeout(SILENCE)
        .timeout(SILENCE)
        .redirect(Policy::none())
        .build()
        .map_err(|e| network(url, &e))?;
    let mut request = client.head(url);
    if let Some(token) = token {
        request = request.bearer_auth(token.expose_secret());
    }
    let response = request.send().map_err(|e| network(url, &e))?;
    Ok(response.headers().clone())
}

fn request(
    client: &Client,
    url: &str,
    token: Option<&SecretString>,
    have: u64,
) -> Result<Response, SourceError> {
    let mut request = client.get(url);
    if have > 0 {
        request = request.header(RANGE, format!("bytes={have}-"));
    }
    if let Some(token) = token {
        request = request.bearer_auth(token.expose_secret());
    }
    request.send().map_err(|e| network(url, &e))
}

/// How much of an earlier download can be reused.
fn bytes_to_keep(transfer: &Transfer<'_>) -> u64 {
    if !transfer.may_resume {
        return 0;
    }
    let have = fs::metadata(&transfer.aside).map_or(0, |metadata| metadata.len());
    // It is as long as the whole file or longer. Nothing is left to request, so start again.
    if transfer.bytes.is_some_and(|bytes| have >= bytes) {
        0
    } else {
        have
    }
}

/// Whether the server really sends the rest, and not another range.
fn starts_at(response: &Response, offset: u64) -> bool {
    let wanted = format!("bytes {offset}-");
    response
        .headers()
        .get(CONTENT_RANGE)
        .is_some_and(|value| value.as_bytes().starts_with(wanted.as_bytes()))
}

fn append(transfer: &Transfer<'_>) -> Result<File, SourceError> {
    OpenOptions::new()
        .append(true)
        .open(&transfer.aside)
        .map_err(|e| transfer.io_error(e))
}

/// The innermost cause is the most informative: the outer layers only repeat the address.
fn network(url: &str, error: &reqwest::Error) -> SourceError {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    SourceError::Network {
        url: url.to_owned(),
        message: cause.to_string(),
    }
}
