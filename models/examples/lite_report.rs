//! The Rust half of `benches/lite`: `lite_report <store> <pictures> <out> [<model>]`.
//!
//! Writes the classifier's graph (`lite.onnx`), the logits (`logits.f32`), the pictures' vectors (`images.f32`)
//! and those of the texts in `<out>/queries.txt` (`texts.f32`). Then, for each line of standard input, it
//! encodes all pictures once and prints pictures per second.

use std::error::Error;
use std::fs;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use image::RgbImage;
use rushes_models::{EncoderOptions, LiteProbe, ModelStore, open_image_encoder, open_text_encoder};

const THREADS: usize = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let (store, list, out, model) = match arguments.as_slice() {
        [store, list, out] => (store, list, out, "lite"),
        [store, list, out, model] => (store, list, out, model.to_str().unwrap_or_default()),
        _ => return Err("usage: lite_report <store> <list of pictures> <out> [<model>]".into()),
    };
    let store = ModelStore::new(store.clone());
    let pictures = fs::read_to_string(list)?
        .lines()
        .map(|path| Ok(image::open(path)?.into_rgb8()))
        .collect::<Result<Vec<RgbImage>, image::ImageError>>()?;

    let probe = LiteProbe::open(&store, THREADS)?;
    fs::write(out.join("lite.onnx"), probe.graph())?;
    write_floats(&out.join("logits.f32"), &probe.logits(&pictures)?)?;
    drop(probe);

    let images = open_image_encoder(&store, model, &EncoderOptions::threads(THREADS))?;
    write_floats(
        &out.join("images.f32"),
        &images.encode_pictures(&pictures)?.concat(),
    )?;
    let queries = fs::read_to_string(out.join("queries.txt"))?;
    let queries: Vec<&str> = queries.lines().collect();
    let texts = open_text_encoder(&store, model, &EncoderOptions::threads(2))?;
    let start = Instant::now();
    let vectors = texts.encode(&queries)?;
    let rate = queries.len() as f64 / start.elapsed().as_secs_f64();
    write_floats(&out.join("texts.f32"), &vectors.concat())?;

    let mut answer = io::stdout().lock();
    writeln!(answer, "{rate:.1}")?;
    answer.flush()?;
    for line in io::stdin().lock().lines() {
        line?;
        let start = Instant::now();
        images.encode_pictures(&pictures)?;
        let rate = pictures.len() as f64 / start.elapsed().as_secs_f64();
        writeln!(answer, "{rate:.1}")?;
        answer.flush()?;
    }
    Ok(())
}

fn write_floats(path: &Path, values: &[f32]) -> io::Result<()> {
    let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    fs::write(path, bytes)
}
