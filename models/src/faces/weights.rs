//! Weights as `TensorFlow.js` stores them: a list of tensors in JSON, and their bytes one after the other. Most are bytes
//! from 0 to 255, each standing for `byte · scale + min`.

use std::collections::HashMap;

use serde::Deserialize;

#[derive(Deserialize)]
struct Group {
    weights: Vec<Described>,
}

#[derive(Deserialize)]
struct Described {
    name: String,
    shape: Vec<usize>,
    dtype: String,
    quantization: Option<Quantization>,
}

#[derive(Deserialize)]
struct Quantization {
    dtype: String,
    scale: f64,
    min: f64,
}

/// A tensor.
#[derive(Debug)]
pub(super) struct Tensor {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f32>,
}

/// The tensors of a network by their names.
#[derive(Debug)]
pub(super) struct Weights(HashMap<String, Tensor>);

impl Weights {
    /// Reads the list and the bytes.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn read(list: &[u8], mut bytes: &[u8]) -> Result<Self, String> {
        let groups: Vec<Group> =
            serde_json::from_slice(list).map_err(|e| format!("its list of tensors: {e}"))?;
        let mut tensors = HashMap::new();
        for described in groups.into_iter().flat_map(|group| group.weights) {
            let count = described
                .shape
                .iter()
                .try_fold(1_usize, |all, &side| all.checked_mul(side));
            let (size, scale) = match (&described.quantization, described.dtype.as_str()) {
                (Some(stored), _) if stored.dtype == "uint8" => {
                    (1, Some((stored.scale, stored.min)))
                }
                (None, "float32") => (4, None),
                _ => return Err(format!("the type of {} is not known", described.name)),
            };
            let length = count.and_then(|count| count.checked_mul(size));
            let (own, rest) = length
                .and_then(|length| bytes.split_at_checked(length))
                .ok_or_else(|| format!("it ends within {}", described.name))?;
            bytes = rest;
            let values = match scale {
                Some((scale, min)) => own
                    .iter()
                    .map(|&byte| dequantised(byte, scale, min))
                    .collect(),
                None => own
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .map(|four| f32::from_le_bytes(*four))
                    .collect(),
            };
            let shape = described.shape;
            tensors.insert(described.name, Tensor { shape, values });
        }
        if bytes.is_empty() {
            Ok(Self(tensors))
        } else {
            Err(format!("it has {} bytes too many", bytes.len()))
        }
    }

    /// The tensor with this name.
    pub(super) fn get(&self, name: &str) -> Result<&Tensor, String> {
        self.0
            .get(name)
            .ok_or_else(|| format!("it has no tensor {name:?}"))
    }

    /// A tensor of one axis of this length.
    pub(super) fn row(&self, name: &str, length: usize) -> Result<&[f32], String> {
        let tensor = self.get(name)?;
        if tensor.shape == [length] {
            Ok(&tensor.values)
        } else {
            Err(format!("{name:?} has the shape {:?}", tensor.shape))
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "weights are of single precision"
)]
fn dequantised(byte: u8, scale: f64, min: f64) -> f32 {
    // In single precision, as the library does it.
    f32::from(byte) * scale as f32 + min as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"[{"paths": ["w.bin"], "weights": [
        {"name": "a", "shape": [2, 2], "dtype": "float32", "quantization": {"dtype": "uint8", "scale": 0.5, "min": -1.0}},
        {"name": "b", "shape": [1], "dtype": "float32"}]}]"#;

    #[test]
    fn bytes_and_floats_are_read_in_order() {
        let bytes = [&[0, 1, 2, 255][..], &2.5_f32.to_le_bytes()].concat();
        let weights = Weights::read(LIST.as_bytes(), &bytes).unwrap();
        assert_eq!(weights.get("a").unwrap().values, [-1.0, -0.5, 0.0, 126.5]);
        assert_eq!(weights.row("b", 1).unwrap(), [2.5]);
        assert!(weights.row("b", 2).unwrap_err().contains("\"b\""));
        assert!(weights.get("c").unwrap_err().contains("\"c\""));
    }

    #[test]
    fn bytes_that_do_not_fit_are_refused() {
        let read = |bytes: &[u8]| Weights::read(LIST.as_bytes(), bytes).unwrap_err();
        assert!(read(&[0; 3]).contains("ends within a"));
        assert!(read(&[0; 7]).contains("ends within b"));
        assert!(read(&[0; 9]).contains("1 bytes too many"));
        assert!(Weights::read(b"{}", &[]).is_err());
        let huge = LIST.replace("[2, 2]", "[4294967296, 4294967296, 16]");
        assert!(Weights::read(huge.as_bytes(), &[0; 8]).is_err());
        let other = LIST.replace("uint8", "uint16");
        assert!(
            Weights::read(other.as_bytes(), &[0; 8])
                .unwrap_err()
                .contains("type")
        );
    }
}
