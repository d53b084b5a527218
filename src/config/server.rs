//! Settings of the HTTP server.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Problem;

/// The HTTP server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Address and port. On loopback no key is needed; on any other address every request needs one.
    pub listen: SocketAddr,
    /// PEM file of the certificate chain, for HTTPS. It is read again when it changes.
    pub tls_certificate: Option<PathBuf>,
    /// PEM file of the certificate's private key.
    pub tls_key: Option<PathBuf>,
    /// Whether to serve plain HTTP beyond loopback, behind a TLS proxy or on a trusted network.
    pub insecure: bool,
    /// Origins whose web pages may use the API, such as `https://panel.example`.
    pub origins: Vec<String>,
    /// Whether webhooks may use private addresses and this machine.
    pub webhook_private: bool,
    /// Average requests per second and key, with bursts of twice as many; 0 means no limit.
    pub requests_per_second: u32,
    /// Address that serves only workers on other machines, which need a key; `None` disables it.
    pub work_listen: Option<SocketAddr>,
    /// Folders and `s3://bucket/prefix`es from which videos may be registered over HTTP.
    pub media_roots: Vec<String>,
    /// Seconds between two listings of a watched prefix in S3. Where the store announces its objects, they may be hours
    /// apart.
    pub listing_s: u64,
    /// URL of an SQS queue, or of a compatible one, in which S3 announces objects. Its credentials are those of S3.
    pub arrivals_queue: Option<String>,
    /// Largest upload in MiB.
    pub upload_limit_mib: u64,
    /// Largest picture to redact in MiB.
    pub picture_limit_mib: u64,
    /// Largest picture to redact in megapixels. A small file may hold many pixels, at about 16 bytes of memory
    /// each.
    pub picture_limit_mpx: u64,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7420)),
            tls_certificate: None,
            tls_key: None,
            insecure: false,
            origins: Vec::new(),
            webhook_private: false,
            requests_per_second: 100,
            work_listen: None,
            media_roots: Vec::new(),
            listing_s: 60,
            arrivals_queue: None,
            upload_limit_mib: 100 * 1024,
            picture_limit_mib: 256,
            picture_limit_mpx: 100,
        }
    }
}

impl Server {
    /// Whether every request needs a key.
    #[must_use]
    pub const fn is_keyed(&self) -> bool {
        !self.listen.ip().is_loopback()
    }

    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut add = |key: &str, what: String| {
            problems.push(Problem {
                key: key.to_owned(),
                what,
            });
        };
        let has_tls = self.tls_certificate.is_some();
        if has_tls != self.tls_key.is_some() {
            let what = "a certificate and its private key go together; set both or neither";
            add("server.tls_key", what.to_owned());
        }
        if self.is_keyed() && !has_tls && !self.insecure {
            let what = format!(
                "{} can be reached from other machines, and keys would cross the network in the clear; set \
                 server.tls_certificate and server.tls_key (--tls-certificate, --tls-key), or server.insecure \
                 (--insecure) if something in front encrypts",
                self.listen
            );
            add("server.listen", what);
        }
        for origin in &self.origins {
            let is_origin = origin.split_once("://").is_some_and(|(scheme, host)| {
                matches!(scheme, "http" | "https") && !host.is_empty() && !host.contains(['/', '*'])
            });
            if !is_origin {
                let what = format!(
                    "{origin:?} is not an origin; write it as https://host or https://host:port"
                );
                add("server.origins", what);
            }
        }
        problems
    }
}
