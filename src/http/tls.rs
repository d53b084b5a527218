//! TLS by rustls, with a certificate that is read again when its file changes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rushes_models::with_causes;
use thiserror::Error;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// How often the files are looked at, at most.
const LOOK: Duration = Duration::from_secs(1);

/// Why there is no TLS with these files.
#[derive(Debug, Error)]
#[error("{}: {why}; give a PEM file with the certificate chain, and one with its private key", file.display())]
pub struct TlsError {
    file: PathBuf,
    why: String,
}

/// A certificate and its key. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tls(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    certificate: PathBuf,
    key: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    looked: Instant,
    changed: [Option<SystemTime>; 2],
    config: Arc<ServerConfig>,
}

impl Tls {
    /// Reads both files.
    ///
    /// # Errors
    /// [`TlsError`] if one cannot be read, is not PEM, or they do not belong together.
    pub fn open(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let state = State {
            looked: Instant::now(),
            changed: [changed(certificate), changed(key)],
            config: Arc::new(read(certificate, key)?),
        };
        Ok(Self(Arc::new(Inner {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            state: Mutex::new(state),
        })))
    }

    /// What accepts a connection with the certificate as it is now. Files that became unreadable, or that do not
    /// belong together, leave the last certificate in use.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let inner = &self.0;
        let mut state = inner.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.looked.elapsed() >= LOOK {
            state.looked = Instant::now();
            let now = [changed(&inner.certificate), changed(&inner.key)];
            if now != state.changed {
                state.changed = now;
                match read(&inner.certificate, &inner.key) {
                    Ok(config) => {
                        tracing::info!(certificate = %inner.certificate.display(), "the certificate was read again");
                        state.config = Arc::new(config);
                    }
                    Err(error) => {
                        tracing::warn!(error = %with_causes(&error), "the old certificate stays in use");
                    }
                }
            }
        }
        TlsAcceptor::from(Arc::clone(&state.config))
    }
}

fn changed(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file)
        .and_then(|meta| meta.modified())
        .ok()
}

fn read(certificate: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
    let wrong = |file: &Path, why: String| TlsError {
        file: file.to_owned(),
        why,
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(wrong(
            certificate,
            "there is no certificate in it".to_owned(),
        ));
    }
    let private =
        PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, error.to_string()))?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| wrong(certificate, error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
