//! A stored network, to be rewritten.

use std::collections::BTreeMap;

use prost::Message;

use super::graph::float_tensor;
use super::proto;

/// The layers and the constants of a stored network with one input.
pub(super) struct Network {
    pub(super) nodes: Vec<proto::Node>,
    /// By name.
    pub(super) constants: BTreeMap<String, proto::Tensor>,
    /// The name of its input.
    pub(super) input: String,
    /// Without shapes.
    pub(super) outputs: Vec<proto::ValueInfo>,
    /// The version of the operators.
    pub(super) version: i64,
}

impl Network {
    /// Reads a network.
    ///
    /// # Errors
    /// The bytes are not an ONNX model with one input, with the reason.
    pub(super) fn decode(model: &[u8]) -> Result<Self, String> {
        let model = proto::Model::decode(model).map_err(|e| e.to_string())?;
        let graph = model.graph.ok_or("it has no graph")?;
        let versions = model.opset_import.iter().map(|set| set.version);
        let version = versions.min().unwrap_or(0);
        let mut constants: BTreeMap<String, proto::Tensor> = graph
            .initializer
            .into_iter()
            .map(|tensor| (tensor.name.clone(), tensor))
            .collect();
        let mut nodes = Vec::with_capacity(graph.node.len());
        for node in graph.node {
            let value = node
                .attribute
                .iter()
                .find_map(|attribute| attribute.t.clone());
            match (node.op_type.as_str(), value, node.output.first()) {
                ("Constant", Some(tensor), Some(name)) => {
                    let tensor = proto::Tensor {
                        name: name.clone(),
                        ..tensor
                    };
                    constants.insert(name.clone(), tensor);
                }
                _ => nodes.push(node),
            }
        }
        let mut inputs = graph.input.into_iter().map(|input| input.name);
        let mut inputs = inputs.by_ref().filter(|name| !constants.contains_key(name));
        let input = inputs.next().ok_or("it has no input")?;
        if inputs.next().is_some() {
            return Err("it has more than one input".to_owned());
        }
        let mut outputs = graph.output;
        for output in &mut outputs {
            if let Some(tensor) = output
                .r#type
                .as_mut()
                .and_then(|of| of.tensor_type.as_mut())
            {
                tensor.shape = None;
            }
        }
        Ok(Self {
            nodes,
            constants,
            input,
            outputs,
            version,
        })
    }

    /// The layer that computes a value.
    pub(super) fn writer(&self, value: &str) -> Option<&proto::Node> {
        self.nodes
            .iter()
            .find(|node| node.output.iter().any(|name| name == value))
    }

    /// The index of the layer that reads a value; none if there are others, or if the value leaves the network.
    pub(super) fn only_reader(&self, value: &str) -> Option<usize> {
        if self.outputs.iter().any(|output| output.name == value) {
            return None;
        }
        let reads = |node: &proto::Node| node.input.iter().any(|name| name == value);
        let mut readers = (0..self.nodes.len()).filter(|&index| reads(&self.nodes[index]));
        let first = readers.next()?;
        readers.next().is_none().then_some(first)
    }

    /// Multiplies normalisations of batches, which are constant here, into the layers before them.
    ///
    /// # Errors
    /// One follows something that has no weights.
    pub(super) fn fold_normalisation(&mut self) -> Result<(), String> {
        while let Some(at) = self
            .nodes
            .iter()
            .position(|n| n.op_type == "BatchNormalization")
        {
            let node = self.nodes.remove(at);
            let before = self
                .nodes
                .iter()
                .position(|n| n.output.first() == node.input.first());
            let layer = before.map(|index| &mut self.nodes[index]);
            let layer = layer.filter(|of| {
                matches!(of.op_type.as_str(), "Conv" | "ConvTranspose") && of.input.len() >= 2
            });
            let layer = layer.ok_or("a normalisation does not follow a layer with weights")?;
            let numbers = |name: Option<&String>| {
                let found = name.and_then(|name| self.constants.get(name));
                floats(found.ok_or("a normalisation without its constants")?)
            };
            let [scale, shift, mean, variance] =
                [1, 2, 3, 4].map(|index| numbers(node.input.get(index)));
            let (scale, shift, mean, variance) = (scale?, shift?, mean?, variance?);
            let epsilon = node
                .attribute
                .iter()
                .find(|of| of.name == "epsilon")
                .map_or(1e-5, |of| of.f);
            let factors: Vec<f32> = scale
                .iter()
                .zip(&variance)
                .map(|(scale, variance)| scale / (variance + epsilon).sqrt())
                .collect();
            let stored = self
                .constants
                .get(&layer.input[1])
                .ok_or("a layer whose weights are not constant")?;
            let mut weights = floats(stored)?;
            let dims = sides(stored);
            let bias = match layer.input.get(2) {
                Some(name) => numbers(Some(name))?,
                None => vec![0.0; factors.len()],
            };
            let is_transposed = layer.op_type == "ConvTranspose";
            let channels = dims.get(usize::from(is_transposed)).copied().unwrap_or(0);
            let area: usize = dims.iter().skip(2).product();
            let parts = [&shift, &mean, &variance, &bias];
            if channels != factors.len()
                || parts.iter().any(|part| part.len() != channels)
                || dims.len() != 4
                || area == 0
            {
                return Err("a normalisation of other channels than its layer's".to_owned());
            }
            // Output channels are the first axis, or the second of a transposed layer.
            let step = if is_transposed { area } else { area * dims[1] };
            for (index, weight) in weights.iter_mut().enumerate() {
                *weight *= factors[index / step % channels];
            }
            let bias: Vec<f32> = (0..channels)
                .map(|c| (bias[c] - mean[c]) * factors[c] + shift[c])
                .collect();
            let name = node.output.first().cloned().unwrap_or_default();
            let (weight, shift) = (format!("{name}.folded"), format!("{name}.shift"));
            self.constants
                .insert(weight.clone(), float_tensor(&weight, &dims, &weights));
            self.constants
                .insert(shift.clone(), float_tensor(&shift, &[channels], &bias));
            layer.input.truncate(1);
            layer.input.extend([weight, shift]);
            layer.output = node.output;
        }
        Ok(())
    }
}

/// The lengths of a tensor's axes.
pub(super) fn sides(tensor: &proto::Tensor) -> Vec<usize> {
    let sides = tensor.dims.iter();
    sides.filter_map(|&n| usize::try_from(n).ok()).collect()
}

/// The numbers of a tensor of floats.
///
/// # Errors
/// Its elements are of another kind.
pub(super) fn floats(tensor: &proto::Tensor) -> Result<Vec<f32>, String> {
    let (numbers, rest) = tensor.raw_data.as_chunks::<4>();
    if tensor.data_type != proto::FLOAT || !rest.is_empty() {
        return Err(format!("{} is not a tensor of floats", tensor.name));
    }
    if numbers.is_empty() {
        return Ok(tensor.float_data.clone());
    }
    Ok(numbers
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect())
}
