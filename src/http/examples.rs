//! An example of every request body, for the OpenAPI document. A test sends each to a server.

use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::path::Operation;

/// Ids as examples name them.
const ASSET: &str = "01KAX7Q0Z3ABCDEFGHJKMNPQRS";
const SHOT: &str = "01KAX7Q0Z3ABCDEFGHJKMNPQRS.30-76";

/// Adds the examples of an operation's bodies.
pub(super) fn add(operation: &mut Operation) {
    let id = operation.operation_id.clone().unwrap_or_default();
    let Some(RefOr::T(body)) = &mut operation.request_body else {
        return;
    };
    for (kind, content) in &mut body.content {
        if let RefOr::T(content) = content {
            content.example = example(&id, kind);
        }
    }
}

/// The example of a body of this content type. Files of a form are named by their file names.
fn example(operation: &str, kind: &str) -> Option<Value> {
    if kind == "multipart/form-data" {
        return form(operation);
    }
    Some(match operation {
        "register_assets" => json!({ "uri": "file:///footage/reel1.mov", "title": "Day 3" }),
        "replace_file" => json!({ "uri": "file:///footage/reel1-regraded.mov" }),
        "change_asset" => json!({
            "title": "Day 3", "metadata": { "scene": 4, "camera": "A", "cleared": true, "draft": null },
            "tags": ["hero"],
        }),
        "create_watch" => json!({ "uri": "file:///footage", "title": "Day 3" }),
        "annotate_shot" => json!({ "tags": ["hero"], "note": "the one with the dog" }),
        "create_title" => json!({ "name": "Big Buck Bunny", "metadata": { "year": 2008 } }),
        "change_title" => {
            json!({ "name": "Big Buck Bunny (restored)", "metadata": { "year": null } })
        }
        "subtitles_from_pictures" => json!({ "language": "en" }),
        "merge_title" => json!({ "into": "Day 3" }),
        "create_bin" => json!({
            "name": "Trailer",
            "picks": [
                { "shot": SHOT, "note": "opening", "query": "a dog runs", "score": 0.0164, "similarity": 0.31 },
                { "asset": ASSET, "start": 0, "end": 12, "line": "run!" },
            ],
        }),
        "give_consent" => json!({ "because": "written consent of the cast, file 2026-117" }),
        "change_person" => json!({ "name": "Anna", "is_hidden": false }),
        "merge_people" => json!({ "people": ["Person 7", "Person 12"] }),
        "split_person" => json!({ "faces": [ASSET], "name": "Berta" }),
        "sign_in" => json!({ "key": "rk_0123456789abcdef" }),
        "create_key" => json!({ "name": "panel", "scopes": ["read", "write"], "days": 90 }),
        "rename_bin" => json!({ "name": "Teaser" }),
        "add_to_bin" => json!({ "picks": [{ "shot": SHOT, "start": 34, "end": 70 }] }),
        "change_bin_item" => json!({ "start": 34, "end": 70, "note": "tighter", "position": 0 }),
        "export" => {
            json!({ "bin": "Trailer", "format": "otio", "name": "Trailer v2", "handles": 12 })
        }
        "announce_objects" => json!({
            "Records": [{ "s3": { "bucket": { "name": "footage" }, "object": { "key": "day1/reel1.mov" } } }],
        }),
        "search" => {
            json!({ "text": "a dog runs", "titles": ["Day 3"], "modalities": ["visual"], "limit": 10 })
        }
        "create_redaction" => {
            json!({ "inputs": ["file:///footage/stills/"], "settings": { "classes": ["face"] } })
        }
        "create_webhook" => {
            json!({ "url": "https://mam.example/rushes", "types": ["job.", "asset.deleted"] })
        }
        "continue_upload" => json!("the bytes of the file from `upload-offset` on"),
        "lease_work" => json!({ "worker": "gpu-box-1", "queues": ["embed"], "wait_ms": 0 }),
        "heartbeat_work" => json!({ "token": 3, "done": 40, "total": 120 }),
        "complete_work" => json!({
            "token": 3,
            "output": {
                "feature": "embeddings", "space": "lite@0.1.0",
                "vectors": { "dims": 4, "base64": "AAAAAAAAAAAAAAAAAACAPw==" },
            },
        }),
        "fail_work" => json!({
            "token": 3, "kind": "unavailable", "code": "store-unavailable", "reason": "the store does not answer",
        }),
        "release_work" => json!({ "token": 3 }),
        _ => return None,
    })
}

fn form(operation: &str) -> Option<Value> {
    Some(match operation {
        "register_assets" => {
            json!({ "file": "reel1.mov", "title": "Day 3", "subtitles": ["reel1.en.srt"] })
        }
        "replace_file" => json!({ "file": "reel1-regraded.mov" }),
        "add_subtitles" => json!({ "file": "reel1.de.srt", "language": "de" }),
        "redact_picture" => json!({ "settings": { "classes": ["face"] }, "picture": "street.jpg" }),
        "create_redaction" => {
            json!({ "settings": { "classes": ["face"] }, "file": ["street.jpg"] })
        }
        _ => return None,
    })
}
