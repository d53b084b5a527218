use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

use super::*;
use crate::manifest::{EmbeddedSource, FileSource, HttpsSource, ManifestSet};
use crate::store::Finding;

const CONTENT: &[u8] = b"the weights of a very small model";

/// A store whose only model is `small`, with one file that has the given sources and digest.
fn store(root: &Path, sources: Vec<Source>, sha256: Option<Digest>) -> ModelStore {
    let mut manifests = ManifestSet::built_in();
    let mut manifest = manifests.get("minilm").unwrap().clone();
    manifest.id = "small".to_owned();
    manifest.files = vec![ManifestFile {
        name: "w.bin".to_owned(),
        sha256,
        bytes: None,
        sources,
    }];
    manifests.insert(manifest);
    ModelStore::with_manifests(root.join("store"), manifests)
}

fn file_source(root: &Path, content: &[u8]) -> Source {
    let path = root.join("origin.bin");
    fs::write(&path, content).unwrap();
    Source::File(FileSource { path })
}

fn pull_small(store: &ModelStore) -> Result<(), ModelError> {
    pull(store, "small", &PullOptions::default(), &())
}

fn pulled(store: &ModelStore) -> Vec<u8> {
    let manifest = store.manifests().get("small").unwrap();
    fs::read(store.file(manifest, "w.bin").unwrap()).unwrap()
}

fn source_error(result: Result<(), ModelError>) -> SourceError {
    let ModelError::Pull(mut error) = result.unwrap_err() else {
        panic!("the error is not that of a pull")
    };
    error.attempts.pop().unwrap().error
}

#[test]
fn a_file_is_copied_checked_and_kept() {
    let root = tempfile::tempdir().unwrap();
    let store = store(
        root.path(),
        vec![file_source(root.path(), CONTENT)],
        Some(Digest::of_bytes(CONTENT)),
    );
    pull_small(&store).unwrap();
    assert_eq!(pulled(&store), CONTENT);
    fs::remove_file(root.path().join("origin.bin")).unwrap();
    pull_small(&store).expect("a sound file is not fetched again");
}

#[test]
fn a_wrong_digest_leaves_nothing_and_tells_what_to_put_where() {
    let root = tempfile::tempdir().unwrap();
    let store = store(
        root.path(),
        vec![file_source(root.path(), b"other")],
        Some(Digest::of_bytes(CONTENT)),
    );
    let error = pull_small(&store).unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Corrupt);
    let text = error.to_string();
    assert!(
        text.contains("origin.bin") && text.contains("store/small/v2/w.bin"),
        "{text}"
    );
    assert!(
        text.contains(&Digest::of_bytes(CONTENT).to_string()),
        "{text}"
    );
    assert_eq!(
        fs::read_dir(root.path().join("store/small/v2"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn the_first_pull_of_an_unpinned_file_pins_it() {
    let root = tempfile::tempdir().unwrap();
    let store = store(root.path(), vec![file_source(root.path(), CONTENT)], None);
    pull_small(&store).unwrap();
    let manifest = store.manifests().get("small").unwrap();
    assert!(store.verify(manifest).unwrap().is_sound());
    fs::write(store.file(manifest, "w.bin").unwrap(), b"damaged").unwrap();
    assert!(matches!(
        store.verify(manifest).unwrap().files[0].finding,
        Finding::Corrupt { .. }
    ));
    file_source(root.path(), b"moved on");
    assert!(matches!(
        source_error(pull_small(&store)),
        SourceError::Digest { .. }
    ));
}

#[test]
fn the_next_source_is_tried_and_every_failure_is_told() {
    struct Failures(RefCell<Vec<String>>);
    impl PullProgress for Failures {
        fn advance(&self, _: &str, _: u64, _: Option<u64>) {}
        fn source_failed(&self, file: &str, error: &SourceError) {
            self.0.borrow_mut().push(format!("{file}: {error}"));
        }
    }
    let root = tempfile::tempdir().unwrap();
    let missing = Source::File(FileSource {
        path: root.path().join("missing.bin"),
    });
    let store = store(
        root.path(),
        vec![missing, file_source(root.path(), CONTENT)],
        None,
    );
    let failures = Failures(RefCell::default());
    pull(&store, "small", &PullOptions::default(), &failures).unwrap();
    assert_eq!(pulled(&store), CONTENT);
    let failures = failures.0.into_inner();
    assert!(
        failures.len() == 1 && failures[0].contains("missing.bin"),
        "{failures:?}"
    );
}

#[test]
fn a_python_that_is_not_there_is_an_error_that_names_it() {
    let root = tempfile::tempdir().unwrap();
    let source = ManifestSet::built_in().get("minilm").unwrap().files[0].sources[0].clone();
    let store = store(root.path(), vec![source], None);
    let options = PullOptions {
        python: PathBuf::from("/no/such/python"),
        ..Default::default()
    };
    let error = source_error(pull(&store, "small", &options, &()));
    assert!(
        matches!(error, SourceError::Python { .. })
            && error.to_string().contains("/no/such/python"),
        "{error}"
    );
}

fn transfer(aside: PathBuf) -> Transfer<'static> {
    Transfer {
        label: "small/w.bin",
        aside,
        may_resume: false,
        bytes: Some(CONTENT.len() as u64),
        progress: &(),
    }
}

fn wheel(content: &[u8]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer
        .start_file("pkg/w.bin", zip::write::SimpleFileOptions::default())
        .unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap().into_inner()
}

#[test]
fn a_member_of_a_wheel_is_read_and_a_missing_one_is_told() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("pkg.whl");
    let transfer = transfer(root.path().join("aside"));
    fs::write(&path, wheel(CONTENT)).unwrap();
    pypi::extract(&path, "pkg/w.bin", &transfer).unwrap();
    assert_eq!(fs::read(&transfer.aside).unwrap(), CONTENT);
    let error = pypi::extract(&path, "pkg/other.bin", &transfer).unwrap_err();
    assert!(matches!(error, SourceError::Member { .. }), "{error}");
}

#[test]
fn a_truncated_or_oversized_wheel_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("pkg.whl");
    let transfer = transfer(root.path().join("aside"));
    let whole = wheel(CONTENT);
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(matches!(
        pypi::extract(&path, "pkg/w.bin", &transfer),
        Err(SourceError::Wheel { .. })
    ));
    fs::write(&path, wheel(&vec![0; 1 << 20])).unwrap();
    assert!(matches!(
        pypi::extract(&path, "pkg/w.bin", &transfer),
        Err(SourceError::TooLong { .. })
    ));
}

/// A package of npm: a folder in a compressed archive.
fn package(content: &[u8]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in [
        ("package/package.json", &b"{}"[..]),
        ("package/model/w.bin", content),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, content).unwrap();
    }
    let tar = builder.into_inner().unwrap();
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zipped.write_all(&tar).unwrap();
    zipped.finish().unwrap()
}

#[test]
fn a_file_of_an_npm_package_is_read_and_a_missing_or_oversized_or_truncated_one_is_told() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("pkg-1.tgz");
    let transfer = transfer(root.path().join("aside"));
    fs::write(&path, package(CONTENT)).unwrap();
    npm::extract(&path, "model/w.bin", &transfer).unwrap();
    assert_eq!(fs::read(&transfer.aside).unwrap(), CONTENT);
    let error = npm::extract(&path, "w.bin", &transfer).unwrap_err();
    assert!(
        matches!(error, SourceError::PackageMember { .. }),
        "{error}"
    );
    let whole = package(CONTENT);
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let error = npm::extract(&path, "model/w.bin", &transfer).unwrap_err();
    assert!(matches!(error, SourceError::Package { .. }), "{error}");
    fs::write(&path, package(&vec![0; 1 << 20])).unwrap();
    let error = npm::extract(&path, "model/w.bin", &transfer).unwrap_err();
    assert!(matches!(error, SourceError::TooLong { .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn npm_is_asked_once_for_all_files_of_a_package_and_runs_none_of_its_scripts() {
    use std::os::unix::fs::PermissionsExt as _;
    let root = tempfile::tempdir().unwrap();
    let (made, asked) = (root.path().join("made.tgz"), root.path().join("asked"));
    fs::write(&made, package(CONTENT)).unwrap();
    let program = root.path().join("npm");
    let script = format!(
        "#!/bin/sh\necho \"$@\" >> '{}'\nwhile [ \"$1\" != --pack-destination ]; do shift; done\ncp '{}' \"$2/pkg-1.tgz\"\n",
        asked.display(),
        made.display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let member = |member: &str| {
        Source::Npm(crate::NpmSource {
            package: "@scope/pkg".to_owned(),
            version: "1.2.3".to_owned(),
            member: member.to_owned(),
        })
    };
    let store = store(
        root.path(),
        vec![member("model/none.bin"), member("model/w.bin")],
        Some(Digest::of_bytes(CONTENT)),
    );
    let mut options = PullOptions {
        npm: program,
        ..PullOptions::default()
    };
    pull(&store, "small", &options, &()).unwrap();
    assert_eq!(pulled(&store), CONTENT);
    let asked = fs::read_to_string(&asked).unwrap();
    assert_eq!(asked.lines().count(), 1, "{asked}");
    assert!(
        asked.contains("--ignore-scripts") && asked.contains("@scope/pkg@1.2.3"),
        "{asked}"
    );
    fs::remove_dir_all(store.root()).unwrap();
    options.npm = PathBuf::from("/no/such/npm");
    let error = source_error(pull(&store, "small", &options, &()));
    assert!(
        matches!(error, SourceError::Npm { .. }) && error.to_string().contains("models.npm"),
        "{error}"
    );
}

/// Serves `CONTENT` once on a free port, or the rest of it if requested, and returns the request's range.
fn serve_once() -> (String, JoinHandle<Option<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/w.bin", listener.local_addr().unwrap());
    let serve = move || {
        let (mut stream, _) = listener.accept().unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap())
            .lines()
            .map(Result::unwrap);
        let range = lines.take_while(|line| !line.is_empty()).find_map(|line| {
            line.to_lowercase()
                .strip_prefix("range: ")
                .map(str::to_owned)
        });
        let start: usize = range.as_deref().map_or(0, |r| {
            r["bytes=".len()..].trim_end_matches('-').parse().unwrap()
        });
        let (status, rest) = if start > 0 {
            ("206 Partial Content", &CONTENT[start..])
        } else {
            ("200 OK", CONTENT)
        };
        let (total, last) = (CONTENT.len(), CONTENT.len() - 1);
        write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\n",
            rest.len()
        )
        .unwrap();
        write!(
            stream,
            "content-range: bytes {start}-{last}/{total}\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
        stream.write_all(rest).unwrap();
        range
    };
    (
        url,
        std::thread::Builder::new()
            .name("test-server".to_owned())
            .spawn(serve)
            .unwrap(),
    )
}

#[test]
fn a_download_goes_on_where_an_earlier_one_stopped() {
    let root = tempfile::tempdir().unwrap();
    let (url, server) = serve_once();
    let source = Source::Https(HttpsSource { url });
    let store = store(
        root.path(),
        vec![source.clone()],
        Some(Digest::of_bytes(CONTENT)),
    );
    let place = store.path_of(store.manifests().get("small").unwrap(), "w.bin");
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::write(aside_path(&place, &source), &CONTENT[..10]).unwrap();
    pull_small(&store).unwrap();
    assert_eq!(pulled(&store), CONTENT);
    assert_eq!(server.join().unwrap().as_deref(), Some("bytes=10-"));
}

#[test]
fn a_download_without_a_digest_starts_anew() {
    let root = tempfile::tempdir().unwrap();
    let (url, server) = serve_once();
    let source = Source::Https(HttpsSource { url });
    let store = store(root.path(), vec![source.clone()], None);
    let place = store.path_of(store.manifests().get("small").unwrap(), "w.bin");
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::write(aside_path(&place, &source), b"something").unwrap();
    pull_small(&store).unwrap();
    assert_eq!(pulled(&store), CONTENT);
    assert_eq!(server.join().unwrap(), None);
}

/// Answers two requests as the hub does: a request for headers with a redirect and the file's metadata, and the
/// second one with `CONTENT`. Returns the requested paths.
fn serve_as_hub(digest: Digest) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let serve = move || {
        let mut asked = Vec::new();
        for turn in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let request: Vec<String> = lines
                .map(Result::unwrap)
                .take_while(|line| !line.is_empty())
                .collect();
            asked.push(request[0].clone());
            let length = CONTENT.len();
            if turn == 0 {
                write!(
                    stream,
                    "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\nx-repo-commit: c0ffee0000000000000000000000000000000000\r\n\
                     x-linked-etag: \"{digest}\"\r\nx-linked-size: {length}\r\nconnection: close\r\n\r\n"
                )
                .unwrap();
            } else {
                write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
                )
                .unwrap();
                stream.write_all(CONTENT).unwrap();
            }
        }
        asked
    };
    let thread = std::thread::Builder::new().name("test-hub".to_owned());
    (endpoint, thread.spawn(serve).unwrap())
}

fn pull_from_hub(root: &Path, digest: Digest) -> (Result<(), ModelError>, Vec<String>, ModelStore) {
    let (endpoint, server) = serve_as_hub(digest);
    let source = Source::Hf(crate::HfSource {
        repo: "owner/name".to_owned(),
        revision: "main".to_owned(),
        path: "w.bin".to_owned(),
    });
    let store = store(root, vec![source], None);
    let options = PullOptions {
        hf_endpoint: endpoint,
        ..PullOptions::default()
    };
    let result = pull(&store, "small", &options, &());
    (result, server.join().unwrap(), store)
}

#[test]
fn a_file_of_the_hub_is_checked_against_the_hubs_digest_at_one_commit_and_pinned() {
    let root = tempfile::tempdir().unwrap();
    let (result, asked, store) = pull_from_hub(root.path(), Digest::of_bytes(CONTENT));
    result.unwrap();
    assert_eq!(pulled(&store), CONTENT);
    assert!(
        asked[0].starts_with("HEAD /owner/name/resolve/main/w.bin"),
        "{asked:?}"
    );
    assert!(
        asked[1]
            .starts_with("GET /owner/name/resolve/c0ffee0000000000000000000000000000000000/w.bin"),
        "{asked:?}"
    );
    let manifest = store.manifests().get("small").unwrap();
    let pinned = Pins::read(store.root()).unwrap().get(manifest, "w.bin");
    assert_eq!(pinned, Some(Digest::of_bytes(CONTENT)));
}

#[test]
fn a_file_that_is_not_what_the_hub_announced_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let (result, _, store) = pull_from_hub(root.path(), Digest::of_bytes(b"other weights"));
    let error = source_error(result);
    assert!(matches!(error, SourceError::Digest { .. }), "{error}");
    let manifest = store.manifests().get("small").unwrap();
    assert!(store.file(manifest, "w.bin").is_err());
}

#[test]
fn a_file_put_in_place_by_hand_is_taken_and_pinned_where_nobody_knows_its_digest() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("nowhere.bin");
    let store = store(root.path(), vec![Source::File(FileSource { path })], None);
    let manifest = store.manifests().get("small").unwrap();
    let error = pull_small(&store).unwrap_err().to_string();
    assert!(
        error.contains("by hand") && error.contains("--from"),
        "{error}"
    );
    let place = store.path_of(manifest, "w.bin");
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::write(&place, CONTENT).unwrap();
    pull_small(&store).unwrap();
    assert!(store.verify(manifest).unwrap().is_sound());
    // From now on it is the only one.
    fs::write(&place, b"other bytes").unwrap();
    assert!(pull_small(&store).is_err());
}

#[test]
fn a_file_of_this_program_needs_no_network_and_an_unknown_one_is_named() {
    let root = tempfile::tempdir().unwrap();
    let embedded = |name: &str| Source::Embedded(EmbeddedSource { name: name.into() });
    let known = store(root.path(), vec![embedded("plates.onnx")], None);
    pull_small(&known).unwrap();
    let shipped = known.manifests().get("plates").unwrap().files[0].sha256;
    assert_eq!(Some(Digest::of_bytes(&pulled(&known))), shipped);
    let other = store(
        &root.path().join("other"),
        vec![embedded("cars.onnx")],
        None,
    );
    let error = pull_small(&other).unwrap_err().to_string();
    assert!(error.contains("cars.onnx in this program"), "{error}");
}
