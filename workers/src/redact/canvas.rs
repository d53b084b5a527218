//! What can be blurred: planes of samples, of a picture or of a video's frame.

use super::RedactError;
use super::picture::{Editor, Rect};

/// A picture as planes of samples. Planes may be coarser than the picture (chroma).
pub trait Canvas {
    /// How many planes there are. Alpha is one: it may show what colours do not.
    fn components(&self) -> usize;

    /// Picture pixels that one sample covers, across and down.
    fn step(&self, component: usize) -> (u32, u32);

    /// Samples across and down.
    fn size(&self, component: usize) -> (u32, u32);

    /// The samples of a rectangle inside [`Canvas::size`], row by row.
    ///
    /// # Errors
    /// The picture is damaged there.
    fn read(&self, component: usize, rect: Rect) -> Result<Vec<f32>, RedactError>;

    /// Replaces those samples of a rectangle that are marked as changed; no other sample may change.
    ///
    /// # Errors
    /// The picture is damaged there.
    fn write(
        &mut self,
        component: usize,
        rect: Rect,
        samples: &[f32],
        changed: &[bool],
    ) -> Result<(), RedactError>;
}

impl Canvas for Editor {
    fn components(&self) -> usize {
        Self::components(self)
    }

    fn step(&self, component: usize) -> (u32, u32) {
        Self::step(self, component)
    }

    fn size(&self, component: usize) -> (u32, u32) {
        Self::size(self, component)
    }

    fn read(&self, component: usize, rect: Rect) -> Result<Vec<f32>, RedactError> {
        Ok(Self::read(self, component, rect)?)
    }

    fn write(
        &mut self,
        component: usize,
        rect: Rect,
        samples: &[f32],
        changed: &[bool],
    ) -> Result<(), RedactError> {
        Ok(Self::write(self, component, rect, samples, changed)?)
    }
}
