//! Embeds the page: a change of what Vite built compiles the program again.

use std::fs;
use std::path::Path;

fn main() -> std::io::Result<()> {
    // A folder that is missing would count as changed in every build. A program that is built without the page says so
    // where the page is asked for.
    let built = Path::new("web/dist");
    fs::create_dir_all(built)?;
    println!("cargo::rerun-if-changed={}", built.display());
    Ok(())
}
