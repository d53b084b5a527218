//! A tagger that is small and needs no training, for tests and benches on machines without access to the hub.

use std::path::Path;

use crate::error::ModelError;
use crate::onnx::{GraphBuilder, int, ints};
use crate::store::write_whole;

/// Frames and mel bands of its input, which are those of `YAMNet`.
const FRAMES: usize = 96;
const BANDS: usize = 64;
/// The bands around 1000 Hz, the lowest ones up to about 300 Hz, and the highest ones from about 3800 Hz on.
const MIDDLE: std::ops::Range<usize> = 19..22;
const LOW: std::ops::Range<usize> = 0..5;
const HIGH: std::ops::Range<usize> = 46..64;

/// The classes of a sample tagger: a tone near 1000 Hz, noise, low tones, and one that it never hears.
pub const SAMPLE_CLASSES: [&str; 4] = ["Siren", "Applause", "Explosion", "Gunshot, gunfire"];

/// Writes a tagger into a folder: `network.onnx`, which takes the log-mel patches of `YAMNet` and returns logits, and
/// `classes.csv`. It tells a tone near 1000 Hz from noise and from low tones by the energies of mel bands.
///
/// # Errors
/// The folder cannot be written.
pub fn write_sample_tagger(folder: &Path) -> Result<(), ModelError> {
    let mut table = "index,mid,display_name\n".to_owned();
    for (at, name) in SAMPLE_CLASSES.iter().enumerate() {
        table += &format!("{at},/sample/{at},\"{name}\"\n");
    }
    write_whole(&folder.join("classes.csv"), table.as_bytes())?;
    write_whole(&folder.join("network.onnx"), &network())?;
    Ok(())
}

fn network() -> Vec<u8> {
    let mut graph = GraphBuilder::new("sample-tagger");
    let patches = graph.input("patches", &[FRAMES, BANDS]);
    let mean = vec![ints("axes", &[1]), int("keepdims", 0)];
    let means = graph.operator("ReduceMean", &[&patches], mean);
    let rest: Vec<usize> = (0..BANDS).filter(|at| !MIDDLE.contains(at)).collect();
    let weights = [
        weights(&[(2.0, &MIDDLE.collect::<Vec<_>>()), (-2.0, &rest)]),
        weights(&[(1.5, &HIGH.collect::<Vec<_>>())]),
        weights(&[
            (1.5, &LOW.collect::<Vec<_>>()),
            (-1.5, &HIGH.collect::<Vec<_>>()),
        ]),
        vec![0.0; BANDS],
    ];
    let logits = graph.linear(&means, &weights.concat(), &[-4.0, -1.0, -6.0, -10.0]);
    graph.finish(&logits, "scores", &[SAMPLE_CLASSES.len()])
}

/// A weighted sum of means over bands.
fn weights(terms: &[(f32, &[usize])]) -> Vec<f32> {
    let mut weights = vec![0.0; BANDS];
    for (factor, bands) in terms {
        for &band in *bands {
            weights[band] += factor / bands.len() as f32;
        }
    }
    weights
}
