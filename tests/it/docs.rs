//! The document of the API: as pages, and its examples as requests.

use std::path::Path;

use reqwest::Method;
use reqwest::blocking::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::http::Server;
use crate::support::{Rushes, videos};

/// What a page refers to.
fn references(html: &str) -> Vec<&str> {
    ["src=\"", "href=\""]
        .into_iter()
        .flat_map(|attribute| html.split(attribute).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .collect()
}

#[test]
fn the_pages_come_from_the_server_alone_and_run_nothing_inline() {
    let Some(rushes) = Rushes::new() else { return };
    rushes.json(&["key", "create", "panel", "--scope", "read"]);
    // Who has no key yet may read how to use one.
    let server = Server::start_at(&rushes, "0.0.0.0:0", &["--insecure"]);
    let page = server.get("/docs").send().unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.url().path().ends_with("/docs/"), "{}", page.url());
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    let html = page.text().unwrap();
    let flat = html.to_lowercase();
    for inline in ["<style", " style=", " onload=", " onclick=", "javascript:"] {
        assert!(!flat.contains(inline), "{inline} in {html}");
    }
    // Every script is a file.
    let scripts = flat.split("<script").skip(1);
    for script in scripts {
        let (tag, rest) = script.split_once('>').unwrap();
        assert!(tag.contains("src="), "{tag}");
        assert!(rest.trim_start().starts_with("</script>"), "{rest}");
    }
    let files = references(&html);
    assert!(files.len() >= 5, "{html}");
    for file in files {
        assert!(!file.contains("//"), "{file} is elsewhere");
        let path = format!("/docs/{}", file.trim_start_matches("./"));
        let answer = server.get(&path).send().unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    }
    let start = server.get("/docs/swagger-initializer.js").send().unwrap();
    let start = start.text().unwrap();
    assert!(start.contains("/openapi.json"), "{start}");
    assert!(!start.contains("https://"), "{start}");
    let missing = server.get("/docs/../Cargo.toml").send().unwrap();
    assert_ne!(missing.status(), 200);
    let missing = server.get("/docs/nothing.js").send().unwrap();
    assert_eq!(missing.status(), 404);
}

/// What examples name: an asset, a shot of it, titles, bins, and files below the media root.
struct Library {
    root: tempfile::TempDir,
    asset: String,
    shot: String,
    bin: String,
    item: String,
    upload: String,
    worker: String,
}

fn library(rushes: &Rushes, server: &Server) -> Library {
    let root = tempfile::tempdir().unwrap();
    let footage = root.path().join("footage");
    std::fs::create_dir_all(footage.join("stills")).unwrap();
    std::fs::create_dir(footage.join("incoming")).unwrap();
    videos::made(&footage.join("reel1.mov"), 2, 40, 0);
    videos::made(&footage.join("reel1-regraded.mov"), 2, 40, 3);
    let picture = image::RgbImage::new(64, 48);
    picture.save(footage.join("stills/street.jpg")).unwrap();
    let lines = "1\n00:00:00,100 --> 00:00:01,000\nhallo\n";
    for name in ["reel1.en.srt", "reel1.de.srt"] {
        std::fs::write(root.path().join(name), lines).unwrap();
    }
    let post = |path: &str, body: &Value| {
        let answer = server.post(path).json(body).send().unwrap();
        assert!(
            answer.status().is_success(),
            "{path}: {}",
            answer.text().unwrap()
        );
        answer
    };
    let form = Form::new()
        .file("file", footage.join("reel1.mov"))
        .unwrap()
        .text("title", "Day 3");
    let made: Value = server
        .post("/v1/assets")
        .multipart(form)
        .send()
        .unwrap()
        .json()
        .unwrap();
    let made = &made["assets"][0];
    let asset = made["asset"].as_str().unwrap().to_owned();
    assert_eq!(
        server.finished(made["job"].as_str().unwrap())["state"],
        "ready"
    );
    for title in ["Spare A", "Spare B"] {
        post("/v1/titles", &json!({ "name": title }));
    }
    let bin = json!({ "name": "A", "picks": [{ "asset": asset, "start": 0, "end": 80 }] });
    let bin: Value = post("/v1/bins", &bin).json().unwrap();
    let shots = server.json(&format!("/v1/assets/{asset}/shots"));
    let begun = server
        .post("/v1/uploads")
        .header("tus-resumable", "1.0.0")
        .header("upload-length", 1000)
        .send()
        .unwrap();
    let worker = rushes.json(&["key", "create", "gpu-1"]);
    Library {
        root,
        shot: shots["shots"][0]["shot"].as_str().unwrap().to_owned(),
        asset,
        bin: bin["id"].as_str().unwrap().to_owned(),
        item: bin["picks"][0]["id"].as_str().unwrap().to_owned(),
        upload: begun.headers()["location"].to_str().unwrap().to_owned(),
        worker: worker["secret"].as_str().unwrap().to_owned(),
    }
}

impl Library {
    /// The path of an operation.
    fn path(&self, operation: &str, path: &str) -> String {
        let Self {
            asset,
            shot,
            bin,
            item,
            upload,
            ..
        } = self;
        match operation {
            "annotate_shot" => format!("/v1/shots/{shot}"),
            "change_title" => "/v1/titles/Spare A".to_owned(),
            "merge_title" => "/v1/titles/Spare B/merge".to_owned(),
            "continue_upload" => upload.clone(),
            _ => path
                .replace("{id}", asset)
                .replace("{bin}", bin)
                .replace("{item}", item)
                .replace("{run}", "01KAX7Q0Z3ABCDEFGHJKMNPQRS"),
        }
    }

    /// An example with what is here in place of what it names.
    fn real(&self, example: &Value) -> Value {
        let root = self.root.path().display().to_string();
        let text = example.to_string();
        let text = text.replace("01KAX7Q0Z3ABCDEFGHJKMNPQRS", &self.asset);
        let text = text.replace("rk_0123456789abcdef", &self.worker);
        let text = text.replace("file:///footage/", &format!("file://{root}/footage/"));
        // Nothing lies in the folder that is watched, so nothing interferes with the other examples.
        let incoming = format!("file://{root}/footage/incoming\"");
        let text = text.replace("file:///footage\"", &incoming);
        serde_json::from_str(&text).unwrap()
    }

    fn file(&self, name: &str) -> Part {
        let places = ["footage", "footage/stills", ""]
            .map(|folder| self.root.path().join(folder).join(name));
        let place = places.iter().find(|place| place.is_file()).unwrap();
        Part::bytes(std::fs::read(place).unwrap()).file_name(name.to_owned())
    }

    /// A form: names of files become those files, and objects JSON.
    fn form(&self, example: &Value) -> Form {
        let mut form = Form::new();
        // Settings come first, as the document asks for.
        let fields = example.as_object().unwrap();
        let (objects, others): (Vec<_>, Vec<_>) =
            fields.iter().partition(|(_, value)| value.is_object());
        for (name, value) in objects.into_iter().chain(others) {
            let values = value
                .as_array()
                .cloned()
                .unwrap_or_else(|| vec![value.clone()]);
            for value in values {
                form = match value.as_str() {
                    Some(file) if Path::new(file).extension().is_some() => {
                        form.part(name.clone(), self.file(file))
                    }
                    Some(text) => form.text(name.clone(), text.to_owned()),
                    None => form.text(name.clone(), value.to_string()),
                };
            }
        }
        form
    }
}

#[test]
fn every_request_body_has_an_example_that_the_server_accepts() {
    let Some(rushes) = Rushes::new() else { return };
    let root = rushes
        .folder
        .path()
        .parent()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let server = Server::start(&rushes, &["--media-root", &root]);
    let library = library(&rushes, &server);
    let document = server.json("/openapi.json");
    let mut bodies = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(content) = operation["requestBody"]["content"].as_object() else {
                continue;
            };
            for (kind, content) in content {
                let id = operation["operationId"].as_str().unwrap();
                assert!(
                    !content["example"].is_null(),
                    "{id} has no example of {kind}"
                );
                bodies.push((id, method, path, kind.as_str(), &content["example"]));
            }
        }
    }
    assert!(bodies.len() >= 25, "{}", bodies.len());
    // What others name is made first.
    bodies.sort_by_key(|(id, ..)| !id.starts_with("create_"));
    for (id, method, path, kind, example) in bodies {
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let url = format!("{}{}", server.address, library.path(id, path));
        let mut request = server.client.request(method, url);
        if path.starts_with("/v1/work") {
            request = request.bearer_auth(&library.worker);
        }
        let real = library.real(example);
        let request = match kind {
            "multipart/form-data" => request.multipart(library.form(&real)),
            "application/json" => request.json(&real),
            _ => request
                .header("tus-resumable", "1.0.0")
                .header("upload-offset", 0)
                .header("content-type", kind)
                .body(real.as_str().unwrap().to_owned()),
        };
        let answer = request.send().unwrap();
        let status = answer.status();
        // Nobody has leased the run of the example.
        let is_lease_lost = path.starts_with("/v1/work/") && status == 409;
        // Nobody is seen in these videos, and the model that tells faces apart need not be here.
        let is_nobody =
            path.starts_with("/v1/people/") && [404, 409, 422].contains(&status.as_u16());
        // There are no subtitles in the pictures of these videos.
        let is_plain = path.ends_with("/from-pictures") && status == 400;
        assert!(
            status.is_success() || is_lease_lost || is_nobody || is_plain,
            "{id} as {kind}: {status} {}",
            answer.text().unwrap()
        );
    }
}
