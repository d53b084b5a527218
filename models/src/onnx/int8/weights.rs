//! Weights as integers.

use super::super::network::{Network, floats, sides};
use super::super::proto;
use super::BLOCK;

/// The weights of a layer, as floats.
pub(super) struct Kernel {
    weights: Vec<f32>,
    bias: Vec<f32>,
    /// Output channels × input channels of a group × height × width.
    pub(super) shape: [usize; 4],
}

/// The weights of a layer, as integers.
pub(super) struct Rounded {
    pub(super) weights: Vec<i8>,
    /// One for each output channel.
    pub(super) scales: Vec<f32>,
    /// In units of the weights' scale times the input's.
    pub(super) bias: Vec<i32>,
}

impl Kernel {
    /// The weights by their names.
    pub(super) fn of(
        network: &Network,
        weight: &str,
        bias: Option<&String>,
    ) -> Result<Self, String> {
        let tensor = |name: &str| {
            let found = network.constants.get(name);
            found.ok_or_else(|| format!("{name} is not a constant"))
        };
        let stored = tensor(weight)?;
        let shape: [usize; 4] = sides(stored)
            .try_into()
            .map_err(|_other| format!("{weight} does not have four axes"))?;
        let weights = floats(stored)?;
        let bias = match bias {
            Some(name) => floats(tensor(name)?)?,
            None => vec![0.0; shape[0]],
        };
        let is_whole = weights.len() == shape.iter().product::<usize>() && bias.len() == shape[0];
        if !is_whole || weights.is_empty() {
            return Err(format!("{weight} does not have the size that it states"));
        }
        if weights.iter().chain(&bias).any(|value| !value.is_finite()) {
            return Err(format!("{weight} has weights that are not numbers"));
        }
        Ok(Self {
            weights,
            bias,
            shape,
        })
    }

    fn channels(&self) -> impl Iterator<Item = &[f32]> {
        let each = self.weights.len() / self.shape[0];
        self.weights.chunks_exact(each)
    }

    /// Takes `short` off every input.
    pub(super) fn shift(&mut self, short: f32) {
        let sums: Vec<f32> = self.channels().map(|it| it.iter().sum()).collect();
        for (bias, sum) in self.bias.iter_mut().zip(sums) {
            *bias -= short * sum;
        }
    }
}

impl Rounded {
    /// Rounds to integers of at most `limit`, for an input of this scale.
    pub(super) fn of(kernel: &Kernel, input: f32, limit: f32) -> Result<Self, String> {
        let mut rounded = Self {
            weights: Vec::with_capacity(kernel.weights.len()),
            scales: Vec::with_capacity(kernel.shape[0]),
            bias: Vec::with_capacity(kernel.shape[0]),
        };
        for (channel, bias) in kernel.channels().zip(&kernel.bias) {
            let largest = channel.iter().fold(0.0_f32, |most, it| most.max(it.abs()));
            // The bias of a channel that has hardly any weights must fit 32 bits too.
            let least = (bias.abs() / input / 1e9).max(1e-20);
            let scale = (largest / limit).max(least);
            let integers = channel.iter().map(|it| small(it / scale, limit));
            rounded.weights.extend(integers);
            rounded.scales.push(scale);
            let sum = f64::from(*bias) / (f64::from(scale) * f64::from(input));
            let sum = large(sum).ok_or("a bias does not fit 32 bits")?;
            rounded.bias.push(sum);
        }
        Ok(rounded)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "clamped to the limit")]
fn small(value: f32, limit: f32) -> i8 {
    value.round().clamp(-limit, limit) as i8
}

#[expect(clippy::cast_possible_truncation, reason = "checked")]
fn large(value: f64) -> Option<i32> {
    let value = value.round();
    (value.abs() <= f64::from(i32::MAX)).then_some(value as i32)
}

/// A layer of 3 × 3 pixels with a stride of 2 as one of 2 × 2 blocks with a stride of 1. A block has its upper left pixel
/// first, then the upper right one, and so on, three bytes each.
pub(super) fn blocks(kernel: &Kernel, node: &proto::Node) -> Result<Kernel, String> {
    // By row of the kernel: the block, and the row in it. The first is the lower row of the block above.
    const PLACES: [(usize, usize); 3] = [(0, 1), (1, 0), (1, 1)];
    let list = |name: &str| {
        let mut found = node.attribute.iter().filter(|it| it.name == name);
        found.next().map(|it| it.ints.clone()).unwrap_or_default()
    };
    let [outputs, channels, height, width] = kernel.shape;
    let is_plain = [channels, height, width] == [3; 3];
    if !is_plain || list("strides") != [2; 2] || list("pads") != [1; 4] {
        return Err(
            "its first layer is not 3 x 3 over three channels with a stride of 2".to_owned(),
        );
    }
    let mut weights = vec![0.0; outputs * BLOCK * 4];
    for (from, weight) in kernel.weights.iter().enumerate() {
        let (down, lower) = PLACES[from / 3 % 3];
        let (across, right) = PLACES[from % 3];
        let (output, channel) = (from / 27, from / 9 % 3);
        let place = (lower * 2 + right) * 3 + channel;
        weights[((output * BLOCK + place) * 2 + down) * 2 + across] = *weight;
    }
    Ok(Kernel {
        weights,
        bias: kernel.bias.clone(),
        shape: [outputs, BLOCK, 2, 2],
    })
}
