use super::*;

const SMALL: &str = r#"
id = "small"
revision = "1"
kind = "text"
licence = "MIT"
description = "a test"
[[files]]
name = "a.bin"
[[files.sources]]
from = "https"
url = "https://example.org/a.bin"
[parameters]
architecture = "bert-sentence"
dims = 4
max_tokens = 8
"#;

fn parse(text: &str) -> Result<Manifest, ManifestError> {
    Manifest::parse("test.toml", text)
}

#[test]
fn every_built_in_manifest_parses_and_pins_what_could_be_had_when_it_was_written() {
    let set = ManifestSet::built_in();
    assert_eq!(
        set.iter().map(|m| m.id.as_str()).collect::<Vec<_>>(),
        [
            "centerface",
            "clip-vit-b16",
            "clip-vit-b32",
            "clip-vit-b32-datacomp",
            "clip-vit-l14",
            "faces",
            "lite",
            "lpd-yunet",
            "minilm",
            "onnxruntime",
            "onnxruntime-openvino",
            "pe-core-b16",
            "pe-core-l14",
            "plates",
            "ppocr-v5",
            "scenes",
            "siglip-b16",
            "siglip2-b16",
            "siglip2-b16-256",
            "siglip2-so400m",
            "silero-vad",
            "ultra-light",
            "whisper-base",
            "yamnet",
            "yunet"
        ]
    );
    // Nobody has computed the digests of these models' files yet, and the manifests say so. The first pull pins
    // them.
    let unverified = |m: &Manifest| m.id == "lpd-yunet" || m.revision == "unverified";
    let pinned = set.iter().filter(|m| !unverified(m));
    for file in pinned.flat_map(|m| &m.files) {
        assert!(
            file.sha256.is_some() && file.bytes.is_some(),
            "{} is not pinned",
            file.name
        );
    }
}

#[test]
fn requirements_come_before_what_requires_them() {
    let set = ManifestSet::built_in();
    let order: Vec<_> = set
        .with_requirements("lite")
        .unwrap()
        .iter()
        .map(|m| m.id.as_str())
        .collect();
    assert_eq!(order, ["onnxruntime", "minilm", "lite"]);
}

#[test]
fn a_circle_of_requirements_is_refused() {
    let mut set = ManifestSet::built_in();
    let mut manifest = set.get("minilm").unwrap().clone();
    manifest.requires = vec!["lite".to_owned()];
    set.insert(manifest);
    let error = set.with_requirements("lite").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("lite -> minilm"), "{error}");
}

#[test]
fn an_unknown_model_is_not_found_and_the_error_lists_the_known() {
    let error = ManifestSet::built_in().get("clip").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(
        error.to_string().contains("lite, lpd-yunet, minilm"),
        "{error}"
    );
}

#[test]
fn an_unknown_key_is_refused_at_every_level() {
    assert!(parse(SMALL).is_ok());
    for (from, to) in [
        ("revision = \"1\"", "revision = \"1\"\ncolour = 1"),
        ("name = \"a.bin\"", "name = \"a.bin\"\ncolour = 1"),
        ("from = \"https\"", "from = \"https\"\ncolour = 1"),
        ("dims = 4", "dims = 4\ncolour = 1"),
    ] {
        let error = parse(&SMALL.replace(from, to)).unwrap_err();
        assert!(error.to_string().contains("colour"), "{error}");
    }
}

#[test]
fn a_name_that_leaves_the_folder_or_looks_like_an_option_is_refused() {
    for bad in [
        "../a.bin",
        "/a.bin",
        "b//a.bin",
        "-a",
        ".hidden",
        "derived/a.bin",
        "a\\\\b",
    ] {
        assert!(
            parse(&SMALL.replace("a.bin\"\n[[", &format!("{bad}\"\n[["))).is_err(),
            "{bad}"
        );
    }
    let pip = SMALL.replace(
        "from = \"https\"\nurl = \"https://example.org/a.bin\"",
        "from = \"pypi\"\npackage = \"--index-url\"\nversion = \"1\"\nmember = \"a\"",
    );
    assert!(parse(&pip).unwrap_err().to_string().contains("--index-url"));
    let npm = |package: &str| {
        SMALL.replace(
            "from = \"https\"\nurl = \"https://example.org/a.bin\"",
            &format!(
                "from = \"npm\"\npackage = \"{package}\"\nversion = \"1\"\nmember = \"a/b.bin\""
            ),
        )
    };
    assert!(parse(&npm("@scope/name")).is_ok() && parse(&npm("name")).is_ok());
    for bad in [
        "--registry",
        "@scope/../name",
        "git+https://a/b",
        "@a/b/c",
        "owner/name",
        "@scope",
        "",
    ] {
        assert!(parse(&npm(bad)).is_err(), "{bad}");
    }
}

#[test]
fn a_folder_adds_to_and_replaces_the_built_in_manifests() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("small.toml"), SMALL).unwrap();
    std::fs::write(
        folder.path().join("minilm.toml"),
        SMALL.replace("\"small\"", "\"minilm\""),
    )
    .unwrap();
    std::fs::write(folder.path().join("notes.txt"), "no manifest").unwrap();
    let mut set = ManifestSet::built_in();
    set.add_folder(folder.path()).unwrap();
    assert_eq!(
        set.iter().count(),
        ManifestSet::built_in().iter().count() + 1
    );
    assert_eq!(set.get("minilm").unwrap().revision, "1");
}
