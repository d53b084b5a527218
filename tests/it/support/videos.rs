//! Videos made by FFmpeg, with cuts at known frames.

use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) use super::ffmpeg::ffmpeg;

/// Number of pictures in a video, counted by decoding it.
pub(crate) fn frame_count(file: &Path) -> usize {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-select_streams", "v:0"])
        .args(["-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"])
        .arg(file)
        .output()
        .expect("ffprobe comes with ffmpeg");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().unwrap()
}

/// Pictures that differ enough for a cut between any two of them. Sources that draw at random have a seed, so that
/// every run sees the same pictures.
const PATTERNS: &[&str] = &[
    "testsrc2",
    "smptebars",
    "mandelbrot=end_scale=0.1",
    "life=ratio=0.1:mold=10:life_color=yellow:death_color=blue:seed=7",
    "rgbtestsrc",
    "gradients=speed=0.01:seed=7",
    "cellauto=rule=110:seed=7",
];

/// A video of `shots` shots of `frames` frames each at 25 frames per second, with a tone. `seed` selects the
/// pictures, so videos with different seeds have different bytes.
pub(crate) fn made(file: &Path, shots: usize, frames: usize, seed: usize) -> PathBuf {
    let mut graph = String::new();
    let seconds = frames as f64 / 25.0;
    for shot in 0..shots {
        let pattern = PATTERNS[(shot + seed) % PATTERNS.len()];
        let separator = if pattern.contains('=') { ':' } else { '=' };
        graph.push_str(&format!(
            "{pattern}{separator}size=320x240:rate=25,trim=end_frame={frames},setpts=PTS-STARTPTS,\
             format=yuv420p,hue=h={}[v{shot}];",
            (seed * 37 + shot * 11) % 360
        ));
    }
    for shot in 0..shots {
        graph.push_str(&format!("[v{shot}]"));
    }
    graph.push_str(&format!(
        "concat=n={shots}[v];sine=f={}:d={}[a]",
        300 + seed * 10,
        seconds * shots as f64
    ));
    ffmpeg(&[
        "-filter_complex",
        &graph,
        "-map",
        "[v]",
        "-map",
        "[a]",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-crf",
        "23",
        "-c:a",
        "aac",
        file.to_str().unwrap(),
    ]);
    file.to_owned()
}

/// The talking faces of the material, concatenated: a cut every 75 frames, and a subtitle file of the
/// sentences. Returns the video and the sentences in order.
pub(crate) fn grid(material: &Path, folder: &Path) -> (PathBuf, Vec<String>) {
    let mut clips: Vec<PathBuf> = std::fs::read_dir(material.join("grid"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "mpg"))
        .collect();
    clips.sort();
    let video = folder.join("grid.mp4");
    let mut args: Vec<String> = Vec::new();
    let mut graph = String::new();
    for (at, clip) in clips.iter().enumerate() {
        args.extend(["-i".to_owned(), clip.display().to_string()]);
        graph.push_str(&format!("[{at}:v]"));
    }
    graph.push_str(&format!("concat=n={}:v=1:a=0[v]", clips.len()));
    args.extend([
        "-filter_complex".to_owned(),
        graph,
        "-map".to_owned(),
        "[v]".to_owned(),
    ]);
    args.push(video.display().to_string());
    ffmpeg(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let names: Vec<&str> = clips
        .iter()
        .map(|clip| clip.file_stem().unwrap().to_str().unwrap())
        .collect();
    let said: Vec<String> = names.iter().map(|name| sentence(name)).collect();
    let srt: String = said
        .iter()
        .enumerate()
        .map(|(at, text)| {
            let clock = |s: usize, ms: usize| format!("00:{:02}:{:02},{ms:03}", s / 60, s % 60);
            format!(
                "{}\n{} --> {}\n{text}\n\n",
                at + 1,
                clock(at * 3, 200),
                clock(at * 3 + 2, 900)
            )
        })
        .collect();
    std::fs::write(video.with_extension("srt"), srt).unwrap();
    (video, said)
}

/// The sentence of a file name in the GRID corpus: `bbaf2n` is "bin blue at f two now".
fn sentence(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let command = match letters[0] {
        'b' => "bin",
        'l' => "lay",
        'p' => "place",
        _ => "set",
    };
    let colour = match letters[1] {
        'b' => "blue",
        'g' => "green",
        'r' => "red",
        _ => "white",
    };
    let preposition = match letters[2] {
        'a' => "at",
        'b' => "by",
        'i' => "in",
        _ => "with",
    };
    let digit = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    ][letters[4].to_digit(10).unwrap_or(0) as usize];
    let adverb = match letters[5] {
        'a' => "again",
        'n' => "now",
        'p' => "please",
        _ => "soon",
    };
    format!(
        "{command} {colour} {preposition} {} {digit} {adverb}",
        letters[3]
    )
}
