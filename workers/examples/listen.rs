//! Measures the sound of files, in this process: `listen FILE...`. Prints a line of JSON for each.

#![expect(clippy::print_stdout, reason = "its output is its answer")]

use std::time::Instant;

use rushes_workers::acoustics::{Heard, fold};
use rushes_workers::media::{Bounds, HeardOutput, MediaError, SoundOutput, listen};

struct All(Heard);

impl SoundOutput for All {
    fn samples(&mut self, _from: u64, _samples: &[f32]) -> Result<(), MediaError> {
        Ok(())
    }
}

impl HeardOutput for All {
    fn heard(&mut self, heard: Heard, _ms: u64) -> Result<(), MediaError> {
        self.0.tenths.extend(heard.tenths);
        self.0.bangs.extend(heard.bangs);
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for path in std::env::args().skip(1) {
        let source = Box::new(std::fs::File::open(&path)?);
        let started = Instant::now();
        let mut all = All(Heard::default());
        let track = listen(source, &Bounds::default(), None, &mut all)?;
        let seconds = started.elapsed().as_secs_f64();
        let All(heard) = all;
        let end = heard.tenths.last().map_or(0, |one| one.at * 100 + 100);
        let whole = fold(&heard, &[(0, end)]);
        println!(
            "{}",
            serde_json::json!({
                "file": path, "track": track, "seconds": seconds, "ms": end, "whole": whole.first(), "bangs": heard.bangs,
            })
        );
    }
    Ok(())
}
