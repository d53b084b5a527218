//! A file of weights in safetensors: every tensor is taken once, with the shape it must have, and none is left.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};

use super::DualError;

/// What a checkpoint may hold besides the weights of the towers: scale and bias of the training's loss, and
/// positions that old versions of the transformers library stored.
const NOT_OURS: [&str; 4] = [
    "logit_scale",
    "logit_bias",
    "vision_model.embeddings.position_ids",
    "text_model.embeddings.position_ids",
];

/// Tensors not yet taken, on the CPU.
pub(super) struct Checkpoint {
    tensors: HashMap<String, Tensor>,
    /// What was made up, where weights are made up when they are taken.
    invented: Option<HashMap<String, Tensor>>,
}

impl Checkpoint {
    /// # Errors
    ///
    /// The bytes are no safetensors, or are cut short.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, DualError> {
        let mut tensors =
            candle_core::safetensors::load_buffer(bytes, &Device::Cpu).map_err(|e| {
                DualError::Weights {
                    problem: e.to_string(),
                }
            })?;
        tensors.retain(|name, _| !NOT_OURS.contains(&name.as_str()));
        Ok(Self {
            tensors,
            invented: None,
        })
    }

    /// Random weights of whatever name and shape is taken.
    pub(super) fn invent() -> Self {
        Self {
            tensors: HashMap::new(),
            invented: Some(HashMap::new()),
        }
    }

    /// What was made up, by name.
    pub(super) fn invented(self) -> HashMap<String, Tensor> {
        self.invented.unwrap_or_default()
    }

    /// Takes a tensor, as 32-bit floats.
    ///
    /// # Errors
    ///
    /// It is not there, has another shape, or holds what is no number.
    pub(super) fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, DualError> {
        if let Some(invented) = &mut self.invented {
            let tensor = made_up(name, shape)?;
            invented.insert(name.to_owned(), tensor.clone());
            return Ok(tensor);
        }
        let tensor = self
            .tensors
            .remove(name)
            .ok_or_else(|| DualError::MissingTensor {
                name: name.to_owned(),
            })?;
        if tensor.dims() != shape {
            return Err(DualError::Shape {
                name: name.to_owned(),
                expected: shape.to_vec(),
                actual: tensor.dims().to_vec(),
            });
        }
        let tensor = tensor.to_dtype(DType::F32)?;
        // The sum of numbers is a number, unless one is none; sums of weights do not overflow.
        let sum = tensor.flatten_all()?.sum(0)?.to_scalar::<f32>()?;
        if !sum.is_finite() {
            return Err(DualError::NotFinite {
                name: name.to_owned(),
            });
        }
        Ok(tensor)
    }

    /// # Errors
    ///
    /// Tensors are left: the file is of another architecture, or of another size, than its configuration says.
    pub(super) fn finish(&self) -> Result<(), DualError> {
        let mut names: Vec<String> = self.tensors.keys().cloned().collect();
        if names.is_empty() {
            return Ok(());
        }
        names.sort();
        let count = names.len();
        names.truncate(3);
        Err(DualError::UnknownTensors {
            count,
            some: names.join(", "),
        })
    }
}

/// Weights as before training: normal with the deviation that keeps values in range, scales near 1.
fn made_up(name: &str, shape: &[usize]) -> Result<Tensor, DualError> {
    let is_scale = shape.len() == 1 && name.ends_with("weight");
    let mean = if is_scale { 1.0 } else { 0.0 };
    Ok(Tensor::randn(mean, 0.03_f32, shape, &Device::Cpu)?)
}
