//! Titles.

use rmcp::model::CallToolResult;
use rmcp::schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::error::ToolError;
use super::library::Visit;
use super::tool::{AssistantTool, reply};
use crate::catalog::assets;

/// List the titles.
pub(super) struct ListTitles;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct ListTitlesArguments {}

impl AssistantTool for ListTitles {
    type Arguments = ListTitlesArguments;
    const NAME: &'static str = "list_titles";
    const PURPOSE: &'static str =
        "List all titles of the library by name, each with how many files and shots are in it.";

    async fn answer(
        visit: &Visit,
        _arguments: ListTitlesArguments,
    ) -> Result<CallToolResult, ToolError> {
        let mut db = visit.library.catalog.read().await?;
        let mut titles = assets::titles(&mut db).await?;
        titles.retain(|title| visit.caller.sees(&title.id));
        reply(&json!({ "titles": titles }))
    }
}
