//! A writer of ONNX graphs, so that a network can run from weights of another format.

mod graph;
mod proto;

pub(crate) use graph::{Conv, GraphBuilder, Value};
