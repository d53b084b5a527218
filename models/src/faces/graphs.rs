//! The two networks as ONNX graphs, from their weights.
//!
//! The descriptor is dlib's residual network (King 2017; He et al. 2016, arXiv 1512.03385). The expressions are those of
//! face-api: blocks of depthwise separable convolutions, each of which adds up what its convolutions gave so far.

use super::weights::{Tensor, Weights};
use crate::onnx::{Conv, GraphBuilder, Value, int, ints};

/// Name of both graphs' input: batch × 3 × side × side, RGB.
pub(super) const INPUT: &str = "chips";
/// Name of both graphs' output.
pub(super) const OUTPUT: &str = "numbers";

type Outcome<T> = Result<T, String>;

struct Net<'a> {
    graph: GraphBuilder,
    weights: &'a Weights,
}

/// How a residual block is laid out.
#[derive(Clone, Copy)]
struct Shape {
    side: usize,
    channels: usize,
}

/// The network that describes a face in `numbers` numbers. Its input has sides of `side` pixels.
pub(super) fn descriptor(weights: &Weights, side: usize, numbers: usize) -> Outcome<Vec<u8>> {
    let mut net = Net {
        graph: GraphBuilder::new("descriptor"),
        weights,
    };
    let x = net.graph.input(INPUT, &[3, side, side]);
    let x = net.scaled(&x, "conv32_down", 2, 0)?;
    let x = net.relu(&x);
    let pool = vec![ints("kernel_shape", &[3, 3]), ints("strides", &[2, 2])];
    let mut x = net.graph.operator("MaxPool", &[&x], pool);
    let mut shape = Shape {
        side: half(half_of_seven(side)),
        channels: 32,
    };
    for at in 1..=3 {
        x = net.residual(&x, &format!("conv32_{at}"))?;
    }
    for (channels, name, blocks) in [
        (64, "conv64_down", "conv64"),
        (128, "conv128_down", "conv128"),
        (256, "conv256_down", "conv256"),
    ] {
        x = net.smaller(&x, name, &mut shape, channels)?;
        for at in 1..=if channels == 64 { 3 } else { 2 } {
            x = net.residual(&x, &format!("{blocks}_{at}"))?;
        }
    }
    x = net.smaller(&x, "conv256_down_out", &mut shape, 256)?;
    let x = net.graph.global_mean(&x);
    let last = net.weights.get("fc")?;
    if last.shape != [256, numbers] {
        return Err(format!("\"fc\" has the shape {:?}", last.shape));
    }
    let last = net.graph.constant(&last.shape, &last.values);
    let x = net.graph.operator("MatMul", &[&x, &last], Vec::new());
    Ok(net.graph.finish(&x, OUTPUT, &[numbers]))
}

/// The network that gives the probabilities of `count` expressions. Its input has sides of `side` pixels.
pub(super) fn expressions(weights: &Weights, side: usize, count: usize) -> Outcome<Vec<u8>> {
    let mut net = Net {
        graph: GraphBuilder::new("expressions"),
        weights,
    };
    let mut x = net.graph.input(INPUT, &[3, side, side]);
    for block in 0..4 {
        let name = |at: usize| format!("dense{block}/conv{at}");
        let first = if block == 0 {
            let filters = net.weights.get("dense0/conv0/filters")?;
            let bias = net.bias("dense0/conv0/bias", filters)?;
            net.conv(&x, filters, bias, 2, (0, 1))?
        } else {
            net.separable(&x, &name(0), 2)?
        };
        let mut sum = net.relu(&first);
        x = sum.clone();
        for at in 1..4 {
            let next = net.separable(&x, &name(at), 1)?;
            sum = net.graph.add(&sum, &next);
            x = net.relu(&sum);
        }
    }
    // What is left are 7 × 7 pixels, of which the mean is taken.
    let x = net.graph.global_mean(&x);
    let last = net.weights.get("fc/weights")?;
    if last.shape != [256, count] {
        return Err(format!("\"fc/weights\" has the shape {:?}", last.shape));
    }
    let bias = net.weights.row("fc/bias", count)?;
    let rows = transposed(&last.values, count);
    let x = net.graph.linear(&x, &rows, bias);
    let x = net.graph.operator("Softmax", &[&x], vec![int("axis", 1)]);
    Ok(net.graph.finish(&x, OUTPUT, &[count]))
}

/// Side after a window of 7 pixels in steps of 2, without padding.
const fn half_of_seven(side: usize) -> usize {
    (side - 7) / 2 + 1
}

/// Side after a window of 3 pixels in steps of 2, without padding.
const fn half(side: usize) -> usize {
    (side - 3) / 2 + 1
}

impl<'a> Net<'a> {
    fn relu(&mut self, x: &Value) -> Value {
        self.graph.operator("Relu", &[x], Vec::new())
    }

    fn bias(&self, name: &str, filters: &Tensor) -> Outcome<&'a [f32]> {
        let channels = filters.shape.last().copied().unwrap_or(0);
        self.weights.row(name, channels)
    }

    /// A convolution whose filters are stored as height × width × in × out.
    fn conv(
        &mut self,
        x: &Value,
        filters: &Tensor,
        bias: &[f32],
        stride: usize,
        padding: (usize, usize),
    ) -> Outcome<Value> {
        let [high, wide, from, to] = filters.shape[..] else {
            return Err(format!("filters of the shape {:?}", filters.shape));
        };
        let weight = outputs_first(&filters.values, high * wide, from, to);
        Ok(self.graph.conv(
            x,
            &Conv {
                weight: &weight,
                bias,
                shape: [to, from, high, wide],
                stride,
                padding,
                groups: 1,
            },
        ))
    }

    /// A convolution, whose channels are then scaled and moved. Both are folded into one.
    fn scaled(&mut self, x: &Value, name: &str, stride: usize, padding: usize) -> Outcome<Value> {
        let filters = self.weights.get(&format!("{name}/conv/filters"))?;
        let channels = filters.shape.last().copied().unwrap_or(0);
        let row = |part: &str| self.weights.row(&format!("{name}/{part}"), channels);
        let (bias, scale, moved) = (
            row("conv/bias")?,
            row("scale/weights")?,
            row("scale/biases")?,
        );
        let folded = Tensor {
            shape: filters.shape.clone(),
            values: filters
                .values
                .iter()
                .zip(scale.iter().cycle())
                .map(|(weight, scale)| weight * scale)
                .collect(),
        };
        let bias: Vec<f32> = (0..channels)
            .map(|at| bias[at] * scale[at] + moved[at])
            .collect();
        self.conv(x, &folded, &bias, stride, (padding, padding))
    }

    /// Two convolutions beside which the input is carried on.
    fn residual(&mut self, x: &Value, name: &str) -> Outcome<Value> {
        let y = self.scaled(x, &format!("{name}/conv1"), 1, 1)?;
        let y = self.relu(&y);
        let y = self.scaled(&y, &format!("{name}/conv2"), 1, 1)?;
        let sum = self.graph.add(&y, x);
        Ok(self.relu(&sum))
    }

    /// A residual block that halves the picture and may widen the channels. The halves differ by a pixel where the side is
    /// even, and the smaller one gets zeros at its lower right.
    fn smaller(
        &mut self,
        x: &Value,
        name: &str,
        shape: &mut Shape,
        channels: usize,
    ) -> Outcome<Value> {
        let y = self.scaled(x, &format!("{name}/conv1"), 2, 0)?;
        let y = self.relu(&y);
        let mut y = self.scaled(&y, &format!("{name}/conv2"), 1, 1)?;
        let mean = vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])];
        let mut beside = self.graph.operator("AveragePool", &[x], mean);
        let (own, other) = (half(shape.side), shape.side / 2);
        if own < other {
            y = self.padded(&y, 0, other - own);
        }
        if shape.channels < channels {
            beside = self.padded(&beside, channels - shape.channels, 0);
        }
        *shape = Shape {
            side: other,
            channels,
        };
        let sum = self.graph.add(&y, &beside);
        Ok(self.relu(&sum))
    }

    /// With zeros after the last channels, rows and columns.
    fn padded(&mut self, x: &Value, channels: usize, side: usize) -> Value {
        let after = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let (channels, side) = (after(channels), after(side));
        let pads = self.graph.integers(&[0, 0, 0, 0, 0, channels, side, side]);
        self.graph.operator("Pad", &[x, &pads], Vec::new())
    }

    /// A convolution of each channel by itself, then one over the channels. Halving pads after, as `TensorFlow` does.
    fn separable(&mut self, x: &Value, name: &str, stride: usize) -> Outcome<Value> {
        let each = self.weights.get(&format!("{name}/depthwise_filter"))?;
        let [high, wide, channels, 1] = each.shape[..] else {
            return Err(format!(
                "{name:?} has filters of the shape {:?}",
                each.shape
            ));
        };
        let weight = transposed(&each.values, channels);
        let padding = if stride == 2 { (0, 1) } else { (1, 1) };
        let x = self.graph.conv(
            x,
            &Conv {
                weight: &weight,
                bias: &vec![0.0; channels],
                shape: [channels, 1, high, wide],
                stride,
                padding,
                groups: channels,
            },
        );
        let across = self.weights.get(&format!("{name}/pointwise_filter"))?;
        let bias = self.bias(&format!("{name}/bias"), across)?;
        self.conv(&x, across, bias, 1, (0, 0))
    }
}

/// Rows of `columns` values as columns.
fn transposed(values: &[f32], columns: usize) -> Vec<f32> {
    let rows = values.len() / columns.max(1);
    (0..columns)
        .flat_map(|column| (0..rows).map(move |row| values[row * columns + column]))
        .collect()
}

/// Places × in × out as out × in × places.
fn outputs_first(values: &[f32], places: usize, from: usize, to: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(values.len());
    for o in 0..to {
        for i in 0..from {
            out.extend((0..places).map(|place| values[(place * from + i) * to + o]));
        }
    }
    out
}
