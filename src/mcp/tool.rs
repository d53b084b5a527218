//! What a tool is.

use futures::future::BoxFuture;
use rmcp::handler::server::tool::schema_for_input;
use rmcp::model::{CallToolResult, JsonObject, Tool, ToolAnnotations};
use rmcp::schemars::JsonSchema;
use rushes_models::ErrorKind;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::ToolError;
use super::library::Visit;

/// What a tool may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing.
    None,
    /// Files in the folder of exports, if there is one.
    Files,
    /// The catalogue.
    Catalogue,
}

/// Something an assistant can do.
pub(super) trait AssistantTool: 'static {
    /// Its arguments; their documentation is the assistant's.
    type Arguments: DeserializeOwned + JsonSchema + Send + 'static;
    /// Its name.
    const NAME: &'static str;
    /// What it does, for the assistant.
    const PURPOSE: &'static str;
    /// What it may change.
    const EFFECT: Effect = Effect::None;

    /// Does it.
    fn answer(
        visit: &Visit,
        arguments: Self::Arguments,
    ) -> impl Future<Output = Result<CallToolResult, ToolError>> + Send;

    /// The tool with its description and schema.
    fn route() -> anyhow::Result<Route>
    where
        Self: Sized,
    {
        let schema = schema_for_input::<Self::Arguments>().map_err(anyhow::Error::msg)?;
        let hints = ToolAnnotations::new()
            .read_only(Self::EFFECT == Effect::None)
            // Bins are only added to, and files may be replaced.
            .destructive(Self::EFFECT == Effect::Files)
            .open_world(false);
        Ok(Route {
            name: Self::NAME,
            tool: Tool::new(Self::NAME, Self::PURPOSE, schema).with_annotations(hints),
            effect: Self::EFFECT,
            call: call::<Self>,
        })
    }
}

type Call = fn(Visit, JsonObject) -> BoxFuture<'static, Result<CallToolResult, ToolError>>;

/// A tool, and how to call it.
pub(super) struct Route {
    /// Its name.
    pub(super) name: &'static str,
    /// Its description and schema.
    pub(super) tool: Tool,
    /// What it may change.
    pub(super) effect: Effect,
    /// Calls it.
    pub(super) call: Call,
}

fn call<T: AssistantTool>(
    visit: Visit,
    arguments: JsonObject,
) -> BoxFuture<'static, Result<CallToolResult, ToolError>> {
    Box::pin(async move {
        let arguments = serde_json::from_value(Value::Object(arguments)).map_err(|error| {
            ToolError::new(ErrorKind::InvalidInput, "bad-request", error.to_string())
        })?;
        T::answer(&visit, arguments).await
    })
}

/// An answer in JSON, as text for assistants and as data for programs.
pub(super) fn reply(answer: &impl Serialize) -> Result<CallToolResult, ToolError> {
    let failed = |error: serde_json::Error| {
        ToolError::new(ErrorKind::Internal, "internal", error.to_string())
    };
    // By way of text, so that a number has the digits that it has elsewhere: a `Value` widens an `f32`.
    let text = serde_json::to_string(answer).map_err(failed)?;
    Ok(CallToolResult::structured(
        serde_json::from_str(&text).map_err(failed)?,
    ))
}
