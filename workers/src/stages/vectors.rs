//! Vectors in JSON: 32-bit floats, little-endian, as Base64, so that each arrives bit-exact.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

/// Bytes per number.
const FLOAT: usize = size_of::<f32>();

/// Vectors of equal length, concatenated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PackedVectors {
    /// Length of each vector.
    pub dims: usize,
    /// All numbers in order: 32-bit floats, little-endian, as Base64.
    pub base64: String,
}

/// The vectors are not of one length.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum PackError {
    /// When sent.
    #[error("vector {at} has {length} numbers, the first has {dims}")]
    Ragged {
        at: usize,
        length: usize,
        dims: usize,
    },
    /// When received.
    #[error("`base64` is not Base64")]
    NotBase64(#[from] base64::DecodeError),
    /// When received.
    #[error("`base64` has {bytes} bytes, which is not a whole number of vectors of {dims} numbers")]
    Torn { bytes: usize, dims: usize },
}

impl PackedVectors {
    fn new(vectors: &[Vec<f32>]) -> Result<Self, PackError> {
        let dims = vectors.first().map_or(0, Vec::len);
        let mut bytes = Vec::with_capacity(vectors.len() * dims * FLOAT);
        for (at, vector) in vectors.iter().enumerate() {
            if vector.is_empty() || vector.len() != dims {
                let length = vector.len();
                return Err(PackError::Ragged { at, length, dims });
            }
            bytes.extend(vector.iter().flat_map(|x| x.to_le_bytes()));
        }
        Ok(Self {
            dims,
            base64: STANDARD.encode(bytes),
        })
    }

    fn unpack(self) -> Result<Vec<Vec<f32>>, PackError> {
        let bytes = STANDARD.decode(self.base64)?;
        let stride = self.dims.checked_mul(FLOAT).unwrap_or_default();
        if stride == 0 && !bytes.is_empty() || stride > 0 && bytes.len() % stride != 0 {
            return Err(PackError::Torn {
                bytes: bytes.len(),
                dims: self.dims,
            });
        }
        let number = |raw: &[u8]| raw.try_into().map_or(f32::NAN, f32::from_le_bytes);
        Ok(bytes
            .chunks_exact(stride.max(1))
            .map(|vector| vector.chunks_exact(FLOAT).map(number).collect())
            .collect())
    }
}

/// For `#[serde(with)]` on a list of vectors.
pub(super) mod packed {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de, ser};

    use super::PackedVectors;

    pub(in crate::stages) fn serialize<S: Serializer>(
        vectors: &[Vec<f32>],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let packed = PackedVectors::new(vectors).map_err(ser::Error::custom)?;
        packed.serialize(serializer)
    }

    pub(in crate::stages) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Vec<f32>>, D::Error> {
        let packed = PackedVectors::deserialize(deserializer)?;
        packed.unpack().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bits(vectors: &[Vec<f32>]) -> Vec<Vec<u32>> {
        let bits = |vector: &Vec<f32>| vector.iter().map(|x| x.to_bits()).collect();
        vectors.iter().map(bits).collect()
    }

    proptest! {
        #[test]
        fn vectors_arrive_to_the_bit(
            raw in (1_usize..9).prop_flat_map(|dims| {
                proptest::collection::vec(proptest::collection::vec(any::<u32>(), dims), 0..7)
            })
        ) {
            // Any bit pattern, number or not: the wire format changes none.
            let vectors: Vec<Vec<f32>> =
                raw.iter().map(|v| v.iter().map(|b| f32::from_bits(*b)).collect()).collect();
            let json = serde_json::to_string(&PackedVectors::new(&vectors).unwrap()).unwrap();
            let received: PackedVectors = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(bits(&received.unpack().unwrap()), raw);
        }
    }

    #[test]
    fn vectors_of_different_lengths_and_torn_ones_are_refused() {
        assert!(PackedVectors::new(&[vec![1.0, 0.0], vec![1.0]]).is_err());
        assert!(PackedVectors::new(&[Vec::new()]).is_err());
        let sound = PackedVectors::new(&[vec![1.0, 0.0]]).unwrap();
        for (dims, base64) in [
            (3, sound.base64.clone()),
            (0, sound.base64.clone()),
            (usize::MAX, sound.base64.clone()),
            (2, "no base64!".to_owned()),
        ] {
            assert!(PackedVectors { dims, base64 }.unpack().is_err());
        }
    }
}
