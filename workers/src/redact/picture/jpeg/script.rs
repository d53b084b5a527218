//! The order in which the scans of a JPEG transmit its coefficients (ITU-T T.81, G.1.1.1).

use super::super::error::PictureError;
use super::markers::{Frame, Scan};

/// Follows how far each coefficient is transmitted, so that only scripts are accepted that can be
/// played again from the final coefficients.
pub(super) struct Script {
    /// Per component and coefficient: the bit position reached.
    reached: Vec<[Option<u32>; 64]>,
}

impl Script {
    pub(super) fn new(frame: &Frame) -> Self {
        Self {
            reached: vec![[None; 64]; frame.components.len()],
        }
    }

    pub(super) fn admit(&mut self, frame: &Frame, scan: &Scan) -> Result<(), PictureError> {
        for component in &scan.components {
            for reached in &mut self.reached[component.index][scan.ss..=scan.se] {
                let expected = if scan.ah == 0 { None } else { Some(scan.ah) };
                if *reached != expected {
                    return Err(PictureError::corrupt(if frame.progressive() {
                        "the scans do not follow one another"
                    } else {
                        "a component is transmitted twice"
                    }));
                }
                *reached = Some(scan.al);
            }
        }
        Ok(())
    }

    pub(super) fn complete(&self) -> Result<(), PictureError> {
        if self.reached.iter().any(|c| c[0].is_none()) {
            return Err(PictureError::corrupt("a component is in no scan"));
        }
        Ok(())
    }
}
