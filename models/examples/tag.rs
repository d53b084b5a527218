//! Names the sounds in files of raw sound (32-bit floats in little-endian, one channel, at the tagger's rate), one JSON object
//! per file: `tag <models folder> <model> <threads> <file>...`. `sample` as the model is a tagger that needs no weights; it is
//! written into the folder.

use std::path::{Path, PathBuf};
use std::time::Instant;

use rushes_models::{ModelStore, SoundTagger, Tagging, write_sample_tagger};
use serde_json::json;

#[expect(clippy::print_stdout, reason = "an example prints its result")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let usage = "usage: tag <models folder> <model> <threads> <file>...";
    let folder = PathBuf::from(args.next().ok_or(usage)?);
    let model = args.next().ok_or(usage)?;
    let threads = args.next().ok_or(usage)?.parse()?;
    if model == "sample" {
        install_sample(&folder)?;
    }
    let store = ModelStore::open(folder)?;
    let started = Instant::now();
    let mut tagger = SoundTagger::open(&store, &model, threads)?;
    println!("{}", json!({ "opened_s": started.elapsed().as_secs_f64() }));
    let rate = f64::from(tagger.rate());
    for file in args {
        let bytes = std::fs::read(&file)?;
        let samples = bytes.as_chunks().0.iter();
        let samples: Vec<f32> = samples.map(|&bytes| f32::from_le_bytes(bytes)).collect();
        let started = Instant::now();
        let mut tagging = Tagging::new(0);
        let mut windows = Vec::new();
        for part in samples.chunks(16_000) {
            windows.extend(tagging.push(&mut tagger, part)?);
        }
        windows.extend(tagging.finish(&mut tagger)?);
        let seconds = started.elapsed().as_secs_f64();
        let mut heard = Vec::new();
        for window in &windows {
            for &(class, score) in &window.heard {
                let name = tagger.names().get(class);
                heard.push(
                    json!({ "s": window.middle as f64 / rate, "name": name, "score": score }),
                );
            }
        }
        let sound = samples.len() as f64 / rate;
        println!(
            "{}",
            json!({ "file": file, "sound_s": sound, "seconds": seconds, "windows": windows.len(), "heard": heard })
        );
    }
    Ok(())
}

/// Puts the sample tagger and its manifest into a folder of models.
fn install_sample(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let made = folder.join("sample/1");
    write_sample_tagger(&made)?;
    let files = ["network.onnx", "classes.csv"].map(|name| {
        let path = made.join(name).display().to_string();
        json!({ "name": name, "sources": [{ "from": "file", "path": path }] })
    });
    let yamnet = ModelStore::new(folder.to_owned());
    let mut manifest = serde_json::to_value(yamnet.manifests().get("yamnet")?)?;
    manifest["id"] = "sample".into();
    manifest["revision"] = "1".into();
    manifest["files"] = json!(files);
    let parameters = &mut manifest["parameters"];
    parameters["weights"] = "network.onnx".into();
    parameters["classes"] = json!({ "file": "classes.csv" });
    parameters["scores"] = "logits".into();
    parameters["threshold"] = 0.5.into();
    let manifest: rushes_models::Manifest = serde_json::from_value(manifest)?;
    let manifests = folder.join("manifests");
    std::fs::create_dir_all(&manifests)?;
    std::fs::write(manifests.join("sample.toml"), toml::to_string(&manifest)?)?;
    Ok(())
}
