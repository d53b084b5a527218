//! Changes the input declarations of an ONNX file, and nothing else.
//!
//! Many files are stored with the size of one example picture, although their networks accept any size. Only
//! the declarations of inputs, outputs and inner shapes are rewritten. Weights and nodes are copied as bytes,
//! so that unknown messages and fields survive.

use prost::Message;
use prost::bytes::Buf;
use prost::encoding::{
    DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint,
};

use super::proto::{Dimension, DimensionValue, ValueInfo};

/// Fields of `ModelProto` and `GraphProto`.
const MODEL_GRAPH: u32 = 7;
const GRAPH_INITIALIZER: u32 = 5;
const GRAPH_INPUT: u32 = 11;
const GRAPH_OUTPUT: u32 = 12;
const GRAPH_VALUE_INFO: u32 = 13;
/// `TensorProto.name`.
const TENSOR_NAME: u32 = 8;

/// The model with inputs of any height and width, and of any batch size if `batch`. Weights are no longer
/// declared as inputs, which lets the runtime fold them.
///
/// # Errors
/// The bytes are not an ONNX model, with the reason.
pub(crate) fn with_any_size(model: &[u8], batch: bool) -> Result<Vec<u8>, String> {
    rewrite(model, Some(batch))
}

/// The model with unchanged sizes, and weights no longer declared as inputs.
///
/// # Errors
/// The bytes are not an ONNX model, with the reason.
pub(crate) fn without_constant_inputs(model: &[u8]) -> Result<Vec<u8>, String> {
    rewrite(model, None)
}

fn rewrite(model: &[u8], sizes: Option<bool>) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(model.len());
    let mut graphs = 0;
    for field in fields(model)? {
        if field.tag == MODEL_GRAPH {
            graphs += 1;
            put(&mut out, MODEL_GRAPH, &graph(field.body, sizes)?);
        } else {
            out.extend_from_slice(field.whole);
        }
    }
    match graphs {
        1 => Ok(out),
        _ => Err("it has no graph".to_owned()),
    }
}

fn graph(bytes: &[u8], sizes: Option<bool>) -> Result<Vec<u8>, String> {
    let fields = fields(bytes)?;
    let mut constants = Vec::new();
    for field in fields.iter().filter(|f| f.tag == GRAPH_INITIALIZER) {
        let name = self::fields(field.body)?
            .into_iter()
            .find(|f| f.tag == TENSOR_NAME);
        constants.extend(name.map(|f| f.body));
    }
    let mut out = Vec::with_capacity(bytes.len());
    for field in fields {
        match (field.tag, sizes) {
            (GRAPH_INPUT, _) => {
                let mut info = value_info(field.body)?;
                if constants.contains(&info.name.as_bytes()) {
                    continue;
                }
                if let Some(batch) = sizes {
                    free(&mut info, batch);
                }
                put(&mut out, GRAPH_INPUT, &info.encode_to_vec());
            }
            // These shapes apply to the stored size; the runtime infers them again.
            (GRAPH_VALUE_INFO, Some(_)) => {}
            (GRAPH_OUTPUT, Some(_)) => {
                let mut info = value_info(field.body)?;
                if let Some(tensor) = info.r#type.as_mut().and_then(|t| t.tensor_type.as_mut()) {
                    tensor.shape = None;
                }
                put(&mut out, GRAPH_OUTPUT, &info.encode_to_vec());
            }
            _ => out.extend_from_slice(field.whole),
        }
    }
    Ok(out)
}

/// Makes height and width symbolic, and the batch size too if requested.
fn free(info: &mut ValueInfo, batch: bool) {
    let shape = info
        .r#type
        .as_mut()
        .and_then(|t| t.tensor_type.as_mut())
        .and_then(|t| t.shape.as_mut());
    let Some([first, _, height, width]) = shape.map(|s| s.dim.as_mut_slice()) else {
        return;
    };
    let symbol = |name: &str| Dimension {
        value: Some(DimensionValue::Symbol(name.to_owned())),
    };
    *first = if batch {
        symbol("batch")
    } else {
        Dimension {
            value: Some(DimensionValue::Fixed(1)),
        }
    };
    (*height, *width) = (symbol("height"), symbol("width"));
}

fn value_info(bytes: &[u8]) -> Result<ValueInfo, String> {
    ValueInfo::decode(bytes).map_err(|e| e.to_string())
}

/// One field of a message: its number, and its bytes with and without key and length.
struct Field<'a> {
    tag: u32,
    whole: &'a [u8],
    body: &'a [u8],
}

fn fields(message: &[u8]) -> Result<Vec<Field<'_>>, String> {
    let mut fields = Vec::new();
    let mut rest = message;
    while !rest.is_empty() {
        let start = rest;
        let (tag, wire) = decode_key(&mut rest).map_err(|e| e.to_string())?;
        let body = if wire == WireType::LengthDelimited {
            let length = decode_varint(&mut rest).map_err(|e| e.to_string())?;
            let length = usize::try_from(length).ok().filter(|&n| n <= rest.len());
            let length = length.ok_or("a field is longer than its message")?;
            let body = &rest[..length];
            rest.advance(length);
            body
        } else {
            prost::encoding::skip_field(wire, tag, &mut rest, DecodeContext::default())
                .map_err(|e| e.to_string())?;
            &[]
        };
        let whole = &start[..start.len() - rest.len()];
        fields.push(Field { tag, whole, body });
    }
    Ok(fields)
}

fn put(out: &mut Vec<u8>, tag: u32, body: &[u8]) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(body.len() as u64, out);
    out.extend_from_slice(body);
}
