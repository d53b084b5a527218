//! The one place where an error becomes the answer of a tool, with the same codes as over HTTP.

use std::borrow::Cow;

use rmcp::model::CallToolResult;
use rushes_workers::storage::StorageError;
use serde_json::json;

use crate::catalog::CatalogError;
use crate::export::ExportError;
use crate::search::SearchError;

/// Why a tool could not do what it was asked for.
#[derive(Debug)]
pub(super) struct ToolError {
    code: Cow<'static, str>,
    detail: String,
}

impl ToolError {
    /// An error with a code of its own.
    pub(super) fn new(code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            detail: detail.into(),
        }
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
        Self::new(error.code(), error.to_string())
    }
}

impl From<sqlx::Error> for ToolError {
    fn from(error: sqlx::Error) -> Self {
        CatalogError::from(error).into()
    }
}

impl From<SearchError> for ToolError {
    fn from(error: SearchError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kind is code enough for the others"
)]
impl From<StorageError> for ToolError {
    fn from(error: StorageError) -> Self {
        let code = match &error {
            StorageError::NotFound(_) => "file-not-found",
            StorageError::TooLarge { .. } => "too-large",
            StorageError::Full { .. } => "disk-full",
            StorageError::Denied { .. } => "permission-denied",
            StorageError::Unavailable { .. } => "store-unavailable",
            _ => error.kind().as_str(),
        };
        Self::new(code, error.to_string())
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
            error => Self::new(error.code(), error.to_string()),
        }
    }
}

impl From<anyhow::Error> for ToolError {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<CatalogError>() {
            Ok(error) => error.into(),
            Err(error) => Self::new("internal", format!("{error:#}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::ApiError;

    /// The code of the same error over HTTP.
    fn over_http(error: impl Into<ApiError>) -> String {
        let shown = format!("{:?}", error.into());
        let (_, rest) = shown.split_once("code: \"").unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    }

    #[test]
    fn codes_are_those_of_http() {
        let catalog: [fn() -> CatalogError; 11] = [
            || CatalogError::TooManyUploads(1),
            || CatalogError::NotFound {
                what: "shot",
                id: "x".to_owned(),
            },
            || CatalogError::BadId {
                what: "a shot",
                id: "x".to_owned(),
            },
            || CatalogError::BadBinName("x".to_owned()),
            || CatalogError::BinNameInUse("x".to_owned()),
            || CatalogError::BadSpan {
                asset: "x".to_owned(),
                start: 0,
                end: 0,
                frames: 0,
            },
            || CatalogError::BinFull(1),
            || CatalogError::Full(sqlx::Error::PoolClosed),
            || CatalogError::Locked(sqlx::Error::PoolClosed),
            || CatalogError::Corrupt { what: "x" },
            || CatalogError::Database(sqlx::Error::PoolClosed),
        ];
        for error in catalog {
            assert_eq!(ToolError::from(error()).code, over_http(error()));
            let search = ToolError::from(SearchError::Catalog(error()));
            assert_eq!(search.code, over_http(SearchError::Catalog(error())));
        }
        let search: [fn() -> SearchError; 6] = [
            || SearchError::Empty,
            || SearchError::TooLong(1),
            || SearchError::Limit(1),
            || SearchError::Page,
            || SearchError::NoVector {
                shot: "x".to_owned(),
                space: "x".to_owned(),
            },
            || SearchError::Died,
        ];
        for error in search {
            assert_eq!(ToolError::from(error()).code, over_http(error()));
        }
        let export: [fn() -> ExportError; 3] = [
            || ExportError::Empty,
            || StorageError::NotFound("x".to_owned()).into(),
            || ExportError::NoSuchFormat {
                name: "x".to_owned(),
                known: String::new(),
            },
        ];
        for error in export {
            assert_eq!(ToolError::from(error()).code, over_http(error()));
        }
    }
}
