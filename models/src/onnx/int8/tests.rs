use std::collections::BTreeMap;

use ort::value::Tensor;

use super::super::graph::{Axis, Conv, GraphBuilder, Value};
use super::*;
use crate::runtime;
use crate::testing::store_with;

/// Numbers between -1 and 1 in no order.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from(u16::try_from(state >> 16).unwrap()) / 32_768.0 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Three layers and a sum, from pixels to two planes, with the names of the activations between.
fn network(stride: usize) -> (Vec<u8>, [String; 4]) {
    let mut graph = GraphBuilder::new("test");
    let axes = [
        Axis::Any("batch"),
        Axis::Of(3),
        Axis::Any("height"),
        Axis::Any("width"),
    ];
    let pixels = graph.shaped_input("pixels", Element::F32, &axes);
    let layer = |graph: &mut GraphBuilder, input: &Value, [outputs, inputs]: [usize; 2], seed| {
        let conv = Conv {
            weight: &numbers(outputs * inputs * 9, seed),
            bias: &numbers(outputs, seed + 1),
            shape: [outputs, inputs, 3, 3],
            stride: if inputs == 3 { stride } else { 1 },
            padding: (1, 1),
            groups: 1,
        };
        graph.conv(input, &conv)
    };
    let sum = layer(&mut graph, &pixels, [8, 3], 1);
    let first = graph.operator("Relu", &[&sum], vec![]);
    let second = layer(&mut graph, &first, [8, 8], 3);
    let both = graph.add(&first, &second);
    let third = graph.operator("Relu", &[&both], vec![]);
    let last = layer(&mut graph, &third, [2, 8], 5);
    graph.shaped_output(&last, "answer", &[]);
    let names = [&first, &second, &both, &third].map(|value| value.name().to_owned());
    (graph.build(), names)
}

fn ranges(names: &[String; 4]) -> Ranges {
    let widths = [
        [0.0, 2500.0],
        [-9000.0, 9000.0],
        [-9000.0, 11_000.0],
        [0.0, 11_000.0],
    ];
    names.iter().cloned().zip(widths).collect()
}

#[test]
fn integers_compute_nearly_what_floats_do() {
    let Some(store) = store_with("plates") else {
        return;
    };
    let (model, names) = network(2);
    let (height, width) = (6, 8);
    let bytes: Vec<u8> = numbers(3 * height * width, 9)
        .iter()
        .map(|n| byte((n + 1.0) * 127.0))
        .collect();
    // Three bytes a pixel, row by row, as planes and as blocks.
    let planes: Vec<f32> = (0..3)
        .flat_map(|c| bytes.iter().skip(c).step_by(3).map(|b| f32::from(*b)))
        .collect();
    let mut blocks = Vec::new();
    for (row, column) in (0..height)
        .step_by(2)
        .flat_map(|row| (0..width).step_by(2).map(move |c| (row, c)))
    {
        for line in [row, row + 1] {
            blocks.extend_from_slice(&bytes[(line * width + column) * 3..][..6]);
        }
    }
    let mut floats = runtime::session(&store, "onnxruntime", &model, 1).unwrap();
    let input = Tensor::from_array(([1, 3, height, width], planes)).unwrap();
    let outputs = floats.run(ort::inputs!["pixels" => input]).unwrap();
    let expected = outputs[0].try_extract_tensor::<f32>().unwrap().1.to_vec();
    let largest = expected
        .iter()
        .fold(0.0_f32, |most, value| most.max(value.abs()));
    // A step of the sums is 78 here, and 72 of them go into an answer. Pixels in another order are off by half and more.
    let far = 0.06;
    for limit in [WeightLimit::Full, WeightLimit::Half] {
        let integers = quantised(&model, &ranges(&names), limit).unwrap();
        let mut session = runtime::session(&store, "onnxruntime", &integers, 1).unwrap();
        let input = Tensor::from_array(([1, height / 2, width / 2, 12], blocks.clone())).unwrap();
        let outputs = session.run(ort::inputs![INPUT => input]).unwrap();
        let found = outputs[0].try_extract_tensor::<f32>().unwrap().1;
        assert_eq!(found.len(), expected.len());
        for (a, b) in found.iter().zip(&expected) {
            assert!(
                (a - b).abs() < far * largest,
                "{limit:?}: {a} for {b} of {largest}"
            );
        }
    }
}

#[test]
fn what_cannot_be_written_again_is_refused_with_the_reason() {
    let (model, names) = network(2);
    let all = ranges(&names);
    let refusal =
        |model: &[u8], ranges: &Ranges| quantised(model, ranges, WeightLimit::Full).unwrap_err();
    let mut strange = all.clone();
    strange.insert("elsewhere".to_owned(), [0.0, 1.0]);
    assert!(refusal(&model, &strange).contains("elsewhere"));
    for range in [[0.0, 0.0], [0.0, f32::NAN], [f32::NEG_INFINITY, 1.0]] {
        let mut empty = all.clone();
        empty.insert(names[0].clone(), range);
        assert!(refusal(&model, &empty).contains("range"), "{range:?}");
    }
    let (steady, names) = network(1);
    assert!(refusal(&steady, &ranges(&names)).contains("stride"));
    assert!(refusal(&steady, &BTreeMap::new()).contains("pixels"));
    assert!(!refusal(&model[..model.len() / 2], &all).is_empty());
    let mut spoilt = model.clone();
    let weight = 0.25_f32.to_le_bytes();
    // The bytes of the first weight stand in the file as they are.
    let first = numbers(1, 1)[0].to_le_bytes();
    let at = spoilt
        .windows(4)
        .position(|window| window == first)
        .unwrap();
    spoilt[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(refusal(&spoilt, &all).contains("not numbers"));
    spoilt[at..at + 4].copy_from_slice(&weight);
    assert!(quantised(&spoilt, &all, WeightLimit::Full).is_ok());
}

#[test]
fn heads_of_one_activation_become_one_layer_with_the_same_answers() {
    let Some(store) = store_with("plates") else {
        return;
    };
    let mut graph = GraphBuilder::new("test");
    let axes = [
        Axis::Any("batch"),
        Axis::Of(3),
        Axis::Any("height"),
        Axis::Any("width"),
    ];
    let pixels = graph.shaped_input("pixels", Element::F32, &axes);
    let layer = |graph: &mut GraphBuilder, input: &Value, shape: [usize; 4], stride, seed| {
        let conv = Conv {
            weight: &numbers(shape.iter().product(), seed),
            bias: &numbers(shape[0], seed + 1),
            shape,
            stride,
            padding: (shape[2] / 2, shape[2] / 2),
            groups: 1,
        };
        graph.conv(input, &conv)
    };
    let sum = layer(&mut graph, &pixels, [8, 3, 3, 3], 2, 1);
    let trunk = graph.operator("Relu", &[&sum], vec![]);
    let two = layer(&mut graph, &trunk, [2, 8, 1, 1], 1, 3);
    let three = layer(&mut graph, &trunk, [3, 8, 1, 1], 1, 5);
    let wide = layer(&mut graph, &trunk, [2, 8, 3, 3], 1, 7);
    let squashed = graph.operator("Sigmoid", &[&three], vec![]);
    for (value, name) in [(&two, "two"), (&squashed, "three"), (&wide, "wide")] {
        graph.shaped_output(value, name, &[]);
    }
    let model = graph.build();
    let known = Ranges::from([(trunk.name().to_owned(), [0.0, 2500.0])]);
    let integers = quantised(&model, &known, WeightLimit::Full).unwrap();
    let written = Network::decode(&integers).unwrap();
    let layers = |kind: &str| written.nodes.iter().filter(|n| n.op_type == kind).count();
    // The first layer, both heads in one, and the one of 3 × 3.
    assert_eq!((layers("Conv"), layers("Slice")), (3, 2));
    let mut floats = runtime::session(&store, "onnxruntime", &model, 1).unwrap();
    let grey = Tensor::from_array(([1, 3, 4, 4], vec![200.0_f32; 48])).unwrap();
    let expected = floats.run(ort::inputs!["pixels" => grey]).unwrap();
    let mut session = runtime::session(&store, "onnxruntime", &integers, 1).unwrap();
    let grey = Tensor::from_array(([1, 2, 2, 12], vec![200_u8; 48])).unwrap();
    let found = session.run(ort::inputs![INPUT => grey]).unwrap();
    for name in ["two", "three", "wide"] {
        let (shape, expected) = expected[name].try_extract_tensor::<f32>().unwrap();
        let (own, found) = found[name].try_extract_tensor::<f32>().unwrap();
        assert_eq!(own, shape);
        let most = expected.iter().fold(1.0_f32, |most, it| most.max(it.abs()));
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() < 0.06 * most, "{name}: {a} for {b}");
        }
    }
}
