//! A network of 8-bit integers from one of floats. A CPU computes it two to three times as fast.
//!
//! Each activation that a layer reads is held in a byte, `value = scale × (byte − zero)`, over a range that was measured
//! beforehand. Weights are rounded here, symmetrically, with one scale for each output channel (Jacob et al. 2018,
//! arXiv 1712.05877). The integers are written as pairs of `QuantizeLinear` and `DequantizeLinear`, which ONNX
//! Runtime joins with the layers between them. Layers whose results leave the network stay floats.
//!
//! The new network takes pixels as bytes, in blocks of 2 × 2: batch × height/2 × width/2 × 12, the upper two pixels
//! first. Its first layer, 3 × 3 with a stride of 2, becomes one of 2 × 2 blocks with a stride of 1: the same sums,
//! without a kernel that reads three bytes at a time.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{Axis, Element, float_tensor, int, ints, model, shaped_info, tensor};
use super::network::{Network, floats};
use super::proto;

mod heads;
mod weights;

use heads::join_heads;
use weights::{Kernel, Rounded, blocks};

/// Bytes of a block of pixels.
const BLOCK: usize = 12;
/// The input of the new network.
const INPUT: &str = "blocks";

/// Operators that mean the same in every version of the operators.
const LASTING: [&str; 6] = [
    "Add",
    "Conv",
    "ConvTranspose",
    "Identity",
    "Relu",
    "Sigmoid",
];
/// Operators that mean the same since version [`SETTLED`].
const RECENT: [&str; 8] = [
    "Concat",
    "Div",
    "Reshape",
    "Resize",
    "Shape",
    "Slice",
    "Sub",
    "Transpose",
];
const SETTLED: i64 = 13;

/// The lowest and the highest value of activations, by their names.
pub(crate) type Ranges = BTreeMap<String, [f32; 2]>;

/// The largest integer that a weight may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WeightLimit {
    /// 127: for processors that add products of bytes in 32 bits.
    Full,
    /// 63: for processors that add pairs of products in 16 bits, where larger ones would overflow.
    Half,
}

impl WeightLimit {
    /// The limit for this processor.
    pub(crate) fn of_this_machine() -> Self {
        #[cfg(target_arch = "x86_64")]
        if !std::arch::is_x86_feature_detected!("avx512vnni") {
            return Self::Half;
        }
        Self::Full
    }

    const fn value(self) -> f32 {
        match self {
            Self::Full => 127.0,
            Self::Half => 63.0,
        }
    }
}

/// How an activation is held in a byte.
#[derive(Debug, Clone, Copy, PartialEq)]
struct ByteScale {
    scale: f32,
    zero: u8,
}

impl ByteScale {
    /// The scale over which a range fits a byte. Zero is always in it, and exact, for layers pad with it.
    fn of([low, high]: [f32; 2]) -> Option<Self> {
        let (low, high) = (low.min(0.0), high.max(0.0));
        let scale = (high - low) / 255.0;
        (scale.is_normal()).then(|| Self {
            scale,
            zero: byte(-low / scale),
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to a byte"
)]
fn byte(value: f32) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

/// A network of 8-bit integers that computes nearly what `model` computes from pixels between 0 and 255.
///
/// # Errors
/// The model is not ONNX, has an operator or a first layer of another kind, or weights that are no numbers; or a
/// range is of nothing that it computes. The text says which.
pub(crate) fn quantised(
    model: &[u8],
    ranges: &Ranges,
    limit: WeightLimit,
) -> Result<Vec<u8>, String> {
    let mut network = Network::decode(model)?;
    network.fold_normalisation()?;
    for node in &network.nodes {
        let kind = node.op_type.as_str();
        let is_recent = network.version >= SETTLED && RECENT.contains(&kind);
        if !is_recent && !LASTING.contains(&kind) {
            return Err(format!("{kind} cannot be written again"));
        }
    }
    join_heads(&mut network, ranges)?;
    let pixels = Pixels::of(&mut network)?;
    let mut scales = BTreeMap::new();
    let computed: BTreeSet<&String> = network.nodes.iter().flat_map(|n| &n.output).collect();
    for (name, range) in ranges {
        let scale = ByteScale::of(*range).ok_or_else(|| format!("the range of {name} is empty"))?;
        if !computed.contains(name) {
            return Err(format!("it does not compute {name}"));
        }
        scales.insert(name.clone(), scale);
    }
    scales.insert(pixels.name.clone(), pixels.scale);
    let mut writer = Writer {
        scales,
        limit,
        graph: proto::Graph {
            name: "int8".to_owned(),
            ..Default::default()
        },
    };
    writer.pixels(&pixels);
    for (index, node) in network.nodes.iter().enumerate() {
        writer.node(&network, index, node, &pixels)?;
    }
    Ok(writer.finish(network))
}

/// The pixels as the first layer reads them.
struct Pixels {
    /// What the first layer reads.
    name: String,
    scale: ByteScale,
    /// What the zero of the scale is short of, as the first layer sees it.
    short: f32,
}

impl Pixels {
    /// Takes what is subtracted from pixels and divides them out of the network.
    fn of(network: &mut Network) -> Result<Self, String> {
        let (mut mean, mut deviation) = (0.0, 1.0);
        let mut name = network.input.clone();
        while let Some(index) = network.only_reader(&name) {
            let node = &network.nodes[index];
            let target = match node.op_type.as_str() {
                "Sub" => &mut mean,
                "Div" => &mut deviation,
                _ => break,
            };
            let constant = node.input.get(1).and_then(|of| network.constants.get(of));
            let [value] = floats(constant.ok_or("pixels are changed by no constant")?)?[..] else {
                return Err("pixels are changed channel by channel".to_owned());
            };
            *target = value;
            name = network.nodes.remove(index).output.remove(0);
        }
        let zero = byte(mean.floor());
        Ok(Self {
            name,
            scale: ByteScale {
                scale: 1.0 / deviation,
                zero,
            },
            short: (mean - f32::from(zero)) / deviation,
        })
    }
}

/// Writes the new network.
struct Writer {
    scales: BTreeMap<String, ByteScale>,
    limit: WeightLimit,
    graph: proto::Graph,
}

impl Writer {
    fn push(
        &mut self,
        op_type: &str,
        input: Vec<String>,
        output: String,
        attribute: Vec<proto::Attribute>,
    ) {
        self.graph.node.push(proto::Node {
            input,
            output: vec![output],
            op_type: op_type.to_owned(),
            attribute,
        });
    }

    fn constant(&mut self, tensor: proto::Tensor) -> String {
        let name = tensor.name.clone();
        self.graph.initializer.push(tensor);
        name
    }

    /// The names of the scale and of the zero of an activation.
    fn scale(&mut self, name: &str, scale: ByteScale) -> [String; 2] {
        let value = float_tensor(&format!("{name}.scale"), &[], &[scale.scale]);
        let zero = tensor(&format!("{name}.zero"), &[], Element::U8, vec![scale.zero]);
        [self.constant(value), self.constant(zero)]
    }

    fn pixels(&mut self, pixels: &Pixels) {
        let axes = [
            Axis::Any("batch"),
            Axis::Any("rows"),
            Axis::Any("columns"),
            Axis::Of(BLOCK),
        ];
        let input = shaped_info(INPUT, Element::U8, &axes);
        self.graph.input.push(input);
        let planes = "blocks.planes".to_owned();
        let order = vec![ints("perm", &[0, 3, 1, 2])];
        self.push("Transpose", vec![INPUT.to_owned()], planes.clone(), order);
        let [scale, zero] = self.scale(&pixels.name, pixels.scale);
        let read = read(&pixels.name);
        self.push("DequantizeLinear", vec![planes, scale, zero], read, vec![]);
    }

    /// Writes one layer again, with integers around it where its activations have ranges.
    fn node(
        &mut self,
        network: &Network,
        index: usize,
        node: &proto::Node,
        pixels: &Pixels,
    ) -> Result<(), String> {
        if node.op_type == "Relu" && self.is_joined(network, &node.input[0]) {
            return Ok(());
        }
        let output = node.output.first().cloned().unwrap_or_default();
        // The sum of a layer is cut off at zero by the byte that holds it.
        let held = match network.only_reader(&output) {
            Some(next) if self.is_joined(network, &output) => network.nodes[next].output[0].clone(),
            _ => output.clone(),
        };
        let is_held = self.scales.contains_key(&held);
        let mut again = node.clone();
        for input in &mut again.input {
            if self.scales.contains_key(input) {
                *input = read(input);
            }
        }
        if node.op_type == "Conv" && is_held {
            self.conv(network, node, &mut again, pixels)?;
        } else if node.input.contains(&pixels.name) {
            return Err(format!("layer {index} reads pixels as floats"));
        }
        if is_held {
            let raw = format!("{held}.raw");
            again.output = vec![raw.clone()];
            self.graph.node.push(again);
            let [scale, zero] = self.scale(&held, self.scales[&held]);
            let bytes = format!("{held}.bytes");
            let inputs = vec![raw, scale.clone(), zero.clone()];
            self.push("QuantizeLinear", inputs, bytes.clone(), vec![]);
            self.push(
                "DequantizeLinear",
                vec![bytes, scale, zero],
                read(&held),
                vec![],
            );
        } else {
            self.graph.node.push(again);
        }
        Ok(())
    }

    /// Whether a sum is read only by a `Relu` that is held in a byte: then the byte cuts it off.
    fn is_joined(&self, network: &Network, sum: &str) -> bool {
        let Some(next) = network.only_reader(sum) else {
            return false;
        };
        let is_sum = network.writer(sum).is_some_and(|of| of.op_type == "Conv");
        let next = &network.nodes[next];
        is_sum
            && next.op_type == "Relu"
            && self
                .scales
                .get(&next.output[0])
                .is_some_and(|of| of.zero == 0)
    }

    /// Gives a layer weights of integers.
    fn conv(
        &mut self,
        network: &Network,
        node: &proto::Node,
        again: &mut proto::Node,
        pixels: &Pixels,
    ) -> Result<(), String> {
        let [input, weight, ..] = &node.input[..] else {
            return Err("a layer without weights".to_owned());
        };
        let scale = self
            .scales
            .get(input)
            .ok_or_else(|| format!("{input} has no range"))?
            .scale;
        let mut kernel = Kernel::of(network, weight, node.input.get(2))?;
        if *input == pixels.name {
            kernel.shift(pixels.short);
            kernel = blocks(&kernel, node)?;
            again.attribute = vec![
                ints("kernel_shape", &[2, 2]),
                ints("pads", &[1, 1, 0, 0]),
                ints("strides", &[1, 1]),
            ];
        }
        let rounded = Rounded::of(&kernel, scale, self.limit.value())?;
        let name = &node.output[0];
        let channels = [rounded.scales.len()];
        let zeros = vec![0; rounded.scales.len()];
        let weights = rounded.weights.iter().flat_map(|w| w.to_le_bytes());
        let sums = rounded.bias.iter().flat_map(|b| b.to_le_bytes()).collect();
        let sum_scales: Vec<f32> = rounded.scales.iter().map(|s| s * scale).collect();
        let weight = [
            tensor(
                &format!("{name}.weight"),
                &kernel.shape,
                Element::I8,
                weights.collect(),
            ),
            float_tensor(&format!("{name}.weight.scale"), &channels, &rounded.scales),
            tensor(
                &format!("{name}.weight.zero"),
                &channels,
                Element::I8,
                zeros.clone(),
            ),
        ];
        let bias = [
            tensor(&format!("{name}.bias"), &channels, Element::I32, sums),
            float_tensor(&format!("{name}.bias.scale"), &channels, &sum_scales),
            tensor(
                &format!("{name}.bias.zero"),
                &channels,
                Element::I32,
                zeros.repeat(4),
            ),
        ];
        again.input.truncate(1);
        for parts in [weight, bias] {
            let value = read(&parts[0].name);
            let inputs = parts.into_iter().map(|part| self.constant(part)).collect();
            self.push(
                "DequantizeLinear",
                inputs,
                value.clone(),
                vec![int("axis", 0)],
            );
            again.input.push(value);
        }
        Ok(())
    }

    fn finish(mut self, network: Network) -> Vec<u8> {
        let used: BTreeSet<String> = self
            .graph
            .node
            .iter()
            .flat_map(|n| n.input.clone())
            .collect();
        let kept = network.constants.into_values();
        self.graph
            .initializer
            .extend(kept.filter(|constant| used.contains(&constant.name)));
        self.graph.output = network.outputs;
        model(self.graph)
    }
}

/// The name of an activation that was a byte.
fn read(name: &str) -> String {
    format!("{name}.read")
}

#[cfg(test)]
mod tests;
