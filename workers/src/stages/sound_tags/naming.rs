//! Names the sounds of one video while it is decoded.

use rushes_models::{ModelError, SoundTagger, TaggedWindow, Tagging};
use serde::{Deserialize, Serialize};

use crate::error::StageError;
use crate::time::ms_of_samples;

/// Sound that is missing for longer, in seconds, is skipped; what is missing for less is heard as silence.
const GAP: u64 = 2;

/// What was heard in windows of the sound of a video. A window of silence takes a few bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::stages) struct NamedWindows {
    /// The tagger, `id@revision`.
    pub(super) tagger: String,
    /// The names of its classes.
    pub(super) names: Vec<String>,
    /// Length of a window in milliseconds.
    pub(super) length: u64,
    /// By time.
    pub(super) windows: Vec<NamedWindow>,
}

/// What was heard in a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct NamedWindow {
    /// Its middle in milliseconds from the start of the file.
    pub(super) ms: u64,
    /// Class and probability of what is heard, the most likely one first.
    pub(super) heard: Vec<(usize, f32)>,
}

impl NamedWindows {
    pub(super) fn packed(&self, key: &str) -> Result<Vec<u8>, StageError> {
        let json = serde_json::to_vec(self)
            .map_err(|_unserialisable| StageError::Corrupt(key.to_owned()))?;
        zstd::encode_all(json.as_slice(), 3).map_err(|source| StageError::Read {
            name: key.to_owned(),
            source,
        })
    }

    /// `None` if the object is damaged.
    pub(super) fn unpacked(packed: &[u8]) -> Option<Self> {
        serde_json::from_slice(&zstd::decode_all(packed).ok()?).ok()
    }
}

/// One video whose sounds are named.
pub(in crate::stages) struct Naming<'a> {
    tagger: &'a mut SoundTagger,
    /// What names a stretch of sound without gaps.
    open: Option<Tagging>,
    /// The sample after the last one.
    next: u64,
    named: NamedWindows,
}

impl<'a> Naming<'a> {
    pub(in crate::stages) fn new(tagger: &'a mut SoundTagger) -> Self {
        let named = NamedWindows {
            tagger: tagger.name().to_owned(),
            names: tagger.names().to_vec(),
            length: ms_of_samples(tagger.window() as u64, tagger.rate()),
            windows: Vec::new(),
        };
        Self {
            tagger,
            open: None,
            next: 0,
            named,
        }
    }

    /// Takes samples, the first of which is number `from` since the start of the file.
    pub(in crate::stages) fn take(&mut self, from: u64, samples: &[f32]) -> Result<(), ModelError> {
        let missing = from.saturating_sub(self.next);
        if missing > GAP * u64::from(self.tagger.rate()) {
            self.end()?;
        }
        let mut tagging = match self.open.take() {
            Some(mut tagging) => {
                let silence = vec![0.0; usize::try_from(missing).unwrap_or(0)];
                let windows = tagging.push(self.tagger, &silence)?;
                self.add(windows);
                tagging
            }
            None => Tagging::new(from),
        };
        let windows = tagging.push(self.tagger, samples)?;
        self.add(windows);
        self.open = Some(tagging);
        self.next = from.saturating_add(samples.len() as u64);
        Ok(())
    }

    /// Up to when there was sound, in milliseconds.
    pub(super) fn until(&self) -> u64 {
        ms_of_samples(self.next, self.tagger.rate())
    }

    /// The end of the sound.
    pub(in crate::stages) fn finish(mut self) -> Result<NamedWindows, ModelError> {
        self.end()?;
        Ok(self.named)
    }

    fn end(&mut self) -> Result<(), ModelError> {
        if let Some(tagging) = self.open.take() {
            let windows = tagging.finish(self.tagger)?;
            self.add(windows);
        }
        Ok(())
    }

    fn add(&mut self, windows: Vec<TaggedWindow>) {
        let rate = self.tagger.rate();
        let windows = windows.into_iter().map(|window| NamedWindow {
            ms: ms_of_samples(window.middle, rate),
            heard: window.heard,
        });
        self.named.windows.extend(windows);
    }
}
