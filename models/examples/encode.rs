//! Measures an image encoder in pictures per second, for `benches/embed`.
//!
//! `encode sample MODELS SAMPLE FOLDER TOKENIZER` writes a model with random weights into a folder and imports
//! it into a store as `sample-SAMPLE`.
//!
//! `encode measure MODELS MODEL BACKEND THREADS SECONDS FOLDER` encodes the pictures `FOLDER/*.png`, writes the
//! network's input beside them and the vectors to `FOLDER/BACKEND.json`. Then it measures once per line of
//! standard input, so that peers can be measured in between.

use std::error::Error;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rushes_models::{
    Backend, EncoderOptions, ImageEncoder, ModelStore, Prepared, Sample, adopt, open_image_encoder,
    write_sample,
};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments.as_slice() {
        ["sample", root, sample, folder, tokenizer] => make(
            Path::new(root),
            sample,
            Path::new(folder),
            Path::new(tokenizer),
        ),
        ["measure", root, model, backend, threads, seconds, folder] => {
            let store = ModelStore::open(root.into())?;
            let options = EncoderOptions {
                backend: Some(backend.parse::<Backend>()?),
                ..EncoderOptions::threads(threads.parse()?)
            };
            let encoder = open_image_encoder(&store, model, &options)?;
            let pictures = golden(encoder.as_ref(), Path::new(folder), backend)?;
            measure(
                encoder.as_ref(),
                &pictures,
                Duration::from_secs_f64(seconds.parse()?),
            )
        }
        _ => Err("see the head of models/examples/encode.rs for the arguments".into()),
    }
}

fn make(root: &Path, name: &str, folder: &Path, tokenizer: &Path) -> Outcome<()> {
    let known = Sample::ALL.iter().find(|(_, known)| *known == name);
    let &(sample, _) = known.ok_or("no such sample")?;
    std::fs::create_dir_all(folder)?;
    write_sample(sample, folder)?;
    std::fs::copy(tokenizer, folder.join("tokenizer.json"))?;
    let mut store = ModelStore::open(root.to_owned())?;
    let id = format!("sample-{name}");
    Ok(adopt(&mut store, &id, folder, &())?)
}

fn golden(encoder: &dyn ImageEncoder, folder: &Path, backend: &str) -> Outcome<Vec<Prepared>> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "png"))
        .collect();
    paths.sort();
    let mut pictures = Vec::with_capacity(paths.len());
    for path in paths {
        let prepared = encoder.prepare(&image::open(&path)?.to_rgb8())?;
        std::fs::write(path.with_extension("prepared"), prepared.as_bytes())?;
        pictures.push(prepared);
    }
    let file = std::fs::File::create(folder.join(format!("{backend}.json")))?;
    serde_json::to_writer(file, &encoder.encode(&pictures)?)?;
    Ok(pictures)
}

fn measure(encoder: &dyn ImageEncoder, pictures: &[Prepared], time: Duration) -> Outcome<()> {
    let batch = encoder.preferred_batch();
    let pictures: Vec<Prepared> = pictures.iter().cycle().take(batch).cloned().collect();
    encoder.encode(&pictures)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "ready: {}, batches of {batch}", encoder.backend())?;
    for line in std::io::stdin().lock().lines() {
        line?;
        let start = Instant::now();
        let mut done = 0_u32;
        while start.elapsed() < time {
            encoder.encode(&pictures)?;
            done += u32::try_from(batch)?;
        }
        writeln!(
            out,
            "{:.2}",
            f64::from(done) / start.elapsed().as_secs_f64()
        )?;
        out.flush()?;
    }
    Ok(())
}
