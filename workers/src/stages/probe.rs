//! `probe`: the hash of the bytes, and the properties of the file.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::context::{Observed, RunContext, Stage};
use crate::error::StageError;
use crate::media::{MediaError, MediaInfo};
use crate::storage::Locator;

/// Bytes per read of the hash pass; large, so that a remote video costs few requests.
const BLOCK: usize = 4 * 1024 * 1024;

/// Hash the bytes and read the properties of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProbeTask {
    /// The video.
    pub media: Locator,
}

/// The output of a [`ProbeTask`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProbeOutput {
    /// BLAKE3 of the whole file, in hex.
    pub blake3: String,
    /// Streams, duration, rates, chapters.
    #[schema(value_type = Object)]
    pub info: Box<MediaInfo>,
}

impl Stage for ProbeTask {
    type Output = ProbeOutput;

    fn run(&self, run: &RunContext<'_>) -> Result<ProbeOutput, StageError> {
        let (stages, media, watch) = (run.stages, &self.media, run.watch);
        let mut source = stages.open(media)?;
        // Probe first: a file that is not a video is refused before all of it is read.
        let info = stages
            .sandbox
            .probe(source.as_mut(), &mut Observed(watch))
            .map_err(StageError::media(&media.uri))?;
        if info.main_video.is_none() {
            return Err(StageError::media(&media.uri)(MediaError::NoVideo));
        }
        let mut hasher = blake3::Hasher::new();
        let mut block = vec![0; BLOCK];
        let (mut at, total) = (0_u64, source.len());
        while at < total {
            if watch.stopped() {
                return Err(StageError::Cancelled);
            }
            let read = source
                .read_at(at, &mut block)
                .map_err(|source| StageError::Read {
                    name: media.uri.clone(),
                    source,
                })?;
            if read == 0 {
                let cut_short = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
                return Err(StageError::Read {
                    name: media.uri.clone(),
                    source: cut_short,
                });
            }
            hasher.update(&block[..read]);
            at += read as u64;
            watch.progress(at, Some(total));
        }
        Ok(ProbeOutput {
            blake3: hasher.finalize().to_hex().to_string(),
            info: Box::new(info),
        })
    }
}
