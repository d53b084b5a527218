//! Tests of refused models and their errors.

use super::*;

/// A copy of a fixture's files, for damaging.
fn copy(name: &str) -> tempfile::TempDir {
    let copied = tempfile::tempdir().unwrap();
    let target = copied.path().join(name);
    std::fs::create_dir(&target).unwrap();
    for entry in std::fs::read_dir(folder().join(name)).unwrap() {
        let from = entry.unwrap().path();
        std::fs::copy(&from, target.join(from.file_name().unwrap())).unwrap();
    }
    copied
}

/// Opens the picture half of damaged files with both kinds of backend. Both must refuse it in the same way.
fn refusal(name: &'static str, dims: usize, copied: &tempfile::TempDir) -> ModelError {
    let fixture = Fixture::of(name, dims, copied.path());
    let mut refusals: Vec<ModelError> = fixture
        .backends()
        .into_iter()
        .map(|backend| fixture.images(backend).unwrap_err())
        .collect();
    let first = refusals.remove(0);
    for other in refusals {
        assert_eq!(other.to_string(), first.to_string());
    }
    first
}

/// Changes the tensors of a fixture's weights.
fn with_tensors(
    name: &str,
    change: impl FnOnce(&mut std::collections::HashMap<String, candle_core::Tensor>),
) -> tempfile::TempDir {
    let copied = copy(name);
    let path = copied.path().join(name).join("model.safetensors");
    let mut tensors = candle_core::safetensors::load(&path, &candle_core::Device::Cpu).unwrap();
    change(&mut tensors);
    candle_core::safetensors::save(&tensors, &path).unwrap();
    copied
}

#[test]
fn damaged_weights_are_refused_with_what_is_wrong() {
    let norm = "vision_model.post_layernorm.weight";
    let tensor = |values: Vec<f32>| {
        let length = values.len();
        candle_core::Tensor::from_vec(values, length, &candle_core::Device::Cpu).unwrap()
    };
    let cases = [
        (
            with_tensors("clip", |t| _ = t.remove(norm)),
            "have no tensor \"vision_model.post_layernorm.weight\"",
        ),
        (
            with_tensors("clip", |t| {
                drop(t.insert(norm.to_owned(), tensor(vec![1.0; 5])));
            }),
            "has the shape [5] instead of [16]",
        ),
        (
            with_tensors("clip", |t| {
                drop(t.insert("other.weight".to_owned(), tensor(vec![1.0])));
            }),
            "1 tensors not described by the configuration, such as other.weight",
        ),
        (
            with_tensors("clip", |t| {
                drop(t.insert(norm.to_owned(), tensor(vec![f32::NAN; 16])));
            }),
            "has values that are not finite",
        ),
        (
            with_tensors("clip", |t| _ = t.remove("text_projection.weight")),
            "have no tensor \"text_projection.weight\"",
        ),
    ];
    for (copied, expected) in cases {
        let error = refusal("clip", 24, &copied);
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        let message = crate::with_causes(&error);
        assert!(message.contains(expected), "{message}");
        assert!(
            message.contains("model.safetensors") && message.contains("rushes models verify clip")
        );
    }
}

#[test]
fn weights_cut_short_are_refused() {
    let copied = copy("clip");
    let path = copied.path().join("clip/model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    for length in [0, 7, 100, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let error = refusal("clip", 24, &copied);
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }
}

#[test]
fn an_unknown_architecture_and_numbers_that_cannot_be_are_refused() {
    let copied = copy("clip");
    let path = copied.path().join("clip/config.json");
    let config = std::fs::read_to_string(&path).unwrap();
    let cases = [
        (
            config.replace("\"model_type\": \"clip\"", "\"model_type\": \"blip\""),
            ErrorKind::Unsupported,
            "unknown architecture \"blip\"",
        ),
        (
            config.replace("\"hidden_act\": \"quick_gelu\"", "\"hidden_act\": \"mish\""),
            ErrorKind::Corrupt,
            "\"mish\" is not known",
        ),
        (
            config.replace("\"num_attention_heads\": 2", "\"num_attention_heads\": 3"),
            ErrorKind::Corrupt,
            "an invalid transformer",
        ),
        (
            config.replace("\"patch_size\": 8", "\"patch_size\": 0"),
            ErrorKind::Corrupt,
            "are invalid",
        ),
        (
            config.replace("\"projection_dim\": 24", "\"projection_dim\": 25"),
            ErrorKind::Corrupt,
            "25",
        ),
        ("{".to_owned(), ErrorKind::Corrupt, "config.json"),
    ];
    for (changed, kind, expected) in cases {
        assert_ne!(changed, config);
        std::fs::write(&path, changed).unwrap();
        let error = refusal("clip", 24, &copied);
        assert_eq!(error.kind(), kind, "{error}");
        let message = crate::with_causes(&error);
        assert!(message.contains(expected), "{message}");
    }
}

/// Opens the picture half of a fixture with one file changed.
fn changed(name: &'static str, dims: usize, file: &str, from: &str, to: &str) -> ModelError {
    let copied = copy(name);
    let path = copied.path().join(name).join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(&path, text.replace(from, to)).unwrap();
    refusal(name, dims, &copied)
}

#[test]
fn what_would_change_vectors_without_a_word_is_refused() {
    let cases = [
        changed(
            "siglip",
            16,
            "tokenizer_config.json",
            "SiglipTokenizer",
            "TokenizersBackend",
        ),
        changed(
            "pe-core",
            24,
            "open_clip_config.json",
            "\"image_size\": 32",
            "\"image_size\": 64",
        ),
        changed(
            "pe-core",
            24,
            "open_clip_config.json",
            "\"context_length\"",
            "\"pool_type\": \"last\", \"context_length\"",
        ),
        changed(
            "clip",
            24,
            "config.json",
            "\"max_position_embeddings\": 12",
            "\"max_position_embeddings\": 2",
        ),
    ];
    let said = [
        "must name SiglipTokenizer",
        "looks at 32 pixels",
        "pool_type",
        "no room for a word",
    ];
    for (error, said) in cases.iter().zip(said) {
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        let message = crate::with_causes(error);
        assert!(message.contains(said), "{message}");
    }
}

#[test]
fn vectors_that_are_none_are_an_error_and_not_zeros() {
    let copied = with_tensors("clip", |tensors| {
        for name in ["visual_projection.weight", "text_projection.weight"] {
            let zeros = tensors[name].zeros_like().unwrap();
            tensors.insert(name.to_owned(), zeros);
        }
    });
    let fixture = Fixture::of("clip", 24, copied.path());
    for backend in fixture.backends() {
        let images = fixture.images(backend).unwrap();
        let error = images.encode_pictures(&fixture.pictures()).unwrap_err();
        assert!(error.to_string().contains("zero or not finite"), "{error}");
        let error = fixture.texts(backend).unwrap().encode(&["a"]).unwrap_err();
        assert!(error.to_string().contains("zero or not finite"), "{error}");
    }
}
