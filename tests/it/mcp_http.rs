//! Assistants that speak the Model Context Protocol with `rushes serve`, through a client of the protocol's SDK.

use std::future::Future;

use reqwest::blocking::Response;
use rmcp::ServiceExt as _;
use rmcp::model::CallToolRequestParams;
use rmcp::service::{RoleClient, RunningService, ServiceError};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use serde_json::{Value, json};

use crate::http::{Server, problem};
use crate::support::{Rushes, first, frames, told, videos};

/// A connected client, with its own runtime.
struct Assistant {
    runtime: tokio::runtime::Runtime,
    client: RunningService<RoleClient, ()>,
}

impl Assistant {
    fn connect(server: &Server, key: &str) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let address = format!("{}/mcp", server.address);
        let config = StreamableHttpClientTransportConfig::with_uri(address).auth_header(key);
        let client = runtime.block_on(async move {
            let transport = StreamableHttpClientTransport::from_config(config);
            ().serve(transport).await.unwrap()
        });
        Self { runtime, client }
    }

    fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    fn greeting(&self) -> Value {
        serde_json::to_value(self.client.peer_info().unwrap().as_ref()).unwrap()
    }

    fn tools(&self) -> Vec<String> {
        let tools = self.wait(self.client.list_all_tools()).unwrap();
        tools.iter().map(|tool| tool.name.to_string()).collect()
    }

    /// Whether a call failed, and its data.
    fn call(&self, tool: &'static str, arguments: Value) -> (bool, Value) {
        let Value::Object(arguments) = arguments else {
            panic!("{arguments}")
        };
        let call = CallToolRequestParams::new(tool).with_arguments(arguments);
        let result = self.wait(self.client.call_tool(call)).unwrap();
        (
            result.is_error == Some(true),
            result.structured_content.unwrap(),
        )
    }

    /// The data of a call that must succeed.
    fn get(&self, tool: &'static str, arguments: Value) -> Value {
        let (failed, data) = self.call(tool, arguments);
        assert!(!failed, "{data:#}");
        data
    }

    /// The code of a call that must fail, and what it says.
    fn refused(&self, tool: &'static str, arguments: Value) -> (String, String) {
        let (failed, data) = self.call(tool, arguments);
        assert!(failed, "{data:#}");
        let said = |field: &str| data[field].as_str().unwrap().to_owned();
        (said("code"), said("detail"))
    }
}

fn key(rushes: &Rushes, args: &[&str]) -> String {
    let all = [&["key", "create"], args].concat();
    rushes.json(&all)["secret"].as_str().unwrap().to_owned()
}

/// The titles "own" and "secret", the second with a line of dialogue.
fn library(rushes: &Rushes) -> [Value; 2] {
    [("own", 0), ("secret", 3)].map(|(name, seed)| {
        let video = videos::made(
            &rushes.folder.path().join(format!("{name}.mp4")),
            2,
            40,
            seed,
        );
        std::fs::write(
            video.with_extension("en.vtt"),
            format!("WEBVTT\n\n00:01.700 --> 00:02.900\nthe {name} line\n"),
        )
        .unwrap();
        rushes.ingest(&[&video])["videos"][0].clone()
    })
}

#[test]
fn an_assistant_on_another_machine_does_what_its_key_allows() {
    let Some(rushes) = Rushes::new() else { return };
    let [own, _] = library(&rushes);
    let reader = key(&rushes, &["reader", "--scope", "read"]);
    let writer = key(&rushes, &["writer", "--scope", "write"]);
    let boss = key(&rushes, &["boss", "--scope", "admin"]);
    let server = Server::start_at(&rushes, "0.0.0.0:0", &["--insecure"]);

    let assistant = Assistant::connect(&server, &reader);
    let greeting = assistant.greeting();
    assert_eq!(greeting["serverInfo"]["name"], "rushes", "{greeting:#}");
    let offered = [
        "search",
        "similar",
        "show_shot",
        "list_titles",
        "list_bins",
        "show_bin",
        "export_bin",
    ];
    assert_eq!(assistant.tools(), offered);
    let search = json!({"text": "the secret line", "modalities": ["dialogue"]});
    let answer = assistant.get("search", search.clone());
    assert_eq!(frames(first(&answer)), (40, 80), "{answer:#}");
    // It is what the route finds.
    let route = server.post("/v1/search").bearer_auth(&reader);
    let routed: Value = route.json(&search).send().unwrap().json().unwrap();
    assert_eq!(answer["hits"], routed["hits"]);
    let shot = format!("{}.0-40", own["asset"].as_str().unwrap());
    let shown = assistant.get("show_shot", json!({ "shot": shot }));
    assert_eq!(shown["title"], "own", "{shown:#}");

    // A key with `read` changes nothing, and its attempt is on record.
    let add = json!({"bin": "Trailer", "shots": [shot]});
    let (code, why) = assistant.refused("add_to_bin", add.clone());
    assert_eq!(code, "missing-scope");
    assert!(why.contains("--scope write"), "{why}");
    assert_eq!(assistant.get("list_bins", json!({})), json!({"bins": []}));
    let second = Assistant::connect(&server, &writer);
    assert!(second.tools().contains(&"add_to_bin".to_owned()));
    assert_eq!(second.get("add_to_bin", add)["bin"]["items"], 1);
    let nothing = json!({"bin": "Trailer", "shots": []});
    assert_eq!(second.refused("add_to_bin", nothing).0, "bad-request");
    let inline = assistant.get("export_bin", json!({"bin": "Trailer", "format": "edl"}));
    assert!(
        inline["text"].as_str().unwrap().contains("own"),
        "{inline:#}"
    );
    let file = json!({"bin": "Trailer", "format": "edl", "file": "x.edl"});
    let (code, why) = assistant.refused("export_bin", file);
    assert_eq!(code, "no-exports-folder");
    assert!(why.contains("/v1/exports"), "{why}");
    let clips = json!({"bin": "Trailer", "format": "clips"});
    assert_eq!(assistant.refused("export_bin", clips).0, "not-inline");

    let log = server.get("/v1/audit").bearer_auth(&boss).send().unwrap();
    let log: Value = log.json().unwrap();
    let entries = log["entries"].as_array().unwrap().iter();
    let noted: Vec<_> = entries
        .map(|entry| {
            let path = entry["path"].as_str().unwrap();
            let name = entry["key_name"].as_str().unwrap();
            (name, path, entry["status"].as_i64().unwrap())
        })
        .collect();
    let at = "/mcp/add_to_bin";
    assert_eq!(
        noted,
        [
            ("writer", at, 400),
            ("writer", at, 200),
            ("reader", at, 403)
        ],
        "{log:#}"
    );
    // A tool that there is not is an error of the protocol.
    let fly = CallToolRequestParams::new("fly");
    let unknown = assistant.wait(assistant.client.call_tool(fly));
    assert!(
        matches!(unknown, Err(ServiceError::McpError(_))),
        "{unknown:?}"
    );
    // What is ingested meanwhile is found, and a key that is revoked opens nothing more.
    rushes.json(&["key", "revoke", "reader"]);
    let call = CallToolRequestParams::new("list_titles");
    let late = assistant.wait(assistant.client.call_tool(call));
    assert!(late.is_err(), "{late:?}");
}

#[test]
fn an_assistant_with_a_key_for_one_title_never_learns_of_another() {
    let Some(rushes) = Rushes::new() else { return };
    let [own, other] = library(&rushes);
    let args = ["agency", "--scope", "write", "--title", "own"];
    let scoped = key(&rushes, &args);
    let server = Server::start(&rushes, &[]);
    let shot = |of: &Value| format!("{}.0-40", of["asset"].as_str().unwrap());
    let (own, hidden) = (shot(&own), shot(&other));
    rushes.json(&["bin", "add", "secret picks", &hidden]);

    let assistant = Assistant::connect(&server, &scoped);
    let titles = assistant.get("list_titles", json!({}));
    assert_eq!(titles["titles"].as_array().unwrap().len(), 1);
    assert_eq!(titles["titles"][0]["name"], "own");
    let found = assistant.get("search", json!({"text": "the secret line"}));
    let hits = found["hits"].as_array().unwrap();
    assert!(hits.iter().all(|hit| hit["title"] == "own"), "{found:#}");
    assert_eq!(found["coverage"]["total"], 1, "{found:#}");
    assert_eq!(
        found["coverage_note"],
        "The search covers the one file in scope."
    );
    assert_eq!(assistant.get("list_bins", json!({})), json!({"bins": []}));
    // What is hidden is answered as what does not exist.
    let nowhere = "01K00000000000000000000000.0-40";
    let asset_of_nowhere = &nowhere[..26];
    let shot_of_secret = hidden.clone();
    let asset_of_secret = &shot_of_secret[..26];
    for (tool, hidden, missing) in [
        (
            "show_shot",
            json!({ "shot": hidden }),
            json!({ "shot": nowhere }),
        ),
        (
            "similar",
            json!({ "shot": hidden }),
            json!({ "shot": nowhere }),
        ),
        (
            "search",
            json!({"text": "x", "titles": ["secret"]}),
            json!({"text": "x", "titles": ["nowhere"]}),
        ),
        (
            "search",
            json!({"q": "x title:secret"}),
            json!({"q": "x title:nowhere"}),
        ),
        (
            "show_bin",
            json!({"bin": "secret picks"}),
            json!({"bin": "nowhere"}),
        ),
        (
            "export_bin",
            json!({"bin": "secret picks", "format": "edl"}),
            json!({"bin": "nowhere", "format": "edl"}),
        ),
        (
            "add_to_bin",
            json!({"bin": "b", "shots": [hidden]}),
            json!({"bin": "b", "shots": [nowhere]}),
        ),
    ] {
        let plain = |(code, detail): (String, String)| {
            let detail = detail
                .replace("secret picks", "nowhere")
                .replace("secret", "nowhere")
                .replace(&shot_of_secret, nowhere)
                .replace(asset_of_secret, asset_of_nowhere);
            (code, detail)
        };
        let refusal = plain(assistant.refused(tool, hidden));
        assert!(refusal.0.ends_with("-not-found"), "{refusal:?}");
        assert_eq!(refusal, plain(assistant.refused(tool, missing)), "{tool}");
    }
    let added = assistant.get("add_to_bin", json!({"bin": "mine", "shots": [own]}));
    assert_eq!(added["bin"]["items"], 1);
    // Its bin is not shown to others by that name, and holds what it sees.
    let bin = assistant.get("show_bin", json!({"bin": "mine"}));
    assert_eq!(bin["picks"][0]["shot"], own, "{bin:#}");
}

/// The start of a conversation, as a client sends it.
fn initialize(server: &Server) -> reqwest::blocking::RequestBuilder {
    let request = server
        .post("/mcp")
        .header("accept", "application/json, text/event-stream");
    request.json(&json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    }))
}

#[test]
fn the_tools_are_behind_the_same_door_as_the_routes() {
    let rushes = Rushes::without_models();
    let worker = key(&rushes, &["gpu-1"]);
    let reader = key(&rushes, &["reader", "--scope", "read"]);
    let local = Server::start(&rushes, &[]);
    let greeted: Value = initialize(&local).send().unwrap().json().unwrap();
    assert_eq!(greeted["result"]["protocolVersion"], "2025-06-18");
    let forbidden = |answer: Response, code: &str| {
        assert_eq!(problem(answer), (403, code.to_owned()));
    };
    let foreign = initialize(&local).header("host", "evil.example");
    forbidden(foreign.send().unwrap(), "foreign-origin");
    let page = initialize(&local).header("origin", "https://evil.example");
    forbidden(page.send().unwrap(), "foreign-origin");
    // There is nothing to listen to, and no session to end.
    assert_eq!(problem(local.get("/mcp").send().unwrap()).0, 405);
    let plain = local.post("/mcp").body("{}").send().unwrap();
    assert_eq!(problem(plain).0, 406);
    let large = local
        .post("/mcp")
        .header("accept", "application/json, text/event-stream")
        .header("content-type", "application/json")
        .body(vec![b' '; 2 << 20]);
    assert_eq!(
        problem(large.send().unwrap()),
        (413, "too-large".to_owned())
    );
    drop(local);

    let server = Server::start_at(&rushes, "0.0.0.0:0", &["--insecure"]);
    assert_eq!(problem(initialize(&server).send().unwrap()).0, 401);
    let wrong = initialize(&server).bearer_auth("rk_00");
    assert_eq!(problem(wrong.send().unwrap()).0, 401);
    let working = initialize(&server).bearer_auth(&worker);
    forbidden(working.send().unwrap(), "missing-scope");
    let reading = initialize(&server).header("x-api-key", &reader);
    let answer = reading.send().unwrap();
    assert!(answer.headers().contains_key("ratelimit-remaining"));
    assert_eq!(
        answer.status(),
        200,
        "{}",
        told(&rushes.run(&["key", "list"]))
    );
}
