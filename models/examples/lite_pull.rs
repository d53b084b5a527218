//! Pulls the `lite` model and everything it requires: `lite_pull <folder>`.

use std::path::PathBuf;

use rushes_models::{ModelStore, PullOptions, pull};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os()
        .nth(1)
        .ok_or("usage: lite_pull <folder>")?;
    pull(
        &ModelStore::new(PathBuf::from(folder)),
        "lite",
        &PullOptions::default(),
        &(),
    )?;
    Ok(())
}
