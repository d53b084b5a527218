//! Writes down what is said in files of raw sound (32-bit floats in little-endian, one channel, 16 kHz), one JSON object per
//! file: `transcribe <models folder> <model> <threads> <file>...`. A file may have a language before it: `de=speech.f32`.

use std::path::PathBuf;
use std::time::Instant;

use rushes_models::{ModelStore, Transcriber, TranscriberOptions};
use serde_json::json;

#[expect(clippy::print_stdout, reason = "an example prints its result")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let usage = "usage: transcribe <models folder> <model> <threads> [LANGUAGE=]<file>...";
    let folder = PathBuf::from(args.next().ok_or(usage)?);
    let model = args.next().ok_or(usage)?;
    let threads = args.next().ok_or(usage)?.parse()?;
    let store = ModelStore::open(folder)?;
    let started = Instant::now();
    let transcriber = Transcriber::open(&store, &model, TranscriberOptions { threads })?;
    println!("{}", json!({ "opened_s": started.elapsed().as_secs_f64() }));
    for arg in args {
        let (language, file) = match arg.split_once('=') {
            Some((language, file)) => (Some(language), file),
            None => (None, arg.as_str()),
        };
        let bytes = std::fs::read(file)?;
        let samples = bytes.as_chunks().0.iter();
        let samples: Vec<f32> = samples.map(|&bytes| f32::from_le_bytes(bytes)).collect();
        let started = Instant::now();
        let mut listening = transcriber.listen(language)?;
        let mut cues = Vec::new();
        for part in samples.chunks(16_000) {
            cues.extend(listening.push(part)?);
        }
        cues.extend(listening.finish()?);
        let seconds = started.elapsed().as_secs_f64();
        let words = cues.iter().flat_map(|cue| &cue.words);
        let words: Vec<_> = words
            .map(|word| (&word.text, word.start_ms, word.end_ms))
            .collect();
        let languages: Vec<&str> = cues.iter().map(|cue| cue.language.as_str()).collect();
        println!(
            "{}",
            json!({ "file": file, "seconds": seconds, "words": words, "languages": languages })
        );
    }
    Ok(())
}
