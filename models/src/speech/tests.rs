use std::process::Command;

use super::fixture::ct2;
use super::*;
use crate::kind::ErrorKind;
use crate::testing::{material, missing, models};

/// The models of speech, if they are installed.
fn store() -> Option<ModelStore> {
    Some(ModelStore::new(models(&[
        "whisper-base",
        "silero-vad",
        "onnxruntime",
    ])?))
}

fn transcriber() -> Option<Transcriber> {
    let options = TranscriberOptions { threads: 2 };
    Some(Transcriber::open(&store()?, "whisper-base", options).unwrap())
}

/// The sound of a file of the material at [`HEARD_RATE`].
fn sound(file: &str) -> Option<Vec<f32>> {
    let path = material()?.join(file);
    let decoded = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(&path)
        .args(["-ac", "1", "-ar", "16000", "-f", "f32le", "-"])
        .output();
    let Ok(decoded) = decoded else {
        missing("material", "there is no ffmpeg to decode it");
        return None;
    };
    assert!(decoded.status.success(), "{}", path.display());
    let samples = decoded.stdout.as_chunks().0.iter();
    Some(samples.map(|&bytes| f32::from_le_bytes(bytes)).collect())
}

fn heard(transcriber: &Transcriber, language: Option<&str>, samples: &[f32]) -> Vec<HeardCue> {
    let mut listening = transcriber.listen(language).unwrap();
    let mut cues = Vec::new();
    // Parts of odd lengths must not matter.
    for part in samples.chunks(7919) {
        cues.extend(listening.push(part).unwrap());
    }
    cues.extend(listening.finish().unwrap());
    cues
}

fn text(cues: &[HeardCue]) -> String {
    let texts: Vec<&str> = cues.iter().map(|cue| cue.text.as_str()).collect();
    texts.join(" ")
}

#[test]
fn a_speech_is_written_down_with_the_times_of_its_words() {
    let (Some(transcriber), Some(sound)) = (transcriber(), sound("audio/jfk.flac")) else {
        return;
    };
    let cues = heard(&transcriber, None, &sound);
    // faster-whisper 1.2.1 writes the same with the same weights, and ends without a stop.
    assert_eq!(
        text(&cues).trim_end_matches('.'),
        "And so my fellow Americans ask not what your country can do for you, \
         ask what you can do for your country"
    );
    assert!(
        cues.iter()
            .all(|cue| cue.language == "en" && cue.confidence > 0.6)
    );
    let words: Vec<&HeardWord> = cues.iter().flat_map(|cue| &cue.words).collect();
    assert!(
        words
            .windows(2)
            .all(|pair| pair[0].start_ms <= pair[1].start_ms)
    );
    // Starts that faster-whisper 1.2.1 reports for the same weights, but for words after a pause, which it lets begin in
    // the pause.
    for (word, start_ms) in GOLDEN_STARTS {
        let found = words.iter().filter(|found| found.text == word);
        let near = found.map(|found| found.start_ms.abs_diff(start_ms)).min();
        assert!(
            near.is_some_and(|near| near <= 120),
            "{word} at {start_ms}: {words:?}"
        );
    }
    let last = cues.last().unwrap();
    assert!(last.end_ms <= 11_000, "{}", last.end_ms);
}

const GOLDEN_STARTS: [(&str, u64); 11] = [
    ("so", 520),
    ("my", 840),
    ("fellow", 1180),
    ("not", 3720),
    ("your", 5520),
    ("country", 5760),
    ("can", 6240),
    ("do", 6620),
    ("what", 8460),
    ("you", 8760),
    ("your", 9780),
];

#[test]
fn silence_noise_and_music_are_not_words() {
    let Some(transcriber) = transcriber() else {
        return;
    };
    let rate = f64::from(HEARD_RATE);
    let second = HEARD_RATE as usize;
    let mut state = 7_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state) / f64::from(u32::MAX) - 0.5
    };
    let mut sound = vec![0.0_f32; 10 * second];
    #[expect(clippy::cast_possible_truncation, reason = "samples")]
    {
        sound.extend((0..30 * second).map(|_| (0.4 * noise()) as f32));
        // A chord of decaying strings, again and again.
        sound.extend((0..60 * second).map(|at| {
            let time = at as f64 / rate;
            let since = time % 0.5;
            let root = [220.0, 277.2, 329.6, 246.9][2 * at / second % 4];
            let tone = |factor: f64| (std::f64::consts::TAU * root * factor * time).sin() / factor;
            let sum: f64 = (1..6).map(|factor| tone(f64::from(factor))).sum();
            (0.2 * (-4.0 * since).exp() * sum) as f32
        }));
        // Bursts of noise, such as drums.
        sound.extend((0..30 * second).map(|at| {
            let since = (at as f64 / rate) % 0.4;
            (0.5 * (-20.0 * since).exp() * noise()) as f32
        }));
    }
    assert_eq!(heard(&transcriber, None, &sound), []);
}

#[test]
fn a_language_that_the_model_does_not_know_is_refused() {
    let Some(transcriber) = transcriber() else {
        return;
    };
    let error = transcriber.listen(Some("xx")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("en, zh, de"), "{error}");
}

#[test]
fn a_model_that_was_not_pulled_is_an_error_that_names_the_pull() {
    let root = tempfile::tempdir().unwrap();
    let store = ModelStore::new(root.path().to_owned());
    let options = TranscriberOptions { threads: 1 };
    let error = Transcriber::open(&store, "whisper-base", options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let fix = "rushes models pull silero-vad";
    assert!(error.to_string().contains(fix), "{error}");
    let error = Transcriber::open(&store, "minilm", options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn weights_are_read_by_name_and_shape() {
    let half = |value: f32| half::f16::from_f32(value).to_le_bytes();
    let halves: Vec<u8> = [1.0, -0.5].into_iter().flat_map(half).collect();
    let bytes = ct2(
        "WhisperSpec",
        &[
            ("a/weight", &[1, 2], 4, halves),
            ("heads", &[], 1, vec![8]),
            ("b", &[1], 0, 2.5_f32.to_le_bytes().to_vec()),
        ],
    );
    let file = ct2::Ct2File::read(&bytes, "WhisperSpec").unwrap();
    assert_eq!(file.floats("a/weight", &[1, 2]), Ok(vec![1.0, -0.5]));
    assert_eq!(file.floats("b", &[1]), Ok(vec![2.5]));
    assert_eq!(file.number("heads"), Ok(8));
    assert!(
        file.floats("a/weight", &[2])
            .unwrap_err()
            .contains("expected [2]")
    );
    assert!(
        file.floats("c", &[2])
            .unwrap_err()
            .contains("no tensor \"c\"")
    );
    let other = ct2::Ct2File::read(&bytes, "TransformerSpec").unwrap_err();
    assert!(other.contains("WhisperSpec"), "{other}");
    for length in 0..bytes.len() - 4 {
        ct2::Ct2File::read(&bytes[..length], "WhisperSpec").unwrap_err();
    }
}

#[test]
fn a_spectrogram_shows_a_tone_in_its_band() {
    let rate = f64::from(HEARD_RATE);
    #[expect(clippy::cast_possible_truncation, reason = "samples")]
    let tone: Vec<f32> = (0..HEARD_RATE)
        .map(|at| (std::f64::consts::TAU * 1000.0 * f64::from(at) / rate).sin() as f32)
        .collect();
    let spectrogram = mel::Mel::new(80).spectrogram(&tone);
    let at = |band: usize, frame: usize| spectrogram[band * WINDOW_FRAMES + frame];
    let loudest = (0..80)
        .max_by(|&a, &b| at(a, 50).total_cmp(&at(b, 50)))
        .unwrap();
    // 1,000 Hz are 15 mels, of 45.2 in 81 steps.
    assert_eq!(loudest, 26);
    // Ten to the 4th of the tone's energy is the top, and 80 dB below it the floor.
    assert!(at(loudest, 50) > 1.0 && (at(0, 200) - (at(loudest, 50) - 2.0)).abs() < 0.05);
}
