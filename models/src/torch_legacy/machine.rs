//! The pickle machine: a stack with marks, and a memo. It calls nothing. `REDUCE` recognises the two calls that
//! tensors need, and builds their result as data.
//!
//! The instructions are those of Python's `pickletools`.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "an object of any kind but the one expected is malformed"
)]

use std::collections::HashMap;

use super::TorchError;
use super::object::{Global, Heap, Object, Ref};

/// Runs one pickle of `bytes` from `at`, moves `at` past it, and returns what it built.
pub(super) fn run(bytes: &[u8], at: &mut usize, heap: &mut Heap) -> Result<Ref, TorchError> {
    let mut machine = Machine {
        bytes,
        at: *at,
        heap,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    let result = machine.run()?;
    *at = machine.at;
    Ok(result)
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    heap: &'a mut Heap,
    stack: Vec<Ref>,
    marks: Vec<usize>,
    memo: HashMap<u32, Ref>,
}

impl Machine<'_> {
    fn run(&mut self) -> Result<Ref, TorchError> {
        loop {
            let at = self.at;
            let [opcode] = self.take()?;
            match opcode {
                b'.' => return self.pop(),
                0x80 => self.protocol()?,
                b'(' => self.marks.push(self.stack.len()),
                b'N' => self.push(Object::None),
                0x88 => self.push(Object::Bool(true)),
                0x89 => self.push(Object::Bool(false)),
                b'K' | b'M' | b'J' | 0x8a => self.integer(opcode)?,
                b'X' => self.text()?,
                b')' => self.push(Object::Tuple(Vec::new())),
                b']' => self.push(Object::List(Vec::new())),
                b'}' => self.push(Object::Dict(Vec::new())),
                0x85 => self.tuple(1)?,
                0x86 => self.tuple(2)?,
                0x87 => self.tuple(3)?,
                b't' => {
                    let items = self.pop_to_mark()?;
                    self.push(Object::Tuple(items));
                }
                b'e' => {
                    let items = self.pop_to_mark()?;
                    self.extend_list(&items)?;
                }
                b'a' => {
                    let item = self.pop()?;
                    self.extend_list(&[item])?;
                }
                b'u' => {
                    let items = self.pop_to_mark()?;
                    self.extend_dict(&items)?;
                }
                b's' => {
                    let value = self.pop()?;
                    let key = self.pop()?;
                    self.extend_dict(&[key, value])?;
                }
                b'q' | b'r' | b'h' | b'j' => self.memo(opcode)?,
                b'c' => self.global()?,
                b'Q' => self.persistent_id()?,
                b'R' => self.reduce()?,
                b'b' => self.build()?,
                opcode => return Err(TorchError::RefusedOpcode { opcode, at }),
            }
        }
    }

    fn malformed(&self, reason: &'static str) -> TorchError {
        TorchError::Malformed {
            at: self.at,
            reason,
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], TorchError> {
        let chunk = self.bytes[self.at..]
            .first_chunk::<N>()
            .ok_or(TorchError::Truncated { what: "a pickle" })?;
        self.at += N;
        Ok(*chunk)
    }

    fn take_slice(&mut self, length: usize) -> Result<&[u8], TorchError> {
        let slice = self.bytes[self.at..]
            .get(..length)
            .ok_or(TorchError::Truncated { what: "a pickle" })?;
        self.at += length;
        Ok(slice)
    }

    fn take_line(&mut self) -> Result<String, TorchError> {
        let length = self.bytes[self.at..]
            .iter()
            .position(|&byte| byte == b'\n')
            .ok_or(TorchError::Truncated { what: "a pickle" })?;
        let line = self.take_slice(length + 1)?;
        Ok(String::from_utf8_lossy(&line[..length]).into_owned())
    }

    fn push(&mut self, object: Object) {
        let index = self.heap.add(object);
        self.stack.push(index);
    }

    /// Pops the top of the stack, but nothing below the last mark.
    fn pop(&mut self) -> Result<Ref, TorchError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(self.malformed("the stack is empty"));
        }
        self.stack
            .pop()
            .ok_or_else(|| self.malformed("the stack is empty"))
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Ref>, TorchError> {
        let mark = self
            .marks
            .pop()
            .ok_or_else(|| self.malformed("there is no mark"))?;
        Ok(self.stack.split_off(mark))
    }

    fn top(&self) -> Result<Ref, TorchError> {
        self.stack
            .last()
            .copied()
            .ok_or_else(|| self.malformed("the stack is empty"))
    }

    fn protocol(&mut self) -> Result<(), TorchError> {
        match self.take()? {
            [2] => Ok(()),
            _ => Err(self.malformed("the pickle protocol is not 2")),
        }
    }

    fn integer(&mut self, opcode: u8) -> Result<(), TorchError> {
        let object = match opcode {
            b'K' => Object::Int(i64::from(self.take::<1>()?[0])),
            b'M' => Object::Int(i64::from(u16::from_le_bytes(self.take()?))),
            b'J' => Object::Int(i64::from(i32::from_le_bytes(self.take()?))),
            _ => {
                let [length] = self.take()?;
                long(self.take_slice(usize::from(length))?)
            }
        };
        self.push(object);
        Ok(())
    }

    fn text(&mut self) -> Result<(), TorchError> {
        let length = u32::from_le_bytes(self.take()?);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let text = std::str::from_utf8(self.take_slice(length)?).map(str::to_owned);
        match text {
            Ok(text) => self.push(Object::Text(text)),
            Err(_not_utf8) => return Err(self.malformed("a text is not UTF-8")),
        }
        Ok(())
    }

    fn tuple(&mut self, length: usize) -> Result<(), TorchError> {
        let mut items = (0..length)
            .map(|_| self.pop())
            .collect::<Result<Vec<_>, _>>()?;
        items.reverse();
        self.push(Object::Tuple(items));
        Ok(())
    }

    fn extend_list(&mut self, items: &[Ref]) -> Result<(), TorchError> {
        let list = self.top()?;
        match self.heap.get_mut(list) {
            Object::List(list) => list.extend_from_slice(items),
            _ => return Err(self.malformed("items are appended to something other than a list")),
        }
        Ok(())
    }

    fn extend_dict(&mut self, items: &[Ref]) -> Result<(), TorchError> {
        let dict = self.top()?;
        let (pairs, rest) = items.as_chunks::<2>();
        match self.heap.get_mut(dict) {
            Object::Dict(dict) if rest.is_empty() => {
                dict.extend(pairs.iter().map(|&[key, value]| (key, value)));
            }
            _ => return Err(self.malformed("items are set on something other than a dictionary")),
        }
        Ok(())
    }

    fn memo(&mut self, opcode: u8) -> Result<(), TorchError> {
        let slot = match opcode {
            b'q' | b'h' => u32::from(self.take::<1>()?[0]),
            _ => u32::from_le_bytes(self.take()?),
        };
        if matches!(opcode, b'q' | b'r') {
            let top = self.top()?;
            self.memo.insert(slot, top);
        } else {
            let index = *self
                .memo
                .get(&slot)
                .ok_or_else(|| self.malformed("the memo has no such entry"))?;
            self.stack.push(index);
        }
        Ok(())
    }

    fn global(&mut self) -> Result<(), TorchError> {
        let (module, name) = (self.take_line()?, self.take_line()?);
        let global = Global::find(&module, &name).ok_or_else(|| TorchError::RefusedGlobal {
            name: format!("{module}.{name}"),
        })?;
        self.push(Object::Global(global));
        Ok(())
    }

    /// `('storage', <type>, key, device, element count, view)`.
    fn persistent_id(&mut self) -> Result<(), TorchError> {
        let id = self.pop()?;
        let object = match self.heap.get(id) {
            Object::Tuple(items) => match items[..] {
                [tag, kind, key, _device, _count, _view]
                    if self.heap.text(tag) == Some("storage") =>
                {
                    match (self.heap.get(kind), self.heap.text(key)) {
                        (Object::Global(Global::Storage(kind)), Some(key)) => {
                            Some(Object::Storage {
                                key: key.to_owned(),
                                kind: *kind,
                            })
                        }
                        _ => None,
                    }
                }
                _ => None,
            },
            _ => None,
        };
        let object = object.ok_or_else(|| self.malformed("a persistent id is not a storage"))?;
        self.push(object);
        Ok(())
    }

    /// `OrderedDict()` and `_rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)`.
    fn reduce(&mut self) -> Result<(), TorchError> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let object = match (self.heap.get(function), self.heap.get(arguments)) {
            (Object::Global(Global::OrderedDict), Object::Tuple(items)) if items.is_empty() => {
                Some(Object::Dict(Vec::new()))
            }
            (Object::Global(Global::RebuildTensor), Object::Tuple(items)) => self.tensor(items),
            _ => None,
        };
        let object = object.ok_or_else(|| self.malformed("a call has invalid arguments"))?;
        self.push(object);
        Ok(())
    }

    fn tensor(&self, arguments: &[Ref]) -> Option<Object> {
        let [storage, offset, shape, strides, _requires_grad, _hooks] = *arguments else {
            return None;
        };
        Some(Object::Tensor {
            storage,
            offset: self.heap.size(offset)?,
            shape: self.heap.sizes(shape)?,
            strides: self.heap.sizes(strides)?,
        })
    }

    /// The state of an `OrderedDict` is PyTorch's `_metadata`, which is not needed.
    fn build(&mut self) -> Result<(), TorchError> {
        self.pop()?;
        let target = self.top()?;
        match self.heap.get(target) {
            Object::Dict(_) => Ok(()),
            _ => Err(self.malformed("a state is set on something other than a dictionary")),
        }
    }
}

/// A little-endian two's complement integer of any length.
fn long(digits: &[u8]) -> Object {
    if digits.len() > 8 {
        return Object::Long(digits.to_vec());
    }
    let negative = digits.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut bytes = if negative { [0xff; 8] } else { [0; 8] };
    bytes[..digits.len()].copy_from_slice(digits);
    Object::Int(i64::from_le_bytes(bytes))
}
