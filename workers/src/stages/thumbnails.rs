//! `thumbnails`: the middle frame of each shot as a small JPEG.

use super::{StageError, Stages, proxy_name};
use crate::media::{ThumbnailAt, thumbnail};
use crate::task::Output;
use crate::worker::Watch;

/// Width of a thumbnail in pixels.
const WIDTH: u32 = 320;

pub(super) fn run(
    stages: &Stages,
    proxies: &[String],
    prefix: &str,
    watch: &Watch,
) -> Result<Output, StageError> {
    let mut keys = Vec::with_capacity(proxies.len());
    for (at, proxy) in proxies.iter().enumerate() {
        if watch.stopped() {
            return Err(StageError::Cancelled);
        }
        let film = stages.get(proxy)?;
        proxy_name::verify(proxy, &film)?;
        let jpeg = thumbnail(Box::new(film), ThumbnailAt::Middle, WIDTH)
            .map_err(StageError::media(proxy))?;
        let key = format!("{prefix}/{at:06}.jpg");
        stages.put(&key, jpeg)?;
        keys.push(key);
        watch.progress(at as u64 + 1, Some(proxies.len() as u64));
    }
    Ok(Output::Thumbnails { keys })
}
