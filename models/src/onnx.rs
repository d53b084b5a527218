//! ONNX graphs: a writer, so that a network can run from weights of another format, and a way to free the
//! sizes of a stored graph's input.

mod graph;
mod inputs;
mod proto;

pub(crate) use graph::{Conv, Element, GraphBuilder, Value, float, int, ints, signed};
pub(crate) use inputs::{with_any_size, without_constant_inputs};
pub(crate) use proto::Attribute;
