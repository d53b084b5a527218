//! Speech to text: what is said in sound, with the times of words.
//!
//! A voice activity detector finds where somebody speaks ([`voice`]). Stretches of speech are packed into windows of up to
//! 30 seconds ([`windows`]), because Whisper (Radford et al. 2022, arXiv 2212.04356) listens to 30 seconds however little
//! is said. Whisper writes down each window ([`network`], [`decode`]), words get their times ([`align`]), and lines are cut
//! at sentences ([`cues`]). Silence, noise and music never reach Whisper, which would invent text for them.

mod align;
mod ct2;
mod cues;
mod decode;
mod graphs;
mod mel;
mod network;
mod products;
mod sizes;
mod vocabulary;
mod voice;
mod windows;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, PoisonError};

use crate::error::{ModelError, SpeechError};
use crate::manifest::Parameters;
use crate::store::ModelStore;

pub use cues::{HeardCue, HeardWord};
use network::{Network, NetworkSource};
use voice::{BATCH, FRAME, Stretches, VoiceNetwork, VoiceState};
use windows::{Packer, Window};

/// Samples per second of the sound that is listened to. It has one channel.
pub const HEARD_RATE: u32 = 16_000;

/// Samples and spectrogram frames of a window.
const WINDOW: usize = 30 * HEARD_RATE as usize;
const WINDOW_FRAMES: usize = WINDOW / mel::HOP;

/// A language is taken from the window before if this one's is less likely.
const SURE_LANGUAGE: f32 = 0.5;
/// Shorter rests of a window hold no word, in seconds.
const SHORTEST: f64 = 0.2;

/// How to open a [`Transcriber`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TranscriberOptions {
    /// Threads per run; 0 means 1.
    pub threads: usize,
}

/// Writes down what is said. It may be shared: sounds are listened to in turns, a window at a time.
#[derive(Debug)]
pub struct Transcriber {
    model: String,
    id: String,
    threads: usize,
    source: NetworkSource,
    /// Opened once somebody speaks.
    network: Mutex<Option<Network>>,
    voice: Mutex<VoiceNetwork>,
}

impl Transcriber {
    /// Opens the model with this id, and the voice activity detector that it names.
    ///
    /// # Errors
    ///
    /// The model is unknown, does not recognise speech, is not installed (the error names the pull), or is damaged.
    pub fn open(
        store: &ModelStore,
        id: &str,
        options: TranscriberOptions,
    ) -> Result<Self, ModelError> {
        let manifest = store.manifests().get(id)?;
        let Parameters::Whisper(parameters) = &manifest.parameters else {
            return Err(manifest.wrong_kind("recognise speech").into());
        };
        let voice = VoiceNetwork::open(store, &parameters.voice)?;
        let source = NetworkSource::open(store, manifest, parameters)?;
        Ok(Self {
            model: manifest.full_name(),
            id: id.to_owned(),
            threads: options.threads,
            source,
            network: Mutex::default(),
            voice: Mutex::new(voice),
        })
    }

    /// The model and its revision, as `id@revision`.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Begins to listen to a sound, in this language (`en`, `de` …) or in the one that is heard.
    ///
    /// # Errors
    ///
    /// The model does not know the language; the error lists those that it knows.
    pub fn listen(&self, language: Option<&str>) -> Result<Listening<'_>, ModelError> {
        let vocabulary = &self.source.vocabulary;
        let fixed = language.map(|code| {
            vocabulary.language(code).ok_or_else(|| {
                let known = vocabulary.languages.iter().map(|(_, code)| code.as_str());
                SpeechError::Language {
                    model: self.id.clone(),
                    language: code.to_owned(),
                    known: known.collect::<Vec<_>>().join(", "),
                }
            })
        });
        let fixed = fixed.transpose()?;
        Ok(Listening {
            transcriber: self,
            fixed,
            last: None,
            waiting: Vec::new(),
            voice: VoiceState::default(),
            stretches: Stretches::default(),
            packer: Packer::default(),
        })
    }

    /// The lines of a window.
    fn transcribe(
        &self,
        window: &Window,
        fixed: Option<usize>,
        last: &mut Option<usize>,
    ) -> Result<Vec<HeardCue>, ModelError> {
        let mut open = self.network.lock().unwrap_or_else(PoisonError::into_inner);
        let network = match &mut *open {
            Some(network) => network,
            None => open.insert(Network::open(&self.source, self.threads)?),
        };
        let samples = window.samples.as_slice();
        let mut language = fixed;
        let mut words = Vec::new();
        let mut from = 0;
        while seconds(samples.len().saturating_sub(from)) >= SHORTEST {
            let rest = &samples[from..];
            let sound = network.hear(rest)?;
            let spoken = match language {
                Some(language) => language,
                None => {
                    let (heard, likely) = decode::language(network, &sound)?;
                    match *last {
                        Some(last) if likely < SURE_LANGUAGE => last,
                        _ => heard,
                    }
                }
            };
            language = Some(spoken);
            let seed = window.start.wrapping_add(from as u64);
            let Some(mut decoded) = decode::decode(network, &sound, spoken, seed)? else {
                break;
            };
            // A text that ends with two times continues after the first of them, in the rest of the window.
            let heard = decoded.until(network.vocabulary.first_time, rest.len());
            let mut timed = align::words(network, &sound, (&decoded, spoken), seconds(rest.len()))?;
            for word in &mut timed {
                word.start += seconds(from);
                word.end += seconds(from);
            }
            words.extend(timed);
            from += heard;
        }
        if !words.is_empty() {
            *last = language;
        }
        let code = language.map_or("", |language| network.vocabulary.code(language));
        Ok(cues::cut(&window.placed(&words), code))
    }
}

/// One sound that is listened to, from its start to its end, in bounded memory.
#[derive(Debug)]
pub struct Listening<'a> {
    transcriber: &'a Transcriber,
    /// The language that was asked for.
    fixed: Option<usize>,
    /// The language of the last window.
    last: Option<usize>,
    /// Samples that were not looked at for speech yet.
    waiting: Vec<f32>,
    voice: VoiceState,
    stretches: Stretches,
    packer: Packer,
}

impl Listening<'_> {
    /// Takes the next samples at [`HEARD_RATE`], and returns the lines that are complete. Most calls return none soon, some
    /// take as long as it takes to write down 30 seconds.
    ///
    /// # Errors
    ///
    /// A network fails.
    pub fn push(&mut self, samples: &[f32]) -> Result<Vec<HeardCue>, ModelError> {
        let mut cues = Vec::new();
        for part in samples.chunks(BATCH * FRAME) {
            self.waiting.extend_from_slice(part);
            if self.waiting.len() >= BATCH * FRAME {
                let rest = self.waiting.split_off(BATCH * FRAME);
                let batch = std::mem::replace(&mut self.waiting, rest);
                cues.extend(self.look_at(&batch)?);
            }
        }
        Ok(cues)
    }

    /// Ends the sound, and returns the remaining lines.
    ///
    /// # Errors
    ///
    /// A network fails.
    pub fn finish(mut self) -> Result<Vec<HeardCue>, ModelError> {
        let mut rest = std::mem::take(&mut self.waiting);
        rest.resize(rest.len().next_multiple_of(FRAME), 0.0);
        let mut cues = if rest.is_empty() {
            Vec::new()
        } else {
            self.look_at(&rest)?
        };
        if let Some(stretch) = self.stretches.close() {
            let window = self.packer.add(stretch);
            cues.extend(self.write_down(window)?);
        }
        let window = self.packer.close();
        cues.extend(self.write_down(window)?);
        Ok(cues)
    }

    /// Finds speech in whole frames, and writes down windows that are complete.
    fn look_at(&mut self, samples: &[f32]) -> Result<Vec<HeardCue>, ModelError> {
        let voice = &self.transcriber.voice;
        let likely = voice
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .likely(&mut self.voice, samples)?;
        self.packer.hear(samples);
        let mut cues = Vec::new();
        for one in likely {
            if let Some(stretch) = self.stretches.push(one) {
                let window = self.packer.add(stretch);
                cues.extend(self.write_down(window)?);
            }
        }
        let window = self
            .packer
            .settle(self.stretches.frames, self.stretches.since());
        cues.extend(self.write_down(window)?);
        Ok(cues)
    }

    fn write_down(&mut self, window: Option<Window>) -> Result<Vec<HeardCue>, ModelError> {
        match window {
            Some(window) => self
                .transcriber
                .transcribe(&window, self.fixed, &mut self.last),
            None => Ok(Vec::new()),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "samples of 30 seconds")]
fn seconds(samples: usize) -> f64 {
    samples as f64 / f64::from(HEARD_RATE)
}
