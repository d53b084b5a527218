//! Tiny networks that the tests write, on the real ONNX Runtime.

use std::f32::consts::TAU;
use std::fs;

use super::*;
use crate::kind::ErrorKind;
use crate::manifest::ManifestSet;
use crate::onnx::{Axis, Element, GraphBuilder, Value, int, ints};
use crate::testing::models;

const MEL: &str = r#"
[parameters.input]
form = "log-mel"
frame_s = 0.025
step_s = 0.010
fft = 512
bands = 64
low_hz = 125.0
high_hz = 7500.0
spectrum = "magnitude"
offset = 0.001
"#;
const WAVEFORM: &str = "[parameters.input]\nform = \"waveform\"\n";

/// A store with a tagger of the id `tiny` and the real runtime.
struct Tiny {
    _folder: tempfile::TempDir,
    store: ModelStore,
}

impl Tiny {
    /// `None` if the runtime is not installed. `own` is the part of the manifest that tests vary, `input` its last table.
    fn new(network: &[u8], classes: &str, own: &str, input: &str) -> Option<Self> {
        let runtime = models(&["onnxruntime"])?.join("onnxruntime");
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(runtime, folder.path().join("onnxruntime")).unwrap();
        let own_folder = folder.path().join("tiny/1");
        fs::create_dir_all(&own_folder).unwrap();
        fs::write(own_folder.join("network.onnx"), network).unwrap();
        fs::write(own_folder.join("classes.csv"), classes).unwrap();
        let mut manifests = ManifestSet::built_in();
        manifests.insert(Manifest::parse("tiny.toml", &manifest(own, input)).unwrap());
        let store = ModelStore::with_manifests(folder.path().to_owned(), manifests);
        Some(Self {
            _folder: folder,
            store,
        })
    }

    /// The sample tagger.
    fn sample() -> Option<Self> {
        let made = tempfile::tempdir().unwrap();
        write_sample_tagger(made.path()).unwrap();
        let network = fs::read(made.path().join("network.onnx")).unwrap();
        let classes = fs::read_to_string(made.path().join("classes.csv")).unwrap();
        Self::new(&network, &classes, LOGITS, MEL)
    }

    fn open(&self) -> Result<SoundTagger, ModelError> {
        SoundTagger::open(&self.store, "tiny", 1)
    }

    /// Why it cannot be opened, or cannot name a second of silence.
    fn refusal(&self) -> ModelError {
        match self.open() {
            Err(error) => error,
            Ok(mut tagger) => {
                let mut tagging = Tagging::new(0);
                let pushed = tagging.push(&mut tagger, &vec![0.0; 16_000]);
                pushed
                    .and_then(|_| tagging.finish(&mut tagger))
                    .unwrap_err()
            }
        }
    }
}

const LOGITS: &str = "scores = \"logits\"\nclasses = { file = \"classes.csv\" }";
const TWO: &str = "scores = \"probabilities\"\nclasses = [\"Quiet\", \"Loud\"]";

fn manifest(own: &str, input: &str) -> String {
    let file = |name: &str| {
        format!(
            "[[files]]\nname = \"{name}\"\n[[files.sources]]\nfrom = \"file\"\npath = \"/{name}\"\n"
        )
    };
    format!(
        "id = \"tiny\"\nrevision = \"1\"\nkind = \"sound-tagger\"\nlicence = \"MIT\"\ndescription = \"a test\"\n\
         requires = [\"onnxruntime\"]\n{}{}[parameters]\narchitecture = \"sound-tagger\"\nruntime = \"onnxruntime\"\n\
         weights = \"network.onnx\"\nsample_rate = 16000\nwindow_s = 0.975\nhop_s = 0.48\nthreshold = 0.5\n{own}\n{input}",
        file("network.onnx"),
        file("classes.csv"),
    )
}

/// A network on samples that gives the classes `Quiet` and `Loud` 1 - 2 m and 2 m, for the mean magnitude m.
fn loudness(axes: &[Axis]) -> Vec<u8> {
    let mut graph = GraphBuilder::new("loudness");
    let samples = graph.shaped_input("waveform", Element::F32, axes);
    let magnitudes = graph.operator("Abs", &[&samples], Vec::new());
    let last = axes.len() - 1;
    let mean = vec![ints("axes", &[last]), int("keepdims", 1)];
    let mean = graph.operator("ReduceMean", &[&magnitudes], mean);
    let factors = graph.constant(&[2], &[-2.0, 2.0]);
    let offsets = graph.constant(&[2], &[1.0, 0.0]);
    let scaled = graph.operator("Mul", &[&mean, &factors], Vec::new());
    let scores = graph.add(&scaled, &offsets);
    let mut shape = axes.to_vec();
    shape[last] = Axis::Of(2);
    finish(graph, &scores, &shape)
}

fn finish(mut graph: GraphBuilder, scores: &Value, shape: &[Axis]) -> Vec<u8> {
    graph.shaped_output(scores, "scores", shape);
    graph.build()
}

/// A network that returns its samples.
fn echo(axes: &[Axis]) -> Vec<u8> {
    let mut graph = GraphBuilder::new("samples");
    let samples = graph.shaped_input("waveform", Element::F32, axes);
    finish(graph, &samples, axes)
}

fn tone(hertz: f32, seconds: usize) -> Vec<f32> {
    let sample = |n: usize| 0.25 * (TAU * (hertz * n as f32 / 16_000.0).fract()).sin();
    (0..16_000 * seconds).map(sample).collect()
}

/// Noise that is the same in every run: a linear congruential generator.
fn noise(seconds: usize) -> Vec<f32> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    (0..16_000 * seconds).map(|_| 0.3 * next()).collect()
}

/// The windows of a sound that is given in parts of odd lengths.
fn windows(tagger: &mut SoundTagger, sound: &[f32]) -> Vec<TaggedWindow> {
    let mut tagging = Tagging::new(0);
    let mut found = Vec::new();
    for part in sound.chunks(7919) {
        found.extend(tagging.push(tagger, part).unwrap());
    }
    found.extend(tagging.finish(tagger).unwrap());
    found
}

/// What is heard in each window, and in none if it is silent.
fn heard<'a>(tagger: &'a SoundTagger, found: &[TaggedWindow]) -> Vec<Option<&'a str>> {
    let best = found.iter().map(|window| window.heard.first());
    best.map(|best| best.map(|&(class, _)| tagger.names()[class].as_str()))
        .collect()
}

#[test]
fn tones_and_noise_have_their_names_where_they_are_heard() {
    let Some(tiny) = Tiny::sample() else { return };
    let mut tagger = tiny.open().unwrap();
    assert_eq!((tagger.name(), tagger.rate()), ("tiny@1", 16_000));
    assert_eq!(tagger.names(), SAMPLE_CLASSES);
    let silence = vec![0.0; 16_000 * 3];
    let sound = [tone(1000.0, 3), silence, noise(3), tone(150.0, 3)].concat();
    let found = windows(&mut tagger, &sound);
    // As many as pad_waveform of YAMNet makes.
    assert_eq!(found.len(), 1 + (sound.len() - 15_600).div_ceil(7_680));
    assert!(
        found
            .windows(2)
            .all(|pair| pair[1].middle - pair[0].middle == 7_680)
    );
    let named = heard(&tagger, &found);
    for (window, name) in found.iter().zip(named) {
        // A window is 0.975 s long.
        let at = window.middle as f32 / 16_000.0;
        let right = match at {
            0.0..2.4 => Some("Siren"),
            3.5..5.4 => None,
            6.5..8.4 => Some("Applause"),
            9.5..11.4 => Some("Explosion"),
            _ => continue,
        };
        assert_eq!(name, right, "{at} s");
        assert!(
            window
                .heard
                .iter()
                .all(|&(_, score)| (0.5..=1.0).contains(&score))
        );
    }
}

#[test]
fn sound_shorter_than_a_window_is_one_window_and_no_sound_is_none() {
    let Some(tiny) = Tiny::sample() else { return };
    let mut tagger = tiny.open().unwrap();
    assert_eq!(windows(&mut tagger, &[]), []);
    let short = windows(&mut tagger, &tone(1000.0, 1)[..12_000]);
    assert_eq!(heard(&tagger, &short), [Some("Siren")]);
    assert_eq!(short[0].middle, 7_800);
    // What a window has covered makes no other one.
    assert_eq!(windows(&mut tagger, &vec![0.0; 15_600]).len(), 1);
    assert_eq!(windows(&mut tagger, &vec![0.0; 15_601]).len(), 2);
    let batch = 15_600 + 7 * 7_680;
    assert_eq!(windows(&mut tagger, &vec![0.0; batch]).len(), 8);
}

#[test]
fn long_sound_is_kept_a_few_windows_at_a_time() {
    let Some(tiny) = Tiny::sample() else { return };
    let mut tagger = tiny.open().unwrap();
    let (mut tagging, second) = (Tagging::new(0), tone(1000.0, 1));
    let (mut windows, mut most) = (0, 0);
    for _ in 0..600 {
        windows += tagging.push(&mut tagger, &second).unwrap().len();
        most = most.max(tagging.kept());
    }
    windows += tagging.finish(&mut tagger).unwrap().len();
    assert_eq!(windows, 1 + (600 * 16_000_usize - 15_600).div_ceil(7_680));
    assert!(most <= 15_600 + 8 * 7_680, "{most}");
}

#[test]
fn a_network_may_take_samples_of_one_window_or_of_several() {
    for axes in [
        vec![Axis::Any("windows"), Axis::Any("samples")],
        vec![Axis::Of(1), Axis::Of(15_600)],
        vec![Axis::Any("samples")],
    ] {
        let Some(tiny) = Tiny::new(&loudness(&axes), "", TWO, WAVEFORM) else {
            return;
        };
        let mut tagger = tiny.open().unwrap();
        let loud: Vec<f32> = (0..16_000 * 8)
            .map(|n| if n < 64_000 { 0.0 } else { 0.45 })
            .collect();
        let found = windows(&mut tagger, &loud);
        let named = heard(&tagger, &found);
        assert_eq!(named.first(), Some(&Some("Quiet")), "{axes:?}");
        assert_eq!(named[named.len() - 3], Some("Loud"), "{axes:?}");
        let score = found[named.len() - 3].heard[0].1;
        assert!((score - 0.9).abs() < 1e-4, "{axes:?}: {score}");
    }
}

#[test]
fn a_network_that_does_not_fit_its_manifest_is_refused_with_the_file_and_the_reason() {
    let any = [Axis::Any("windows"), Axis::Any("samples")];
    let short = [Axis::Any("windows"), Axis::Of(8_000)];
    let deep = [Axis::Of(1), Axis::Of(1), Axis::Any("samples")];
    let logits = "scores = \"probabilities\"\nclasses = [\"Quiet\", \"Loud\"]\noutput = \"logits\"";
    let three = "scores = \"logits\"\nclasses = [\"a\", \"b\", \"c\"]";
    for (network, own, input, reason) in [
        (b"no network".to_vec(), TWO, WAVEFORM, "cannot load it"),
        (loudness(&short), TWO, WAVEFORM, "[-1, 8000]"),
        (loudness(&deep), TWO, WAVEFORM, "[1, 1, -1]"),
        (loudness(&any), TWO, MEL, "makes [96, 64]"),
        (
            loudness(&any),
            logits,
            WAVEFORM,
            "no output \"logits\"; its outputs are scores",
        ),
        (
            loudness(&any),
            three,
            WAVEFORM,
            "scores for 2 classes, and there are names for 3",
        ),
    ] {
        let Some(tiny) = Tiny::new(&network, "", own, input) else {
            return;
        };
        let error = tiny.refusal();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        let text = error.to_string();
        assert!(text.contains(reason), "{reason}: {text}");
        for part in [
            "network.onnx",
            "correct the manifest",
            "rushes models verify tiny",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}

#[test]
fn outputs_that_are_no_scores_are_refused() {
    let batch = [Axis::Any("windows"), Axis::Any("samples")];
    let scores = |make: &dyn Fn(&mut GraphBuilder, &Value) -> Value, classes: Axis| {
        let mut graph = GraphBuilder::new("broken");
        let samples = graph.shaped_input("waveform", Element::F32, &batch);
        let mean = vec![ints("axes", &[1]), int("keepdims", 1)];
        let mean = graph.operator("ReduceMean", &[&samples], mean);
        let made = make(&mut graph, &mean);
        finish(graph, &made, &[Axis::Any("windows"), classes])
    };
    let spread = |graph: &mut GraphBuilder, mean: &Value, offsets: &[f32]| {
        let offsets = graph.constant(&[offsets.len()], offsets);
        graph.add(mean, &offsets)
    };
    let root = |graph: &mut GraphBuilder, mean: &Value| {
        let negative = spread(graph, mean, &[-1.0, -1.0]);
        graph.operator("Sqrt", &[&negative], Vec::new())
    };
    let three = |graph: &mut GraphBuilder, mean: &Value| spread(graph, mean, &[0.0, 0.0, 0.0]);
    let seven = |graph: &mut GraphBuilder, mean: &Value| spread(graph, mean, &[0.5, 7.0]);
    for (network, kind, reason) in [
        (scores(&root, Axis::Of(2)), ErrorKind::Corrupt, "not finite"),
        // The length of this axis is known only once the network runs.
        (
            echo(&batch),
            ErrorKind::InvalidInput,
            "15600] for 2 windows, and there are names for 2 classes",
        ),
        (
            scores(&three, Axis::Any("classes")),
            ErrorKind::InvalidInput,
            "scores for 3 classes, and there are names for 2",
        ),
        (
            scores(&seven, Axis::Of(2)),
            ErrorKind::InvalidInput,
            "returned 7 where the manifest says that scores are probabilities",
        ),
    ] {
        let Some(tiny) = Tiny::new(&network, "", TWO, WAVEFORM) else {
            return;
        };
        let error = tiny.refusal();
        assert_eq!(error.kind(), kind, "{error}");
        let text = error.to_string();
        assert!(
            text.contains(reason) && text.contains("network.onnx"),
            "{text}"
        );
    }
}

#[test]
fn a_list_of_classes_that_cannot_be_read_is_refused() {
    let any = [Axis::Any("windows"), Axis::Any("samples")];
    let Some(tiny) = Tiny::new(&loudness(&any), "name\nSiren\n", LOGITS, WAVEFORM) else {
        return;
    };
    let error = tiny.refusal();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let text = error.to_string();
    assert!(
        text.contains("classes.csv") && text.contains("display_name"),
        "{text}"
    );
}

#[test]
fn impossible_parameters_are_refused_when_the_manifest_is_read() {
    let good = manifest(LOGITS, MEL);
    assert!(Manifest::parse("tiny.toml", &good).is_ok());
    for (from, to, reason) in [
        ("sample_rate = 16000", "sample_rate = 0", "sample_rate"),
        ("window_s = 0.975", "window_s = nan", "window_s"),
        ("window_s = 0.975", "window_s = 600.0", "window_s"),
        ("hop_s = 0.48", "hop_s = 0.0", "hop_s"),
        ("hop_s = 0.48", "hop_s = 1.0", "between windows"),
        ("threshold = 0.5", "threshold = 1.5", "threshold"),
        ("fft = 512", "fft = 256", "fft"),
        ("frame_s = 0.025", "frame_s = 2.0", "frame_s"),
        ("bands = 64", "bands = 0", "bands"),
        ("high_hz = 7500.0", "high_hz = 9000.0", "high_hz"),
        ("offset = 0.001", "offset = 0.0", "offset"),
        (
            "classes = { file = \"classes.csv\" }",
            "classes = []",
            "classes is empty",
        ),
        ("offset = 0.001", "offset = 0.001\ncolour = 1", "colour"),
    ] {
        assert!(good.contains(from));
        let error = Manifest::parse("tiny.toml", &good.replace(from, to)).unwrap_err();
        assert!(error.to_string().contains(reason), "{to}: {error}");
    }
}

#[test]
fn other_models_name_no_sounds() {
    let store = ModelStore::new(PathBuf::from("none"));
    let error = SoundTagger::open(&store, "minilm", 1).unwrap_err();
    assert!(error.to_string().contains("cannot name sounds"), "{error}");
    let error = SoundTagger::open(&store, "yamnet", 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(
        error.to_string().contains("rushes models pull yamnet"),
        "{error}"
    );
}
