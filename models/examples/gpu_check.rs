//! Measures the encoders on a GPU: parity with the CPU, pictures per second, the share of the chip's peak rate,
//! and how busy the streaming device is. `scripts/gpu-check` builds it, runs it beside torch, and prints a
//! table.
//!
//! `gpu_check FIXTURES WORK [SAMPLE...]` prints one JSON object per line.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use candle_core::{DType, Device, Tensor};
use image::RgbImage;
use rushes_models::device::{Device as Stream, DeviceOptions, Received};
use rushes_models::{
    Backend, EncoderOptions, ImageEncoder, ModelStore, Sample, adopt, open_image_encoder,
    write_sample,
};
use serde_json::json;

type Outcome<T> = Result<T, Box<dyn Error>>;

const FIXTURES: [&str; 5] = ["clip", "siglip", "siglip2", "open-clip", "pe-core"];
const BATCHES: [usize; 6] = [1, 8, 32, 64, 128, 256];
/// Side of the square matrices whose product is the chip's measured rate.
const MATRIX: usize = 8192;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [fixtures, work, samples @ ..] = arguments.as_slice() else {
        return Err("usage: gpu_check FIXTURES WORK [SAMPLE...]".into());
    };
    let (fixtures, work) = (Path::new(fixtures), Path::new(work));
    let mut store = ModelStore::open(work.join("store"))?;
    parity(&mut store, fixtures)?;
    let rate = matrix_rate()?;
    say(&json!({ "what": "matrix", "tflops": rate / 1e12 }));
    for name in samples {
        let known = Sample::ALL.iter().find(|(_, known)| known == name);
        let &(sample, _) = known.ok_or("no such sample")?;
        let folder = work.join(name);
        std::fs::create_dir_all(&folder)?;
        write_sample(sample, &folder)?;
        std::fs::copy(
            fixtures.join("clip/tokenizer.json"),
            folder.join("tokenizer.json"),
        )?;
        let id = format!("sample-{name}");
        take_in(&mut store, &id, &folder)?;
        speed(&store, (&id, name), &folder)?;
        stream(&store, (&id, name))?;
    }
    Ok(())
}

fn say(line: &serde_json::Value) {
    #[expect(clippy::print_stdout, reason = "this is what the program is for")]
    {
        println!("{line}");
    }
}

fn take_in(store: &mut ModelStore, id: &str, folder: &Path) -> Outcome<()> {
    Ok(adopt(store, id, folder, &())?)
}

fn open(
    store: &ModelStore,
    id: &str,
    backend: Backend,
    batch: Option<usize>,
) -> Outcome<Box<dyn ImageEncoder>> {
    let options = EncoderOptions {
        backend: Some(backend),
        batch,
        ..EncoderOptions::threads(8)
    };
    Ok(open_image_encoder(store, id, &options)?)
}

/// Smallest allowed cosine of the GPU's vectors to the CPU's, for each architecture and precision.
fn parity(store: &mut ModelStore, fixtures: &Path) -> Outcome<()> {
    let mut pictures = Vec::new();
    for name in ["wide", "tall", "square", "dot"] {
        pictures.push(image::open(fixtures.join(format!("pictures/{name}.png")))?.to_rgb8());
    }
    for name in FIXTURES {
        take_in(store, name, &fixtures.join(name))?;
        let reference = open(store, name, Backend::Candle, None)?.encode_pictures(&pictures)?;
        for backend in [Backend::CudaF32, Backend::CudaF16, Backend::Cuda] {
            let vectors = open(store, name, backend, None)?.encode_pictures(&pictures)?;
            let cosine = vectors
                .iter()
                .zip(&reference)
                .map(|(a, b)| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>())
                .fold(1.0, f32::min);
            say(
                &json!({ "what": "parity", "model": name, "backend": backend.as_str(), "cosine": cosine }),
            );
        }
    }
    Ok(())
}

/// Floating-point operations per second of a large bf16 matrix product.
#[expect(clippy::cast_precision_loss, reason = "a rate is an estimate")]
fn matrix_rate() -> Outcome<f64> {
    let device = Device::new_cuda(0)?;
    let a = Tensor::randn(0.0_f32, 1.0, (MATRIX, MATRIX), &device)?.to_dtype(DType::BF16)?;
    let rounds = 20;
    let mut product = a.matmul(&a)?;
    device.synchronize()?;
    let start = Instant::now();
    for _ in 0..rounds {
        product = a.matmul(&a)?;
    }
    device.synchronize()?;
    drop(product);
    Ok(2.0 * (MATRIX as f64).powi(3) * f64::from(rounds) / start.elapsed().as_secs_f64())
}

/// How busy the streaming device is when threads resize frames to the network's size, like those that decode
/// proxies. The frames were decoded before: this program has no FFmpeg.
fn stream(store: &ModelStore, (id, name): (&str, &str)) -> Outcome<()> {
    let cores = std::thread::available_parallelism()?.get();
    let feeders = cores.saturating_sub(1).max(1);
    let device = Stream::start(
        name,
        vec![open(store, id, Backend::Cuda, None)?],
        DeviceOptions::default(),
    )?;
    let share = device.queue() * 50 / feeders;
    let promised = device.queue();
    let (feed, answers) = device.open(promised * 2)?;
    let start = Instant::now();
    let before = device.stats();
    std::thread::scope(|scope| -> Outcome<()> {
        for feeder in 0..feeders {
            let (feed, device) = (feed.clone(), &device);
            std::thread::Builder::new()
                .name(format!("feeder-{feeder}"))
                .spawn_scoped(scope, move || {
                    let frame = frame();
                    for number in 0..share {
                        let tag = (feeder * share + number) as u64;
                        let fed = device
                            .prepare(&frame)
                            .is_ok_and(|p| feed.push(tag, p).is_ok());
                        if !fed {
                            break;
                        }
                    }
                })?;
        }
        drop(feed);
        while let Received::Answer(_) = answers.receive(Duration::from_secs(60))? {}
        Ok(())
    })?;
    let done = device.stats().since(&before);
    let rate = done.pictures as f64 / start.elapsed().as_secs_f64();
    say(
        &json!({ "what": "stream", "model": name, "busy": done.busy_fraction(), "rate": rate, "feeders": feeders }),
    );
    Ok(())
}

fn frame() -> RgbImage {
    RgbImage::from_fn(640, 360, |x, y| {
        image::Rgb([
            x.to_le_bytes()[0],
            y.to_le_bytes()[0],
            (x * y).to_le_bytes()[1],
        ])
    })
}

/// Pictures per second for each batch size, and the vectors of one batch for comparison by the peer.
fn speed(store: &ModelStore, (id, name): (&str, &str), folder: &Path) -> Outcome<()> {
    let picture = frame();
    for batch in BATCHES {
        let encoder = open(store, id, Backend::Cuda, Some(batch))?;
        let pictures = vec![encoder.prepare(&picture)?; batch];
        let vectors = encoder.encode(&pictures)?;
        encoder.encode(&pictures)?;
        let start = Instant::now();
        let mut done = 0_u32;
        while start.elapsed().as_secs_f64() < 2.0 {
            encoder.encode(&pictures)?;
            done += u32::try_from(batch)?;
        }
        let rate = f64::from(done) / start.elapsed().as_secs_f64();
        say(&json!({ "what": "speed", "model": name, "batch": batch, "rate": rate }));
        if batch == 1 {
            std::fs::write(folder.join("pixels.bin"), pictures[0].as_bytes())?;
            std::fs::write(folder.join("vector.json"), serde_json::to_vec(&vectors[0])?)?;
        }
    }
    Ok(())
}
