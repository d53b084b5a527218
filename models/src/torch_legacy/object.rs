//! The objects that a pickle builds. They refer to each other by index, so neither cycles nor deep nesting can
//! do harm: the heap is one flat vector, and is dropped as such.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "an object of any kind but the one expected is malformed"
)]

use super::TensorData;

/// Index of an object in its [`Heap`].
pub(super) type Ref = usize;

#[derive(Debug)]
pub(super) enum Object {
    None,
    Bool(bool),
    Int(i64),
    /// An integer of more than 8 bytes, little-endian two's complement.
    Long(Vec<u8>),
    Text(String),
    Tuple(Vec<Ref>),
    List(Vec<Ref>),
    /// Also an `OrderedDict`: pairs in the order of insertion.
    Dict(Vec<(Ref, Ref)>),
    Global(Global),
    Storage {
        key: String,
        kind: StorageType,
    },
    Tensor {
        storage: Ref,
        offset: usize,
        shape: Vec<usize>,
        strides: Vec<usize>,
    },
}

/// The only names that a pickle may import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    OrderedDict,
    RebuildTensor,
    Storage(StorageType),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StorageType {
    F32,
    I64,
}

impl Global {
    pub(super) fn find(module: &str, name: &str) -> Option<Self> {
        match (module, name) {
            ("collections", "OrderedDict") => Some(Self::OrderedDict),
            ("torch._utils", "_rebuild_tensor_v2") => Some(Self::RebuildTensor),
            ("torch", "FloatStorage") => Some(Self::Storage(StorageType::F32)),
            ("torch", "LongStorage") => Some(Self::Storage(StorageType::I64)),
            _ => None,
        }
    }
}

impl StorageType {
    /// Bytes per element.
    pub(super) fn width(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::I64 => 8,
        }
    }

    /// The elements of a tensor in row-major order, whatever their order in its storage (little-endian bytes);
    /// empty if the tensor exceeds the storage.
    pub(super) fn gather(
        self,
        storage: &[u8],
        offset: usize,
        shape: &[usize],
        strides: &[usize],
    ) -> Option<TensorData> {
        Some(match self {
            Self::F32 => {
                let elements = gather(storage.as_chunks().0, offset, shape, strides)?;
                TensorData::F32(elements.into_iter().map(f32::from_le_bytes).collect())
            }
            Self::I64 => {
                let elements = gather(storage.as_chunks().0, offset, shape, strides)?;
                TensorData::I64(elements.into_iter().map(i64::from_le_bytes).collect())
            }
        })
    }
}

/// Every axis multiplies the positions of the axes before it. The caller has bounded their number.
fn gather<T: Copy>(
    storage: &[T],
    offset: usize,
    shape: &[usize],
    strides: &[usize],
) -> Option<Vec<T>> {
    if shape.len() != strides.len() {
        return None;
    }
    if shape.contains(&0) {
        return Some(Vec::new());
    }
    let last = shape
        .iter()
        .zip(strides)
        .try_fold(offset, |last, (&length, &stride)| {
            last.checked_add((length - 1).checked_mul(stride)?)
        })?;
    if last >= storage.len() {
        return None;
    }
    let mut positions = vec![offset];
    for (&length, &stride) in shape.iter().zip(strides) {
        positions = positions
            .into_iter()
            .flat_map(|start| (0..length).map(move |i| start + i * stride))
            .collect();
    }
    Some(positions.into_iter().map(|at| storage[at]).collect())
}

#[derive(Debug, Default)]
pub(super) struct Heap {
    objects: Vec<Object>,
}

impl Heap {
    pub(super) fn add(&mut self, object: Object) -> Ref {
        self.objects.push(object);
        self.objects.len() - 1
    }

    pub(super) fn get(&self, index: Ref) -> &Object {
        &self.objects[index]
    }

    pub(super) fn get_mut(&mut self, index: Ref) -> &mut Object {
        &mut self.objects[index]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Object> {
        self.objects.iter()
    }

    /// The text at an index, if it is a text.
    pub(super) fn text(&self, index: Ref) -> Option<&str> {
        match self.get(index) {
            Object::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The integer at an index as a length or an offset, if it is one.
    pub(super) fn size(&self, index: Ref) -> Option<usize> {
        match self.get(index) {
            Object::Int(n) => usize::try_from(*n).ok(),
            _ => None,
        }
    }

    /// The tuple of lengths at an index, if it is one.
    pub(super) fn sizes(&self, index: Ref) -> Option<Vec<usize>> {
        match self.get(index) {
            Object::Tuple(items) => items.iter().map(|&item| self.size(item)).collect(),
            _ => None,
        }
    }
}
