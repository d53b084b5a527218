//! The two networks, written once: candle computes them, and the ONNX writer records them.
//!
//! A tower is generic over the holder of its weights. [`Ops`] has one method per step, which each backend
//! implements in its best way.

use super::DualError;
use super::spec::Activation;

/// `x · weightᵀ + bias`.
#[derive(Debug)]
pub(super) struct Linear<W> {
    /// Outputs × inputs.
    pub(super) weight: W,
    pub(super) bias: Option<W>,
}

/// Layer normalisation over the last axis (Ba et al. 2016).
#[derive(Debug)]
pub(super) struct Norm<W> {
    pub(super) weight: W,
    pub(super) bias: W,
    pub(super) epsilon: f32,
}

/// An MLP: two layers with an activation between them.
#[derive(Debug)]
pub(super) struct Perceptron<W> {
    pub(super) first: Linear<W>,
    pub(super) activation: Activation,
    pub(super) second: Linear<W>,
}

/// Attention among the tokens of one sequence.
#[derive(Debug)]
pub(super) struct Attention<W> {
    pub(super) heads: usize,
    /// A token attends to itself and earlier ones.
    pub(super) causal: bool,
    /// Cosines and sines of rotary positions, each tokens × half the head width.
    pub(super) rotary: Option<(W, W)>,
}

/// One block of a transformer.
#[derive(Debug)]
pub(super) struct Block<W> {
    pub(super) norm1: Norm<W>,
    /// Queries, keys and values, in this order.
    pub(super) qkv: Linear<W>,
    pub(super) out: Linear<W>,
    pub(super) norm2: Norm<W>,
    pub(super) perceptron: Perceptron<W>,
}

/// Attention of one learned query over all tokens.
#[derive(Debug)]
pub(super) struct AttentionPool<W> {
    pub(super) heads: usize,
    /// The projected query, with the attention scale applied: heads × 1 × head width.
    pub(super) query: W,
    /// Keys and values, in this order.
    pub(super) kv: Linear<W>,
    pub(super) out: Linear<W>,
    pub(super) norm: Norm<W>,
    pub(super) perceptron: Perceptron<W>,
}

/// Pictures to vectors.
#[derive(Debug)]
pub(super) struct VisionTower<W> {
    pub(super) patches: Patches<W>,
    /// Whether a class token comes first.
    pub(super) class_token: bool,
    /// Tokens × width; the class token is added to the first.
    pub(super) positions: W,
    pub(super) pre_norm: Option<Norm<W>>,
    pub(super) attention: Attention<W>,
    pub(super) blocks: Vec<Block<W>>,
    pub(super) post_norm: Norm<W>,
    pub(super) pool: Option<AttentionPool<W>>,
    pub(super) projection: Option<Linear<W>>,
}

/// Pictures to tokens: squares of pixels, normalised and projected.
#[derive(Debug)]
pub(super) struct Patches<W> {
    /// Side of a patch in pixels.
    pub(super) patch: usize,
    /// Patches on each axis.
    pub(super) grid: usize,
    /// Of channels of 0 to 255, for each number of a patch.
    pub(super) mean: W,
    /// The factor after subtracting `mean`.
    pub(super) scale: W,
    /// Width × (patch · patch · 3), rows of pixels first, channels last.
    pub(super) projection: Linear<W>,
}

/// Texts to vectors.
#[derive(Debug)]
pub(super) struct TextTower<W> {
    /// Vocabulary × width.
    pub(super) tokens: W,
    /// Context × width.
    pub(super) positions: W,
    pub(super) attention: Attention<W>,
    pub(super) blocks: Vec<Block<W>>,
    pub(super) post_norm: Norm<W>,
    pub(super) projection: Linear<W>,
}

/// The steps of a tower. Shapes are batch first, with `N` tokens of width `W`.
pub(super) trait Ops {
    /// A tensor, computed or recorded.
    type Value;

    /// Pictures (B × side × side × 3 bytes) to tokens (B × N × W), without positions.
    fn patches(
        &mut self,
        pictures: &Self::Value,
        patches: &Patches<Self::Value>,
    ) -> Result<Self::Value, DualError>;

    /// Prepends one zero token.
    fn pad_front(&mut self, x: &Self::Value) -> Result<Self::Value, DualError>;

    /// Looks up rows of a table: B × N integers to B × N × W.
    fn rows(&mut self, table: &Self::Value, ids: &Self::Value) -> Result<Self::Value, DualError>;

    /// Adds the first N rows of a table of positions.
    fn add_positions(
        &mut self,
        x: &Self::Value,
        positions: &Self::Value,
    ) -> Result<Self::Value, DualError>;

    /// A sum.
    fn add(&mut self, a: &Self::Value, b: &Self::Value) -> Result<Self::Value, DualError>;

    /// See [`Norm`].
    fn norm(&mut self, x: &Self::Value, norm: &Norm<Self::Value>)
    -> Result<Self::Value, DualError>;

    /// See [`Linear`].
    fn linear(
        &mut self,
        x: &Self::Value,
        linear: &Linear<Self::Value>,
    ) -> Result<Self::Value, DualError>;

    /// See [`Activation`].
    fn activate(
        &mut self,
        x: &Self::Value,
        activation: Activation,
    ) -> Result<Self::Value, DualError>;

    /// Self-attention: B × N × 3W (queries, keys, values) to B × N × W.
    fn attend(
        &mut self,
        qkv: &Self::Value,
        attention: &Attention<Self::Value>,
    ) -> Result<Self::Value, DualError>;

    /// Attention of one query: B × N × 2W (keys, values) to B × 1 × W.
    fn attend_from(
        &mut self,
        query: &Self::Value,
        kv: &Self::Value,
        heads: usize,
    ) -> Result<Self::Value, DualError>;

    /// The first token of each sequence: B × W.
    fn first(&mut self, x: &Self::Value) -> Result<Self::Value, DualError>;

    /// One token of each sequence, by position: B × W. `places` are B integers.
    fn at(&mut self, x: &Self::Value, places: &Self::Value) -> Result<Self::Value, DualError>;
}

impl<W> VisionTower<W> {
    /// Pictures (B × side × side × 3 bytes) to B × dims, not normalised yet.
    pub(super) fn forward<O: Ops<Value = W>>(
        &self,
        ops: &mut O,
        pictures: &W,
    ) -> Result<W, DualError> {
        let mut x = ops.patches(pictures, &self.patches)?;
        if self.class_token {
            x = ops.pad_front(&x)?;
        }
        x = ops.add_positions(&x, &self.positions)?;
        if let Some(norm) = &self.pre_norm {
            x = ops.norm(&x, norm)?;
        }
        x = through(ops, x, &self.blocks, &self.attention)?;
        let pooled = match &self.pool {
            Some(pool) => {
                let x = ops.norm(&x, &self.post_norm)?;
                pool.forward(ops, &x)?
            }
            // Only one token is used, so only it needs normalisation.
            None => {
                let class = ops.first(&x)?;
                ops.norm(&class, &self.post_norm)?
            }
        };
        match &self.projection {
            Some(projection) => ops.linear(&pooled, projection),
            None => Ok(pooled),
        }
    }
}

impl<W> AttentionPool<W> {
    fn forward<O: Ops<Value = W>>(&self, ops: &mut O, x: &W) -> Result<W, DualError> {
        let kv = ops.linear(x, &self.kv)?;
        let seen = ops.attend_from(&self.query, &kv, self.heads)?;
        let seen = ops.linear(&seen, &self.out)?;
        let normed = ops.norm(&seen, &self.norm)?;
        let more = self.perceptron.forward(ops, &normed)?;
        let sum = ops.add(&seen, &more)?;
        ops.first(&sum)
    }
}

impl<W> TextTower<W> {
    /// Token ids (B × N) and the position of each text's pooled token (B) to B × dims, not normalised yet.
    pub(super) fn forward<O: Ops<Value = W>>(
        &self,
        ops: &mut O,
        ids: &W,
        places: &W,
    ) -> Result<W, DualError> {
        let x = ops.rows(&self.tokens, ids)?;
        let x = ops.add_positions(&x, &self.positions)?;
        let x = through(ops, x, &self.blocks, &self.attention)?;
        let token = ops.at(&x, places)?;
        let token = ops.norm(&token, &self.post_norm)?;
        ops.linear(&token, &self.projection)
    }
}

impl<W> Perceptron<W> {
    fn forward<O: Ops<Value = W>>(&self, ops: &mut O, x: &W) -> Result<W, DualError> {
        let hidden = ops.linear(x, &self.first)?;
        let hidden = ops.activate(&hidden, self.activation)?;
        ops.linear(&hidden, &self.second)
    }
}

fn through<O: Ops>(
    ops: &mut O,
    mut x: O::Value,
    blocks: &[Block<O::Value>],
    attention: &Attention<O::Value>,
) -> Result<O::Value, DualError> {
    for block in blocks {
        let normed = ops.norm(&x, &block.norm1)?;
        let qkv = ops.linear(&normed, &block.qkv)?;
        let seen = ops.attend(&qkv, attention)?;
        let seen = ops.linear(&seen, &block.out)?;
        x = ops.add(&x, &seen)?;
        let normed = ops.norm(&x, &block.norm2)?;
        let more = block.perceptron.forward(ops, &normed)?;
        x = ops.add(&x, &more)?;
    }
    Ok(x)
}
