//! How many pictures a second an image encoder does, for `benches/embed`: loads a model, then measures once a line
//! of standard input, so that a peer can be measured in between.
//!
//! `cargo run --release -p rushes-models --example encode -- MODELS MODEL BACKEND THREADS SECONDS [OUT]`
//!
//! With `OUT`, the vectors of the pictures in `OUT/*.png` are written to `OUT/BACKEND.json` first.

use std::error::Error;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use image::RgbImage;
use rushes_models::{Backend, EncoderOptions, ModelStore, open_image_encoder};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [root, model, backend, threads, seconds, rest @ ..] = arguments.as_slice() else {
        return Err("usage: encode MODELS MODEL BACKEND THREADS SECONDS [OUT]".into());
    };
    let store = ModelStore::new(root.into());
    let options = EncoderOptions {
        backend: Some(backend.parse::<Backend>()?),
        ..EncoderOptions::threads(threads.parse()?)
    };
    let encoder = open_image_encoder(&store, model, &options)?;
    let time = Duration::from_secs_f64(seconds.parse()?);
    let mut out = std::io::stdout().lock();
    if let [folder] = rest {
        let folder = Path::new(folder);
        let mut names: Vec<_> = std::fs::read_dir(folder)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|e| e == "png"))
            .collect();
        names.sort();
        let pictures: Result<Vec<RgbImage>, image::ImageError> = names
            .iter()
            .map(|path| Ok(image::open(path)?.to_rgb8()))
            .collect();
        let vectors = encoder.encode_pictures(&pictures?)?;
        let file = std::fs::File::create(folder.join(format!("{backend}.json")))?;
        serde_json::to_writer(file, &vectors)?;
    }
    // Any pixels do: the time does not depend on them.
    let picture = RgbImage::from_fn(640, 360, |x, y| {
        image::Rgb([
            x.to_le_bytes()[0],
            y.to_le_bytes()[0],
            (x * y).to_le_bytes()[1],
        ])
    });
    let batch = vec![encoder.prepare(&picture)?; encoder.preferred_batch()];
    encoder.encode(&batch)?;
    writeln!(
        out,
        "ready: {}, batches of {}",
        encoder.backend(),
        batch.len()
    )?;
    for line in std::io::stdin().lock().lines() {
        line?;
        let start = Instant::now();
        let mut pictures = 0_u32;
        while start.elapsed() < time {
            encoder.encode(&batch)?;
            pictures += u32::try_from(batch.len())?;
        }
        writeln!(
            out,
            "{:.2}",
            f64::from(pictures) / start.elapsed().as_secs_f64()
        )?;
        out.flush()?;
    }
    Ok(())
}
