//! An assistant that speaks the Model Context Protocol with `rushes mcp`, by hand.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, ExitStatus, Stdio};

use base64::Engine as _;
use serde_json::{Value, json};

use crate::support::{Rushes, first, frames, told, videos};

const LINE: &str = "Merry Christmas, everybody!";

/// A running `rushes mcp` after the handshake.
struct Assistant {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    calls: u64,
    greeting: Value,
}

impl Assistant {
    fn start(rushes: &Rushes, args: &[&str]) -> Self {
        let mut process = rushes
            .command(&[&["mcp"], args].concat())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut assistant = Self {
            process,
            input,
            output,
            calls: 0,
            greeting: Value::Null,
        };
        assistant.greeting = assistant.ask(
            "initialize",
            json!({
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "test", "version": "1"},
            }),
        )["result"]
            .take();
        assistant.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        assistant
    }

    fn say(&mut self, message: &Value) {
        writeln!(self.input, "{message}").unwrap();
        self.input.flush().unwrap();
    }

    /// The next message. Nothing else may be on standard output.
    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let message: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        assert_eq!(message["jsonrpc"], "2.0", "{line}");
        message
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let id = self.calls;
        let mut request = json!({"jsonrpc": "2.0", "id": id, "method": method});
        request["params"] = params;
        self.say(&request);
        let answer = self.hear();
        assert_eq!(answer["id"], id, "{answer:#}");
        answer
    }

    fn tools(&mut self) -> Vec<Value> {
        let answer = self.ask("tools/list", json!({}));
        answer["result"]["tools"].as_array().unwrap().clone()
    }

    /// The result of a call, which may be the error of a tool.
    fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let mut params = json!({"name": tool});
        params["arguments"] = arguments;
        let mut answer = self.ask("tools/call", params);
        assert!(answer["error"].is_null(), "{answer:#}");
        let result = answer["result"].take();
        // Clients that know no structured content get the same as text.
        let text: Value =
            serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text, result["structuredContent"]);
        result
    }

    /// The data of a call that must succeed.
    fn get(&mut self, tool: &str, arguments: Value) -> Value {
        let mut result = self.call(tool, arguments);
        assert_eq!(result["isError"], false, "{result:#}");
        result["structuredContent"].take()
    }

    /// The code and the text of a call that must fail.
    fn refused(&mut self, tool: &str, arguments: Value) -> (String, String) {
        let result = self.call(tool, arguments);
        assert_eq!(result["isError"], true, "{result:#}");
        let told = |field: &str| {
            let text = result["structuredContent"][field].as_str();
            text.unwrap().to_owned()
        };
        (told("code"), told("detail"))
    }

    /// Closes standard input and waits for the end. Nothing more may come.
    fn end(self) -> ExitStatus {
        let Self {
            mut process,
            input,
            mut output,
            ..
        } = self;
        drop(input);
        let mut rest = String::new();
        output.read_line(&mut rest).unwrap();
        assert_eq!(rest, "");
        process.wait().unwrap()
    }
}

fn names(tools: &[Value]) -> Vec<&str> {
    tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect()
}

/// A catalogue with a video of two shots; the line is said during the second one.
fn talk(rushes: &Rushes) {
    let video = videos::made(&rushes.folder.path().join("talk.mp4"), 2, 50, 1);
    std::fs::write(
        video.with_extension("en.vtt"),
        format!("WEBVTT\n\n00:02.100 --> 00:03.500\n{LINE}\n"),
    )
    .unwrap();
    rushes.ingest(&[&video]);
}

/// The shot in which the line is said.
fn said(assistant: &mut Assistant) -> String {
    let search = json!({"text": "merry christmas", "modalities": ["dialogue"]});
    let answer = assistant.get("search", search);
    first(&answer)["shot"].as_str().unwrap().to_owned()
}

#[test]
fn an_assistant_finds_shots_and_sees_them() {
    let Some(rushes) = Rushes::new() else { return };
    talk(&rushes);
    let mut assistant = Assistant::start(&rushes, &[]);
    assert_eq!(assistant.greeting["protocolVersion"], "2025-06-18");
    assert_eq!(assistant.greeting["serverInfo"]["name"], "rushes");

    let answer = assistant.get(
        "search",
        json!({"text": "merry christmas", "modalities": ["dialogue"]}),
    );
    let hit = first(&answer);
    assert_eq!(frames(hit), (50, 100), "{answer:#}");
    assert_eq!(hit["evidence"]["dialogue"]["text"], LINE);
    let mut coverage = answer["coverage"].clone();
    let speech = coverage.as_object_mut().unwrap().remove("speech").unwrap();
    let whole = json!({"ready": 1, "total": 1, "failed": 0, "dialogue": {"ready": 1, "failed": 0}});
    assert_eq!(coverage, whole);
    let note = answer["coverage_note"].as_str().unwrap();
    if speech["installed"] == true {
        assert_eq!(note, "The search covers the one file in scope.");
    } else {
        assert!(note.contains("was not listened to"), "{note}");
    }
    // It is what the command line finds.
    let args = ["search", "--in", "dialogue", "merry christmas"];
    assert_eq!(answer["hits"], rushes.json(&args)["hits"]);

    let shot = hit["shot"].as_str().unwrap();
    let shown = assistant.call("show_shot", json!({"shot": shot}));
    assert_eq!(shown["structuredContent"], rushes.json(&["show", shot]));
    let picture = &shown["content"][1];
    assert_eq!(picture["type"], "image");
    assert_eq!(picture["mimeType"], "image/jpeg");
    let jpeg = base64::engine::general_purpose::STANDARD
        .decode(picture["data"].as_str().unwrap())
        .unwrap();
    let decoded = image::load_from_memory_with_format(&jpeg, image::ImageFormat::Jpeg).unwrap();
    assert_eq!(decoded.width() * 3, decoded.height() * 4);

    // The text of a search box, and a mistake in it.
    let q = "\"merry christmas\" in:dialogue language:en len:<1m";
    let answer = assistant.get("search", json!({"q": q, "explain": true}));
    assert_eq!(answer["hits"][0]["shot"], shot, "{answer:#}");
    assert_eq!(
        answer["explanation"]["query"],
        q.replace(" in:dialogue", "") + " in:dialogue"
    );
    let (code, said) = assistant.refused("search", json!({"q": "christmas tilte:x"}));
    assert_eq!(code, "unknown-field");
    assert!(said.contains("did you mean `title`?"), "{said}");

    // A shot is not similar to itself.
    let similar = assistant.get("similar", json!({"shot": shot}));
    assert_eq!(similar["hits"], rushes.json(&["similar", shot])["hits"]);
    assert_eq!(frames(first(&similar)), (0, 50), "{similar:#}");
    let page = |page: &Value| json!({"text": "a pattern", "limit": 1, "page": page});
    let one = assistant.get("search", page(&Value::Null));
    let two = assistant.get("search", page(&one["next"]));
    assert_ne!(first(&one)["shot"], first(&two)["shot"]);
    assert_eq!(two["next"], Value::Null);
    let titles = assistant.get("list_titles", json!({}));
    assert_eq!(titles["titles"], rushes.json(&["titles"]));
    assert_eq!(assistant.end().code(), Some(0));
}

#[test]
fn an_assistant_finds_what_is_ingested_while_it_runs_and_hears_what_is_missing() {
    let Some(rushes) = Rushes::new() else { return };
    let mut assistant = Assistant::start(&rushes, &[]);
    let search = json!({"text": "merry christmas"});
    let nothing = assistant.get("search", search.clone());
    assert_eq!(nothing["hits"], json!([]));
    let note = nothing["coverage_note"].as_str().unwrap();
    assert!(note.contains("no files in scope"), "{note}");
    talk(&rushes);
    let answer = assistant.get("search", search.clone());
    assert_eq!(frames(first(&answer)), (50, 100), "{answer:#}");
    let later = videos::made(&rushes.folder.path().join("later.mp4"), 1, 30, 3);
    rushes.json(&["ingest", "--queue-only", later.to_str().unwrap()]);
    let answer = assistant.get("search", search);
    let note = answer["coverage_note"].as_str().unwrap();
    assert!(
        note.contains("1 of 2 files can be searched by sight so far"),
        "{note}"
    );
    assert_eq!(assistant.end().code(), Some(0));
}

#[test]
fn only_with_write_does_an_assistant_fill_bins() {
    let Some(rushes) = Rushes::new() else { return };
    talk(&rushes);
    let mut reader = Assistant::start(&rushes, &[]);
    let tools = reader.tools();
    assert_eq!(
        names(&tools),
        [
            "search",
            "similar",
            "show_shot",
            "list_titles",
            "list_bins",
            "show_bin",
            "export_bin"
        ]
    );
    let shot = said(&mut reader);
    let add = json!({"bin": "Trailer", "shots": [shot], "note": "opening"});
    let call = json!({"name": "add_to_bin", "arguments": add});
    let refusal = reader.ask("tools/call", call);
    let why = refusal["error"]["message"].as_str().unwrap();
    assert!(
        why.contains("add_to_bin") && why.contains("--write"),
        "{why}"
    );
    assert_eq!(reader.get("list_bins", json!({})), json!({"bins": []}));
    assert_eq!(reader.end().code(), Some(0));

    let mut writer = Assistant::start(&rushes, &["--write"]);
    assert!(names(&writer.tools()).contains(&"add_to_bin"));
    let added = writer.get("add_to_bin", add.clone());
    assert_eq!(added["bin"]["name"], "Trailer");
    assert_eq!(added["added"].as_array().unwrap().len(), 1);
    // The same bin again, and all or none.
    assert_eq!(writer.get("add_to_bin", add)["bin"]["items"], 2);
    let (asset, _) = shot.split_once('.').unwrap();
    let past = json!({"bin": "Trailer", "shots": [shot, format!("{asset}.0-100000")]});
    let (code, why) = writer.refused("add_to_bin", past);
    assert_eq!(code, "bad-span");
    assert!(why.contains("100000"), "{why}");
    let none = json!({"bin": "Trailer", "shots": []});
    assert_eq!(writer.refused("add_to_bin", none).0, "bad-request");
    let mut shown = writer.get("show_bin", json!({"bin": "Trailer"}));
    assert_eq!(shown["next"].take(), Value::Null);
    shown.as_object_mut().unwrap().remove("next");
    assert_eq!(shown, rushes.json(&["bin", "show", "Trailer"]));
    assert_eq!(shown["picks"][0]["note"], "opening");
    let one = writer.get("show_bin", json!({"bin": "Trailer", "limit": 1}));
    assert_eq!(one["next"], 1);
    let rest = writer.get("show_bin", json!({"bin": "Trailer", "from": 1}));
    assert_eq!(rest["picks"][0], shown["picks"][1]);
    assert_eq!(writer.end().code(), Some(0));
}

#[test]
fn exports_stay_in_their_folder() {
    let Some(rushes) = Rushes::new() else { return };
    talk(&rushes);
    let mut assistant = Assistant::start(&rushes, &["--write"]);
    let shot = said(&mut assistant);
    assistant.get("add_to_bin", json!({"bin": "Trailer", "shots": [shot]}));
    let to = |file: &str| json!({"bin": "Trailer", "format": "otio", "file": file});
    // Without a folder, an export is text.
    let (code, why) = assistant.refused("export_bin", to("x.otio"));
    assert_eq!(code, "no-exports-folder");
    assert!(why.contains("--exports"), "{why}");
    let inline = assistant.get("export_bin", json!({"bin": "Trailer", "format": "otio"}));
    assert_eq!(inline["picks"], 1);
    assert_otio(inline["text"].as_str().unwrap());
    let clips = json!({"bin": "Trailer", "format": "clips"});
    assert_eq!(assistant.refused("export_bin", clips).0, "not-inline");
    assert_eq!(assistant.end().code(), Some(0));

    let folder = rushes.folder.path().join("exports");
    let args = ["--exports", folder.to_str().unwrap()];
    let missing = rushes.run(&[&["mcp"], &args[..]].concat());
    assert!(!missing.status.success());
    assert!(told(&missing).contains("create it"), "{}", told(&missing));
    std::fs::create_dir(&folder).unwrap();
    let mut assistant = Assistant::start(&rushes, &args);
    let written = assistant.get("export_bin", to("cuts/x.otio"));
    let file = Path::new(written["file"].as_str().unwrap());
    assert!(file.ends_with("exports/cuts/x.otio"), "{written:#}");
    assert_otio(&std::fs::read_to_string(file).unwrap());
    assert_eq!(
        assistant.refused("export_bin", to("cuts/x.otio")).0,
        "file-exists"
    );
    let mut again = to("cuts/x.otio");
    again["overwrite"] = json!(true);
    assistant.get("export_bin", again);
    let before = entries(rushes.folder.path());
    for out in ["../x.otio", "/tmp/rushes-test-x.otio", "cuts/../../x.otio"] {
        let (code, why) = assistant.refused("export_bin", to(out));
        assert_eq!(code, "bad-path");
        assert!(why.contains(out), "{why}");
    }
    assert_eq!(entries(rushes.folder.path()), before);
    assert_eq!(assistant.end().code(), Some(0));
}

/// That this is a timeline with the second shot in it.
fn assert_otio(text: &str) {
    let otio: Value = serde_json::from_str(text).unwrap();
    assert_eq!(otio["OTIO_SCHEMA"], "Timeline.1");
    assert!(text.contains("talk"), "{text}");
}

fn entries(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn bad_requests_are_errors_that_name_what_is_wrong() {
    let Some(rushes) = Rushes::new() else { return };
    let mut assistant = Assistant::start(&rushes, &["--write"]);
    let missing = "01KAX7Q0Z3ABCDEFGHJKMNPQRS.30-76";
    for (tool, arguments, code, named) in [
        (
            "show_shot",
            json!({"shot": "nonsense"}),
            "bad-id",
            "nonsense",
        ),
        (
            "show_shot",
            json!({"shot": missing}),
            "shot-not-found",
            missing,
        ),
        ("similar", json!({"shot": "nonsense"}), "bad-id", "nonsense"),
        (
            "show_bin",
            json!({"bin": "Nowhere"}),
            "bin-not-found",
            "Nowhere",
        ),
        (
            "search",
            json!({"text": " "}),
            "empty-query",
            "nothing to search for",
        ),
        (
            "search",
            json!({"text": "a", "limit": 201}),
            "invalid-input",
            "200",
        ),
        (
            "search",
            json!({"text": "a", "titles": ["Nope"]}),
            "title-not-found",
            "Nope",
        ),
        (
            "search",
            json!({"text": "a", "page": "x"}),
            "bad-page-token",
            "page",
        ),
        ("search", json!({"txt": "a"}), "bad-request", "txt"),
        (
            "search",
            json!({"text": "a", "modalities": ["smell"]}),
            "bad-request",
            "smell",
        ),
        (
            "export_bin",
            json!({"bin": "x", "format": "doc"}),
            "no-such-format",
            "pdf",
        ),
        (
            "add_to_bin",
            json!({"bin": "x", "shots": ["nonsense"]}),
            "bad-id",
            "nonsense",
        ),
    ] {
        let (found, detail) = assistant.refused(tool, arguments);
        assert_eq!(found, code, "{detail}");
        assert!(detail.contains(named), "{detail}");
    }
    // A failed call leaves no bin behind, and the connection works on.
    assert_eq!(assistant.get("list_bins", json!({})), json!({"bins": []}));
    let unknown = assistant.ask("tools/call", json!({"name": "fly", "arguments": {}}));
    assert_eq!(unknown["error"]["code"], -32602);
    assistant.say(&json!("not a request"));
    let complaint = assistant.hear();
    assert!(complaint["error"]["code"].is_i64(), "{complaint:#}");
    assert_eq!(
        assistant.get("list_titles", json!({})),
        json!({"titles": []})
    );
    assert_eq!(assistant.end().code(), Some(0));
}

#[test]
fn every_argument_is_described() {
    let Some(rushes) = Rushes::new() else { return };
    let mut assistant = Assistant::start(&rushes, &["--write"]);
    for tool in assistant.tools() {
        assert!(tool["description"].as_str().unwrap().len() > 40, "{tool:#}");
        let schema = &tool["inputSchema"];
        assert_eq!(schema["type"], "object", "{tool:#}");
        assert_eq!(schema["additionalProperties"], false, "{tool:#}");
        for (name, argument) in schema["properties"].as_object().into_iter().flatten() {
            let description = argument["description"].as_str().unwrap_or_default();
            assert!(description.len() > 10, "{name} of {tool:#}");
            if name == "format" {
                assert!(description.contains("fcpxml: "), "{description}");
            }
            if name == "modalities" {
                let known = json!([
                    "visual", "dialogue", "speech", "text", "sound", "meaning", "label"
                ]);
                assert_eq!(argument["items"]["enum"], known, "{tool:#}");
            }
        }
        let reads = !["add_to_bin", "export_bin"].contains(&tool["name"].as_str().unwrap());
        assert_eq!(tool["annotations"]["readOnlyHint"], reads, "{tool:#}");
    }
    assert_eq!(assistant.end().code(), Some(0));
}

#[test]
fn a_client_that_leaves_at_once_is_no_error() {
    let rushes = Rushes::without_models();
    let output = rushes.run(&["mcp"]);
    assert!(output.status.success(), "{}", told(&output));
    assert_eq!(output.stdout, b"", "{}", told(&output));
    let help = told(&rushes.run(&["mcp", "--help"]));
    for part in [
        "\"mcpServers\"",
        "\"command\": \"rushes\"",
        "[\"mcp\"]",
        "RUSHES_DATA",
    ] {
        assert!(help.contains(part), "{help}");
    }
}
