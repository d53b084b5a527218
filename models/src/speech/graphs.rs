//! Whisper's two networks as ONNX graphs (Radford et al. 2022, arXiv 2212.04356), written from the weights of a file of
//! `CTranslate2`.
//!
//! The encoder turns a spectrogram into the keys and values of every cross-attention of the decoder, so they are computed
//! once per window. The decoder takes tokens and the keys and values of the tokens before, and returns those with the new
//! ones, the logits of chosen tokens, and the scores of the heads that follow the sound, from which words get their times.

use half::f16;

use super::ct2::Ct2File;
use super::products::{Precision, quantised, transpose};
use super::sizes::Sizes;
use crate::onnx::{Axis, Element, GraphBuilder, Value, float, int, ints, signed};

/// Names of inputs and outputs.
pub(super) const MEL: &str = "mel";
pub(super) const IDS: &str = "ids";
pub(super) const PLACES: &str = "places";
pub(super) const MASK: &str = "mask";
pub(super) const ROWS: &str = "rows";
pub(super) const LOGITS: &str = "logits";
pub(super) const SCORES: &str = "scores";

/// The names of the keys and values of layer `at`: of the sound, of the tokens so far, and with the new ones.
pub(super) fn sound_keys(at: usize) -> [String; 2] {
    [format!("sound_keys_{at}"), format!("sound_values_{at}")]
}

pub(super) fn past_keys(at: usize) -> [String; 2] {
    [format!("past_keys_{at}"), format!("past_values_{at}")]
}

pub(super) fn next_keys(at: usize) -> [String; 2] {
    [format!("next_keys_{at}"), format!("next_values_{at}")]
}

const EPSILON: f32 = 1e-5;

/// The encoder.
pub(super) fn encoder(file: &Ct2File<'_>, sizes: &Sizes) -> Result<Vec<u8>, String> {
    let mut net = Net::new("encoder", file, sizes, Precision::Exact);
    let (width, places) = (sizes.width, sizes.places);
    let frames = 2 * places;
    let mel_shape = [Axis::Of(1), Axis::Of(sizes.mels), Axis::Of(frames)];
    let mel = net.graph.shaped_input(MEL, Element::F32, &mel_shape);
    let x = net.conv(&mel, "encoder/conv1", sizes.mels, 1)?;
    let x = net.gelu(&x);
    let x = net.conv(&x, "encoder/conv2", width, 2)?;
    let x = net.gelu(&x);
    let x = net.transposed(&x, &[0, 2, 1]);
    let encodings = net.weight("encoder/position_encodings/encodings", &[places, width])?;
    let mut x = net.graph.add(&x, &encodings);
    for at in 0..sizes.encoder_layers {
        let layer = format!("encoder/layer_{at}");
        let own = format!("{layer}/self_attention");
        let [queries, keys, values] = net.own_attention(&x, &own)?;
        let keys = net.transposed(&keys, &[0, 1, 3, 2]);
        let scores = net.node("MatMul", &[&queries, &keys]);
        let mixed = net.mixed(&scores, &values);
        let mixed = net.linear(&mixed, &format!("{own}/linear_1"), [width, width])?;
        x = net.graph.add(&x, &mixed);
        x = net.block(&x, &format!("{layer}/ffn"))?;
    }
    let x = net.norm(&x, "encoder/layer_norm")?;
    for at in 0..sizes.decoder_layers {
        let name = format!("decoder/layer_{at}/attention/linear_1");
        let both = net.linear(&x, &name, [2 * width, width])?;
        let [keys, values] = net.split(&both, width)?;
        let keys = net.by_heads(&keys);
        let keys = net.transposed(&keys, &[0, 1, 3, 2]);
        let values = net.by_heads(&values);
        let [keys_name, values_name] = sound_keys(at);
        let [keys_shape, values_shape] = sound_shapes(sizes);
        net.graph.shaped_output(&keys, &keys_name, &keys_shape);
        net.graph
            .shaped_output(&values, &values_name, &values_shape);
    }
    Ok(net.graph.build())
}

fn sound_shapes(sizes: &Sizes) -> [[Axis; 4]; 2] {
    let (heads, head, places) = (
        Axis::Of(sizes.heads),
        Axis::Of(sizes.head()),
        Axis::Of(sizes.places),
    );
    [
        [Axis::Of(1), heads, head, places],
        [Axis::Of(1), heads, places, head],
    ]
}

/// The decoder. `aligned` are the layers and heads whose scores it returns.
pub(super) fn decoder(
    file: &Ct2File<'_>,
    sizes: &Sizes,
    aligned: &[[usize; 2]],
    precision: Precision,
) -> Result<Vec<u8>, String> {
    let mut net = Net::new("decoder", file, sizes, precision);
    let (width, tokens) = (sizes.width, Axis::Any("tokens"));
    let ids = net
        .graph
        .shaped_input(IDS, Element::I64, &[Axis::Of(1), tokens]);
    let places = net.graph.shaped_input(PLACES, Element::I64, &[tokens]);
    let mask = net
        .graph
        .shaped_input(MASK, Element::F32, &[tokens, Axis::Any("all")]);
    let rows = net
        .graph
        .shaped_input(ROWS, Element::I64, &[Axis::Any("rows")]);
    let embeddings = file.floats("decoder/embeddings/weight", &[sizes.vocabulary, width])?;
    let table = net.halves(&[sizes.vocabulary, width], &embeddings);
    let x = net.node("Gather", &[&table, &ids]);
    let x = net.with("Cast", &[&x], vec![int("to", 1)]);
    let encodings = net.weight(
        "decoder/position_encodings/encodings",
        &[sizes.context, width],
    )?;
    let encodings = net.node("Gather", &[&encodings, &places]);
    let mut x = net.graph.add(&x, &encodings);
    let mut scores_of_heads = Vec::new();
    for at in 0..sizes.decoder_layers {
        let heads = aligned.iter().filter(|[layer, _]| *layer == at);
        let heads: Vec<i64> = heads
            .map(|[_, head]| i64::try_from(*head).unwrap_or(i64::MAX))
            .collect();
        x = net.attend_to_tokens(&x, &mask, at)?;
        let (next, scores) = net.attend_to_sound(&x, at)?;
        if !heads.is_empty() {
            let heads = net.graph.integers(&heads);
            scores_of_heads.push(net.with("Gather", &[&scores, &heads], vec![int("axis", 1)]));
        }
        x = net.block(&next, &format!("decoder/layer_{at}/ffn"))?;
    }
    let x = net.norm(&x, "decoder/layer_norm")?;
    let chosen = net.with("Gather", &[&x, &rows], vec![int("axis", 1)]);
    let logits = net.product(&chosen, &embeddings, [sizes.vocabulary, width]);
    let logits_shape = [Axis::Of(1), Axis::Any("rows"), Axis::Of(sizes.vocabulary)];
    net.graph.shaped_output(&logits, LOGITS, &logits_shape);
    let scores_of_heads: Vec<&Value> = scores_of_heads.iter().collect();
    let scores = net.with("Concat", &scores_of_heads, vec![int("axis", 1)]);
    let scores_shape = [
        Axis::Of(1),
        Axis::Of(aligned.len()),
        tokens,
        Axis::Of(sizes.places),
    ];
    net.graph.shaped_output(&scores, SCORES, &scores_shape);
    Ok(net.graph.build())
}

/// A graph under construction with the weights that it is made of.
struct Net<'a> {
    graph: GraphBuilder,
    file: &'a Ct2File<'a>,
    sizes: Sizes,
    precision: Precision,
}

impl<'a> Net<'a> {
    fn new(name: &str, file: &'a Ct2File<'a>, sizes: &Sizes, precision: Precision) -> Self {
        Self {
            graph: GraphBuilder::new(name),
            file,
            sizes: *sizes,
            precision,
        }
    }

    fn node(&mut self, op_type: &str, inputs: &[&Value]) -> Value {
        self.graph.operator(op_type, inputs, Vec::new())
    }

    fn with(
        &mut self,
        op_type: &str,
        inputs: &[&Value],
        attributes: Vec<crate::onnx::Attribute>,
    ) -> Value {
        self.graph.operator(op_type, inputs, attributes)
    }

    fn transposed(&mut self, x: &Value, order: &[usize]) -> Value {
        self.with("Transpose", &[x], vec![ints("perm", order)])
    }

    /// A tensor of the file as it is.
    fn weight(&mut self, name: &str, shape: &[usize]) -> Result<Value, String> {
        let floats = self.file.floats(name, shape)?;
        Ok(self.graph.constant(shape, &floats))
    }

    /// A table in 16-bit floats.
    fn halves(&mut self, shape: &[usize], floats: &[f32]) -> Value {
        let bytes = floats.iter();
        let bytes = bytes.flat_map(|&value| f16::from_f32(value).to_le_bytes());
        self.graph.raw(shape, Element::F16, bytes.collect())
    }

    fn conv(
        &mut self,
        x: &Value,
        name: &str,
        inputs: usize,
        stride: usize,
    ) -> Result<Value, String> {
        let Sizes { width, kernel, .. } = self.sizes;
        let weight = self.weight(&format!("{name}/weight"), &[width, inputs, kernel])?;
        let bias = self.weight(&format!("{name}/bias"), &[width])?;
        let attributes = vec![
            ints("kernel_shape", &[kernel]),
            ints("strides", &[stride]),
            ints("pads", &[kernel / 2, kernel / 2]),
        ];
        Ok(self.with("Conv", &[x, &weight, &bias], attributes))
    }

    fn norm(&mut self, x: &Value, name: &str) -> Result<Value, String> {
        let width = self.sizes.width;
        let scale = self.weight(&format!("{name}/gamma"), &[width])?;
        let bias = self.weight(&format!("{name}/beta"), &[width])?;
        let attributes = vec![signed("axis", -1), float("epsilon", EPSILON)];
        Ok(self.with("LayerNormalization", &[x, &scale, &bias], attributes))
    }

    /// The exact form, by the error function.
    fn gelu(&mut self, x: &Value) -> Value {
        let scalar = |net: &mut Self, value| net.graph.constant(&[], &[value]);
        let root = scalar(self, std::f32::consts::FRAC_1_SQRT_2);
        let one = scalar(self, 1.0);
        let half = scalar(self, 0.5);
        let scaled = self.node("Mul", &[x, &root]);
        let erf = self.node("Erf", &[&scaled]);
        let sum = self.node("Add", &[&erf, &one]);
        let product = self.node("Mul", &[x, &sum]);
        self.node("Mul", &[&product, &half])
    }

    /// `x · weightᵀ`, with `weight` of `outputs` rows.
    fn product(&mut self, x: &Value, weight: &[f32], [outputs, inputs]: [usize; 2]) -> Value {
        let shape = [inputs, outputs];
        match self.precision {
            Precision::Exact => {
                let weight = self.graph.constant(&shape, &transpose(weight, outputs));
                self.node("MatMul", &[x, &weight])
            }
            Precision::Bytes(most) => {
                let (bytes, scales) = quantised(weight, [outputs, inputs], most);
                let weight = self.graph.raw(&shape, Element::I8, bytes);
                let scales = self.graph.constant(&[outputs], &scales);
                let parts = self
                    .graph
                    .operators("DynamicQuantizeLinear", &[x], Vec::new(), 3);
                let [x, scale, zero] = parts.as_slice() else {
                    return weight;
                };
                let sums = self.node("MatMulInteger", &[x, &weight, zero]);
                let sums = self.with("Cast", &[&sums], vec![int("to", 1)]);
                let scales = self.node("Mul", &[scale, &scales]);
                self.node("Mul", &[&sums, &scales])
            }
        }
    }

    fn linear(&mut self, x: &Value, name: &str, shape: [usize; 2]) -> Result<Value, String> {
        self.scaled_linear(x, name, shape, (0, 1.0))
    }

    /// A linear layer whose first outputs are multiplied by a factor.
    fn scaled_linear(
        &mut self,
        x: &Value,
        name: &str,
        [outputs, inputs]: [usize; 2],
        (first, factor): (usize, f32),
    ) -> Result<Value, String> {
        let mut weight = self
            .file
            .floats(&format!("{name}/weight"), &[outputs, inputs])?;
        let mut bias = self.file.floats(&format!("{name}/bias"), &[outputs])?;
        for value in weight.iter_mut().take(first * inputs) {
            *value *= factor;
        }
        for value in bias.iter_mut().take(first) {
            *value *= factor;
        }
        let product = self.product(x, &weight, [outputs, inputs]);
        let bias = self.graph.constant(&[outputs], &bias);
        Ok(self.node("Add", &[&product, &bias]))
    }

    /// Parts of the last axis.
    fn split<const N: usize>(&mut self, x: &Value, width: usize) -> Result<[Value; N], String> {
        let length = i64::try_from(width).unwrap_or(i64::MAX);
        let lengths = self.graph.integers(&[length; N]);
        let parts = self
            .graph
            .operators("Split", &[x, &lengths], vec![signed("axis", -1)], N);
        let parts = <[Value; N]>::try_from(parts);
        parts.map_err(|parts| format!("{} parts", parts.len()))
    }

    /// 1 × tokens × width to 1 × heads × tokens × width of a head.
    fn by_heads(&mut self, x: &Value) -> Value {
        let length = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let shape = [1, -1, length(self.sizes.heads), length(self.sizes.head())];
        let shape = self.graph.integers(&shape);
        let x = self.node("Reshape", &[x, &shape]);
        self.transposed(&x, &[0, 2, 1, 3])
    }

    /// The values of all heads, weighted by the softmax of their scores, as 1 × tokens × width.
    fn mixed(&mut self, scores: &Value, values: &Value) -> Value {
        let weights = self.with("Softmax", &[scores], vec![signed("axis", -1)]);
        let mixed = self.node("MatMul", &[&weights, values]);
        let mixed = self.transposed(&mixed, &[0, 2, 1, 3]);
        let width = i64::try_from(self.sizes.width).unwrap_or(i64::MAX);
        let shape = self.graph.integers(&[1, -1, width]);
        self.node("Reshape", &[&mixed, &shape])
    }

    /// The factor of queries, so that scores need none.
    fn query_factor(&self) -> f32 {
        let head = u16::try_from(self.sizes.head()).unwrap_or(u16::MAX);
        1.0 / f32::from(head).sqrt()
    }

    /// Queries, keys and values of an attention to its own tokens, by heads.
    fn own_attention(&mut self, x: &Value, name: &str) -> Result<[Value; 3], String> {
        let width = self.sizes.width;
        let x = self.norm(x, &format!("{name}/layer_norm"))?;
        let scaled = (width, self.query_factor());
        let all =
            self.scaled_linear(&x, &format!("{name}/linear_0"), [3 * width, width], scaled)?;
        let [queries, keys, values] = self.split(&all, width)?;
        Ok([
            self.by_heads(&queries),
            self.by_heads(&keys),
            self.by_heads(&values),
        ])
    }

    /// The attention of tokens to tokens, with the keys and values of those before.
    fn attend_to_tokens(&mut self, x: &Value, mask: &Value, at: usize) -> Result<Value, String> {
        let name = format!("decoder/layer_{at}/self_attention");
        let width = self.sizes.width;
        let [queries, keys, values] = self.own_attention(x, &name)?;
        let shape = |tokens| {
            [
                Axis::Of(1),
                Axis::Of(self.sizes.heads),
                Axis::Any(tokens),
                Axis::Of(self.sizes.head()),
            ]
        };
        let (past_shape, next_shape) = (shape("past"), shape("all"));
        let joined = |net: &mut Self, new: &Value, (past, next): (&str, &str)| {
            let past = net.graph.shaped_input(past, Element::F32, &past_shape);
            let both = net.with("Concat", &[&past, new], vec![int("axis", 2)]);
            net.graph.shaped_output(&both, next, &next_shape);
            both
        };
        let ([past_k, past_v], [next_k, next_v]) = (past_keys(at), next_keys(at));
        let keys = joined(self, &keys, (&past_k, &next_k));
        let values = joined(self, &values, (&past_v, &next_v));
        let keys = self.transposed(&keys, &[0, 1, 3, 2]);
        let scores = self.node("MatMul", &[&queries, &keys]);
        let scores = self.node("Add", &[&scores, mask]);
        let mixed = self.mixed(&scores, &values);
        let mixed = self.linear(&mixed, &format!("{name}/linear_1"), [width, width])?;
        Ok(self.graph.add(x, &mixed))
    }

    /// The attention of tokens to the sound, and its scores.
    fn attend_to_sound(&mut self, x: &Value, at: usize) -> Result<(Value, Value), String> {
        let name = format!("decoder/layer_{at}/attention");
        let width = self.sizes.width;
        let normed = self.norm(x, &format!("{name}/layer_norm"))?;
        let scaled = (width, self.query_factor());
        let queries =
            self.scaled_linear(&normed, &format!("{name}/linear_0"), [width, width], scaled)?;
        let queries = self.by_heads(&queries);
        let [keys_shape, values_shape] = sound_shapes(&self.sizes);
        let [keys, values] = sound_keys(at);
        let keys = self.graph.shaped_input(&keys, Element::F32, &keys_shape);
        let values = self
            .graph
            .shaped_input(&values, Element::F32, &values_shape);
        let scores = self.node("MatMul", &[&queries, &keys]);
        let mixed = self.mixed(&scores, &values);
        let mixed = self.linear(&mixed, &format!("{name}/linear_2"), [width, width])?;
        Ok((self.graph.add(x, &mixed), scores))
    }

    /// The two linear layers of a block.
    fn block(&mut self, x: &Value, name: &str) -> Result<Value, String> {
        let Sizes { width, inner, .. } = self.sizes;
        let y = self.norm(x, &format!("{name}/layer_norm"))?;
        let y = self.linear(&y, &format!("{name}/linear_0"), [inner, width])?;
        let y = self.gelu(&y);
        let y = self.linear(&y, &format!("{name}/linear_1"), [width, inner])?;
        Ok(self.graph.add(x, &y))
    }
}
