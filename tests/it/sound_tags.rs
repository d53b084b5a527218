//! Sounds by name: a tagger that the tests write hears tones and noise, from the video to the answer.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rushes::catalog::database;
use rushes_models::{EncoderOptions, ModelStore, write_sample_tagger};
use rushes_workers::sandbox::{Limits, Sandbox};
use rushes_workers::segment::DetectorKind;
use rushes_workers::stages::{
    EarlyTags, Output, ShotsTask, SoundTagsTask, SoundTask, Stages, Task,
};
use rushes_workers::storage::{Locator, S3Options, Storage};
use rushes_workers::watch::Watch;
use serde_json::{Value, json};

use crate::http::Server;
use crate::support::{Rushes, first, frames, models, told, videos};

/// Shots of 2.2 s: silence; a tone at 1000 Hz from 2.8 to 3.8 s; silence; noise from 7.2 to 8.2 s; a tone at 150 Hz from 9.4 to
/// 10.4 s.
const SOUNDS: &str = "aevalsrc=between(t\\,2.8\\,3.8)*0.25*sin(2*PI*1000*t)+between(t\\,7.2\\,8.2)*0.3*(2*random(0)-1)\
                      +between(t\\,9.4\\,10.4)*0.25*sin(2*PI*150*t):d=11:s=48000";

/// A folder of models with `lite` and a tagger `sample`.
struct Tagged {
    rushes: Rushes,
}

impl Tagged {
    /// `None` if the models are not installed.
    fn new() -> Option<Self> {
        let pulled = models()?;
        let rushes = Rushes::new()?;
        let models = rushes.folder.path().join("models");
        fs::create_dir_all(models.join("manifests")).unwrap();
        for model in ["lite", "minilm", "onnxruntime"] {
            symlink(pulled.join(model), models.join(model)).unwrap();
        }
        let rushes = rushes
            .with("RUSHES_MODELS", models.to_str().unwrap())
            .with("RUSHES_MODELS__SOUND_TO_TAGS", "sample")
            .with("RUSHES_WORK__SOUND", "true");
        let tagged = Self { rushes };
        write_sample_tagger(&tagged.made()).unwrap();
        tagged.describe("1", "classes = { file = \"classes.csv\" }");
        Some(tagged)
    }

    /// Where the files of the tagger come from.
    fn made(&self) -> PathBuf {
        self.rushes.folder.path().join("made")
    }

    fn models(&self) -> PathBuf {
        self.rushes.folder.path().join("models")
    }

    /// Writes the manifest of the tagger.
    fn describe(&self, revision: &str, classes: &str) {
        let file = |name: &str| {
            let path = self.made().join(name);
            format!(
                "[[files]]\nname = \"{name}\"\n[[files.sources]]\nfrom = \"file\"\npath = \"{}\"\n",
                path.display()
            )
        };
        let manifest = format!(
            "id = \"sample\"\nrevision = \"{revision}\"\nkind = \"sound-tagger\"\nlicence = \"MIT\"\n\
             description = \"a test\"\nrequires = [\"onnxruntime\"]\n{}{}[parameters]\n\
             architecture = \"sound-tagger\"\nruntime = \"onnxruntime\"\nweights = \"network.onnx\"\n\
             sample_rate = 16000\nwindow_s = 0.975\nhop_s = 0.48\nscores = \"logits\"\nthreshold = 0.5\n{classes}\n\
             [parameters.input]\nform = \"log-mel\"\nframe_s = 0.025\nstep_s = 0.010\nfft = 512\nbands = 64\n\
             low_hz = 125.0\nhigh_hz = 7500.0\nspectrum = \"magnitude\"\noffset = 0.001\n",
            file("network.onnx"),
            file("classes.csv"),
        );
        fs::write(self.models().join("manifests/sample.toml"), manifest).unwrap();
    }

    fn pull(&self) {
        let pulled = self.rushes.run(&["models", "pull", "sample"]);
        assert!(pulled.status.success(), "{}", told(&pulled));
    }

    /// A video of 5 shots of 55 frames each with a sound, encoded with `more` arguments.
    fn video(&self, name: &str, sound: &str, more: &[&str]) -> PathBuf {
        let folder = self.rushes.folder.path();
        let seed = name.bytes().map(usize::from).sum::<usize>() % 50;
        let picture = videos::made(&folder.join(format!("{name}.picture.mp4")), 5, 55, seed);
        let video = folder.join(name);
        let mut args = vec!["-i", text(&picture), "-f", "lavfi", "-i", sound];
        args.extend(more);
        args.extend(["-map", "0:v", "-map", "1:a", "-c:v", "copy", text(&video)]);
        videos::ffmpeg(&args);
        fs::remove_file(picture).unwrap();
        video
    }

    /// A video whose tone begins 4.6 s after its pictures.
    fn late(&self, name: &str) -> PathBuf {
        let folder = self.rushes.folder.path();
        let picture = videos::made(&folder.join("late.picture.mp4"), 5, 55, 17);
        let video = folder.join(name);
        let tone = "sine=f=1000:d=6.4:r=48000";
        videos::ffmpeg(&[
            "-i",
            text(&picture),
            "-itsoffset",
            "4.6",
            "-f",
            "lavfi",
            "-i",
            tone,
            "-c:a",
            "aac",
            "-map",
            "0:v",
            "-map",
            "1:a",
            "-c:v",
            "copy",
            text(&video),
        ]);
        fs::remove_file(picture).unwrap();
        video
    }

    fn by_sound(&self, query: &str) -> Value {
        self.rushes.json(&["search", "--in", "sound", query])
    }

    /// The stage of a job with the name `sound-tags` of the only video, or that of another name.
    fn stage(&self, name: &str) -> Value {
        let jobs = self.rushes.json(&["jobs"]);
        let stages = jobs["jobs"][0]["stages"].as_array().unwrap().iter();
        let found = stages.clone().find(|stage| stage["feature"] == name);
        found.unwrap_or_else(|| panic!("{jobs:#}")).clone()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn shots(answer: &Value) -> Vec<(u64, u64)> {
    let hits = answer["hits"].as_array().unwrap().iter();
    hits.map(frames).collect()
}

#[test]
fn a_sound_is_found_by_its_name_where_it_is_heard() {
    let Some(tagged) = Tagged::new() else { return };
    tagged.pull();
    let rushes = &tagged.rushes;
    let video = tagged.video("sounds.mp4", SOUNDS, &["-ac", "2", "-c:a", "aac"]);
    let summary = rushes.ingest(&[&video]);
    assert_eq!(summary["videos"][0]["state"], "ready", "{summary:#}");
    for (query, shot, name, word, (from, to)) in [
        ("a siren wails", (55, 110), "Siren", "siren", (2800, 3800)),
        (
            "people clapping",
            (165, 220),
            "Applause",
            "clapping",
            (7200, 8200),
        ),
        (
            "a car exploding",
            (220, 275),
            "Explosion",
            "exploding",
            (9400, 10_400),
        ),
    ] {
        let answer = tagged.by_sound(query);
        let hit = first(&answer);
        assert_eq!(frames(hit), shot, "{query}: {answer:#}");
        let evidence = &hit["evidence"]["sound"];
        assert_eq!(
            (&evidence["kind"], &evidence["name"], &evidence["word"]),
            (&json!("named"), &json!(name), &json!(word)),
            "{query}"
        );
        let (at, score) = (&evidence["at"], evidence["strength"].as_f64().unwrap());
        assert!(
            (from..to).contains(&at["ms"].as_u64().unwrap()),
            "{query}: {at}"
        );
        assert!((shot.0..shot.1).contains(&at["frame"].as_u64().unwrap()));
        assert!((0.5..=1.0).contains(&score), "{query}: {score}");
    }
    let named = tagged.by_sound("siren");
    assert_eq!(shots(&named), [(55, 110)]);
    assert_eq!(
        named["coverage"]["sound_tags"],
        json!({ "ready": 1, "failed": 0, "installed": true })
    );
    assert_eq!(
        tagged.by_sound("siren -applause")["hits"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    // It takes part unasked where a word is the name of a sound that was heard.
    let takes_part = |query: &str| {
        let answer = rushes.json(&["search", query]);
        answer["modalities"]
            .as_array()
            .unwrap()
            .contains(&json!("sound"))
    };
    assert!(takes_part("sirens at night") && !takes_part("a red car"));
    let unasked = rushes.json(&["search", "sirens"]);
    assert_eq!(frames(first(&unasked)), (55, 110), "{unasked:#}");
    // For people.
    let printed = told(&rushes.run(&["search", "--in", "sound", "siren"]));
    assert!(printed.contains("Siren at 00:00:0"), "{printed}");
    let id = first(&named)["shot"].as_str().unwrap();
    let shown = told(&rushes.run(&["show", id]));
    assert!(shown.contains("heard: Siren, "), "{shown}");
    let server = Server::start(rushes, &[]);
    let detail = server.json(&format!("/v1/shots/{id}"));
    let heard = detail["heard"].as_array().unwrap();
    assert_eq!(
        (heard.len(), &heard[0]["name"]),
        (1, &json!("Siren")),
        "{detail:#}"
    );
    assert_eq!(heard[0]["at"], first(&named)["evidence"]["sound"]["at"]);
}

#[test]
fn sound_of_any_shape_is_named() {
    let Some(tagged) = Tagged::new() else { return };
    tagged.pull();
    let rushes = &tagged.rushes;
    let tone = "sine=f=1000:d=11:r=48000";
    let none = rushes.folder.path().join("none.mp4");
    let plain = videos::made(&rushes.folder.path().join("plain.mp4"), 2, 40, 3);
    videos::ffmpeg(&["-i", text(&plain), "-an", "-c:v", "copy", text(&none)]);
    let all = [
        tagged.video("narrow.mkv", tone, &["-ar", "8000", "-c:a", "pcm_s16le"]),
        tagged.video(
            "wide.mkv",
            tone,
            &["-af", "pan=7.1|FC=c0|LFE=c0|BL=c0|SR=c0", "-c:a", "flac"],
        ),
        tagged.video("short.mkv", "sine=f=1000:d=0.6:r=48000", &["-c:a", "flac"]),
        tagged.late("late.mp4"),
        none,
    ];
    let summary = rushes.ingest(&all.each_ref().map(PathBuf::as_path));
    let answer = rushes.json(&["search", "--in", "sound", "siren", "--limit", "50"]);
    let mut found: Vec<(String, u64)> = Vec::new();
    for hit in answer["hits"].as_array().unwrap() {
        let uri = hit["asset"]["uri"].as_str().unwrap();
        let name = uri.rsplit('/').next().unwrap().to_owned();
        assert_eq!(hit["evidence"]["sound"]["name"], "Siren");
        found.push((name, frames(hit).0));
    }
    found.sort();
    let shots = [0, 55, 110, 165, 220];
    let of = |name: &str, starts: &[u64]| -> Vec<(String, u64)> {
        starts
            .iter()
            .map(|start| (name.to_owned(), *start))
            .collect()
    };
    // What is shorter than a window is heard in the first shot only.
    let right = [
        of("late.mp4", &[110, 165, 220]),
        of("narrow.mkv", &shots),
        of("short.mkv", &[0]),
        of("wide.mkv", &shots),
    ]
    .concat();
    assert_eq!(found, right);
    for video in summary["videos"].as_array().unwrap() {
        assert_eq!(video["state"], "ready", "{video:#}");
    }
    assert_eq!(answer["coverage"]["sound_tags"]["ready"], 5);
}

#[test]
fn a_tagger_that_does_not_fit_costs_only_the_names_and_is_replaced() {
    let Some(tagged) = Tagged::new() else { return };
    let rushes = &tagged.rushes;
    let video = tagged.video("sounds.mkv", SOUNDS, &["-c:a", "flac"]);
    // Before it is installed, all else is done, and the answer says what is missing.
    rushes.ingest(&[&video]);
    let before = tagged.by_sound("siren");
    let nobody = json!({ "ready": 0, "failed": 0, "installed": false });
    // Measures do not wait for names.
    assert_eq!(before["coverage"]["ready"], 1, "{before:#}");
    assert_eq!(
        (&before["hits"], &before["coverage"]["sound_tags"]),
        (&json!([]), &nobody)
    );
    let doctor = rushes.json_any(&["doctor"]).0;
    let checks = doctor.as_array().unwrap().iter();
    let check = |what: &str| checks.clone().find(|check| check["what"] == what).unwrap();
    let sounds = check("sounds by name");
    assert_eq!(
        (&sounds["ok"], &sounds["optional"], &sounds["fix"]),
        (
            &json!(false),
            &json!(true),
            &json!("rushes models pull sample")
        )
    );
    let measured = shots(&rushes.json(&["search", "silent:no"]));
    assert_eq!(measured, [(55, 110), (165, 220), (220, 275)]);

    // Three names for four scores.
    tagged.describe("1", "classes = [\"Siren\", \"Applause\", \"Explosion\"]");
    tagged.pull();
    rushes.json_any(&["ingest", text(&video)]);
    let stage = tagged.stage("sound-tags");
    assert_eq!(stage["state"], "failed", "{stage:#}");
    let reason = stage["reason"].as_str().unwrap();
    for part in [
        "network.onnx",
        "4 classes",
        "names for 3",
        "correct the manifest",
    ] {
        assert!(reason.contains(part), "{reason}");
    }
    let broken = tagged.by_sound("siren");
    assert_eq!(
        broken["coverage"]["sound_tags"],
        json!({ "ready": 0, "failed": 1, "installed": true })
    );
    let printed = told(&rushes.run(&["search", "--in", "sound", "siren"]));
    assert!(
        printed.contains("could not be listened to for sounds by name"),
        "{printed}"
    );
    assert_eq!(shots(&rushes.json(&["search", "silent:no"])), measured);

    // A corrected manifest: the same run is tried again.
    tagged.describe("1", "classes = { file = \"classes.csv\" }");
    rushes.ingest(&[&video]);
    assert_eq!(shots(&tagged.by_sound("siren")), [(55, 110)]);
    // Another revision replaces what the one before has named.
    tagged.describe(
        "2",
        "classes = [\"Alarm\", \"Applause\", \"Explosion\", \"\"]",
    );
    tagged.pull();
    rushes.ingest(&[&video]);
    assert_eq!(shots(&tagged.by_sound("siren")), []);
    assert_eq!(shots(&tagged.by_sound("alarm")), [(55, 110)]);
    assert_eq!(shots(&rushes.json(&["search", "silent:no"])), measured);
    // They are deleted with the video.
    let deleted = rushes.run(&["delete", "sounds", "--yes"]);
    assert!(deleted.status.success(), "{}", told(&deleted));
    assert_eq!(tagged.by_sound("alarm")["hits"], json!([]));
    assert_eq!(rows(&tagged), 0);
}

#[tokio::main(flavor = "current_thread")]
async fn rows(tagged: &Tagged) -> i64 {
    let catalog = tagged.rushes.catalog().await;
    let mut db = catalog.read().await.unwrap();
    database::query_scalar("SELECT COUNT(*) FROM sound_tags")
        .fetch_one(&mut db)
        .await
        .unwrap()
}

/// The stages of a worker on a folder.
fn stages(tagged: &Tagged) -> Stages {
    let store = tagged.rushes.folder.path().join("store");
    fs::create_dir_all(&store).unwrap();
    Stages::new(
        Storage::open(text(&store), S3Options::default()).unwrap(),
        Sandbox {
            command: env!("CARGO_BIN_EXE_rushes").into(),
            args: vec!["decode-child".into()],
            limits: Limits::default(),
        },
        ModelStore::open(tagged.models()).unwrap(),
        EncoderOptions::threads(1),
    )
}

#[test]
fn the_sound_is_decoded_once_for_its_measures_and_its_names() {
    let Some(tagged) = Tagged::new() else { return };
    tagged.pull();
    let video = tagged.video("once.mkv", SOUNDS, &["-c:a", "flac"]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _entered = runtime.enter();
    let stages = stages(&tagged);
    let uri = format!("file://{}", video.display());
    let media: Locator = runtime.block_on(stages.storage.locate(&uri)).unwrap();
    let watch = Watch::default();
    let compute = |task: Task, prefix: &str| stages.compute(&task, prefix, &watch).unwrap();
    let scan = ShotsTask {
        media: media.clone(),
        detector: DetectorKind::default(),
        proxies: None,
    };
    let Output::Shots(scan) = compute(scan.into(), "runs/shots") else {
        panic!("another feature");
    };
    let shots: Vec<(u64, u64)> = scan
        .shots
        .iter()
        .map(|shot| (shot.start, shot.end))
        .collect();
    let name = |shots: &[(u64, u64)]| SoundTagsTask {
        media: media.clone(),
        timeline: scan.timeline.clone(),
        shots: shots.to_vec(),
        model: "sample".to_owned(),
    };
    let alone = compute(name(&shots).into(), "runs/alone");
    let sound = |tags: Option<EarlyTags>| SoundTask {
        media: media.clone(),
        timeline: scan.timeline.clone(),
        shots: shots.clone(),
        tags,
    };
    let early = EarlyTags {
        prefix: "runs/tags".to_owned(),
        model: "sample".to_owned(),
    };
    let measured = compute(sound(Some(early)).into(), "runs/sound");
    assert_eq!(measured, compute(sound(None).into(), "runs/other"));
    // A tagger that does not exist costs nothing here.
    let missing = EarlyTags {
        prefix: "runs/missing".to_owned(),
        model: "nonsense".to_owned(),
    };
    assert_eq!(measured, compute(sound(Some(missing)).into(), "runs/third"));

    fs::remove_file(&video).unwrap();
    let task: Task = name(&shots).into();
    let named = compute(task.clone(), "runs/tags");
    assert_eq!(named, alone);
    let Output::SoundTags(found) = &named else {
        panic!("another feature");
    };
    let brief: Vec<(u64, &str)> = found
        .tags
        .iter()
        .map(|tag| (tag.shot, &*tag.name))
        .collect();
    assert_eq!(brief, [(1, "Siren"), (3, "Applause"), (4, "Explosion")]);
    // What only that run needed is gone when it is done.
    stages.tidy(&task, "runs/tags").unwrap();
    let refused = stages.compute(&task, "runs/tags", &watch);
    assert!(refused.is_err(), "{refused:?}");
}
