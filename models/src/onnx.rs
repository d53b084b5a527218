//! ONNX graphs: a writer, so that a network can run from weights in another format, and a way to make the input
//! sizes of a stored graph flexible, and one to compute it with small integers.

mod graph;
mod inputs;
mod int8;
mod network;
mod proto;

pub(crate) use graph::{Axis, Conv, Element, GraphBuilder, Value, float, int, ints, signed};
pub(crate) use inputs::{with_any_size, without_constant_inputs};
pub(crate) use int8::{Ranges, WeightLimit, quantised};
pub(crate) use proto::Attribute;
