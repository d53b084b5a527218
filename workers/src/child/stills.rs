//! Sends pictures of chosen frames. On the wire a picture is its width and height (4 bytes each,
//! little-endian), then the pixels, three bytes each.

use image::RgbImage;

use crate::media::{self, Bounds, MediaError, StillsJob, StillsOutput};
use crate::sandbox::{ChildJob, HandUp, Limits, Observer, Parent, PassError, Sandbox, protocol};
use crate::source::ByteSource;

/// Bytes before the pixels.
const HEADER: usize = 8;

impl ChildJob for StillsJob {
    const NAME: &'static str = "stills";
    type Output = ();

    fn max_blob(&self, _limits: &Limits) -> u64 {
        max_bytes(self)
    }

    fn run(
        self,
        source: Box<dyn ByteSource>,
        bounds: &Bounds,
        parent: &mut Parent,
    ) -> Result<(), MediaError> {
        media::stills(source, &self, bounds, &mut Upwards(parent))
    }
}

/// Pictures leave one by one.
struct Upwards<'a>(&'a mut Parent);

impl StillsOutput for Upwards<'_> {
    fn progress(&mut self, done: u64, total: u64) -> Result<(), MediaError> {
        self.0.progress(done, Some(total))
    }

    fn still(&mut self, number: u64, picture: RgbImage) -> Result<(), MediaError> {
        self.0.blob(number, encode(&picture))
    }
}

impl Sandbox {
    /// Passes pictures of chosen frames to `sink`, in order and with their frame numbers.
    ///
    /// # Errors
    /// Any [`MediaError`], or the error of `sink`, which ends the work.
    pub fn stills<E>(
        &self,
        source: &mut dyn ByteSource,
        job: &StillsJob,
        observer: &mut dyn Observer,
        sink: &mut dyn FnMut(u64, RgbImage) -> Result<(), E>,
    ) -> Result<(), PassError<E>> {
        let mut stills = Stills {
            job,
            taken: 0,
            sink,
        };
        self.run(source, job, observer, &mut stills)?;
        Ok(stills.finish()?)
    }
}

/// Most bytes per picture.
const fn max_bytes(job: &StillsJob) -> u64 {
    (job.max_width as u64)
        .saturating_mul(job.max_height as u64)
        .saturating_mul(3)
        .saturating_add(HEADER as u64)
}

fn encode(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + picture.as_raw().len());
    bytes.extend(picture.width().to_le_bytes());
    bytes.extend(picture.height().to_le_bytes());
    bytes.extend_from_slice(picture.as_raw());
    bytes
}

/// The picture in `bytes`; `None` if it is larger than requested, or its size is wrong.
fn decode(bytes: &[u8], job: &StillsJob) -> Option<RgbImage> {
    let (width, rest) = bytes.split_first_chunk()?;
    let (height, pixels) = rest.split_first_chunk()?;
    let (width, height) = (u32::from_le_bytes(*width), u32::from_le_bytes(*height));
    let fits = (1..=job.max_width).contains(&width) && (1..=job.max_height).contains(&height);
    // A size that fits cannot overflow here.
    let is_whole = || pixels.len() as u64 == u64::from(width) * u64::from(height) * 3;
    if fits && is_whole() {
        RgbImage::from_raw(width, height, pixels.to_vec())
    } else {
        None
    }
}

/// Passes on exactly the requested pictures, in their order.
struct Stills<'a, E> {
    job: &'a StillsJob,
    /// Number of received pictures.
    taken: usize,
    sink: &'a mut dyn FnMut(u64, RgbImage) -> Result<(), E>,
}

impl<E> Stills<'_, E> {
    /// Whether all were received.
    fn finish(&self) -> Result<(), MediaError> {
        if self.taken == self.job.frames.len() {
            Ok(())
        } else {
            let (taken, all) = (self.taken, self.job.frames.len());
            Err(protocol(format!("{taken} pictures of {all}")))
        }
    }
}

impl<E> HandUp for Stills<'_, E> {
    type Error = PassError<E>;

    fn blob(&mut self, index: usize, bytes: Vec<u8>) -> Result<(), PassError<E>> {
        let number = index as u64;
        if self.job.frames.get(self.taken) != Some(&number) {
            return Err(protocol(format!("an unexpected picture of frame {number}")).into());
        }
        let picture = decode(&bytes, self.job)
            .ok_or_else(|| protocol(format!("a picture of frame {number} of the wrong size")))?;
        self.taken += 1;
        (self.sink)(number, picture).map_err(PassError::Receiver)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn job() -> StillsJob {
        StillsJob {
            frames: vec![3, 9],
            max_width: 4,
            max_height: 2,
            threads: 1,
        }
    }

    #[test]
    fn a_picture_survives_the_way() {
        let picture = RgbImage::from_vec(3, 2, (0..18).collect()).unwrap();
        let bytes = encode(&picture);
        assert!(bytes.len() as u64 <= max_bytes(&job()));
        assert_eq!(decode(&bytes, &job()), Some(picture));
    }

    #[test]
    fn a_picture_that_lies_about_its_size_is_refused() {
        let honest = encode(&RgbImage::new(4, 2));
        for (width, height) in [(5, 2), (4, 3), (0, 2), (4, 1), (2, 4), (u32::MAX, u32::MAX)] {
            let mut bytes = honest.clone();
            bytes[..4].copy_from_slice(&u32::to_le_bytes(width));
            bytes[4..8].copy_from_slice(&u32::to_le_bytes(height));
            assert_eq!(decode(&bytes, &job()), None, "{width}x{height}");
        }
        assert_eq!(decode(&honest[..7], &job()), None);
    }

    #[test]
    fn pictures_come_in_order_and_all_of_them() {
        let job = job();
        let still = || encode(&RgbImage::new(1, 1));
        let mut seen = Vec::new();
        let mut sink = |number, _picture| {
            seen.push(number);
            Ok::<_, Infallible>(())
        };
        let mut stills = Stills {
            job: &job,
            taken: 0,
            sink: &mut sink,
        };
        let PassError::Media(error) = stills.blob(9, still()).unwrap_err();
        assert_eq!(error.code(), "sandbox-protocol");
        stills.blob(3, still()).unwrap();
        assert!(stills.finish().is_err());
        assert!(stills.blob(3, still()).is_err());
        stills.blob(9, still()).unwrap();
        stills.finish().unwrap();
        assert!(stills.blob(10, still()).is_err());
        assert_eq!(seen, [3, 9]);
    }
}
