//! What holds for every sink.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::memory::InMemory;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::*;
use crate::storage::{S3Options, Storage};

type Read = Box<dyn Fn(&str) -> Option<Vec<u8>>>;
type Write = Box<dyn Fn(&str, &[u8])>;

/// A sink, and a way around it to what it holds.
struct Place {
    sink: Box<dyn Sink>,
    read: Read,
    write: Write,
    _keep: (TempDir, Option<Runtime>),
}

/// A folder, a store in a folder, and a store that knows conditions as S3 does.
fn places() -> Vec<(&'static str, Place)> {
    let stored = |open: &dyn Fn(&TempDir) -> Storage| {
        let (keep, runtime) = (tempfile::tempdir().unwrap(), Runtime::new().unwrap());
        let storage = open(&keep);
        let staging = keep.path().join("staging");
        let _entered = runtime.enter();
        let sink = ObjectSink::new(storage.clone(), "a prefix", "s3://b/a prefix", &staging);
        let (to, handle) = (storage.clone(), runtime.handle().clone());
        let (from, other) = (storage, runtime.handle().clone());
        Place {
            sink: Box::new(sink),
            read: Box::new(move |name| {
                let key = format!("a prefix/{name}");
                let found = other.block_on(from.get(&key));
                found.ok().map(|bytes| bytes.to_vec())
            }),
            write: Box::new(move |name, bytes| {
                let key = format!("a prefix/{name}");
                let bytes = bytes::Bytes::copy_from_slice(bytes);
                handle.block_on(to.put(&key, bytes)).unwrap();
            }),
            _keep: (keep, Some(runtime)),
        }
    };
    let keep = tempfile::tempdir().unwrap();
    let folder = keep.path().join("out");
    let (to, from) = (folder.clone(), folder.clone());
    let folder = Place {
        sink: Box::new(FolderSink::open(&folder, std::iter::empty()).unwrap()),
        read: Box::new(move |name| std::fs::read(from.join(name)).ok()),
        write: Box::new(move |name, bytes| {
            let path = to.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }),
        _keep: (keep, None),
    };
    vec![
        ("folder", folder),
        (
            "store in a folder",
            stored(&|keep| {
                let url = keep.path().join("store").display().to_string();
                Storage::open(&url, S3Options::default()).unwrap()
            }),
        ),
        (
            "object store",
            stored(&|_keep| Storage::over(Arc::new(InMemory::new()))),
        ),
    ]
}

const NAME: &str = "trip/a.jpg";
const BESIDE: &str = "trip/a.jpg.redaction.json";

fn name() -> &'static Path {
    Path::new(NAME)
}

/// A record as this program writes it.
fn record(input: &str, has_output: bool) -> Vec<u8> {
    let output = has_output.then(|| serde_json::json!({"bytes": 1}));
    serde_json::json!({"schema": 1, "tool": Tool::this(), "input": {"name": input}, "output": output})
        .to_string()
        .into_bytes()
}

fn bytes(text: &str) -> SinkOutput {
    SinkOutput::Bytes(text.as_bytes().to_vec())
}

#[test]
fn what_is_put_is_there_with_its_record_and_is_cleared_with_it() {
    for (of, place) in places() {
        let sink = &*place.sink;
        assert_eq!(sink.size(name()).unwrap(), None, "{of}");
        assert_eq!(sink.made_from(name()).unwrap(), None, "{of}");
        sink.put(name(), record(NAME, true), Some(bytes("picture")))
            .unwrap();
        assert_eq!((place.read)(NAME).unwrap(), b"picture", "{of}");
        assert_eq!((place.read)(BESIDE).unwrap(), record(NAME, true), "{of}");
        assert_eq!(sink.size(name()).unwrap(), Some(7), "{of}");
        assert_eq!(sink.made_from(name()).unwrap().unwrap(), NAME, "{of}");
        assert_eq!(sink.record(name()).unwrap(), Some(record(NAME, true)));
        let written = FileRecord::of(NAME, b"picture");
        assert!(sink.holds(name(), &written).unwrap(), "{of}");
        for other in ["picturE", "longer than a picture"] {
            let other = FileRecord::of(NAME, other.as_bytes());
            assert!(!sink.holds(name(), &other).unwrap(), "{of}");
        }
        sink.clear(name(), NAME).unwrap();
        assert!((place.read)(NAME).is_none() && (place.read)(BESIDE).is_none());
        assert!(!sink.holds(name(), &written).unwrap(), "{of}");
        // Nothing is there to clear.
        sink.clear(name(), NAME).unwrap();
    }
}

#[test]
fn a_staged_file_is_an_output_only_when_it_is_put() {
    for (of, place) in places() {
        let sink = &*place.sink;
        let video = vec![7; 3 << 20];
        let mut staged = sink.stage(name()).unwrap();
        staged.file().write_all(&video).unwrap();
        let (digest, length) = staged.sealed().unwrap();
        assert_eq!(digest, Digest::of_bytes(&video), "{of}");
        assert_eq!(length, 3 << 20, "{of}");
        assert_eq!(sink.size(name()).unwrap(), None, "{of}");
        drop(staged);
        let staged = sink.stage(name()).unwrap();
        staged.file().write_all(&video).unwrap();
        sink.put(name(), record(NAME, true), Some(SinkOutput::Staged(staged)))
            .unwrap();
        assert_eq!((place.read)(NAME).unwrap(), video, "{of}");
    }
}

#[test]
fn only_what_a_redaction_of_the_same_input_wrote_is_cleared() {
    let other = br#"{"tool": {"name": "other"}, "input": {"name": "trip/a.jpg"}, "output": {}}"#;
    for (record, what) in [
        (None, "no record"),
        (Some(b"no record".to_vec()), "another file"),
        (Some(other.to_vec()), "the record of another program"),
        // The output is not what it speaks of.
        (Some(record(NAME, false)), "the record of a report"),
        (Some(record("trip/a", true)), "the record of another input"),
    ] {
        for (of, place) in places() {
            (place.write)(NAME, b"x");
            if let Some(record) = &record {
                (place.write)(BESIDE, record);
            }
            let cleared = place.sink.clear(name(), NAME);
            assert!(
                matches!(&cleared, Err(RedactError::Taken(place)) if place.contains(NAME)),
                "{of}, {what}: {cleared:?}"
            );
            assert_eq!((place.read)(NAME).unwrap(), b"x", "{of}, {what}");
            assert_eq!((place.read)(BESIDE), record, "{of}, {what}");
        }
    }
    // A kill left a record without its output, and a report never had one.
    for has_output in [true, false] {
        for (of, place) in places() {
            (place.write)(BESIDE, &record(NAME, has_output));
            place.sink.clear(name(), NAME).unwrap();
            assert!((place.read)(BESIDE).is_none(), "{of}");
        }
    }
}

#[test]
fn what_came_meanwhile_is_left_and_gets_no_record() {
    for staged in [false, true] {
        for (of, place) in places() {
            let sink = &*place.sink;
            sink.clear(name(), NAME).unwrap();
            (place.write)(NAME, b"x");
            let output = if staged {
                SinkOutput::Staged(sink.stage(name()).unwrap())
            } else {
                bytes("y")
            };
            let put = sink.put(name(), record(NAME, true), Some(output));
            assert!(matches!(put, Err(RedactError::Taken(_))), "{of}: {put:?}");
            assert_eq!((place.read)(NAME).unwrap(), b"x", "{of}");
            assert!((place.read)(BESIDE).is_none(), "{of}");
        }
    }
    for (of, place) in places() {
        (place.write)(BESIDE, b"theirs");
        let put = place.sink.put(name(), record(NAME, true), Some(bytes("y")));
        assert!(matches!(put, Err(RedactError::Taken(_))), "{of}: {put:?}");
        assert_eq!((place.read)(BESIDE).unwrap(), b"theirs", "{of}");
        assert!((place.read)(NAME).is_none(), "{of}");
    }
}

#[test]
fn only_a_record_is_put_where_there_is_no_output() {
    for (of, place) in places() {
        let sink = &*place.sink;
        sink.put(name(), record(NAME, false), None).unwrap();
        assert!((place.read)(NAME).is_none(), "{of}");
        assert_eq!(sink.made_from(name()).unwrap().unwrap(), NAME, "{of}");
        sink.clear(name(), NAME).unwrap();
        assert!((place.read)(BESIDE).is_none(), "{of}");
    }
}

#[test]
fn an_original_in_the_folder_is_never_removed() {
    let folder = tempfile::tempdir().unwrap();
    let original: PathBuf = folder.path().join("a.jpg");
    std::fs::write(&original, b"original").unwrap();
    // The redacted files of an earlier run, redacted once more to where they lie.
    std::fs::write(
        folder.path().join("a.jpg.redaction.json"),
        record("a.jpg", true),
    )
    .unwrap();
    let sink = FolderSink::open(folder.path(), std::iter::once(original.as_path())).unwrap();
    let name = Path::new("a.jpg");
    for refused in [sink.claim(name), sink.clear(name, "a.jpg")] {
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("written over the original"), "{error}");
    }
    assert_eq!(std::fs::read(&original).unwrap(), b"original");
    assert!(sink.claim(Path::new("b.jpg")).is_ok());
    assert!(sink.claim(Path::new("b.jpg")).is_err(), "claimed twice");
}

#[test]
fn a_run_that_may_no_longer_write_leaves_what_others_wrote() {
    let keep = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let _entered = runtime.enter();
    let storage = Storage::over(Arc::new(InMemory::new()));
    let sink = ObjectSink::new(storage.clone(), "", "here", keep.path());
    let late =
        ObjectSink::new(storage, "", "here", keep.path()).guarded(|| Err(RedactError::Cancelled));
    sink.put(name(), record(NAME, true), Some(bytes("theirs")))
        .unwrap();
    let put = late.put(name(), record(NAME, true), Some(bytes("late")));
    assert!(matches!(put, Err(RedactError::Cancelled)), "{put:?}");
    assert!(
        sink.holds(name(), &FileRecord::of(NAME, b"theirs"))
            .unwrap()
    );
    assert_eq!(sink.made_from(name()).unwrap().unwrap(), NAME);
}
