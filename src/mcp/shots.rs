//! Shots.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rmcp::model::{CallToolResult, ContentBlock};
use rmcp::schemars::JsonSchema;
use serde::Deserialize;

use super::error::ToolError;
use super::library::Visit;
use super::tool::{AssistantTool, reply};
use crate::catalog::{ShotId, shots};
use crate::views::ShotDetail;

/// Show one shot.
pub(super) struct ShowShot;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct ShowShotArguments {
    /// Id of the shot, such as 01KAX7Q0Z3ABCDEFGHJKMNPQRS.30-76.
    shot: String,
}

impl AssistantTool for ShowShot {
    type Arguments = ShowShotArguments;
    const NAME: &'static str = "show_shot";
    const PURPOSE: &'static str = "Show one shot: its place in the video, the transitions at both ends, the dialogue \
        during it, and its middle frame as a picture.";

    async fn answer(
        visit: &Visit,
        arguments: ShowShotArguments,
    ) -> Result<CallToolResult, ToolError> {
        let id: ShotId = arguments.shot.parse()?;
        let library = &visit.library;
        let mut db = library.catalog.read().await?;
        visit.caller.check_shot(&mut db, &id).await?;
        let detail = ShotDetail::load(&library.catalog, &id).await?;
        let shot = shots::get(&mut db, &id).await?;
        drop(db);
        let mut result = reply(&detail)?;
        result.content.push(match shot.thumbnail {
            Some(key) => {
                let jpeg = library.storage.get(&key).await?;
                ContentBlock::image(STANDARD.encode(jpeg), "image/jpeg")
            }
            None => ContentBlock::text("The picture has not been made yet; see `rushes jobs`."),
        });
        Ok(result)
    }
}
