//! Where tests find weights and real pictures.

use std::path::PathBuf;

use crate::store::{ModelStore, Status};

/// The store at `RUSHES_MODELS` with `lite` in it; without the variable the test is skipped, aloud.
pub(crate) fn model_store() -> Option<ModelStore> {
    let store = ModelStore::new(folder("RUSHES_MODELS")?);
    for manifest in store.manifests().with_requirements("lite").unwrap() {
        assert_eq!(
            store.status(manifest).unwrap(),
            Status::Installed,
            "{}: run `rushes models pull lite`",
            manifest.id
        );
    }
    Some(store)
}

/// The folder of real material at `RUSHES_MATERIAL`; without the variable the test is skipped, aloud.
pub(crate) fn material() -> Option<PathBuf> {
    folder("RUSHES_MATERIAL")
}

#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests are configured by their environment, and skip aloud"
)]
fn folder(variable: &str) -> Option<PathBuf> {
    let folder = std::env::var(variable).ok().map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: {variable} is not set");
    }
    folder
}

/// Cosine of two unit vectors.
pub(crate) fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
