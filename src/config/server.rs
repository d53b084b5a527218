//! Settings of the HTTP server.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// The HTTP server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Address and port. Loopback only, because no key is needed there.
    pub listen: SocketAddr,
    /// Address that serves only workers on other machines, which need a key; `None` disables it.
    pub work_listen: Option<SocketAddr>,
    /// Folders and `s3://bucket/prefix`es from which videos may be registered over HTTP.
    pub media_roots: Vec<String>,
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
            work_listen: None,
            media_roots: Vec::new(),
            upload_limit_mib: 100 * 1024,
            picture_limit_mib: 256,
            picture_limit_mpx: 100,
        }
    }
}
