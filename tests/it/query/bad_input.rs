//! Searches that are refused, each with its own code.

use serde_json::{Value, json};

use super::{Videos, visual};
use crate::support::Rushes;

#[test]
fn each_mistake_has_its_code() {
    let Some(rushes) = Rushes::new() else { return };
    let videos = Videos::new(&rushes);
    let values = |count: usize, value: f64| Value::from(vec![value; count]);
    let part = |part: Value| json!({ "parts": [part] });
    for (body, code) in [
        (json!({}), "bad-request"),
        (
            json!({ "text": "x", "shot": videos.shot(0) }),
            "bad-request",
        ),
        (json!({ "q": "x", "text": "y" }), "bad-request"),
        (json!({ "q": "x", "sort": "time" }), "bad-request"),
        (json!({ "parts": [] }), "bad-request"),
        (part(json!({})), "bad-request"),
        (
            part(json!({ "text": "x", "shot": videos.shot(0) })),
            "bad-request",
        ),
        (part(json!({ "asset": videos.street })), "bad-request"),
        (part(json!({ "text": "x", "from_ms": 1 })), "bad-request"),
        (part(json!({ "text": "x", "space": "lite" })), "bad-request"),
        (
            part(json!({ "asset": videos.street, "from_ms": 9, "to_ms": 9 })),
            "bad-span",
        ),
        (json!({ "text": "  " }), "empty-query"),
        (json!({ "q": "" }), "empty-query"),
        (json!({ "q": "sort:time" }), "empty-query"),
        (json!({ "filters": {} }), "bad-request"),
        (part(json!({ "text": "x", "weight": -1 })), "all-negative"),
        (json!({ "q": "-night" }), "all-negative"),
        (json!({ "q": "car^abc" }), "bad-weight"),
        (part(json!({ "text": "x", "weight": 0 })), "bad-weight"),
        (part(json!({ "text": "x", "weight": 1e300 })), "bad-weight"),
        (
            json!({ "text": "x", "weights": { "visual": 0 } }),
            "bad-weight",
        ),
        (
            json!({ "text": "x", "modalities": ["visual"], "weights": { "dialogue": 1 } }),
            "bad-request",
        ),
        (
            json!({ "shot": videos.shot(0), "modalities": ["dialogue"] }),
            "nothing-for-modality",
        ),
        (part(json!({ "vector": values(3, 1.0) })), "vector-length"),
        (part(json!({ "vector": [] })), "vector-zero"),
        (part(json!({ "vector": values(384, 0.0) })), "vector-zero"),
        (
            part(json!({ "vector": values(384, 1e39) })),
            "vector-not-finite",
        ),
        (
            part(json!({ "vector": values(384, 1.0), "space": "clip@1" })),
            "other-space",
        ),
        (part(json!({ "vector": ["a"] })), "bad-request"),
        (part(json!({ "picture": "not base64!" })), "bad-picture"),
        (part(json!({ "picture": "aGVsbG8=" })), "bad-picture"),
        (
            json!({ "parts": [{ "shot": videos.shot(0) }, { "shot": videos.shot(0), "weight": -1 }] }),
            "parts-cancel-out",
        ),
        (
            json!({ "parts": vec![json!({ "text": "x" }); 17] }),
            "too-many-parts",
        ),
    ] {
        assert_eq!(videos.refused(&body), (400, code.to_owned()), "{body}");
    }
    // Nothing is shown there.
    let late = visual(&json!([{ "asset": videos.street, "from_ms": 900_000, "to_ms": 900_001 }]));
    assert_eq!(videos.refused(&late), (400, "bad-span".to_owned()));
}

#[test]
fn each_mistake_in_a_filter_has_its_code() {
    let Some(rushes) = Rushes::new() else { return };
    let videos = Videos::new(&rushes);
    for (body, field) in [
        (
            json!({ "text": "x", "filters": { "len": { "eq": 4 } } }),
            "filters.len",
        ),
        (json!({ "text": "x", "facets": ["len"] }), "facets"),
        (json!({ "text": "x", "limit": 0 }), "limit"),
    ] {
        let answer = videos.server.post("/v1/search").json(&body).send().unwrap();
        let problem: Value = answer.json().unwrap();
        assert_eq!(problem["field"], field, "{problem:#}");
    }
    let part = |part: Value| json!({ "parts": [part] });
    for (body, code) in [
        (
            json!({ "text": "x", "collapse": { "similar": 1.5 } }),
            "bad-threshold",
        ),
        (
            json!({ "text": "x", "facets": ["weather"] }),
            "unknown-field",
        ),
        (json!({ "text": "x", "facets": ["len"] }), "bad-facet"),
        (
            json!({ "text": "x", "filters": { "tilte": { "eq": "a" } } }),
            "unknown-field",
        ),
        (
            json!({ "text": "x", "filters": { "title": {} } }),
            "bad-request",
        ),
        (
            json!({ "text": "x", "filters": { "title": { "like": "a" } } }),
            "bad-request",
        ),
        (
            json!({ "text": "x", "filters": { "title": { "eq": 1 } } }),
            "bad-filter-value",
        ),
        (
            json!({ "text": "x", "filters": { "title": { "gte": "a" } } }),
            "bad-operator",
        ),
        (
            json!({ "text": "x", "filters": { "tag": { "in": [] } } }),
            "contradictory-filter",
        ),
        (
            json!({ "text": "x", "filters": { "len": { "gte": "5s", "lte": "4s" } } }),
            "contradictory-filter",
        ),
        (
            json!({ "text": "x", "filters": { "len": { "eq": 4 } } }),
            "bad-filter-value",
        ),
        (
            json!({ "text": "x", "filters": { "tag": { "in": vec!["a"; 201] } } }),
            "too-many-filters",
        ),
        (json!({ "text": "x", "operator": "some" }), "bad-request"),
        (json!({ "text": "x", "group_by": "scene" }), "bad-request"),
    ] {
        assert_eq!(videos.refused(&body), (400, code.to_owned()), "{body}");
    }
    for (body, code) in [
        (
            json!({ "shot": format!("{}.1-2", videos.street) }),
            "shot-not-found",
        ),
        (
            part(json!({ "asset": "01KAX7Q0Z3ABCDEFGHJKMNPQRS", "from_ms": 0, "to_ms": 9 })),
            "asset-not-found",
        ),
        (
            json!({ "text": "x", "filters": { "title": { "eq": "Nowhere" } } }),
            "title-not-found",
        ),
        (
            json!({ "text": "x", "filters": { "asset": { "in": ["01KAX7Q0Z3ABCDEFGHJKMNPQRS"] } } }),
            "asset-not-found",
        ),
    ] {
        assert_eq!(videos.refused(&body), (404, code.to_owned()), "{body}");
    }
}
