//! `thumbnails`: the middle frame of each shot as a small JPEG.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::context::{RunContext, Stage};
use crate::error::StageError;
use crate::media::{ThumbnailAt, thumbnail};
use crate::proxy_name;

/// Width of a thumbnail in pixels.
const WIDTH: u32 = 320;

/// Make one picture per shot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ThumbnailsTask {
    /// The shots' proxies, in order.
    pub proxies: Vec<String>,
}

/// The output of a [`ThumbnailsTask`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ThumbnailsOutput {
    /// Keys in the object store, one per shot, in order.
    pub keys: Vec<String>,
}

impl Stage for ThumbnailsTask {
    type Output = ThumbnailsOutput;

    fn run(&self, run: &RunContext<'_>) -> Result<ThumbnailsOutput, StageError> {
        let total = Some(self.proxies.len() as u64);
        let mut keys = Vec::with_capacity(self.proxies.len());
        for (at, proxy) in self.proxies.iter().enumerate() {
            if run.watch.stopped() {
                return Err(StageError::Cancelled);
            }
            let video = run.stages.get(proxy)?;
            proxy_name::verify(proxy, &video)?;
            let jpeg = thumbnail(Box::new(video), ThumbnailAt::Middle, WIDTH)
                .map_err(StageError::media(proxy))?;
            let key = format!("{}/{at:06}.jpg", run.prefix);
            run.stages.put(&key, jpeg)?;
            keys.push(key);
            run.watch.progress(at as u64 + 1, total);
        }
        Ok(ThumbnailsOutput { keys })
    }
}
