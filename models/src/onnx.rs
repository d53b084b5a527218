//! ONNX graphs: a writer, so that a network can run from weights in another format, and a way to make the input
//! sizes of a stored graph flexible.

mod graph;
mod inputs;
mod proto;

pub(crate) use graph::{Axis, Conv, Element, GraphBuilder, Value, float, int, ints, signed};
pub(crate) use inputs::{with_any_size, without_constant_inputs};
pub(crate) use proto::Attribute;
