//! The layers as matrix products. Frames are divided into patches of 4 by 4 cells; patches are joined to cells,
//! cells to parts, and parts to the whole. Between these steps, each position is compared with itself at other
//! moments.
//!
//! `models/boundary/network.py` is the same network as trained.

use std::collections::HashMap;

use candle_core::{D, DType, Device, Error, Result, Tensor};

use super::{BoundaryVerdict, CELLS, HEIGHT, WIDTH};

/// Cells per side of a patch.
const PATCH: usize = 4;
const PATCH_ROWS: usize = HEIGHT / PATCH;
const PATCH_COLUMNS: usize = WIDTH / PATCH;
const PATCHES: usize = PATCH_ROWS * PATCH_COLUMNS;
/// Numbers per patch: three planes.
const PATCH_VALUES: usize = PATCH * PATCH * 3;
/// Frames before and after a frame with which it is compared.
const LAGS: usize = 32;

#[derive(Debug)]
struct Linear {
    /// Inputs by outputs.
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    fn load(weights: &Weights<'_>, name: &str) -> Result<Self> {
        let bias = format!("{name}.bias");
        Ok(Self {
            weight: weights.get(&format!("{name}.weight"))?.t()?.contiguous()?,
            bias: weights.has(&bias).then(|| weights.get(&bias)).transpose()?,
        })
    }

    /// Applies the layer to the last dimension of `x`, whose length becomes the number of outputs.
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        let inputs = self.weight.dim(0)?;
        let mut dims = x.dims().to_vec();
        let rows = x.elem_count() / inputs;
        let y = x.reshape((rows, inputs))?.matmul(&self.weight)?;
        let y = match &self.bias {
            Some(bias) => y.broadcast_add(bias)?,
            None => y,
        };
        if let Some(last) = dims.last_mut() {
            *last = self.weight.dim(1)?;
        }
        y.reshape(dims)
    }
}

struct Weights<'a>(&'a HashMap<String, Tensor>);

impl Weights<'_> {
    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn get(&self, name: &str) -> Result<Tensor> {
        let stored = self.0.get(name);
        let stored = stored.ok_or_else(|| Error::Msg(format!("missing weight {name}")))?;
        stored.to_dtype(DType::F32)
    }
}

/// Temporal convolutions of three moments each, with several dilations, added to their input.
#[derive(Debug)]
struct Moments {
    dilations: &'static [usize],
    /// All three taps of all branches at once.
    taps: Linear,
    bias: Tensor,
    join: Linear,
}

impl Moments {
    fn load(weights: &Weights<'_>, name: &str, dilations: &'static [usize]) -> Result<Self> {
        Ok(Self {
            dilations,
            taps: Linear::load(weights, &format!("{name}.taps"))?,
            bias: weights.get(&format!("{name}.bias"))?,
            join: Linear::load(weights, &format!("{name}.join"))?,
        })
    }

    fn run(&self, x: &Tensor) -> Result<Tensor> {
        let taps = self.taps.run(x)?;
        let branch = taps.dim(D::Minus1)? / (3 * self.dilations.len());
        let tap = |index: usize| taps.narrow(D::Minus1, index * branch, branch);
        let mut found = Vec::with_capacity(self.dilations.len());
        for (index, &dilation) in self.dilations.iter().enumerate() {
            let before = later(&tap(3 * index)?, dilation)?;
            let after = earlier(&tap(3 * index + 2)?, dilation)?;
            found.push(((tap(3 * index + 1)? + before)? + after)?);
        }
        let found = Tensor::cat(&found, D::Minus1)?.broadcast_add(&self.bias)?;
        x + self.join.run(&found.relu()?)?
    }
}

/// `x`, whose first dimension is time, shifted to `by` moments later; zeros at the end.
fn later(x: &Tensor, by: usize) -> Result<Tensor> {
    let frames = x.dim(0)?;
    let kept = frames.saturating_sub(by);
    if kept == 0 {
        return x.zeros_like();
    }
    x.narrow(0, 0, kept)?.pad_with_zeros(0, frames - kept, 0)
}

/// `x` shifted to `by` moments earlier.
fn earlier(x: &Tensor, by: usize) -> Result<Tensor> {
    let frames = x.dim(0)?;
    let kept = frames.saturating_sub(by);
    if kept == 0 {
        return x.zeros_like();
    }
    x.narrow(0, frames - kept, kept)?
        .pad_with_zeros(0, 0, frames - kept)
}

/// Joins cells of a grid: T × H × W × C to T × H/rows × W/columns × rows·columns·C.
fn merge(x: &Tensor, rows: usize, columns: usize) -> Result<Tensor> {
    let (frames, height, width, channels) = x.dims4()?;
    x.reshape((
        frames,
        height / rows,
        rows,
        width / columns,
        columns * channels,
    ))?
    .transpose(2, 3)?
    .reshape((
        frames,
        height / rows,
        width / columns,
        rows * columns * channels,
    ))
}

/// Normalises vectors, T × C, to unit length.
fn directions(x: &Tensor) -> Result<Tensor> {
    let length = x.sqr()?.sum_keepdim(1)?.sqrt()?.maximum(0.1_f32)?;
    x.broadcast_div(&length)
}

/// The similarity of each frame to its neighbours: unit vectors T × C to cosines T × (2·LAGS + 1).
fn likeness(directions: &Tensor) -> Result<Tensor> {
    let frames = directions.dim(0)?;
    let table = directions.matmul(&directions.t()?)?;
    let table = table.flatten_all()?.to_vec1::<f32>()?;
    let mut band = vec![0_f32; frames * (2 * LAGS + 1)];
    for (frame, (row, band)) in table
        .chunks_exact(frames)
        .zip(band.chunks_exact_mut(2 * LAGS + 1))
        .enumerate()
    {
        let first = frame.saturating_sub(LAGS);
        let end = (frame + LAGS + 1).min(frames);
        let place = first + LAGS - frame;
        band[place..place + end - first].copy_from_slice(&row[first..end]);
    }
    Tensor::from_vec(band, (frames, 2 * LAGS + 1), &Device::Cpu)
}

#[derive(Debug)]
pub(super) struct Network {
    patch: Linear,
    patch_before: Linear,
    cell: Linear,
    near: Moments,
    part: Linear,
    far: Moments,
    whole: Linear,
    describe: Linear,
    alike: Linear,
    enter: Linear,
    head: [Moments; 3],
    leave: Linear,
}

impl Network {
    pub(super) fn load(weights: &HashMap<String, Tensor>) -> Result<Self> {
        let weights = &Weights(weights);
        let linear = |name| Linear::load(weights, name);
        Ok(Self {
            patch: linear("patch")?,
            patch_before: linear("patch_before")?,
            cell: linear("cell")?,
            near: Moments::load(weights, "near", &[1, 2, 4, 8])?,
            part: linear("part")?,
            far: Moments::load(weights, "far", &[1, 2, 4, 8, 16])?,
            whole: linear("whole")?,
            describe: linear("describe")?,
            alike: linear("alike")?,
            enter: linear("enter")?,
            head: [
                Moments::load(weights, "head.0", &[1, 2])?,
                Moments::load(weights, "head.1", &[1, 4])?,
                Moments::load(weights, "head.2", &[1, 8])?,
            ],
            leave: linear("leave")?,
        })
    }

    pub(super) fn run(&self, frames: &[[&[u8]; 3]]) -> Result<Vec<BoundaryVerdict>> {
        let count = frames.len();
        let (patches, means) = patches(frames)?;
        let x = (self.patch.run(&patches)? + self.before(&patches)?)?.relu()?;
        let x = self.cell.run(&merge(&x, 3, 2)?)?.relu()?;
        let x = self.near.run(&x)?.relu()?;
        let x = self.part.run(&merge(&x, 3, 2)?)?.relu()?;
        let x = self.far.run(&x)?.relu()?;
        let x = self.whole.run(&x.reshape((count, ()))?)?.relu()?;

        let plain = means.broadcast_sub(&means.mean_keepdim(1)?)?;
        let alike = [
            likeness(&directions(&plain)?)?,
            likeness(&directions(&self.describe.run(&means)?)?)?,
        ];
        let alike = self.alike.run(&Tensor::cat(&alike, 1)?)?.relu()?;
        let mut x = self.enter.run(&Tensor::cat(&[x, alike], 1)?)?.relu()?;
        for block in &self.head {
            x = block.run(&x)?.relu()?;
        }
        let logits = self.leave.run(&x)?.to_vec2::<f32>()?;
        Ok(logits.iter().map(|logits| verdict(logits)).collect())
    }

    /// The contribution of the previous frame's patches. The first frame is treated as if it followed an equal
    /// one.
    fn before(&self, patches: &Tensor) -> Result<Tensor> {
        let x = self.patch_before.run(patches)?;
        let frames = x.dim(0)?;
        Tensor::cat(&[x.narrow(0, 0, 1)?, x.narrow(0, 0, frames - 1)?], 0)
    }
}

/// The patches, T × rows × columns × values, about -2 to 2, and the mean of each plane of each patch, T ×
/// means.
fn patches(frames: &[[&[u8]; 3]]) -> Result<(Tensor, Tensor)> {
    let count = frames.len();
    let mut values = vec![0_f32; count * PATCHES * PATCH_VALUES];
    let mut means = vec![0_f32; count * PATCHES * 3];
    let places = values
        .chunks_exact_mut(PATCHES * PATCH_VALUES)
        .zip(means.chunks_exact_mut(PATCHES * 3));
    for (frame, (values, means)) in frames.iter().zip(places) {
        for (plane, cells) in frame.iter().enumerate() {
            if cells.len() != CELLS {
                return Err(Error::Msg(format!(
                    "a plane of {} cells instead of {CELLS}",
                    cells.len()
                )));
            }
            for (index, cell) in cells.iter().enumerate() {
                let (row, column) = (index / WIDTH, index % WIDTH);
                let patch = row / PATCH * PATCH_COLUMNS + column / PATCH;
                let place = row % PATCH * PATCH + column % PATCH;
                let value = (f32::from(*cell) - 128.0) / 64.0;
                values[patch * PATCH_VALUES + place * 3 + plane] = value;
                means[patch * 3 + plane] += value / 16.0;
            }
        }
    }
    let shape = (count, PATCH_ROWS, PATCH_COLUMNS, PATCH_VALUES);
    Ok((
        Tensor::from_vec(values, shape, &Device::Cpu)?,
        Tensor::from_vec(means, (count, PATCHES * 3), &Device::Cpu)?,
    ))
}

fn verdict(logits: &[f32]) -> BoundaryVerdict {
    let sure = |logit: f32| 1.0 / (1.0 + (-logit).exp());
    let kinds: [f32; 3] = std::array::from_fn(|kind| logits[2 + kind].exp());
    let total: f32 = kinds.iter().sum();
    BoundaryVerdict {
        cut: sure(logits[0]),
        gradual: sure(logits[1]),
        dissolve: kinds[0] / total,
        fade: kinds[1] / total,
        wipe: kinds[2] / total,
    }
}
