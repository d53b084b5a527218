//! Bins.

use rmcp::model::CallToolResult;
use rmcp::schemars::JsonSchema;
use rushes_models::ErrorKind;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::error::ToolError;
use super::library::Visit;
use super::tool::{AssistantTool, Effect, reply};
use crate::catalog::bins::{self, Selection};
use crate::catalog::{BinItemId, CatalogError, ShotId};
use crate::views::{BinSummary, BinView};

/// Items of a bin shown at once, at most and if the request does not say.
const PAGE: usize = 200;

/// List the bins.
pub(super) struct ListBins;

/// Show what is in a bin.
pub(super) struct ShowBin;

/// Add shots to a bin.
pub(super) struct AddToBin;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct ListBinsArguments {}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct ShowBinArguments {
    /// Id or name of the bin.
    bin: String,
    /// The first item to show, from 0; `next` of the answer before. 0 if absent.
    #[serde(default)]
    from: usize,
    /// Items to show, 1 to 200; 200 if absent.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<usize>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct AddToBinArguments {
    /// Id or name of the bin. A bin of this name is made if there is none.
    bin: String,
    /// Ids of shots, in order, such as 01KAX7Q0Z3ABCDEFGHJKMNPQRS.30-76. The frames may be any span of the video, so
    /// that a shot can be added in part.
    #[schemars(length(min = 1))]
    shots: Vec<String>,
    /// A note on each of them.
    note: Option<String>,
}

/// A part of a bin.
#[derive(Debug, Serialize)]
struct BinPage {
    #[serde(flatten)]
    view: BinView,
    /// The first item after this part; null at the end.
    next: Option<usize>,
}

/// What was added.
#[derive(Debug, Serialize)]
struct AddedToBin {
    bin: BinSummary,
    added: Vec<BinItemId>,
}

impl AssistantTool for ListBins {
    type Arguments = ListBinsArguments;
    const NAME: &'static str = "list_bins";
    const PURPOSE: &'static str = "List all bins by name, each with how many items are in it. A bin is a named, ordered list of picked shots.";

    async fn answer(
        visit: &Visit,
        _arguments: ListBinsArguments,
    ) -> Result<CallToolResult, ToolError> {
        let mut db = visit.library.catalog.read().await?;
        let bins = bins::list(&mut db, visit.caller.owner()).await?;
        let bins: Vec<BinSummary> = bins.into_iter().map(BinSummary::from).collect();
        reply(&json!({ "bins": bins }))
    }
}

impl AssistantTool for ShowBin {
    type Arguments = ShowBinArguments;
    const NAME: &'static str = "show_bin";
    const PURPOSE: &'static str = "Show what is in a bin, in order: the place of each item, its note, and the line that is said.";

    async fn answer(
        visit: &Visit,
        arguments: ShowBinArguments,
    ) -> Result<CallToolResult, ToolError> {
        let limit = arguments.limit.unwrap_or(PAGE);
        if !(1..=PAGE).contains(&limit) {
            let detail = format!("limit must be from 1 to {PAGE}");
            return Err(ToolError::new(
                ErrorKind::InvalidInput,
                "bad-request",
                detail,
            ));
        }
        let mut db = visit.library.catalog.snapshot().await?;
        let bin = bins::find(&mut db, &arguments.bin, visit.caller.owner()).await?;
        let items = visit.caller.items(&mut db, &bin).await?;
        drop(db);
        let end = arguments.from.saturating_add(limit);
        let next = (end < items.len()).then_some(end);
        let shown = items.into_iter().skip(arguments.from).take(limit);
        let view = BinView::new(bin, shown.collect())?;
        reply(&BinPage { view, next })
    }
}

impl AssistantTool for AddToBin {
    type Arguments = AddToBinArguments;
    const NAME: &'static str = "add_to_bin";
    const PURPOSE: &'static str = "Add shots at the end of a bin, all or none. The bin is made if there is none of this name.";
    const EFFECT: Effect = Effect::Catalogue;

    async fn answer(
        visit: &Visit,
        arguments: AddToBinArguments,
    ) -> Result<CallToolResult, ToolError> {
        if arguments.shots.is_empty() {
            let detail = "name at least one shot";
            return Err(ToolError::new(
                ErrorKind::InvalidInput,
                "bad-request",
                detail,
            ));
        }
        let picks = arguments
            .shots
            .iter()
            .map(|shot| {
                Ok(Selection {
                    note: arguments.note.clone(),
                    ..Selection::from(&shot.parse::<ShotId>()?)
                })
            })
            .collect::<Result<Vec<_>, CatalogError>>()?;
        let mut tx = visit.library.catalog.begin().await?;
        let owner = visit.caller.owner();
        visit.caller.check_picks(&mut tx, &picks).await?;
        let bin = match bins::find(&mut tx, &arguments.bin, owner).await {
            Err(CatalogError::NotFound { .. }) => {
                bins::create(&mut tx, &arguments.bin, owner).await?
            }
            found => found?,
        };
        let added = bins::append(&mut tx, &bin, &picks).await?;
        let bin = bins::find(&mut tx, bin.id.as_str(), owner).await?.into();
        tx.commit().await?;
        reply(&AddedToBin { bin, added })
    }
}
