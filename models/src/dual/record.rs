//! Records the towers as ONNX graphs, with operators that every execution provider supports and fuses.

use candle_core::Tensor;

use super::DualError;
use super::load::Place;
use super::spec::Activation;
use super::tower::{Attention, Linear, Norm, Ops, Patches, TextTower, VisionTower};
use crate::onnx::{Attribute, Element, GraphBuilder, Value, float, int, ints, signed};

/// Names of the graphs' inputs and output.
pub(super) const PICTURES: &str = "pictures";
pub(super) const IDS: &str = "ids";
pub(super) const PLACES: &str = "places";
pub(super) const VECTORS: &str = "vectors";

/// Builds a graph from a tower. A graph has a fixed number of tokens and any batch.
pub(super) struct Recorder {
    graph: GraphBuilder,
}

/// A weight or a value, with the part of its shape that later steps need.
#[derive(Debug, Clone)]
pub(super) struct RecordedValue {
    value: Value,
    /// Lengths of all axes of a weight; of all except the batch for a value.
    shape: Vec<usize>,
}

impl Recorder {
    pub(super) fn new(name: &str) -> Self {
        Self {
            graph: GraphBuilder::new(name),
        }
    }

    /// Writes the graph of a picture tower.
    pub(super) fn pictures(
        mut self,
        tower: &VisionTower<RecordedValue>,
        dims: usize,
    ) -> Result<Vec<u8>, DualError> {
        let side = tower.patches.grid * tower.patches.patch;
        let shape = vec![side, side, 3];
        let pictures = self.graph.typed_input(PICTURES, Element::U8, &shape);
        let pictures = RecordedValue {
            value: pictures,
            shape,
        };
        let vectors = tower.forward(&mut self, &pictures)?;
        Ok(self.graph.finish(&vectors.value, VECTORS, &[dims]))
    }

    /// Writes the graph of a text tower, for texts of `context` tokens.
    pub(super) fn texts(
        mut self,
        tower: &TextTower<RecordedValue>,
        context: usize,
        dims: usize,
    ) -> Result<Vec<u8>, DualError> {
        let shape = vec![context];
        let ids = RecordedValue {
            value: self.graph.typed_input(IDS, Element::I64, &shape),
            shape,
        };
        let places = RecordedValue {
            value: self.graph.typed_input(PLACES, Element::I64, &[1]),
            shape: vec![1],
        };
        let vectors = tower.forward(&mut self, &ids, &places)?;
        Ok(self.graph.finish(&vectors.value, VECTORS, &[dims]))
    }

    fn node(&mut self, op_type: &str, inputs: &[&Value], shape: &[usize]) -> RecordedValue {
        self.with(op_type, inputs, Vec::new(), shape)
    }

    fn with(
        &mut self,
        op_type: &str,
        inputs: &[&Value],
        attributes: Vec<Attribute>,
        shape: &[usize],
    ) -> RecordedValue {
        RecordedValue {
            value: self.graph.operator(op_type, inputs, attributes),
            shape: shape.to_vec(),
        }
    }

    fn scalar(&mut self, value: f32) -> Value {
        self.graph.constant(&[], &[value])
    }

    /// Reshapes; the batch stays.
    fn reshape(&mut self, x: &Value, shape: &[usize]) -> RecordedValue {
        let lengths: Vec<i64> = std::iter::once(0)
            .chain(shape.iter().map(|&n| i64::try_from(n).unwrap_or(i64::MAX)))
            .collect();
        let lengths = self.graph.integers(&lengths);
        self.node("Reshape", &[x, &lengths], shape)
    }

    /// Transposes with the batch first; `order` counts from 1.
    fn transpose(&mut self, x: &RecordedValue, order: &[usize]) -> RecordedValue {
        let shape: Vec<usize> = order.iter().map(|&axis| x.shape[axis - 1]).collect();
        let order = [&[0], order].concat();
        self.with("Transpose", &[&x.value], vec![ints("perm", &order)], &shape)
    }

    /// Selects one index of an axis, counted from 1, and removes the axis.
    fn pick(&mut self, x: &RecordedValue, axis: usize, place: i64) -> RecordedValue {
        let mut shape = x.shape.clone();
        shape.remove(axis - 1);
        let place = self.graph.integers(&[place]);
        let picked = self.with(
            "Gather",
            &[&x.value, &place],
            vec![int("axis", axis)],
            &shape,
        );
        self.reshape(&picked.value, &shape)
    }

    /// One of the parts of queries, keys and values, as heads × N × head width.
    fn heads(
        &mut self,
        x: &RecordedValue,
        (part, parts): (usize, usize),
        heads: usize,
    ) -> RecordedValue {
        let (tokens, width) = (x.shape[0], x.shape[1] / parts);
        let ends = |n: usize| vec![i64::try_from(n * width).unwrap_or(i64::MAX)];
        let from = self.graph.integers(&ends(part));
        let to = self.graph.integers(&ends(part + 1));
        let axis = self.graph.integers(&[2]);
        let slice = self.node("Slice", &[&x.value, &from, &to, &axis], &[tokens, width]);
        let apart = self.reshape(&slice.value, &[tokens, heads, width / heads]);
        self.transpose(&apart, &[2, 1, 3])
    }

    /// Softmax of queries · keysᵀ, times values; heads concatenated again.
    fn weighed(
        &mut self,
        query: &Value,
        (k, v): (&RecordedValue, &RecordedValue),
        mask: Option<&Value>,
        queries: usize,
    ) -> RecordedValue {
        let (heads, tokens, width) = (k.shape[0], k.shape[1], k.shape[2]);
        let turned = self.transpose(k, &[1, 3, 2]);
        let mut scores = self.node("MatMul", &[query, &turned.value], &[heads, queries, tokens]);
        if let Some(mask) = mask {
            scores = self.node("Add", &[&scores.value, mask], &scores.shape.clone());
        }
        let weights = self.with(
            "Softmax",
            &[&scores.value],
            vec![signed("axis", -1)],
            &scores.shape,
        );
        let seen = self.node(
            "MatMul",
            &[&weights.value, &v.value],
            &[heads, queries, width],
        );
        let together = self.transpose(&seen, &[2, 1, 3]);
        self.reshape(&together.value, &[queries, heads * width])
    }

    /// Rotates pairs of adjacent numbers by the angles of their token.
    fn rotate(
        &mut self,
        x: &RecordedValue,
        (cosines, sines): &(RecordedValue, RecordedValue),
    ) -> RecordedValue {
        let (heads, tokens, width) = (x.shape[0], x.shape[1], x.shape[2]);
        let pairs = self.reshape(&x.value, &[heads, tokens, width / 2, 2]);
        let a = self.pick(&pairs, 4, 0);
        let b = self.pick(&pairs, 4, 1);
        let half = &a.shape.clone();
        let product = |this: &mut Self, x: &RecordedValue, by: &RecordedValue| {
            this.node("Mul", &[&x.value, &by.value], half)
        };
        let (ac, bs) = (product(self, &a, cosines), product(self, &b, sines));
        let (bc, a_s) = (product(self, &b, cosines), product(self, &a, sines));
        let first = self.node("Sub", &[&ac.value, &bs.value], half);
        let second = self.node("Add", &[&bc.value, &a_s.value], half);
        let column = [half.as_slice(), &[1]].concat();
        let first = self.reshape(&first.value, &column);
        let second = self.reshape(&second.value, &column);
        let joined = self.with(
            "Concat",
            &[&first.value, &second.value],
            vec![signed("axis", -1)],
            &pairs.shape,
        );
        self.reshape(&joined.value, &x.shape)
    }
}

impl Place for Recorder {
    type Weight = RecordedValue;

    fn place(&mut self, tensor: &Tensor) -> Result<RecordedValue, DualError> {
        let shape = tensor.dims().to_vec();
        let values = tensor.flatten_all()?.to_vec1::<f32>()?;
        Ok(RecordedValue {
            value: self.graph.constant(&shape, &values),
            shape,
        })
    }
}

impl Ops for Recorder {
    type Value = RecordedValue;

    fn patches(
        &mut self,
        pictures: &RecordedValue,
        patches: &Patches<RecordedValue>,
    ) -> Result<RecordedValue, DualError> {
        let &Patches { patch, grid, .. } = patches;
        let numbers = patch * patch * 3;
        let floats = self.with(
            "Cast",
            &[&pictures.value],
            vec![signed("to", i64::from(Element::F32.code()))],
            &pictures.shape,
        );
        let squares = self.reshape(&floats.value, &[grid, patch, grid, patch * 3]);
        let squares = self.transpose(&squares, &[1, 3, 2, 4]);
        let squares = self.reshape(&squares.value, &[grid * grid, numbers]);
        let shape = squares.shape.clone();
        let centred = self.node("Sub", &[&squares.value, &patches.mean.value], &shape);
        let scaled = self.node("Mul", &[&centred.value, &patches.scale.value], &shape);
        self.linear(&scaled, &patches.projection)
    }

    fn pad_front(&mut self, x: &RecordedValue) -> Result<RecordedValue, DualError> {
        let pads = self.graph.integers(&[0, 1, 0, 0, 0, 0]);
        Ok(self.node("Pad", &[&x.value, &pads], &[x.shape[0] + 1, x.shape[1]]))
    }

    fn rows(
        &mut self,
        table: &RecordedValue,
        ids: &RecordedValue,
    ) -> Result<RecordedValue, DualError> {
        let shape = [ids.shape[0], table.shape[1]];
        Ok(self.node("Gather", &[&table.value, &ids.value], &shape))
    }

    fn add_positions(
        &mut self,
        x: &RecordedValue,
        positions: &RecordedValue,
    ) -> Result<RecordedValue, DualError> {
        self.add(x, positions)
    }

    fn add(&mut self, a: &RecordedValue, b: &RecordedValue) -> Result<RecordedValue, DualError> {
        Ok(self.node("Add", &[&a.value, &b.value], &a.shape))
    }

    fn norm(
        &mut self,
        x: &RecordedValue,
        norm: &Norm<RecordedValue>,
    ) -> Result<RecordedValue, DualError> {
        let attributes = vec![signed("axis", -1), float("epsilon", norm.epsilon)];
        Ok(self.with(
            "LayerNormalization",
            &[&x.value, &norm.weight.value, &norm.bias.value],
            attributes,
            &x.shape,
        ))
    }

    fn linear(
        &mut self,
        x: &RecordedValue,
        linear: &Linear<RecordedValue>,
    ) -> Result<RecordedValue, DualError> {
        // Folded into the weight when the graph is loaded.
        let turned = self.with(
            "Transpose",
            &[&linear.weight.value],
            vec![ints("perm", &[1, 0])],
            &[],
        );
        let mut shape = x.shape.clone();
        if let Some(last) = shape.last_mut() {
            *last = linear.weight.shape[0];
        }
        let product = self.node("MatMul", &[&x.value, &turned.value], &shape);
        match &linear.bias {
            Some(bias) => self.add(&product, bias),
            None => Ok(product),
        }
    }

    fn activate(
        &mut self,
        x: &RecordedValue,
        activation: Activation,
    ) -> Result<RecordedValue, DualError> {
        let shape = x.shape.clone();
        let x = &x.value;
        // The patterns that optimisers recognise and replace by one kernel.
        let half = |this: &mut Self, grown: &Value| {
            let one = this.scalar(1.0);
            let sum = this.node("Add", &[grown, &one], &shape);
            let product = this.node("Mul", &[x, &sum.value], &shape);
            let half = this.scalar(0.5);
            this.node("Mul", &[&product.value, &half], &shape)
        };
        Ok(match activation {
            Activation::Gelu => {
                let root = self.scalar(std::f32::consts::SQRT_2);
                let divided = self.node("Div", &[x, &root], &shape);
                let erf = self.node("Erf", &[&divided.value], &shape);
                half(self, &erf.value)
            }
            Activation::GeluTanh => {
                let three = self.scalar(3.0);
                let cube = self.node("Pow", &[x, &three], &shape);
                let small = self.scalar(0.044_715);
                let cube = self.node("Mul", &[&cube.value, &small], &shape);
                let sum = self.node("Add", &[x, &cube.value], &shape);
                let factor = self.scalar((2.0 / std::f32::consts::PI).sqrt());
                let inner = self.node("Mul", &[&sum.value, &factor], &shape);
                let tanh = self.node("Tanh", &[&inner.value], &shape);
                half(self, &tanh.value)
            }
            Activation::QuickGelu => {
                let factor = self.scalar(super::QUICK_GELU_F32);
                let inner = self.node("Mul", &[x, &factor], &shape);
                let gate = self.node("Sigmoid", &[&inner.value], &shape);
                self.node("Mul", &[x, &gate.value], &shape)
            }
        })
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a factor near 1/8 is as good in 32 bits"
    )]
    fn attend(
        &mut self,
        qkv: &RecordedValue,
        attention: &Attention<RecordedValue>,
    ) -> Result<RecordedValue, DualError> {
        let heads = attention.heads;
        let mut q = self.heads(qkv, (0, 3), heads);
        let mut k = self.heads(qkv, (1, 3), heads);
        let v = self.heads(qkv, (2, 3), heads);
        if let Some(angles) = &attention.rotary {
            q = self.rotate(&q, angles);
            k = self.rotate(&k, angles);
        }
        let (tokens, width) = (q.shape[1], q.shape[2]);
        let scale = self.scalar(super::attention_scale(width) as f32);
        let scaled = self.node("Mul", &[&q.value, &scale], &q.shape.clone());
        let mask = attention.causal.then(|| {
            let mask = super::causal_mask(tokens);
            self.graph.constant(&[tokens, tokens], &mask)
        });
        Ok(self.weighed(&scaled.value, (&k, &v), mask.as_ref(), tokens))
    }

    fn attend_from(
        &mut self,
        query: &RecordedValue,
        kv: &RecordedValue,
        heads: usize,
    ) -> Result<RecordedValue, DualError> {
        let k = self.heads(kv, (0, 2), heads);
        let v = self.heads(kv, (1, 2), heads);
        Ok(self.weighed(&query.value, (&k, &v), None, 1))
    }

    fn first(&mut self, x: &RecordedValue) -> Result<RecordedValue, DualError> {
        Ok(self.pick(x, 1, 0))
    }

    fn at(
        &mut self,
        x: &RecordedValue,
        places: &RecordedValue,
    ) -> Result<RecordedValue, DualError> {
        Ok(self.with(
            "GatherND",
            &[&x.value, &places.value],
            vec![int("batch_dims", 1)],
            &x.shape[1..],
        ))
    }
}
