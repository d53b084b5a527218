//! The boundary network: what each frame of a video is, seen among the frames around it.
//!
//! It looks at frames of [`WIDTH`] by [`HEIGHT`] cells and says of each how sure it is that a shot begins there with a
//! cut, that the frame is part of a gradual transition, and of which kind. The weights are part of the program, so there
//! is nothing to pull. `models/boundary` holds them, the recipe that trained them, and the model card.

mod network;
#[cfg(test)]
mod tests;

use candle_core::{Device, safetensors};

use network::Network;

/// Cells in a row of a frame.
pub const WIDTH: usize = 64;
/// Rows of cells.
pub const HEIGHT: usize = 36;
/// Cells of one plane of a frame.
pub const CELLS: usize = WIDTH * HEIGHT;

/// Frames before and after it that a frame's answer can depend on. Closer to either end of what
/// [`BoundaryNetwork::look`] is given, answers are as at the end of a video.
pub const AROUND: usize = 48;

const WEIGHTS: &[u8] = include_bytes!("../../boundary/boundary.safetensors");

/// What the network makes of one frame; each number is a probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoundaryVerdict {
    /// A shot begins with this frame, by a cut.
    pub cut: f32,
    /// The frame is part of a gradual transition.
    pub gradual: f32,
    /// If it is: of a dissolve.
    pub dissolve: f32,
    /// If it is: of a fade.
    pub fade: f32,
    /// If it is: of a wipe.
    pub wipe: f32,
}

/// The network does not compute: a fault of the program, not of the video.
#[derive(Debug, thiserror::Error)]
#[error("the boundary network does not compute: {0}")]
pub struct BoundaryError(#[from] candle_core::Error);

/// The network, ready to look.
#[derive(Debug)]
pub struct BoundaryNetwork {
    network: Network,
}

impl BoundaryNetwork {
    /// The network with the weights of this program.
    ///
    /// # Errors
    /// If the weights in the program are not those of this network.
    pub fn new() -> Result<Self, BoundaryError> {
        let weights = safetensors::load_buffer(WEIGHTS, &Device::Cpu)?;
        Ok(Self {
            network: Network::load(&weights)?,
        })
    }

    /// What each of a run of frames is. Frames follow each other without gap: each is luma, blue difference and red
    /// difference, [`CELLS`] numbers each, row by row. The same frames give the same answers, to the last bit.
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
