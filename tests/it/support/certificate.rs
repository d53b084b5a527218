//! Certificates that sign themselves.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Writes a certificate for these names (`DNS:…`, `IP:…`) and its key into a folder, in place of older ones.
pub(crate) fn certificate(folder: &Path, names: &str) -> [PathBuf; 2] {
    let [certificate, private] = ["cert.pem", "key.pem"].map(|name| folder.join(name));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-nodes", "-days", "2", "-subj", "/CN=rushes"])
        .args(["-addext", &format!("subjectAltName={names}")])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&private)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{complaints}");
    [certificate, private]
}
