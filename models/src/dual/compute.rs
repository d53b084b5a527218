//! Computes the towers with candle, on the CPU or on a CUDA device.

use candle_core::{D, DType, Device, Tensor};
use candle_nn::ops::{layer_norm, sigmoid, softmax_last_dim};
use candle_nn::rotary_emb::rope_i;

use super::DualError;
use super::load::Place;
use super::spec::Activation;
use super::tower::{Attention, Linear, Norm, Ops, Patches};

/// Device and precision of candle.
#[derive(Debug, Clone)]
pub(super) struct Candle {
    pub(super) device: Device,
    pub(super) dtype: DType,
}

impl Place for Candle {
    type Weight = Tensor;

    fn place(&mut self, tensor: &Tensor) -> Result<Tensor, DualError> {
        Ok(tensor
            .to_dtype(self.dtype)?
            .to_device(&self.device)?
            .contiguous()?)
    }

    fn place_exactly(&mut self, tensor: &Tensor) -> Result<Tensor, DualError> {
        Ok(tensor.to_device(&self.device)?.contiguous()?)
    }
}

impl Candle {
    /// Keys or values of all heads: B × heads × N × head width, from part `part` of `parts`.
    fn heads(x: &Tensor, part: usize, parts: usize, heads: usize) -> Result<Tensor, DualError> {
        let (batch, tokens, width) = x.dims3()?;
        let width = width / parts;
        Ok(x.narrow(D::Minus1, part * width, width)?
            .reshape((batch, tokens, heads, width / heads))?
            .transpose(1, 2)?
            .contiguous()?)
    }

    /// Concatenates the heads: B × N × W.
    fn merge(x: &Tensor) -> Result<Tensor, DualError> {
        let (batch, heads, tokens, width) = x.dims4()?;
        Ok(x.transpose(1, 2)?.reshape((batch, tokens, heads * width))?)
    }

    /// Minus infinity where a token must not attend: tokens × tokens.
    fn mask(&self, tokens: usize) -> Result<Tensor, DualError> {
        let values: Vec<f32> = super::causal_mask(tokens);
        Ok(Tensor::from_vec(values, (tokens, tokens), &self.device)?.to_dtype(self.dtype)?)
    }
}

impl Ops for Candle {
    type Value = Tensor;

    fn patches(
        &mut self,
        pictures: &Tensor,
        patches: &Patches<Tensor>,
    ) -> Result<Tensor, DualError> {
        let &Patches { patch, grid, .. } = patches;
        let batch = pictures.dim(0)?;
        // Moved as bytes, which is a quarter of the size of floats.
        let squares = pictures
            .reshape((batch, grid, patch, grid, patch * 3))?
            .transpose(2, 3)?
            .reshape((batch, grid * grid, patch * patch * 3))?
            .to_device(&self.device)?
            .to_dtype(DType::F32)?;
        // Half precision would shift the mean.
        let normalised = squares
            .broadcast_sub(&patches.mean)?
            .broadcast_mul(&patches.scale)?
            .to_dtype(self.dtype)?;
        self.linear(&normalised, &patches.projection)
    }

    fn pad_front(&mut self, x: &Tensor) -> Result<Tensor, DualError> {
        Ok(x.pad_with_zeros(1, 1, 0)?)
    }

    fn rows(&mut self, table: &Tensor, ids: &Tensor) -> Result<Tensor, DualError> {
        let (batch, tokens) = ids.dims2()?;
        let rows = table.index_select(&ids.flatten_all()?, 0)?;
        Ok(rows.reshape((batch, tokens, table.dim(1)?))?)
    }

    fn add_positions(&mut self, x: &Tensor, positions: &Tensor) -> Result<Tensor, DualError> {
        let tokens = x.dim(1)?;
        Ok(x.broadcast_add(&positions.narrow(0, 0, tokens)?)?)
    }

    fn add(&mut self, a: &Tensor, b: &Tensor) -> Result<Tensor, DualError> {
        Ok((a + b)?)
    }

    fn norm(&mut self, x: &Tensor, norm: &Norm<Tensor>) -> Result<Tensor, DualError> {
        Ok(layer_norm(
            &x.contiguous()?,
            &norm.weight,
            &norm.bias,
            norm.epsilon,
        )?)
    }

    fn linear(&mut self, x: &Tensor, linear: &Linear<Tensor>) -> Result<Tensor, DualError> {
        // One large product instead of one per picture.
        let dims = x.dims().to_vec();
        let (&inputs, lead) = dims.split_last().ok_or_else(|| DualError::Config {
            problem: "a layer was given a single number".to_owned(),
        })?;
        let rows: usize = lead.iter().product();
        let product = x.reshape((rows, inputs))?.matmul(&linear.weight.t()?)?;
        let product = match &linear.bias {
            Some(bias) => product.broadcast_add(bias)?,
            None => product,
        };
        let outputs = linear.weight.dim(0)?;
        Ok(product.reshape([lead, &[outputs]].concat())?)
    }

    fn activate(&mut self, x: &Tensor, activation: Activation) -> Result<Tensor, DualError> {
        Ok(match activation {
            Activation::Gelu => x.gelu_erf()?,
            Activation::GeluTanh => x.gelu()?,
            Activation::QuickGelu => (x * sigmoid(&(x * super::QUICK_GELU)?)?)?,
        })
    }

    fn attend(&mut self, qkv: &Tensor, attention: &Attention<Tensor>) -> Result<Tensor, DualError> {
        let heads = attention.heads;
        let mut q = Self::heads(qkv, 0, 3, heads)?;
        let mut k = Self::heads(qkv, 1, 3, heads)?;
        let v = Self::heads(qkv, 2, 3, heads)?;
        if let Some((cosines, sines)) = &attention.rotary {
            q = rope_i(&q, cosines, sines)?;
            k = rope_i(&k, cosines, sines)?;
        }
        let scaled = (q * super::attention_scale(k.dim(D::Minus1)?))?;
        let mut scores = scaled.matmul(&k.t()?)?;
        if attention.causal {
            scores = scores.broadcast_add(&self.mask(qkv.dim(1)?)?)?;
        }
        Self::merge(&softmax_last_dim(&scores)?.matmul(&v)?)
    }

    fn attend_from(
        &mut self,
        query: &Tensor,
        kv: &Tensor,
        heads: usize,
    ) -> Result<Tensor, DualError> {
        let k = Self::heads(kv, 0, 2, heads)?;
        let v = Self::heads(kv, 1, 2, heads)?;
        let query = query
            .unsqueeze(0)?
            .broadcast_as((kv.dim(0)?, heads, 1, k.dim(D::Minus1)?))?;
        let scores = query.contiguous()?.matmul(&k.t()?)?;
        Self::merge(&softmax_last_dim(&scores)?.matmul(&v)?)
    }

    fn first(&mut self, x: &Tensor) -> Result<Tensor, DualError> {
        Ok(x.narrow(1, 0, 1)?.squeeze(1)?.contiguous()?)
    }

    fn at(&mut self, x: &Tensor, places: &Tensor) -> Result<Tensor, DualError> {
        let (batch, tokens, width) = x.dims3()?;
        let tokens = u32::try_from(tokens).unwrap_or(u32::MAX);
        let starts: Vec<u32> = (0..u32::try_from(batch).unwrap_or(u32::MAX))
            .map(|text| text * tokens)
            .collect();
        let rows = (Tensor::from_vec(starts, batch, places.device())? + places)?;
        Ok(x.reshape(((), width))?.index_select(&rows, 0)?)
    }
}
