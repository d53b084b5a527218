//! Searches: by text, and by a shot.

use clap::ValueEnum as _;
use rmcp::model::CallToolResult;
use rmcp::schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::error::ToolError;
use super::library::Visit;
use super::tool::{AssistantTool, reply};
use crate::search::{Answer, Modality, OtherOnly, SearchBody};

/// Find shots by text.
pub(super) struct Search;

/// Find shots similar to a shot.
pub(super) struct Similar;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct SearchArguments {
    /// What is seen or said, such as "a man riding a bicycle" or "merry christmas", as plain words. At most 2000
    /// characters. Give either `text` or `q`.
    text: Option<String>,
    /// A query in the syntax of the search box: `car -night` (not at night), `"merry christmas"` (this phrase),
    /// `seen:car said:"go" match:all` (both at the same time), filters such as `tag:hero`, `title:"Day 3"`,
    /// `len:2s..10s`, `date:>2026-01-01`, `language:en`, `boundary:cut`, `metadata.NAME:value`,
    /// `person:Anna` (if the sense of people is on) and `in:dialogue`, `group:asset`, `collapse:similar`, `sort:time`, `facet:tag`. A mistake is answered with its place and the fix.
    q: Option<String>,
    /// `visual` finds what is seen, `dialogue` what subtitles say, `speech` what is heard where there are none, `meaning`
    /// what is said in other words, `text` what is written in the pictures, `sound` sounds by
    /// name such as a siren or applause, bangs, music, silence and loud sound, `label` names of titles, tags and notes.
    /// All if absent. Only with `text`.
    #[serde(default)]
    #[schemars(schema_with = "modalities")]
    modalities: Vec<Modality>,
    /// Only in these titles, by id or name. Everywhere if absent.
    #[serde(default)]
    titles: Vec<String>,
    /// Hits on a page, 1 to 200; 20 if absent.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<usize>,
    /// `next` of the answer before, to get the next page of the same search.
    page: Option<String>,
    /// Whether the answer says how it came about: ranks, weights, and what was searched.
    #[serde(default)]
    explain: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct SimilarArguments {
    /// Id of the shot, such as 01KAX7Q0Z3ABCDEFGHJKMNPQRS.30-76.
    shot: String,
    /// Only in these titles, by id or name. Everywhere if absent.
    #[serde(default)]
    titles: Vec<String>,
    /// `titles` leaves out the title of the shot, `assets` only its asset. Nothing is left out if absent.
    other: Option<OtherThan>,
    /// Hits on a page, 1 to 200; 20 if absent.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<usize>,
    /// `next` of the answer before, to get the next page of the same search.
    page: Option<String>,
}

/// What is left out.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(crate = "rmcp::schemars")]
pub(super) enum OtherThan {
    /// The asset of the shot.
    Assets,
    /// The title of the shot.
    Titles,
}

/// The answer, and in words how much it covers.
#[derive(Debug, Serialize)]
struct Covered {
    #[serde(flatten)]
    answer: Answer,
    coverage_note: String,
}

impl AssistantTool for Search {
    type Arguments = SearchArguments;
    const NAME: &'static str = "search";
    const PURPOSE: &'static str = "Find shots by what is seen, said or written in them. Hits are ranked, best first, each with \
        its place in the video and the evidence: the similarity of the picture, the line that is said, or the text \
        in the picture. \
        `weak` means that no hit is likely to be what was asked for. `coverage_note` says what the search does \
        not cover.";

    async fn answer(
        visit: &Visit,
        arguments: SearchArguments,
    ) -> Result<CallToolResult, ToolError> {
        let body = SearchBody {
            text: arguments.text,
            q: arguments.q,
            modalities: arguments.modalities,
            titles: arguments.titles,
            limit: arguments.limit,
            page: arguments.page,
            explain: arguments.explain,
            ..SearchBody::default()
        };
        answered(visit, body).await
    }
}

impl AssistantTool for Similar {
    type Arguments = SimilarArguments;
    const NAME: &'static str = "similar";
    const PURPOSE: &'static str = "Find shots that look like a shot. Hits are ranked, best first. `coverage_note` says \
        what the search does not cover.";

    async fn answer(
        visit: &Visit,
        arguments: SimilarArguments,
    ) -> Result<CallToolResult, ToolError> {
        let body = SearchBody {
            shot: Some(arguments.shot),
            modalities: vec![Modality::Visual],
            other: arguments.other.map(|other| match other {
                OtherThan::Assets => OtherOnly::Assets,
                OtherThan::Titles => OtherOnly::Titles,
            }),
            titles: arguments.titles,
            limit: arguments.limit,
            page: arguments.page,
            ..SearchBody::default()
        };
        answered(visit, body).await
    }
}

async fn answered(visit: &Visit, body: SearchBody) -> Result<CallToolResult, ToolError> {
    let request = body.into_request().await?;
    let answer = visit.search(request).await?;
    let seen = answer.modalities.contains(&Modality::Visual);
    reply(&Covered {
        coverage_note: answer.coverage.sentence(seen),
        answer,
    })
}

fn modalities(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<String> = Modality::value_variants()
        .iter()
        .filter_map(|modality| Some(modality.to_possible_value()?.get_name().to_owned()))
        .collect();
    json_schema!({ "type": "array", "items": { "type": "string", "enum": names } })
}
