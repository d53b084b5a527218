//! Films for the golden queries: real shots and generated titles, with speech, bangs, a roar, music and silence at known
//! frames.
//!
//! All films have 25 frames per second. A film's title is its file name without the ending.

use std::path::{Path, PathBuf};

/// The clips of the GRID corpus, 75 frames each, and the sign that is drawn into each of them.
const TALK: [(&str, &str); 11] = [
    ("bbaf2n", ""),
    ("brbk7n", "PIER NINE"),
    ("id2_vcd_swwp2s", ""),
    ("lbax4n", ""),
    ("lbbc2a", "HARBOUR DINER"),
    ("lrwp9a", ""),
    ("lwbsza", ""),
    ("pwij3p", ""),
    ("sbia1a", "NIGHT TRAIN"),
    ("sbwe5n", ""),
    ("swiz3n", "PIER NINE"),
];

/// Shots of real videos: the file, the second where it begins, and what is heard. Each has [`PLACE`] frames.
const PLACES: [(&str, &str, Sound); 12] = [
    ("bikes.mp4", "5.6", Sound::Quiet),
    ("intel_bottle-detection.mp4", "5", Sound::Bang),
    ("big_buck_bunny_0_30.webm", "6", Sound::Music),
    ("big_buck_bunny_0_30.webm", "12.5", Sound::Silence),
    ("big_buck_bunny_0_30.webm", "18", Sound::Quiet),
    ("fire2.mp4", "0.1", Sound::Roar),
    ("mapillary_sample-5s.mp4", "1", Sound::Silence),
    ("intel_one-by-one-person-detection.mp4", "12", Sound::Quiet),
    ("intel_car-detection.mp4", "15.8", Sound::Bang),
    ("chaplin.mp4", "3", Sound::Bang),
    ("carphone_pristine.mp4", "1", Sound::Quiet),
    ("bikes.mp4", "3.2", Sound::Quiet),
];
const PLACE: u32 = 50;

/// Titles on coloured grounds, and what is heard. Each has [`CARD`] frames.
const CARDS: [(&str, &str, Sound); 7] = [
    ("HARBOUR DINER", "0x203040:c1=0x406080", Sound::Quiet),
    (
        "NIGHT TRAIN TO LISBON",
        "0x101010:c1=0x303060",
        Sound::Quiet,
    ),
    ("NO ENTRY", "0x802020:c1=0xc04040", Sound::Bang),
    ("CHAPTER THREE", "0x204020:c1=0x60a060", Sound::Bang),
    ("BICYCLE THIEVES", "0x604020:c1=0xa08040", Sound::Quiet),
    ("EMERGENCY EXIT", "0x006040:c1=0x00a070", Sound::Silence),
    ("FIREWORKS TONIGHT", "0x200040:c1=0x8020a0", Sound::Quiet),
];
const CARD: u32 = 60;

/// Patterns over which Kennedy speaks, and their frames.
const ADDRESS: [(&str, u32); 4] = [
    ("smptebars=s=320x240:r=25", 80),
    ("mandelbrot=s=320x240:rate=25:end_scale=0.1", 55),
    ("rgbtestsrc=s=320x240:r=25", 65),
    ("testsrc2=s=320x240:r=25", 75),
];

/// What is heard in a shot.
#[derive(Clone, Copy, PartialEq)]
enum Sound {
    Quiet,
    Silence,
    /// A burst of noise half a second after the shot begins.
    Bang,
    /// Loud noise throughout.
    Roar,
    /// Chords.
    Music,
}

/// Makes the films in `folder` from the material, with `ffmpeg`.
pub(crate) fn make(material: &Path, folder: &Path, ffmpeg: impl Fn(&[&str])) -> Vec<PathBuf> {
    let video = material.join("video");
    let places = PLACES.map(|(file, from, _)| {
        let input = ["-ss", from, "-t", "4", "-i"].map(str::to_owned);
        [&input[..], &[text(&video.join(file))]].concat()
    });
    let places = Film {
        inputs: places.concat(),
        shots: (0..PLACES.len())
            .map(|at| {
                format!(
                    "[{at}:v]fps=25,tpad=stop_mode=clone:stop=50,scale=640:360:force_original_aspect_ratio=decrease,\
                     pad=640:360:-1:-1,setsar=1,trim=end_frame={PLACE},setpts=PTS-STARTPTS"
                )
            })
            .collect(),
        sound: noises(&PLACES.map(|(.., sound)| sound), PLACE),
    };
    let cards = Film {
        inputs: Vec::new(),
        shots: CARDS
            .iter()
            .map(|(title, colours, _)| {
                format!(
                    "gradients=s=640x360:seed=7:c0={colours}:x0=0:y0=0:x1=640:y1=360:speed=0.01:r=25,\
                     trim=end_frame={CARD},{}",
                    written(title, 44, "(h-th)/2")
                )
            })
            .collect(),
        sound: noises(&CARDS.map(|(.., sound)| sound), CARD),
    };
    let address = Film {
        inputs: vec!["-i".to_owned(), text(&material.join("audio/jfk.flac"))],
        shots: ADDRESS
            .iter()
            .map(|(pattern, frames)| {
                format!("{pattern},trim=end_frame={frames},setpts=PTS-STARTPTS")
            })
            .collect(),
        sound: "[0:a]anull".to_owned(),
    };
    let clips = TALK.map(|(clip, _)| text(&material.join(format!("grid/{clip}.mpg"))));
    let heard: String = (0..TALK.len())
        .map(|at| format!("[{at}:a]aresample=44100,apad,atrim=0:3[a{at}];"))
        .collect();
    let joined: String = (0..TALK.len()).map(|at| format!("[a{at}]")).collect();
    let talk = Film {
        inputs: clips
            .iter()
            .flat_map(|clip| ["-i".to_owned(), clip.clone()])
            .collect(),
        shots: (0..)
            .zip(TALK)
            .map(|(at, (_, sign))| match sign {
                "" => format!("[{at}:v]trim=end_frame=75"),
                sign => format!("[{at}:v]trim=end_frame=75,{}", written(sign, 34, "14")),
            })
            .collect(),
        sound: format!("{heard}{joined}concat=n={}:v=0:a=1", TALK.len()),
    };
    let films = [
        ("talk", talk),
        ("places", places),
        ("cards", cards),
        ("address", address),
    ];
    let made = films.into_iter().map(|(title, film)| {
        let file = folder.join(format!("{title}.mp4"));
        let args = film.args(&text(&file));
        ffmpeg(&args.iter().map(String::as_str).collect::<Vec<_>>());
        file
    });
    made.collect()
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// A filter that draws a line in the middle at a height.
fn written(line: &str, size: u32, y: &str) -> String {
    format!(
        "drawtext=font='DejaVu Sans':text='{line}':fontsize={size}:fontcolor=white:borderw=2:x=(w-tw)/2:y={y}"
    )
}

/// A film as ffmpeg is asked for it.
struct Film {
    inputs: Vec<String>,
    /// A filter graph of each shot, without its output.
    shots: Vec<String>,
    /// That of the sound.
    sound: String,
}

impl Film {
    fn args(self, file: &str) -> Vec<String> {
        let mut graph = String::new();
        for (at, shot) in self.shots.iter().enumerate() {
            graph.push_str(&format!("{shot},format=yuv420p[v{at}];"));
        }
        for at in 0..self.shots.len() {
            graph.push_str(&format!("[v{at}]"));
        }
        graph.push_str(&format!(
            "concat=n={}[v];{}[a]",
            self.shots.len(),
            self.sound
        ));
        let output = [
            "-map",
            "[v]",
            "-map",
            "[a]",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-crf",
            "20",
        ];
        let output = output.into_iter().chain(["-c:a", "aac", "-shortest", file]);
        let graph = ["-filter_complex".to_owned(), graph];
        self.inputs
            .into_iter()
            .chain(graph)
            .chain(output.map(str::to_owned))
            .collect()
    }
}

/// A source of sound for shots of `frames` frames each.
fn noises(shots: &[Sound], frames: u32) -> String {
    let seconds = f64::from(frames) / 25.0;
    let parts: Vec<String> = shots
        .iter()
        .zip(0_u32..)
        .filter_map(|(sound, at)| {
            let from = f64::from(at) * seconds;
            let within = format!("between(t\\,{from}\\,{})", from + seconds);
            match sound {
                Sound::Silence => None,
                Sound::Quiet => Some(format!("{within}*0.003*(random(0)*2-1)")),
                Sound::Bang => {
                    let bang = from + 0.5;
                    Some(format!(
                        "{within}*(0.003*(random(0)*2-1)+gte(t\\,{bang})*0.7*(random(1)*2-1)*exp(-9*(t-{bang})))"
                    ))
                }
                Sound::Roar => Some(format!("{within}*0.9*(random(2)*2-1)")),
                Sound::Music => Some(format!(
                    "{within}*0.08*(sin(2*PI*262*t)+sin(2*PI*(330+20*gte(mod(t\\,1)\\,0.5))*t)+sin(2*PI*392*t))"
                )),
            }
        })
        .collect();
    let whole = f64::from(u32::try_from(shots.len()).unwrap_or(0)) * seconds;
    format!("aevalsrc={}:d={whole}:s=48000", parts.join("+"))
}
