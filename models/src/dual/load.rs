//! From a checkpoint to the two towers: converts names and shapes to one form.

use candle_core::{Device, Tensor};

use super::DualError;
use super::checkpoint::Checkpoint;
use super::layout::{PoolAttention, Projection, QkvNames, TowerNames};
use super::spec::{Pool, Spec, Transformer, Vision};
use super::tower::{
    Attention, AttentionPool, Block, Linear, Norm, Patches, Perceptron, TextTower, VisionTower,
};

/// Places a weight for a backend.
pub(super) trait Place {
    /// A placed weight.
    type Weight;

    /// Places a tensor of 32-bit floats on the CPU.
    fn place(&mut self, tensor: &Tensor) -> Result<Self::Weight, DualError>;

    /// The same, for numbers that must stay in 32 bits.
    fn place_exactly(&mut self, tensor: &Tensor) -> Result<Self::Weight, DualError> {
        self.place(tensor)
    }
}

/// Takes weights from a checkpoint and places them.
struct Loader<'a, P> {
    checkpoint: &'a mut Checkpoint,
    place: &'a mut P,
    names: TowerNames,
    transformer: Transformer,
}

/// Base of the rotary frequencies.
const ROTARY_BASE: f32 = 10_000.0;

/// Builds the picture tower and takes its tensors from the checkpoint.
///
/// # Errors
///
/// A tensor does not exist, has another shape, or has values that are not finite.
pub(super) fn vision<P: Place>(
    spec: &Spec,
    checkpoint: &mut Checkpoint,
    place: &mut P,
) -> Result<VisionTower<P::Weight>, DualError> {
    let names = spec.layout.vision();
    let vision = &spec.vision;
    let Transformer { width, heads, .. } = vision.transformer;
    let mut loader = Loader {
        checkpoint,
        place,
        names: names.tower,
        transformer: vision.transformer,
    };
    let patches = loader.patches(spec, names.patches)?;
    let positions = loader.picture_positions(vision, names.class_token)?;
    let pre_norm = vision.class_token.then(|| loader.norm(names.pre_norm));
    let rotary = vision.rotary.then(|| loader.rotary(vision));
    let pool = match vision.pool {
        Pool::Class => None,
        Pool::Attention { heads } => Some(loader.pool(&names.pool, heads)?),
    };
    Ok(VisionTower {
        patches,
        class_token: vision.class_token,
        positions,
        pre_norm: pre_norm.transpose()?,
        attention: Attention {
            heads,
            causal: false,
            rotary: rotary.transpose()?,
        },
        blocks: loader.blocks()?,
        post_norm: loader.norm(loader.names.post_norm)?,
        pool,
        projection: loader.projection(names.projection, width, spec.dims)?,
    })
}

/// Builds the text tower and takes its tensors from the checkpoint.
///
/// # Errors
///
/// The same as for [`vision`].
pub(super) fn text<P: Place>(
    spec: &Spec,
    checkpoint: &mut Checkpoint,
    place: &mut P,
) -> Result<TextTower<P::Weight>, DualError> {
    let names = spec.layout.text();
    let text = &spec.text;
    let Transformer { width, heads, .. } = text.transformer;
    let tokens = checkpoint.take(names.tokens, &[text.vocabulary, width])?;
    let positions = checkpoint.take(names.tower.positions, &[text.context, width])?;
    let mut loader = Loader {
        checkpoint,
        place,
        names: names.tower,
        transformer: text.transformer,
    };
    let projection = loader.projection(names.projection, width, spec.dims)?;
    Ok(TextTower {
        tokens: loader.place.place(&tokens)?,
        positions: loader.place.place(&positions)?,
        attention: Attention {
            heads,
            causal: text.causal,
            rotary: None,
        },
        blocks: loader.blocks()?,
        post_norm: loader.norm(loader.names.post_norm)?,
        projection: projection.ok_or_else(|| DualError::MissingTensor {
            name: "the projection of texts".to_owned(),
        })?,
    })
}

impl<P: Place> Loader<'_, P> {
    fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, DualError> {
        self.checkpoint.take(name, shape)
    }

    fn placed(&mut self, name: &str, shape: &[usize]) -> Result<P::Weight, DualError> {
        let tensor = self.take(name, shape)?;
        self.place.place(&tensor)
    }

    fn norm(&mut self, name: &str) -> Result<Norm<P::Weight>, DualError> {
        let width = self.transformer.width;
        Ok(Norm {
            weight: self.placed(&format!("{name}.weight"), &[width])?,
            bias: self.placed(&format!("{name}.bias"), &[width])?,
            epsilon: self.transformer.epsilon,
        })
    }

    fn linear(
        &mut self,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<Linear<P::Weight>, DualError> {
        self.named_linear(
            &format!("{name}.weight"),
            &format!("{name}.bias"),
            inputs,
            outputs,
        )
    }

    fn named_linear(
        &mut self,
        weight: &str,
        bias: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<Linear<P::Weight>, DualError> {
        Ok(Linear {
            weight: self.placed(weight, &[outputs, inputs])?,
            bias: Some(self.placed(bias, &[outputs])?),
        })
    }

    fn perceptron(
        &mut self,
        first: &str,
        second: &str,
    ) -> Result<Perceptron<P::Weight>, DualError> {
        let Transformer { width, hidden, .. } = self.transformer;
        Ok(Perceptron {
            first: self.linear(first, width, hidden)?,
            activation: self.transformer.activation,
            second: self.linear(second, hidden, width)?,
        })
    }

    fn blocks(&mut self) -> Result<Vec<Block<P::Weight>>, DualError> {
        (0..self.transformer.layers)
            .map(|number| self.block(number))
            .collect()
    }

    fn block(&mut self, number: usize) -> Result<Block<P::Weight>, DualError> {
        let width = self.transformer.width;
        let prefix = self.names.block.replace("{}", &number.to_string());
        let name = |part: &str| format!("{prefix}{part}");
        let qkv = match self.names.qkv {
            QkvNames::Together(weight, bias) => {
                self.named_linear(&name(weight), &name(bias), width, 3 * width)?
            }
            QkvNames::Apart(parts) => {
                let mut weights = Vec::with_capacity(3);
                let mut biases = Vec::with_capacity(3);
                for part in parts {
                    weights.push(self.take(&name(&format!("{part}.weight")), &[width, width])?);
                    biases.push(self.take(&name(&format!("{part}.bias")), &[width])?);
                }
                Linear {
                    weight: self.place.place(&Tensor::cat(&weights, 0)?)?,
                    bias: Some(self.place.place(&Tensor::cat(&biases, 0)?)?),
                }
            }
        };
        let (norm1, norm2) = (name(self.names.norm1), name(self.names.norm2));
        let (out, first, second) = (
            name(self.names.out),
            name(self.names.first),
            name(self.names.second),
        );
        Ok(Block {
            norm1: self.norm(&norm1)?,
            qkv,
            out: self.linear(&out, width, width)?,
            norm2: self.norm(&norm2)?,
            perceptron: self.perceptron(&first, &second)?,
        })
    }

    /// A convolution whose stride equals its kernel is a linear layer over the pixels of a patch.
    fn patches(&mut self, spec: &Spec, name: &str) -> Result<Patches<P::Weight>, DualError> {
        let patch = spec.vision.patch;
        let width = self.transformer.width;
        let numbers = patch * patch * 3;
        let kernel = self.take(&format!("{name}.weight"), &[width, 3, patch, patch])?;
        let kernel = kernel.permute((0, 2, 3, 1))?.reshape((width, numbers))?;
        let bias = if spec.vision.class_token {
            None
        } else {
            Some(self.placed(&format!("{name}.bias"), &[width])?)
        };
        let (mean, std) = spec.preprocess.normalisation();
        let repeated = |channel: [f32; 3]| {
            let values: Vec<f32> = channel.iter().copied().cycle().take(numbers).collect();
            Tensor::from_vec(values, numbers, &Device::Cpu)
        };
        Ok(Patches {
            patch,
            grid: spec.vision.grid(),
            mean: self.place.place_exactly(&repeated(mean)?)?,
            scale: self.place.place_exactly(&repeated(std.map(f32::recip))?)?,
            projection: Linear {
                weight: self.place.place(&kernel)?,
                bias,
            },
        })
    }

    /// The table of positions, with the class token added to its first row.
    fn picture_positions(
        &mut self,
        vision: &Vision,
        class_token: &str,
    ) -> Result<P::Weight, DualError> {
        let (tokens, width) = (vision.tokens(), self.transformer.width);
        let name = self.names.positions;
        // timm keeps a batch axis.
        let batched = name.starts_with("visual.trunk");
        let lead: &[usize] = if batched { &[1] } else { &[] };
        let table = self.take(name, &[lead, &[tokens, width]].concat())?;
        let mut table = table.reshape((tokens, width))?;
        if vision.class_token {
            let shape: &[usize] = if batched { &[1, 1, width] } else { &[width] };
            let class = self.take(class_token, shape)?.reshape((1, width))?;
            let first = (table.narrow(0, 0, 1)? + class)?;
            table = Tensor::cat(&[first, table.narrow(0, 1, tokens - 1)?], 0)?;
        }
        self.place.place(&table)
    }

    fn projection(
        &mut self,
        projection: Projection,
        inputs: usize,
        outputs: usize,
    ) -> Result<Option<Linear<P::Weight>>, DualError> {
        let weight = match projection {
            Projection::None => return Ok(None),
            Projection::Full(name) => return self.linear(name, inputs, outputs).map(Some),
            Projection::Weight(name) => self.take(&format!("{name}.weight"), &[outputs, inputs])?,
            Projection::Matrix(name) => self.take(name, &[inputs, outputs])?.t()?.contiguous()?,
        };
        Ok(Some(Linear {
            weight: self.place.place(&weight)?,
            bias: None,
        }))
    }

    /// Cosines and sines of the rotation angles for pairs of numbers: a quarter of the head's pairs by the
    /// column, and the next quarter by the row, both counted from 1. The class token, which is the first, is
    /// not rotated.
    #[expect(clippy::cast_precision_loss, reason = "grids and heads are small")]
    fn rotary(&mut self, vision: &Vision) -> Result<(P::Weight, P::Weight), DualError> {
        let half = self.transformer.width / self.transformer.heads / 2;
        let bands = half / 2;
        let frequency = |band: usize| ROTARY_BASE.powf(-(band as f32) / bands as f32);
        let mut angles = vec![0.0; half];
        for row in 1..=vision.grid() {
            for column in 1..=vision.grid() {
                for place in [column, row] {
                    angles.extend((0..bands).map(|band| place as f32 * frequency(band)));
                }
            }
        }
        let shape = (vision.tokens(), half);
        let cosines = angles.iter().map(|a: &f32| a.cos()).collect::<Vec<_>>();
        let sines = angles.iter().map(|a| a.sin()).collect::<Vec<_>>();
        Ok((
            self.place
                .place(&Tensor::from_vec(cosines, shape, &Device::Cpu)?)?,
            self.place
                .place(&Tensor::from_vec(sines, shape, &Device::Cpu)?)?,
        ))
    }

    fn pool(
        &mut self,
        names: &super::layout::PoolNames,
        heads: usize,
    ) -> Result<AttentionPool<P::Weight>, DualError> {
        let width = self.transformer.width;
        let latent = self
            .take(names.query, &[1, 1, width])?
            .reshape((1, width))?;
        let (q, q_bias, kv, kv_bias) = match names.attention {
            PoolAttention::Together(weight, bias) => {
                let weight = self.take(weight, &[3 * width, width])?;
                let bias = self.take(bias, &[3 * width])?;
                (
                    weight.narrow(0, 0, width)?,
                    bias.narrow(0, 0, width)?,
                    weight.narrow(0, width, 2 * width)?.contiguous()?,
                    bias.narrow(0, width, 2 * width)?.contiguous()?,
                )
            }
            PoolAttention::QueryApart(q, kv) => (
                self.take(&format!("{q}.weight"), &[width, width])?,
                self.take(&format!("{q}.bias"), &[width])?,
                self.take(&format!("{kv}.weight"), &[2 * width, width])?,
                self.take(&format!("{kv}.bias"), &[2 * width])?,
            ),
        };
        // The query is the same for every picture, so it is projected once.
        let query = latent.matmul(&q.t()?)?.broadcast_add(&q_bias)?;
        let query = (query * super::attention_scale(width / heads))?;
        let query = query.reshape((heads, 1, width / heads))?;
        Ok(AttentionPool {
            heads,
            query: self.place.place(&query)?,
            kv: Linear {
                weight: self.place.place(&kv)?,
                bias: Some(self.place.place(&kv_bias)?),
            },
            out: self.linear(names.out, width, width)?,
            norm: self.norm(names.norm)?,
            perceptron: self.perceptron(names.first, names.second)?,
        })
    }
}
