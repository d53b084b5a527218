//! `rushes search` and `rushes similar`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, ensure};

use super::{output, sheet};
use crate::app::App;
use crate::catalog::{AssetId, ShotId};
use crate::ingest::file_name;
use crate::search::{
    Answer, Hit, Modality, PartKind, Query, QueryPart, RecallReport, Scope, SearchRequest,
    read_picture,
};

/// Options of all searches.
#[derive(Debug, clap::Args)]
struct Common {
    /// Search only this title (id or name); repeatable
    #[arg(long, value_name = "TITLE")]
    title: Vec<String>,
    /// Search only this asset; repeatable
    #[arg(long, value_name = "ID")]
    asset: Vec<AssetId>,
    /// Hits per page
    #[arg(long, short = 'n', default_value_t = 12)]
    limit: usize,
    /// Search by sight with this model instead of the active one; its vectors must be complete
    #[arg(long, value_name = "ID")]
    model: Option<String>,
    /// Page to show: the `next` of the previous answer
    #[arg(long, value_name = "TOKEN")]
    page: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Draw a contact sheet of the hits
    #[arg(long, value_name = "PNG")]
    sheet: Option<PathBuf>,
    /// Say how the answer came about: ranks, weights, what was searched and how long it took
    #[arg(long)]
    explain: bool,
}

/// Arguments of `search`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rushes search \"a man riding a bicycle\"
  rushes search --in dialogue \"merry christmas\" --title \"Rushes day 3\"
  rushes search --in visual bottles -n 30 --sheet bottles.png --json
  rushes search 'car exploding -night'                  not at night
  rushes search '\"merry christmas\" in:dialogue'       these words in this order
  rushes search 'seen:car said:\"go\" match:all'         a car is seen while \"go\" is said
  rushes search 'car tag:hero len:2s..10s date:>2026-01-01 sort:time'
  rushes search 'car title:\"Day 3\",\"Day 4\" group:asset collapse:similar facet:tag'

Write \\ before a character to take its meaning. Fields: title, asset, tag, date, duration, len,
boundary, language, rate, width, height, size, codec and metadata.NAME.")]
pub(super) struct SearchArgs {
    /// What is seen or said, with filters if wanted; put it in quotes
    #[arg(required = true, value_name = "QUERY")]
    words: Vec<String>,
    /// Modalities to search [default: all that have a model, and no meaning with `match:all`]
    #[arg(long = "in", value_name = "MODALITY", value_delimiter = ',')]
    modalities: Vec<Modality>,
    #[command(flatten)]
    common: Common,
}

/// Arguments of `similar`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rushes similar 01KAX7Q0Z3ABCDEFGHJKMNPQRS.30-76
  rushes similar still.jpg --sheet like-it.png")]
pub(super) struct SimilarArgs {
    /// Shot id, or a picture file
    #[arg(value_name = "SHOT|PICTURE")]
    like: String,
    #[command(flatten)]
    common: Common,
}

pub(super) async fn run_search(app: &App, args: SearchArgs) -> anyhow::Result<ExitCode> {
    let mut query = Query::parse(&args.words.join(" "))?;
    ensure!(
        args.modalities.is_empty() || query.modalities.is_empty(),
        "give the modalities with --in or with in:, not with both"
    );
    if !args.modalities.is_empty() {
        query = query.within(&args.modalities);
    }
    run(app, query, args.common).await
}

pub(super) async fn run_similar(app: &App, args: SimilarArgs) -> anyhow::Result<ExitCode> {
    let kind = match args.like.parse::<ShotId>() {
        Ok(shot) => PartKind::Shot(shot),
        Err(_not_a_shot) => {
            let file = args.like.clone();
            let picture = tokio::task::spawn_blocking(move || read_picture(Path::new(&file)));
            PartKind::Picture(Arc::new(picture.await.context("reading the picture")??))
        }
    };
    let query = Query::from(QueryPart::new(kind)).within(&[Modality::Visual]);
    run(app, query, args.common).await
}

async fn run(app: &App, query: Query, common: Common) -> anyhow::Result<ExitCode> {
    let searcher = app.searcher(app.index().await?);
    let request = SearchRequest {
        query,
        scope: Scope {
            titles: common.title,
            assets: common.asset,
            within: None,
        },
        model: common.model,
        limit: common.limit,
        page: common.page,
        explain: common.explain,
    };
    let answer = searcher.search(&request).await?;
    if let Some(file) = &common.sheet {
        sheet::draw(app, &answer.hits, file).await?;
    }
    if common.json {
        output::json(&answer)?;
    } else {
        print(&answer);
        if let Some(file) = &common.sheet {
            output::line(&format!("contact sheet: {}", file.display()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(answer: &Answer) {
    let seen = answer.modalities.contains(&Modality::Visual);
    if answer.hits.is_empty() {
        output::line("nothing found");
    } else {
        let rows = answer.hits.iter().enumerate().map(|(at, hit)| {
            vec![
                (at + 1).to_string(),
                hit.place.title.clone(),
                file_name(&hit.place.asset.uri),
                hit.place.start.smpte.clone(),
                hit.place.end.smpte.clone(),
                why(hit),
                hit.place.shot.to_string(),
            ]
        });
        output::table(
            &["#", "title", "file", "in", "out", "why", "shot"],
            rows.collect(),
        );
    }
    for (field, values) in answer.facets.iter().flatten() {
        let values = values
            .iter()
            .map(|one| format!("{} ({})", one.value, one.count));
        output::line(&format!(
            "{field}: {}",
            values.collect::<Vec<_>>().join(", ")
        ));
    }
    if answer.weak && !answer.hits.is_empty() {
        output::line("These shots are the nearest, but none is likely to be what you search for.");
    }
    for gap in answer.coverage.gaps(seen) {
        output::line(&gap);
    }
    if let Some(explanation) = &answer.explanation {
        explanation.recalls.iter().for_each(report);
        output::line(&format!(
            "{} in {:.0} ms",
            output::count(explanation.candidates as u64, "candidate"),
            explanation.ms
        ));
    }
    if let Some(next) = &answer.next {
        output::line(&format!("more: --page {next}"));
    }
}

fn report(recall: &RecallReport) {
    let compared = if recall.exact { "exact" } else { "approximate" };
    output::line(&format!(
        "{} (weight {}): {} found in {} {}, {compared}, {:.0} ms",
        recall.modality.name(),
        recall.weight,
        recall.found,
        recall.searched,
        recall.unit,
        recall.ms
    ));
}

/// The evidence in short.
fn why(hit: &Hit) -> String {
    let mut why = Vec::new();
    if let Some(visual) = &hit.evidence.visual {
        let similarity = format!("seen {:.2}", visual.similarity);
        why.push(match visual.confidence {
            Some(confidence) => format!("{similarity} ({:.0} %)", 100.0 * confidence),
            None => similarity,
        });
    }
    if let Some(dialogue) = &hit.evidence.dialogue {
        why.push(format!(
            "\u{201c}{}\u{201d}",
            dialogue.text.replace('\n', " ")
        ));
    }
    let said = hit
        .evidence
        .dialogue
        .as_ref()
        .map(|dialogue| &dialogue.text);
    let meant = hit.evidence.meaning.as_ref();
    if let Some(meaning) = meant.filter(|meaning| Some(&meaning.text) != said) {
        why.push(format!(
            "meant \u{201c}{}\u{201d}",
            meaning.text.replace('\n', " ")
        ));
    }
    if let Some(matched) = &hit.matched {
        why.push(format!("{} to {}", matched.start.smpte, matched.end.smpte));
    }
    if let Some(group) = &hit.stands_for {
        why.push(format!("{} more", group.count - 1));
    }
    for part in hit.explanation.iter().flatten() {
        why.push(format!(
            "{} #{} {} {:.3} +{:.4}",
            part.modality.name(),
            part.rank,
            part.measure,
            part.value,
            part.contribution
        ));
    }
    why.join(" \u{b7} ")
}
