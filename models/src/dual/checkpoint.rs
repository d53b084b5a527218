//! A safetensors file of weights. Every tensor must be taken once, with the required shape, and none may be
//! left.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};

use super::DualError;

/// Tensors besides the weights of the towers that a checkpoint may hold: scale and bias of the training loss,
/// and positions that old versions of the transformers library stored.
const NOT_OURS: [&str; 4] = [
    "logit_scale",
    "logit_bias",
    "vision_model.embeddings.position_ids",
    "text_model.embeddings.position_ids",
];

/// Tensors that were not taken yet, on the CPU.
pub(super) struct Checkpoint {
    tensors: HashMap<String, Tensor>,
    /// The generated weights, in a checkpoint that generates weights when they are taken.
    invented: Option<HashMap<String, Tensor>>,
}

impl Checkpoint {
    /// # Errors
    ///
    /// The bytes are not safetensors, or are truncated.
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

    /// Generates random weights for any requested name and shape.
    pub(super) fn invent() -> Self {
        Self {
            tensors: HashMap::new(),
            invented: Some(HashMap::new()),
        }
    }

    /// The generated weights, by name.
    pub(super) fn invented(self) -> HashMap<String, Tensor> {
        self.invented.unwrap_or_default()
    }

    /// Takes a tensor, as 32-bit floats.
    ///
    /// # Errors
    ///
    /// It does not exist, has another shape, or contains values that are not finite.
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
        // The sum is finite unless a value is not; sums of weights do not overflow.
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
    /// Tensors are left: the file has another architecture or size than its configuration.
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

/// Weights as before training: normally distributed with a deviation that keeps values in range, and scales
/// near 1.
fn made_up(name: &str, shape: &[usize]) -> Result<Tensor, DualError> {
    let is_scale = shape.len() == 1 && name.ends_with("weight");
    let mean = if is_scale { 1.0 } else { 0.0 };
    Ok(Tensor::randn(mean, 0.03_f32, shape, &Device::Cpu)?)
}
