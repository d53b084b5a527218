//! The one place where an error becomes the answer of a tool, with the same codes as over HTTP.

use std::borrow::Cow;

use rmcp::model::CallToolResult;
use rushes_models::{ErrorKind, with_causes};
use rushes_workers::storage::StorageError;
use serde_json::json;

use crate::catalog::CatalogError;
use crate::export::ExportError;
use crate::search::SearchError;

/// Why a tool could not do what it was asked for.
#[derive(Debug)]
pub(super) struct ToolError {
    kind: ErrorKind,
    code: Cow<'static, str>,
    detail: String,
}

impl ToolError {
    /// An error with a code of its own.
    pub(super) fn new(
        kind: ErrorKind,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            code: code.into(),
            detail: detail.into(),
        }
    }

    /// What kind of error it is.
    pub(super) const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The answer to the assistant.
    pub(super) fn into_result(self, tool: &str) -> CallToolResult {
        if self.code == "internal" {
            tracing::error!(tool, detail = self.detail, "a tool failed");
        } else {
            tracing::info!(tool, code = %self.code, detail = self.detail, "a tool failed");
        }
        CallToolResult::structured_error(json!({ "code": self.code, "detail": self.detail }))
    }
}

impl From<CatalogError> for ToolError {
    fn from(error: CatalogError) -> Self {
        Self::new(error.kind(), error.code(), with_causes(&error))
    }
}

impl From<sqlx::Error> for ToolError {
    fn from(error: sqlx::Error) -> Self {
        CatalogError::from(error).into()
    }
}

impl From<SearchError> for ToolError {
    fn from(error: SearchError) -> Self {
        Self::new(error.kind(), error.code(), with_causes(&error))
    }
}

impl From<StorageError> for ToolError {
    fn from(error: StorageError) -> Self {
        Self::new(error.kind(), error.code(), with_causes(&error))
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the others have codes of their own"
)]
impl From<ExportError> for ToolError {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Catalog(error) => error.into(),
            ExportError::Storage(error) => error.into(),
            error => Self::new(error.kind(), error.code(), with_causes(&error)),
        }
    }
}

impl From<anyhow::Error> for ToolError {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<CatalogError>() {
            Ok(error) => error.into(),
            Err(error) => Self::new(ErrorKind::Internal, "internal", with_causes(&*error)),
        }
    }
}
