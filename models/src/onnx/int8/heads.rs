//! Layers that read the same activation, joined to one.

use std::collections::BTreeMap;

use super::super::graph::{Element, float_tensor, ints, tensor};
use super::super::network::{Network, floats, sides};
use super::super::proto;
use super::Ranges;

/// Makes one layer of those of 1 × 1 that read the same activation and whose results stay floats, and cuts its result
/// into theirs. One layer of many channels takes less time than several of few.
///
/// # Errors
/// Their weights are no numbers.
pub(super) fn join_heads(network: &mut Network, ranges: &Ranges) -> Result<(), String> {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, node) in network.nodes.iter().enumerate() {
        if is_head(network, node) && !ranges.contains_key(&node.output[0]) {
            groups.entry(node.input[0].clone()).or_default().push(index);
        }
    }
    let mut written: BTreeMap<usize, Vec<proto::Node>> = BTreeMap::new();
    for (input, group) in groups.into_iter().filter(|(_, group)| group.len() > 1) {
        let joined = joined(network, &input, &group)?;
        written.extend(group.iter().map(|&index| (index, Vec::new())));
        // Whatever reads a head comes after it, and so after the first of them.
        written.insert(group[0], joined);
    }
    let nodes = std::mem::take(&mut network.nodes).into_iter().enumerate();
    network.nodes = nodes
        .flat_map(|(index, node)| written.remove(&index).unwrap_or_else(|| vec![node]))
        .collect();
    Ok(())
}

/// Whether a layer is a plain convolution of 1 × 1.
fn is_head(network: &Network, node: &proto::Node) -> bool {
    let shape = node
        .input
        .get(1)
        .and_then(|name| network.constants.get(name));
    let is_plain = |attribute: &proto::Attribute| match attribute.name.as_str() {
        "group" => attribute.i == 1,
        "pads" => attribute.ints.iter().all(|&n| n == 0),
        "kernel_shape" | "strides" | "dilations" => attribute.ints.iter().all(|&n| n == 1),
        _ => false,
    };
    let has_bias = node.input.get(2);
    node.op_type == "Conv"
        && has_bias.is_none_or(|name| network.constants.contains_key(name))
        && node.attribute.iter().all(is_plain)
        && shape.is_some_and(|of| matches!(sides(of)[..], [_, _, 1, 1]))
}

fn joined(network: &mut Network, input: &str, group: &[usize]) -> Result<Vec<proto::Node>, String> {
    let (mut weights, mut bias, mut ends) = (Vec::new(), Vec::new(), vec![0]);
    for &index in group {
        let node = &network.nodes[index];
        let stored = |at: usize| node.input.get(at).and_then(|of| network.constants.get(of));
        let own = stored(1).ok_or("a layer whose weights are not constant")?;
        let channels = sides(own)[0];
        weights.extend(floats(own)?);
        bias.extend(match stored(2) {
            Some(own) => floats(own)?,
            None => vec![0.0; channels],
        });
        ends.push(bias.len());
    }
    let name = format!("{input}.heads");
    let shape = [bias.len(), weights.len() / bias.len().max(1), 1, 1];
    let constants = [
        float_tensor(&format!("{name}.weight"), &shape, &weights),
        float_tensor(&format!("{name}.bias"), &[bias.len()], &bias),
        whole(&format!("{name}.axis"), 1),
    ];
    let [weight, bias, axis] = constants.map(|constant| keep(network, constant));
    let conv = node("Conv", vec![input.to_owned(), weight, bias], name.clone());
    let mut nodes = vec![proto::Node {
        attribute: vec![ints("kernel_shape", &[1, 1])],
        ..conv
    }];
    for (&index, ends) in group.iter().zip(ends.windows(2)) {
        let output = network.nodes[index].output[0].clone();
        let from = keep(network, whole(&format!("{output}.from"), ends[0]));
        let to = keep(network, whole(&format!("{output}.to"), ends[1]));
        let inputs = vec![name.clone(), from, to, axis.clone()];
        nodes.push(node("Slice", inputs, output));
    }
    Ok(nodes)
}

fn node(op_type: &str, input: Vec<String>, output: String) -> proto::Node {
    proto::Node {
        input,
        output: vec![output],
        op_type: op_type.to_owned(),
        attribute: Vec::new(),
    }
}

fn keep(network: &mut Network, constant: proto::Tensor) -> String {
    let name = constant.name.clone();
    network.constants.insert(name.clone(), constant);
    name
}

/// A list of one whole number.
fn whole(name: &str, value: usize) -> proto::Tensor {
    let bytes = i64::try_from(value).unwrap_or(i64::MAX).to_le_bytes();
    tensor(name, &[1], Element::I64, bytes.to_vec())
}
