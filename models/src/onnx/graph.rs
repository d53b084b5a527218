//! Builds a graph node by node. The builder names values and returns them as [`Value`]s.

use prost::Message;

use super::proto;
use super::proto::DimensionValue;

/// Opset 17: the first with `LayerNormalization`, and supported by every ONNX Runtime in use.
const OPSET: i64 = 17;
const IR_VERSION: i64 = 8;

/// The name of a tensor in the graph.
#[derive(Debug, Clone)]
pub(crate) struct Value(String);

#[cfg(test)]
impl Value {
    /// The name.
    pub(crate) fn name(&self) -> &str {
        &self.0
    }
}

/// A convolution over square kernels with a bias.
#[derive(Debug)]
pub(crate) struct Conv<'a> {
    /// Output channels × input channels per group × kernel × kernel.
    pub(crate) weight: &'a [f32],
    /// One per output channel.
    pub(crate) bias: &'a [f32],
    /// Shape of `weight`.
    pub(crate) shape: [usize; 4],
    /// Step of the window, in pixels, on both axes.
    pub(crate) stride: usize,
    /// Zeros added before (top and left) and after (bottom and right).
    pub(crate) padding: (usize, usize),
    /// Number of channel groups.
    pub(crate) groups: usize,
}

/// An ONNX graph under construction: 32-bit floats except for inputs, with a symbolic batch as the first axis.
#[derive(Debug)]
pub(crate) struct GraphBuilder {
    graph: proto::Graph,
}

impl GraphBuilder {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            graph: proto::Graph {
                name: name.to_owned(),
                ..Default::default()
            },
        }
    }

    /// Declares an input of floats, of shape batch × `shape`.
    pub(crate) fn input(&mut self, name: &str, shape: &[usize]) -> Value {
        self.typed_input(name, Element::F32, shape)
    }

    /// Declares an input of shape batch × `shape`.
    pub(crate) fn typed_input(&mut self, name: &str, element: Element, shape: &[usize]) -> Value {
        self.graph.input.push(value_info(name, element, shape));
        Value(name.to_owned())
    }

    /// Declares an input with a shape of its own, without a batch.
    pub(crate) fn shaped_input(&mut self, name: &str, element: Element, shape: &[Axis]) -> Value {
        self.graph.input.push(shaped_info(name, element, shape));
        Value(name.to_owned())
    }

    /// Any operator with one output; see [`int`] and the other functions for attributes.
    pub(crate) fn operator(
        &mut self,
        op_type: &str,
        inputs: &[&Value],
        attributes: Vec<proto::Attribute>,
    ) -> Value {
        self.node(op_type, inputs, attributes)
    }

    /// Any operator with `count` outputs.
    pub(crate) fn operators(
        &mut self,
        op_type: &str,
        inputs: &[&Value],
        attributes: Vec<proto::Attribute>,
        count: usize,
    ) -> Vec<Value> {
        let first = self.node(op_type, inputs, attributes);
        let others = (1..count).map(|at| Value(format!("{}.{at}", first.0)));
        let outputs: Vec<Value> = std::iter::once(first.clone()).chain(others).collect();
        if let Some(node) = self.graph.node.last_mut() {
            node.output = outputs.iter().map(|value| value.0.clone()).collect();
        }
        outputs
    }

    /// Convolution of N × C × H × W.
    pub(crate) fn conv(&mut self, input: &Value, conv: &Conv<'_>) -> Value {
        let weight = self.constant(&conv.shape, conv.weight);
        let bias = self.constant(&[conv.bias.len()], conv.bias);
        let (before, after) = conv.padding;
        let attributes = vec![
            ints("kernel_shape", &conv.shape[2..]),
            ints("strides", &[conv.stride, conv.stride]),
            ints("pads", &[before, before, after, after]),
            int("group", conv.groups),
        ];
        self.node("Conv", &[input, &weight, &bias], attributes)
    }

    /// `min(max(x, low), high)`.
    pub(crate) fn clip(&mut self, input: &Value, low: f32, high: f32) -> Value {
        let low = self.constant(&[], &[low]);
        let high = self.constant(&[], &[high]);
        self.node("Clip", &[input, &low, &high], Vec::new())
    }

    /// Sum of two values of one shape.
    pub(crate) fn add(&mut self, a: &Value, b: &Value) -> Value {
        self.node("Add", &[a, b], Vec::new())
    }

    /// N × C × H × W to N × C, the mean over each plane.
    pub(crate) fn global_mean(&mut self, input: &Value) -> Value {
        let pooled = self.node("GlobalAveragePool", &[input], Vec::new());
        self.node("Flatten", &[&pooled], vec![int("axis", 1)])
    }

    /// `x · weightᵀ + bias`, with `weight` of `bias.len()` rows.
    pub(crate) fn linear(&mut self, input: &Value, weight: &[f32], bias: &[f32]) -> Value {
        let weight = self.constant(&[bias.len(), weight.len() / bias.len().max(1)], weight);
        let bias = self.constant(&[bias.len()], bias);
        self.node("Gemm", &[input, &weight, &bias], vec![int("transB", 1)])
    }

    /// Declares `value`, of shape batch × `shape`, as the output `name`, and serialises the model.
    pub(crate) fn finish(mut self, value: &Value, name: &str, shape: &[usize]) -> Vec<u8> {
        self.identity(value, name);
        self.graph
            .output
            .push(value_info(name, Element::F32, shape));
        self.build()
    }

    /// Declares `value` as the output `name` of floats, with a shape of its own.
    pub(crate) fn shaped_output(&mut self, value: &Value, name: &str, shape: &[Axis]) {
        self.identity(value, name);
        let info = shaped_info(name, Element::F32, shape);
        self.graph.output.push(info);
    }

    fn identity(&mut self, value: &Value, name: &str) {
        self.graph.node.push(proto::Node {
            input: vec![value.0.clone()],
            output: vec![name.to_owned()],
            op_type: "Identity".to_owned(),
            attribute: Vec::new(),
        });
    }

    /// Serialises the model with the outputs that were declared.
    pub(crate) fn build(self) -> Vec<u8> {
        model(self.graph)
    }

    /// A tensor of floats.
    pub(crate) fn constant(&mut self, shape: &[usize], data: &[f32]) -> Value {
        let bytes = data.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(shape, Element::F32, bytes)
    }

    /// A list of integers, such as a shape.
    pub(crate) fn integers(&mut self, data: &[i64]) -> Value {
        let bytes = data.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(&[data.len()], Element::I64, bytes)
    }

    /// A tensor of elements that are already in little-endian bytes.
    pub(crate) fn raw(&mut self, shape: &[usize], element: Element, bytes: Vec<u8>) -> Value {
        self.initializer(shape, element, bytes)
    }

    fn initializer(&mut self, shape: &[usize], element: Element, raw_data: Vec<u8>) -> Value {
        let name = format!("c{}", self.graph.initializer.len());
        let constant = tensor(&name, shape, element, raw_data);
        self.graph.initializer.push(constant);
        Value(name)
    }

    fn node(
        &mut self,
        op_type: &str,
        inputs: &[&Value],
        attribute: Vec<proto::Attribute>,
    ) -> Value {
        let output = Value(format!("v{}", self.graph.node.len()));
        self.graph.node.push(proto::Node {
            input: inputs.iter().map(|value| value.0.clone()).collect(),
            output: vec![output.0.clone()],
            op_type: op_type.to_owned(),
            attribute,
        });
        output
    }
}

/// A graph as the bytes of a model.
pub(super) fn model(graph: proto::Graph) -> Vec<u8> {
    let model = proto::Model {
        ir_version: IR_VERSION,
        producer_name: "rushes".to_owned(),
        graph: Some(graph),
        opset_import: vec![proto::OperatorSet {
            domain: String::new(),
            version: OPSET,
        }],
    };
    model.encode_to_vec()
}

/// A named tensor of elements that are already in little-endian bytes.
pub(super) fn tensor(
    name: &str,
    shape: &[usize],
    element: Element,
    raw_data: Vec<u8>,
) -> proto::Tensor {
    proto::Tensor {
        dims: shape.iter().map(|&n| length(n)).collect(),
        data_type: element.code(),
        name: name.to_owned(),
        raw_data,
        ..Default::default()
    }
}

/// A named tensor of floats.
pub(super) fn float_tensor(name: &str, shape: &[usize], data: &[f32]) -> proto::Tensor {
    let data = data.iter().flat_map(|value| value.to_le_bytes()).collect();
    tensor(name, shape, Element::F32, data)
}

/// The length of an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Axis {
    /// The same in every run.
    Of(usize),
    /// Different from run to run; axes of one name have one length.
    Any(&'static str),
}

/// The element type of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    /// 32-bit float.
    F32,
    /// 16-bit float.
    F16,
    /// Byte.
    U8,
    /// Signed byte.
    I8,
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
}

impl Element {
    /// `TensorProto.DataType`.
    pub(crate) const fn code(self) -> i32 {
        match self {
            Self::F32 => proto::FLOAT,
            Self::U8 => 2,
            Self::I8 => 3,
            Self::I32 => 6,
            Self::F16 => 10,
            Self::I64 => 7,
        }
    }
}

/// An integer attribute, counted from the end if negative.
pub(crate) fn signed(name: &str, value: i64) -> proto::Attribute {
    proto::Attribute {
        name: name.to_owned(),
        i: value,
        r#type: proto::ATTRIBUTE_INT,
        ..Default::default()
    }
}

/// An attribute that is a length, a count or an axis.
pub(crate) fn int(name: &str, value: usize) -> proto::Attribute {
    signed(name, length(value))
}

/// A float attribute.
pub(crate) fn float(name: &str, value: f32) -> proto::Attribute {
    proto::Attribute {
        name: name.to_owned(),
        f: value,
        r#type: proto::ATTRIBUTE_FLOAT,
        ..Default::default()
    }
}

/// An attribute that is a list of lengths or axes.
pub(crate) fn ints(name: &str, values: &[usize]) -> proto::Attribute {
    proto::Attribute {
        name: name.to_owned(),
        ints: values.iter().map(|&n| length(n)).collect(),
        r#type: proto::ATTRIBUTE_INTS,
        ..Default::default()
    }
}

fn value_info(name: &str, element: Element, shape: &[usize]) -> proto::ValueInfo {
    let fixed = shape.iter().map(|&n| Axis::Of(n));
    let axes: Vec<Axis> = std::iter::once(Axis::Any("batch")).chain(fixed).collect();
    shaped_info(name, element, &axes)
}

pub(super) fn shaped_info(name: &str, element: Element, shape: &[Axis]) -> proto::ValueInfo {
    let values = shape.iter().map(|axis| match *axis {
        Axis::Of(n) => DimensionValue::Fixed(length(n)),
        Axis::Any(name) => DimensionValue::Symbol(name.to_owned()),
    });
    let dim = values
        .map(|value| proto::Dimension { value: Some(value) })
        .collect();
    let tensor_type = proto::TensorType {
        elem_type: element.code(),
        shape: Some(proto::Shape { dim }),
    };
    proto::ValueInfo {
        name: name.to_owned(),
        r#type: Some(proto::Type {
            tensor_type: Some(tensor_type),
        }),
    }
}

/// Lengths of tensors in memory fit any signed 64-bit integer.
fn length(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
