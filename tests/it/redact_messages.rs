//! What `rushes redact` says, and where.

use std::os::unix::fs::symlink;
use std::process::Output;

use crate::redact::jpeg;
use crate::support::{Rushes, models, told};

/// With models of faces alone, whatever else was pulled on this machine.
pub(crate) fn without_plates() -> Option<Rushes> {
    let rushes = Rushes::new()?;
    let folder = rushes.folder.path().join("models");
    std::fs::create_dir(&folder).unwrap();
    for id in ["lite", "minilm", "centerface", "onnxruntime"] {
        symlink(models()?.join(id), folder.join(id)).unwrap();
    }
    Some(rushes.with("RUSHES_MODELS", folder.to_str().unwrap()))
}

/// Redacts the folder `in` to the folder `out`.
fn redact(rushes: &Rushes, more: &[&str]) -> Output {
    let folder = |name| rushes.folder.path().join(name).display().to_string();
    let (input, out) = (folder("in"), folder("out"));
    let args = [&["redact", &input, "-o", &out][..], more].concat();
    rushes.run(&args)
}

fn originals(rushes: &Rushes, files: &[(&str, &[u8])]) {
    let folder = rushes.folder.path().join("in");
    std::fs::create_dir(&folder).unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}

#[test]
fn without_a_plate_model_each_way_out_is_named_and_nothing_is_made() {
    let Some(rushes) = without_plates() else {
        return;
    };
    originals(&rushes, &[("a.jpg", &jpeg(1))]);
    let output = redact(&rushes, &[]);
    assert!(!output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    let said = String::from_utf8_lossy(&output.stderr);
    for part in [
        "plates",
        "rushes models pull plates",
        "--weights plates=FILE",
        "--classes face",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!rushes.folder.path().join("out").try_exists().unwrap());
    // Where only plates are asked for, nothing is left to look for.
    let output = redact(&rushes, &["--classes", "plate"]);
    let said = told(&output);
    assert!(said.contains("--weights plates=FILE"), "{said}");
    assert!(!said.contains("--classes face"), "{said}");
}

#[test]
fn failures_are_said_on_standard_error_and_counts_fit_their_nouns() {
    let Some(rushes) = without_plates() else {
        return;
    };
    let whole = jpeg(2);
    originals(
        &rushes,
        &[
            ("one.jpg", &whole),
            ("two.jpg", &jpeg(3)),
            ("cut.jpg", &whole[..whole.len() / 2]),
        ],
    );
    let by_hand = rushes.folder.path().join("regions.json");
    let face = |x: u32| serde_json::json!({"class": "face", "box": [x, 10, 20, 20]});
    let regions = serde_json::json!({
        "one.jpg": {"add": [face(10)]},
        "two.jpg": {"add": [face(10), face(90)]},
    });
    std::fs::write(&by_hand, regions.to_string()).unwrap();
    let args = ["--classes", "face", "--regions", by_hand.to_str().unwrap()];
    let output = redact(&rushes, &args);
    assert!(!output.status.success());
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(err.contains("cut.jpg"), "{err}");
    assert!(!out.contains("cut.jpg"), "{out}");
    assert!(out.contains("one.jpg: 1 region\n"), "{out}");
    assert!(out.contains("two.jpg: 2 regions\n"), "{out}");
    assert!(out.contains("2 redacted, 1 failed"), "{out}");
}
