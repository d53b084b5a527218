//! The boundary network: classifies each frame of a video from the frames around it.
//!
//! It takes frames of [`WIDTH`] by [`HEIGHT`] cells. For each frame it returns the probability that a shot
//! starts there with a cut, that the frame is part of a gradual transition, and the transition's kind. The
//! weights are compiled in, so there is nothing to pull. `models/boundary` holds them, the training recipe and
//! the model card.

mod network;
#[cfg(test)]
mod tests;

use candle_core::{Device, safetensors};

use network::Network;

/// Cells per row of a frame.
pub const WIDTH: usize = 64;
/// Rows of cells.
pub const HEIGHT: usize = 36;
/// Cells of one plane of a frame.
pub const CELLS: usize = WIDTH * HEIGHT;

/// Frames before and after a frame on which its output can depend. Closer to either end of the input of
/// [`BoundaryNetwork::look`], outputs are as at the end of a video.
pub const AROUND: usize = 48;

const WEIGHTS: &[u8] = include_bytes!("../../boundary/boundary.safetensors");

/// The output for one frame; each number is a probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoundaryVerdict {
    /// A shot starts with this frame, by a cut.
    pub cut: f32,
    /// The frame is part of a gradual transition.
    pub gradual: f32,
    /// If so: of a dissolve.
    pub dissolve: f32,
    /// If so: of a fade.
    pub fade: f32,
    /// If so: of a wipe.
    pub wipe: f32,
}

/// The network cannot be computed: a bug in the program, not a problem of the video.
#[derive(Debug, thiserror::Error)]
#[error("the boundary network does not compute")]
pub struct BoundaryError(#[from] candle_core::Error);

/// The network, ready for use.
#[derive(Debug)]
pub struct BoundaryNetwork {
    network: Network,
}

impl BoundaryNetwork {
    /// Loads the network with the compiled-in weights.
    ///
    /// # Errors
    /// If the compiled-in weights do not belong to this network.
    pub fn new() -> Result<Self, BoundaryError> {
        let weights = safetensors::load_buffer(WEIGHTS, &Device::Cpu)?;
        Ok(Self {
            network: Network::load(&weights)?,
        })
    }

    /// Classifies a run of consecutive frames. Each frame is luma, blue difference and red difference,
    /// [`CELLS`] numbers each, row by row. The same frames give bit-identical outputs.
    ///
    /// # Errors
    /// If a frame has another size.
    pub fn look(&self, frames: &[[&[u8]; 3]]) -> Result<Vec<BoundaryVerdict>, BoundaryError> {
        if frames.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.network.run(frames)?)
    }
}
