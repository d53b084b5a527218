//! Where somebody speaks: Silero's network says how likely each 32 ms are speech, and hysteresis makes stretches of them.

use std::fmt;
use std::ops::Range;

use ort::session::Session;
use ort::value::Tensor;

use crate::error::{ModelError, SpeechError};
use crate::manifest::Parameters;
use crate::runtime::{self, RuntimeError};
use crate::store::{ModelStore, StoreError};

/// Samples of a frame.
pub(super) const FRAME: usize = 512;
/// Samples before a frame that the network sees again.
const BEFORE: usize = 64;
/// Length of the network's state.
const STATE: usize = 128;
/// Frames per run: eight seconds.
pub(super) const BATCH: usize = 250;

/// Speech begins at this probability …
const BEGIN: f32 = 0.5;
/// … and is over below this one …
const LEAVE: f32 = 0.35;
/// … for this many frames: 0.4 seconds.
const SILENCE: u64 = 13;
/// Shorter stretches are clicks: a quarter of a second.
const SHORTEST: u64 = 8;
/// Longer stretches are cut where speech is least likely: 29 seconds.
const LONGEST: u64 = 906;

/// The network.
pub(super) struct VoiceNetwork {
    session: Session,
}

/// What the network remembers of a sound.
#[derive(Debug, Clone)]
pub(super) struct VoiceState {
    hidden: Vec<f32>,
    cell: Vec<f32>,
    before: Vec<f32>,
}

impl Default for VoiceState {
    fn default() -> Self {
        Self {
            hidden: vec![0.0; STATE],
            cell: vec![0.0; STATE],
            before: vec![0.0; BEFORE],
        }
    }
}

impl fmt::Debug for VoiceNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VoiceNetwork").finish_non_exhaustive()
    }
}

impl VoiceNetwork {
    pub(super) fn open(store: &ModelStore, id: &str) -> Result<Self, ModelError> {
        let manifest = store.manifests().get(id)?;
        let Parameters::SileroVad(parameters) = &manifest.parameters else {
            return Err(manifest.wrong_kind("find speech").into());
        };
        let path = store.file(manifest, &parameters.weights)?;
        let graph = std::fs::read(&path).map_err(|e| StoreError::io("read", &path, e))?;
        // It is so small that a second thread costs more than it saves.
        let session = runtime::session(store, &parameters.runtime, &graph, 1)?;
        let needed = ["input", "h", "c"];
        let inputs: Vec<&str> = session.inputs().iter().map(|input| input.name()).collect();
        if needed.iter().any(|name| !inputs.contains(name)) {
            let problem = format!("its inputs are {}", inputs.join(", "));
            let model = id.to_owned();
            return Err(SpeechError::File {
                model,
                path,
                problem,
            }
            .into());
        }
        Ok(Self { session })
    }

    /// How likely each frame of `samples` is speech.
    pub(super) fn likely(
        &mut self,
        state: &mut VoiceState,
        samples: &[f32],
    ) -> Result<Vec<f32>, ModelError> {
        let frames = samples.len() / FRAME;
        let mut input = Vec::with_capacity(frames * (BEFORE + FRAME));
        for frame in samples.chunks_exact(FRAME) {
            input.extend_from_slice(&state.before);
            input.extend_from_slice(frame);
            state.before.clear();
            state.before.extend_from_slice(&frame[FRAME - BEFORE..]);
        }
        let failed = RuntimeError::run::<()>;
        let input =
            Tensor::from_array(([frames, BEFORE + FRAME], input)).map_err(failed("take sound"))?;
        let hidden = Tensor::from_array(([1, 1, STATE], std::mem::take(&mut state.hidden)))
            .map_err(failed("take sound"))?;
        let cell = Tensor::from_array(([1, 1, STATE], std::mem::take(&mut state.cell)))
            .map_err(failed("take sound"))?;
        let outputs = self
            .session
            .run(ort::inputs!["input" => input, "h" => hidden, "c" => cell])
            .map_err(RuntimeError::run("find speech"))?;
        let floats = |name: &str| -> Result<Vec<f32>, ModelError> {
            let (_, values) = outputs[name]
                .try_extract_tensor::<f32>()
                .map_err(RuntimeError::run("find speech"))?;
            Ok(values.to_vec())
        };
        state.hidden = floats("hn")?;
        state.cell = floats("cn")?;
        floats("speech_probs")
    }
}

/// Makes stretches of frames in which somebody speaks from the probabilities of frames.
#[derive(Debug, Default)]
pub(super) struct Stretches {
    /// The number of frames so far.
    pub(super) frames: u64,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    start: u64,
    /// The frame after the last one with speech.
    end: u64,
    /// The probability of each frame since the start.
    likely: Vec<f32>,
}

impl Stretches {
    /// Takes the next frame, and returns a stretch that is complete.
    pub(super) fn push(&mut self, likely: f32) -> Option<Range<u64>> {
        let at = self.frames;
        self.frames += 1;
        let Some(open) = &mut self.open else {
            if likely >= BEGIN {
                self.open = Some(Open {
                    start: at,
                    end: at + 1,
                    likely: vec![likely],
                });
            }
            return None;
        };
        open.likely.push(likely);
        if likely >= LEAVE {
            open.end = at + 1;
        } else if at + 1 - open.end >= SILENCE {
            return self.close();
        }
        (self.frames - open.start >= LONGEST)
            .then(|| open.cut())
            .flatten()
    }

    /// The stretch at the end of the sound.
    pub(super) fn close(&mut self) -> Option<Range<u64>> {
        let open = self.open.take()?;
        (open.end - open.start >= SHORTEST).then_some(open.start..open.end)
    }

    /// The first frame of a stretch that is not complete.
    pub(super) fn since(&self) -> Option<u64> {
        self.open.as_ref().map(|open| open.start)
    }
}

impl Open {
    /// Cuts off what lies before the least likely frame of the second half.
    fn cut(&mut self) -> Option<Range<u64>> {
        let half = self.likely.len() / 2;
        let second = self.likely.iter().enumerate().skip(half);
        let (at, _) = second.min_by(|a, b| a.1.total_cmp(b.1))?;
        let start = self.start;
        self.start += at as u64;
        self.end = self.end.max(self.start);
        self.likely.drain(..at);
        Some(start..self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretches(likely: impl IntoIterator<Item = f32>) -> Vec<Range<u64>> {
        let mut stretches = Stretches::default();
        let mut found: Vec<Range<u64>> = likely
            .into_iter()
            .filter_map(|one| stretches.push(one))
            .collect();
        found.extend(stretches.close());
        found
    }

    fn of(parts: &[(usize, f32)]) -> Vec<f32> {
        let parts = parts.iter();
        parts
            .flat_map(|&(count, value)| vec![value; count])
            .collect()
    }

    #[test]
    fn short_pauses_belong_to_speech_and_clicks_do_not() {
        let sound = of(&[
            (10, 0.0),
            (20, 0.9),
            (5, 0.1),
            (20, 0.4),
            (40, 0.0),
            (3, 0.9),
            (40, 0.0),
        ]);
        assert_eq!(stretches(sound), vec![10..55; 1]);
        assert_eq!(stretches(of(&[(10, 0.4)])), []);
        assert_eq!(stretches(of(&[(2, 0.0), (30, 0.8)])), vec![2..32; 1]);
    }

    #[test]
    fn endless_speech_is_cut_where_it_is_least_likely() {
        let sound = of(&[(600, 0.9), (1, 0.5), (700, 0.9)]);
        let found = stretches(sound);
        assert_eq!(found[0], 0..600);
        assert_eq!(found.last().unwrap().end, 1301);
        assert!(found.windows(2).all(|pair| pair[0].end == pair[1].start));
        assert!(found.iter().all(|one| one.end - one.start <= LONGEST));
    }
}
