//! Reads the weights of a file of `CTranslate2`: a header, then named tensors in little-endian, then aliases.
//!
//! The format is that of `ctranslate2/specs/model_spec.py`, version 6 and later.

use std::collections::HashMap;

use half::f16;

/// The oldest version of the format with revisions and aliases.
const OLDEST: u32 = 6;
/// No tensor of a network has more axes.
const MOST_AXES: u8 = 8;

/// The tensors of a file, by name.
#[derive(Debug)]
pub(super) struct Ct2File<'a> {
    tensors: HashMap<&'a str, Ct2Tensor<'a>>,
}

#[derive(Debug)]
struct Ct2Tensor<'a> {
    shape: Vec<usize>,
    element: u8,
    bytes: &'a [u8],
}

impl<'a> Ct2File<'a> {
    /// Reads a file of a network of the kind `spec`.
    pub(super) fn read(bytes: &'a [u8], spec: &str) -> Result<Self, String> {
        let mut reader = Reader { rest: bytes };
        let version = reader.u32()?;
        if version < OLDEST {
            return Err(format!(
                "version {version} of the format is too old; {OLDEST} is needed"
            ));
        }
        let found = reader.text()?;
        if found != spec {
            return Err(format!(
                "it holds a network of the kind {found:?}, not {spec:?}"
            ));
        }
        reader.u32()?;
        let count = reader.u32()?;
        let mut tensors = HashMap::new();
        for _ in 0..count {
            let (name, tensor) = reader.tensor()?;
            tensors.insert(name, tensor);
        }
        Ok(Self { tensors })
    }

    /// The numbers of layers below `side`, which are `side/layer_0` and so on.
    pub(super) fn layers(&self, side: &str) -> usize {
        let is_there = |at: &usize| {
            let norm = format!("{side}/layer_{at}/ffn/layer_norm/gamma");
            self.tensors.contains_key(norm.as_str())
        };
        (0..).take_while(is_there).count()
    }

    /// The lengths of the axes of a tensor.
    pub(super) fn shape(&self, name: &str) -> Result<&[usize], String> {
        Ok(&self.tensor(name)?.shape)
    }

    /// A single number.
    pub(super) fn number(&self, name: &str) -> Result<usize, String> {
        let tensor = self.tensor(name)?;
        let bytes = tensor.bytes;
        let number = match (tensor.element, bytes) {
            (1, &[one]) => u64::from(one),
            (2, &[a, b]) => u64::from(u16::from_le_bytes([a, b])),
            (3, &[a, b, c, d]) => u64::from(u32::from_le_bytes([a, b, c, d])),
            _ => return Err(format!("{name:?} is not one whole number")),
        };
        usize::try_from(number).map_err(|e| e.to_string())
    }

    /// The elements of a tensor of this shape.
    pub(super) fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
        let tensor = self.tensor(name)?;
        if tensor.shape != shape {
            let found = &tensor.shape;
            return Err(format!(
                "{name:?} has the shape {found:?}, expected {shape:?}"
            ));
        }
        match tensor.element {
            0 => Ok(tensor
                .bytes
                .as_chunks()
                .0
                .iter()
                .map(|&bytes| f32::from_le_bytes(bytes))
                .collect()),
            4 => Ok(tensor
                .bytes
                .as_chunks()
                .0
                .iter()
                .map(|&bytes| f16::from_le_bytes(bytes).to_f32())
                .collect()),
            other => Err(format!(
                "{name:?} has elements of the kind {other}; only weights of 16 or 32 bits are supported"
            )),
        }
    }

    fn tensor(&self, name: &str) -> Result<&Ct2Tensor<'a>, String> {
        let tensor = self.tensors.get(name);
        tensor.ok_or_else(|| format!("it has no tensor {name:?}"))
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or("it ends in the middle of a tensor")?;
        self.rest = rest;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut fixed = [0; N];
        fixed.copy_from_slice(self.take(N)?);
        Ok(fixed)
    }

    fn u32(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.fixed()?))
    }

    fn byte(&mut self) -> Result<u8, String> {
        Ok(u8::from_le_bytes(self.fixed()?))
    }

    fn length(&mut self) -> Result<usize, String> {
        usize::try_from(self.u32()?).map_err(|e| e.to_string())
    }

    /// A text with its length, which counts the zero at its end.
    fn text(&mut self) -> Result<&'a str, String> {
        let length = usize::from(u16::from_le_bytes(self.fixed()?));
        let bytes = self.take(length)?;
        let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
        std::str::from_utf8(bytes).map_err(|e| format!("a name is not text: {e}"))
    }

    fn tensor(&mut self) -> Result<(&'a str, Ct2Tensor<'a>), String> {
        let name = self.text()?;
        let rank = self.byte()?;
        if rank > MOST_AXES {
            return Err(format!("{name:?} has {rank} axes"));
        }
        let shape = (0..rank)
            .map(|_| self.length())
            .collect::<Result<Vec<_>, _>>()?;
        let element = self.byte()?;
        let size = match element {
            0 | 3 => 4,
            1 => 1,
            2 | 4 => 2,
            other => return Err(format!("{name:?} has elements of the unknown kind {other}")),
        };
        let length = self.length()?;
        let elements = shape
            .iter()
            .try_fold(1, |all: usize, &n| all.checked_mul(n));
        if elements.and_then(|all| all.checked_mul(size)) != Some(length) {
            return Err(format!(
                "{name:?} has {length} bytes for the shape {shape:?}"
            ));
        }
        let bytes = self.take(length)?;
        let tensor = Ct2Tensor {
            shape,
            element,
            bytes,
        };
        Ok((name, tensor))
    }
}
