//! A reader of PyTorch's first file format (`torch.save` before 1.6): five pickles, then raw storages.
//!
//! A pickle is a program. This reader runs only the instructions that build plain data, and knows only the four
//! names that tensors need. Everything else is refused by name. Memory is bounded by the length of the file.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "an object of any kind but the one expected is malformed"
)]

use std::collections::{BTreeMap, HashMap};

use crate::kind::ErrorKind;

mod machine;
mod object;
#[cfg(test)]
mod tests;

use object::{Heap, Object, Ref, StorageType};

/// `0x1950a86a20f9469cfc6c`, the first pickle of every such file, as a little-endian integer.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const PROTOCOL_VERSION: i64 = 1001;

/// Tensors may share storage. All of them together may take this many times the bytes of the file.
const MAX_SHARING: usize = 4;

/// One tensor, row-major.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tensor {
    /// Length of each axis; empty for a scalar.
    pub(crate) shape: Vec<usize>,
    /// The elements.
    pub(crate) data: TensorData,
}

/// The elements of a [`Tensor`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TensorData {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 64-bit integers.
    I64(Vec<i64>),
}

/// Why a file cannot be read as tensors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TorchError {
    /// The file has another format.
    #[error("not a PyTorch file in the legacy format: {reason}")]
    NotLegacy {
        /// The format that was found.
        reason: String,
    },
    /// The pickle names something that tensors do not need.
    #[error("the pickle asks for {name:?}, which is refused: only tensors are read")]
    RefusedGlobal {
        /// `module.name`.
        name: String,
    },
    /// The pickle uses an instruction that tensors do not need.
    #[error("the pickle uses opcode {opcode:#04x} at byte {at}, which is refused")]
    RefusedOpcode {
        /// The instruction.
        opcode: u8,
        /// Its position in the file.
        at: usize,
    },
    /// The file is truncated.
    #[error("the file ends in the middle of {what}")]
    Truncated {
        /// The part that was being read.
        what: &'static str,
    },
    /// The pickle is malformed.
    #[error("malformed pickle at byte {at}: {reason}")]
    Malformed {
        /// Position in the file.
        at: usize,
        /// The problem.
        reason: &'static str,
    },
    /// A tensor does not match its storage.
    #[error("tensor {name:?}: {reason}")]
    Tensor {
        /// Its name.
        name: String,
        /// The problem.
        reason: &'static str,
    },
    /// The tensors would take far more memory than the file.
    #[error("the tensors share storage beyond {MAX_SHARING} times the length of the file")]
    TooMuchSharing,
}

impl TorchError {
    /// The kind of this failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotLegacy { .. } | Self::RefusedGlobal { .. } | Self::RefusedOpcode { .. } => {
                ErrorKind::Unsupported
            }
            Self::Truncated { .. } | Self::Malformed { .. } | Self::Tensor { .. } => {
                ErrorKind::Corrupt
            }
            Self::TooMuchSharing => ErrorKind::Limit,
        }
    }
}

/// Reads the tensors of a state dictionary (a flat map from names to tensors) by name.
///
/// # Errors
///
/// The bytes have another format, contain anything but tensors, or are inconsistent.
pub(crate) fn read(bytes: &[u8]) -> Result<BTreeMap<String, Tensor>, TorchError> {
    if bytes.starts_with(b"PK") {
        return Err(TorchError::NotLegacy {
            reason: "it is a zip file, the format since PyTorch 1.6".to_owned(),
        });
    }
    let mut at = 0;
    let mut next = |heap: &mut Heap| machine::run(bytes, &mut at, heap);
    let mut heap = Heap::default();

    let magic = next(&mut heap).map_err(|e| TorchError::NotLegacy {
        reason: e.to_string(),
    })?;
    if !matches!(heap.get(magic), Object::Long(digits) if digits[..] == MAGIC) {
        return Err(TorchError::NotLegacy {
            reason: "the magic number is wrong".to_owned(),
        });
    }
    let version = next(&mut heap)?;
    if !matches!(heap.get(version), Object::Int(PROTOCOL_VERSION)) {
        return Err(TorchError::NotLegacy {
            reason: "the protocol version is not 1001".to_owned(),
        });
    }
    let system = next(&mut heap)?;
    if !is_little_endian(&heap, system) {
        return Err(TorchError::NotLegacy {
            reason: "it was written by a big-endian machine".to_owned(),
        });
    }
    let state = next(&mut heap)?;
    let keys = next(&mut heap)?;
    let storages = split_storages(bytes, at, &heap, keys)?;
    build_tensors(bytes.len(), &heap, state, &storages)
}

fn is_little_endian(heap: &Heap, system: Ref) -> bool {
    let Object::Dict(pairs) = heap.get(system) else {
        return false;
    };
    pairs.iter().any(|&(key, value)| {
        matches!(heap.get(key), Object::Text(name) if name == "little_endian")
            && matches!(heap.get(value), Object::Bool(true))
    })
}

/// The raw bytes of each storage, by key. They follow the pickles in the order of the key list: an element
/// count (`i64`) and the elements.
fn split_storages<'a>(
    bytes: &'a [u8],
    mut at: usize,
    heap: &Heap,
    keys: Ref,
) -> Result<HashMap<String, &'a [u8]>, TorchError> {
    let Object::List(keys) = heap.get(keys) else {
        return Err(TorchError::Malformed {
            at,
            reason: "the storage keys are not a list",
        });
    };
    let types = storage_types(heap);
    let truncated = TorchError::Truncated { what: "a storage" };
    let mut storages = HashMap::new();
    for &key in keys {
        let Object::Text(key) = heap.get(key) else {
            return Err(TorchError::Malformed {
                at,
                reason: "a storage key is not a text",
            });
        };
        let Some(kind) = types.get(key.as_str()) else {
            return Err(TorchError::Malformed {
                at,
                reason: "a listed storage belongs to no tensor",
            });
        };
        let Some((count, rest)) = bytes[at..].split_first_chunk::<8>() else {
            return Err(truncated);
        };
        let length = usize::try_from(i64::from_le_bytes(*count))
            .ok()
            .and_then(|n| n.checked_mul(kind.width()));
        let Some(storage) = length.and_then(|length| rest.get(..length)) else {
            return Err(truncated);
        };
        at += 8 + storage.len();
        storages.insert(key.clone(), storage);
    }
    Ok(storages)
}

fn storage_types(heap: &Heap) -> HashMap<&str, StorageType> {
    heap.iter()
        .filter_map(|object| match object {
            Object::Storage { key, kind } => Some((key.as_str(), *kind)),
            _ => None,
        })
        .collect()
}

fn build_tensors(
    file_length: usize,
    heap: &Heap,
    state: Ref,
    storages: &HashMap<String, &[u8]>,
) -> Result<BTreeMap<String, Tensor>, TorchError> {
    let Object::Dict(pairs) = heap.get(state) else {
        return Err(TorchError::NotLegacy {
            reason: "it does not hold a dictionary of tensors".to_owned(),
        });
    };
    let mut budget = file_length.saturating_mul(MAX_SHARING);
    let mut tensors = BTreeMap::new();
    for &(name, value) in pairs {
        let Object::Text(name) = heap.get(name) else {
            return Err(TorchError::NotLegacy {
                reason: "a name in the dictionary is not a text".to_owned(),
            });
        };
        let wrong = |reason| TorchError::Tensor {
            name: name.clone(),
            reason,
        };
        let Object::Tensor {
            storage,
            offset,
            shape,
            strides,
        } = heap.get(value)
        else {
            return Err(wrong("it is not a tensor"));
        };
        let Object::Storage { key, kind } = heap.get(*storage) else {
            return Err(wrong("it has no storage"));
        };
        let raw = storages
            .get(key)
            .ok_or_else(|| wrong("its storage is missing"))?;
        let elements = shape
            .iter()
            .try_fold(1_usize, |n, &axis| n.checked_mul(axis));
        let bytes = elements.and_then(|n| n.checked_mul(kind.width()));
        budget = bytes
            .and_then(|bytes| budget.checked_sub(bytes))
            .ok_or(TorchError::TooMuchSharing)?;
        let data = kind
            .gather(raw, *offset, shape, strides)
            .ok_or_else(|| wrong("it reaches past its storage"))?;
        tensors.insert(
            name.clone(),
            Tensor {
                shape: shape.clone(),
                data,
            },
        );
    }
    Ok(tensors)
}
