//! What the options of `redact` say.

use std::path::PathBuf;

use bytesize::ByteSize;
use rushes_models::{Class, with_causes};
use rushes_workers::redact::CameraChoice;
use rushes_workers::redact::geometry::Layout;

pub(super) fn parse_class(text: &str) -> Result<Class, String> {
    Class::ALL
        .into_iter()
        .find(|class| class.as_str() == text)
        .ok_or_else(|| "the classes are face and plate".to_owned())
}

/// A value by its serialised name.
pub(super) fn parse_name<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|e| e.to_string())
}

pub(super) fn parse_weights(text: &str) -> Result<(String, PathBuf), String> {
    text.split_once('=')
        .map(|(id, path)| (id.to_owned(), PathBuf::from(path)))
        .ok_or_else(|| "write ID=FILE".to_owned())
}

pub(super) fn parse_threshold(text: &str) -> Result<(Class, f32), String> {
    let (class, score) = text.split_once('=').ok_or("write CLASS=SCORE")?;
    let score = score.parse::<f32>().map_err(|e| e.to_string())?;
    Ok((parse_class(class)?, score))
}

pub(super) fn parse_camera(text: &str) -> Result<CameraChoice, String> {
    match text {
        "auto" => Ok(CameraChoice::Auto),
        "planar" => Ok(CameraChoice::Planar),
        "equirect" => Ok(CameraChoice::Equirect),
        path => {
            let text = std::fs::read_to_string(path).map_err(|e| {
                format!(
                    "no file {path}: {e}; write auto, planar, equirect or the name of a JSON file"
                )
            })?;
            let camera = serde_json::from_str(&text).map_err(|e| format!("{path}: {e}"))?;
            Ok(CameraChoice::Given(camera))
        }
    }
}

pub(super) fn parse_layout(text: &str) -> Result<Layout, String> {
    if Layout::names().any(|name| name == text) {
        return Layout::named(text).map_err(|e| with_causes(&e));
    }
    let names: Vec<&str> = Layout::names().collect();
    let file = std::fs::read_to_string(text).map_err(|e| {
        format!(
            "no file {text}: {e}; the built-in layouts are {}",
            names.join(", ")
        )
    })?;
    Layout::parse(&file).map_err(|e| with_causes(&e))
}

/// `512MiB`, `4GiB`, `4GB` or plain bytes.
pub(super) fn parse_bytes(text: &str) -> Result<u64, String> {
    let size: ByteSize = text
        .parse()
        .map_err(|error| format!("{error}; write for example 4GiB"))?;
    match size.as_u64() {
        // What the parser makes of a number that is larger.
        u64::MAX => Err("that is too much".to_owned()),
        bytes => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_binary_and_decimal_units_and_nothing_else() {
        assert_eq!(parse_bytes("4GiB"), Ok(4 << 30));
        assert_eq!(parse_bytes("512 MiB"), Ok(512 << 20));
        assert_eq!(parse_bytes("4GB"), Ok(4_000_000_000));
        assert_eq!(parse_bytes("1000"), Ok(1000));
        for wrong in ["", "much", "-1", "4 parsecs", "GiB"] {
            let refusal = parse_bytes(wrong).unwrap_err();
            assert!(refusal.contains("4GiB"), "{wrong}: {refusal}");
        }
        assert!(parse_bytes("99999999999GiB").is_err());
    }
}
