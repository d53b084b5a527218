//! EfficientNet-Lite0 as an ONNX graph, from PyTorch weights.
//!
//! EfficientNet (Tan and Le 2019, arXiv 1905.11946) in its Lite form: without squeeze-and-excitation, and with
//! `ReLU6` instead of swish. Batch normalisation is folded into the convolutions. Padding is TensorFlow's
//! "same", which puts the odd pixel after, not before.

use std::collections::BTreeMap;

use crate::onnx::{Conv, GraphBuilder, Value};
use crate::torch_legacy::{Tensor, TensorData};

use super::LiteError;

/// Classes of the ImageNet challenge of 2012.
pub(crate) const CLASSES: usize = 1000;

/// Name of the graph's input: batch × 3 × side × side, `(RGB − mean) / std`.
pub(crate) const INPUT: &str = "pixels";
/// Name of the graph's output: batch × 1000, before the softmax.
pub(crate) const OUTPUT: &str = "logits";

/// Added to the variance before the square root.
const BATCH_NORM_EPSILON: f32 = 1e-3;

/// One stage of inverted residual blocks (`MBConv`).
struct Stage {
    repeats: usize,
    kernel: usize,
    /// Stride of the first block; the others have 1.
    stride: usize,
    /// Output channels of the blocks.
    channels: usize,
}

/// Table 1 of the paper, at width and depth 1. Only the first stage does not expand its input.
const STAGES: [Stage; 7] = [
    Stage {
        repeats: 1,
        kernel: 3,
        stride: 1,
        channels: 16,
    },
    Stage {
        repeats: 2,
        kernel: 3,
        stride: 2,
        channels: 24,
    },
    Stage {
        repeats: 2,
        kernel: 5,
        stride: 2,
        channels: 40,
    },
    Stage {
        repeats: 3,
        kernel: 3,
        stride: 2,
        channels: 80,
    },
    Stage {
        repeats: 3,
        kernel: 5,
        stride: 1,
        channels: 112,
    },
    Stage {
        repeats: 4,
        kernel: 5,
        stride: 2,
        channels: 192,
    },
    Stage {
        repeats: 1,
        kernel: 3,
        stride: 1,
        channels: 320,
    },
];

/// Writes the network for square pictures of `side` pixels as a serialised ONNX model.
///
/// # Errors
///
/// A tensor is missing or has another shape.
pub(crate) fn graph(weights: &BTreeMap<String, Tensor>, side: usize) -> Result<Vec<u8>, LiteError> {
    let mut net = Net {
        weights: Weights(weights),
        graph: GraphBuilder::new("efficientnet-lite0"),
        side,
    };
    let pixels = net.graph.input(INPUT, &[3, side, side]);
    let mut x = net.conv(&pixels, &Layer::new("_conv_stem", "_bn0", 3).stride(2))?;
    x = net.relu6(&x);

    let mut index = 0;
    let mut channels = net.weights.rows("_conv_stem.weight")?;
    for (stage_number, stage) in STAGES.iter().enumerate() {
        for repeat in 0..stage.repeats {
            let stride = if repeat == 0 { stage.stride } else { 1 };
            let block = Block {
                index,
                kernel: stage.kernel,
                stride,
                expands: stage_number > 0,
                keeps_shape: stride == 1 && channels == stage.channels,
            };
            x = net.block(&x, &block)?;
            channels = stage.channels;
            index += 1;
        }
    }

    x = net.conv(&x, &Layer::new("_conv_head", "_bn1", 1))?;
    x = net.relu6(&x);
    x = net.graph.global_mean(&x);
    let features = net.weights.floats("_conv_head.weight")?.0[0];
    let (shape, weight) = net.weights.floats("_fc.weight")?;
    if *shape != [CLASSES, features] {
        return Err(LiteError::Shape {
            name: "_fc.weight".to_owned(),
            actual: shape.to_vec(),
        });
    }
    let bias = net.weights.vector("_fc.bias", CLASSES)?;
    let logits = net.graph.linear(&x, weight, bias);
    Ok(net.graph.finish(&logits, OUTPUT, &[CLASSES]))
}

/// One inverted residual block.
struct Block {
    index: usize,
    kernel: usize,
    stride: usize,
    /// Whether it starts with an expanding 1 × 1 convolution.
    expands: bool,
    /// Whether its input is added to its output.
    keeps_shape: bool,
}

/// One convolution with its batch normalisation.
struct Layer {
    conv: String,
    norm: String,
    kernel: usize,
    stride: usize,
    depthwise: bool,
}

impl Layer {
    fn new(conv: impl Into<String>, norm: impl Into<String>, kernel: usize) -> Self {
        Self {
            conv: conv.into(),
            norm: norm.into(),
            kernel,
            stride: 1,
            depthwise: false,
        }
    }

    fn stride(mut self, stride: usize) -> Self {
        self.stride = stride;
        self
    }

    fn depthwise(mut self) -> Self {
        self.depthwise = true;
        self
    }
}

struct Net<'a> {
    weights: Weights<'a>,
    graph: GraphBuilder,
    /// Side of the planes at this point of the network, which determines "same" padding.
    side: usize,
}

impl Net<'_> {
    fn block(&mut self, input: &Value, block: &Block) -> Result<Value, LiteError> {
        let name = |part: &str| format!("_blocks.{}.{part}", block.index);
        let mut x = input.clone();
        if block.expands {
            x = self.conv(&x, &Layer::new(name("_expand_conv"), name("_bn0"), 1))?;
            x = self.relu6(&x);
        }
        let depthwise = Layer::new(name("_depthwise_conv"), name("_bn1"), block.kernel)
            .stride(block.stride)
            .depthwise();
        x = self.conv(&x, &depthwise)?;
        x = self.relu6(&x);
        x = self.conv(&x, &Layer::new(name("_project_conv"), name("_bn2"), 1))?;
        Ok(if block.keeps_shape {
            self.graph.add(&x, input)
        } else {
            x
        })
    }

    fn conv(&mut self, input: &Value, layer: &Layer) -> Result<Value, LiteError> {
        let (shape, kernels) = self.weights.floats(&format!("{}.weight", layer.conv))?;
        let &[outputs, inputs, height, width] = shape else {
            return Err(LiteError::Shape {
                name: layer.conv.clone(),
                actual: shape.to_vec(),
            });
        };
        if (height, width) != (layer.kernel, layer.kernel) || (layer.depthwise && inputs != 1) {
            return Err(LiteError::Shape {
                name: layer.conv.clone(),
                actual: shape.to_vec(),
            });
        }
        let (weight, bias) = self.weights.fold(&layer.norm, outputs, kernels)?;
        let (padding, output_side) = same_padding(self.side, layer.kernel, layer.stride);
        self.side = output_side;
        let conv = Conv {
            weight: &weight,
            bias: &bias,
            shape: [outputs, inputs, height, width],
            stride: layer.stride,
            padding,
            groups: if layer.depthwise { outputs } else { 1 },
        };
        Ok(self.graph.conv(input, &conv))
    }

    fn relu6(&mut self, input: &Value) -> Value {
        self.graph.clip(input, 0.0, 6.0)
    }
}

/// Zeros before and after an axis, and its resulting length, for TensorFlow's "same" padding.
fn same_padding(side: usize, kernel: usize, stride: usize) -> ((usize, usize), usize) {
    let output = side.div_ceil(stride);
    let total = ((output - 1) * stride + kernel).saturating_sub(side);
    ((total / 2, total - total / 2), output)
}

struct Weights<'a>(&'a BTreeMap<String, Tensor>);

impl<'a> Weights<'a> {
    fn floats(&self, name: &str) -> Result<(&'a [usize], &'a [f32]), LiteError> {
        match self.0.get(name) {
            Some(Tensor {
                shape,
                data: TensorData::F32(data),
            }) => Ok((shape, data)),
            _ => Err(LiteError::MissingTensor {
                name: name.to_owned(),
            }),
        }
    }

    fn rows(&self, name: &str) -> Result<usize, LiteError> {
        self.floats(name)
            .map(|(shape, _)| shape.first().copied().unwrap_or(0))
    }

    fn vector(&self, name: &str, length: usize) -> Result<&'a [f32], LiteError> {
        let (shape, data) = self.floats(name)?;
        if *shape == [length] {
            Ok(data)
        } else {
            Err(LiteError::Shape {
                name: name.to_owned(),
                actual: shape.to_vec(),
            })
        }
    }

    /// Kernels and bias of a convolution that combines it with its batch normalisation.
    fn fold(
        &self,
        norm: &str,
        outputs: usize,
        kernels: &[f32],
    ) -> Result<(Vec<f32>, Vec<f32>), LiteError> {
        let part = |name: &str| self.vector(&format!("{norm}.{name}"), outputs);
        let (gamma, beta) = (part("weight")?, part("bias")?);
        let (mean, variance) = (part("running_mean")?, part("running_var")?);
        let scales: Vec<f32> = gamma
            .iter()
            .zip(variance)
            .map(|(g, v)| g / (v + BATCH_NORM_EPSILON).sqrt())
            .collect();
        let size = kernels.len() / outputs.max(1);
        let weight = kernels
            .chunks_exact(size.max(1))
            .zip(&scales)
            .flat_map(|(kernel, scale)| kernel.iter().map(move |w| w * scale))
            .collect();
        let bias = beta
            .iter()
            .zip(mean)
            .zip(&scales)
            .map(|((b, m), scale)| b - m * scale)
            .collect();
        Ok((weight, bias))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_padding_puts_the_odd_pixel_after() {
        assert_eq!(same_padding(224, 3, 2), ((0, 1), 112));
        assert_eq!(same_padding(112, 3, 1), ((1, 1), 112));
        assert_eq!(same_padding(56, 5, 2), ((1, 2), 28));
        assert_eq!(same_padding(7, 1, 1), ((0, 0), 7));
    }

    #[test]
    fn the_network_shrinks_its_planes_32_times() {
        let strides: usize = STAGES.iter().map(|stage| stage.stride).product();
        assert_eq!(2 * strides, 32, "the stem halves them once more");
    }

    #[test]
    fn a_missing_tensor_is_an_error_that_names_it() {
        let error = graph(&BTreeMap::new(), 224).unwrap_err();
        assert!(error.to_string().contains("_conv_stem.weight"), "{error}");
    }
}
