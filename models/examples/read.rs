//! Reads text in pictures, for the bench: one line of JSON per picture.
//!
//! `read MODELS MODEL THREADS PICTURE...`

use std::io::Write as _;
use std::time::Instant;

use rushes_models::{ModelStore, TextReader};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [models, model, threads, pictures @ ..] = args.as_slice() else {
        return Err("read MODELS MODEL THREADS PICTURE...".into());
    };
    let store = ModelStore::new(models.into());
    let mut reader = TextReader::open(&store, model, threads.parse()?)?;
    let mut out = std::io::stdout();
    for path in pictures {
        let picture = image::open(path)?.into_rgb8();
        let started = Instant::now();
        let lines = reader.read(&picture)?;
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        let ms = started.elapsed().as_secs_f64() * 1000.0;
        let read = serde_json::json!({"picture": path, "ms": ms, "lines": texts});
        writeln!(out, "{read}")?;
    }
    Ok(())
}
