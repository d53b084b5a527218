//! The OpenAPI document. Routes and their descriptions are one thing ([`utoipa_axum`]), so neither can be without
//! the other; what all operations may answer is added here.

use axum::http::Method;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{RefOr, Response};
use utoipa::{Modify, OpenApi};

use super::error::Problem;
use super::examples;
use super::problems::problem;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "rushes",
        description = "Find the shot you need inside thousands of hours of video, frame-exact."
    ),
    components(schemas(Problem)),
    modifiers(&Keys)
)]
pub(super) struct Document;

/// How a key is sent.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A key made by `rushes key create`."))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("key", SecurityScheme::Http(bearer));
    }
}

/// Adds what any operation may answer, where it does not say so itself.
pub(super) fn complete(document: &mut utoipa::openapi::OpenApi) {
    for (path, item) in &mut document.paths.paths {
        let has_id = path.contains('{');
        for (method, operation) in operations(item) {
            let reads =
                has_id || operation.parameters.is_some() || operation.request_body.is_some();
            if reads {
                add(
                    operation,
                    "400",
                    "The request cannot be read: `bad-id`, `bad-request` …",
                );
            }
            examples::add(operation);
            if operation.request_body.is_some() {
                add(operation, "408", "The body was too long in coming");
                add(operation, "413", "The body is too large");
                add(
                    operation,
                    "415",
                    "The body is of another content type: `bad-content-type`",
                );
                add(
                    operation,
                    "422",
                    "The body can be read, but not be carried out",
                );
            }
            add(
                operation,
                "401",
                "The key is missing, unknown, revoked or expired: `unauthorised`",
            );
            add(
                operation,
                "403",
                "The key is not for this (`missing-scope`, `title-key`), or the request comes from a page of another \
                 origin (`foreign-origin`)",
            );
            add(
                operation,
                "429",
                "The key asks too often: `rate-limited`; `retry-after` says when to come back",
            );
            add(
                operation,
                "500",
                "A defect; the server's log has more under the request id",
            );
            add(
                operation,
                "503",
                "The catalogue or the store does not answer; `retry-after` says when to come back",
            );
            if method == Method::GET && answers_json(operation) {
                let same = Response::new("It is the answer whose `etag` is in `if-none-match`");
                let responses = &mut operation.responses.responses;
                responses.insert("304".to_owned(), RefOr::T(same));
            }
            debug_assert!(method != Method::HEAD, "HEAD is answered as GET is");
        }
    }
}

fn answers_json(operation: &Operation) -> bool {
    match operation.responses.responses.get("200") {
        Some(RefOr::T(response)) => response.content.contains_key("application/json"),
        Some(RefOr::Ref(_)) | None => false,
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    [
        (Method::GET, item.get.as_mut()),
        (Method::OPTIONS, item.options.as_mut()),
        (Method::POST, item.post.as_mut()),
        (Method::PUT, item.put.as_mut()),
        (Method::PATCH, item.patch.as_mut()),
        (Method::DELETE, item.delete.as_mut()),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation?)))
}

fn add(operation: &mut Operation, status: &str, description: &str) {
    let responses = &mut operation.responses.responses;
    responses
        .entry(status.to_owned())
        .or_insert_with(|| problem(description));
}
