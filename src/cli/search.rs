//! `rushes search` and `rushes similar`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;

use super::{output, sheet};
use crate::app::App;
use crate::catalog::{AssetId, ShotId};
use crate::ingest::file_name;
use crate::search::{Answer, Hit, Modality, Scope, SearchRequest, Subject, read_picture};

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
    /// Page to show: the `next` of the previous answer
    #[arg(long, value_name = "TOKEN")]
    page: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Draw a contact sheet of the hits
    #[arg(long, value_name = "PNG")]
    sheet: Option<PathBuf>,
}

/// Arguments of `search`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rushes search \"a man riding a bicycle\"
  rushes search --in dialogue \"merry christmas\" --title \"Rushes day 3\"
  rushes search --in visual bottles -n 30 --sheet bottles.png --json")]
pub(super) struct SearchArgs {
    /// What is seen or said
    #[arg(required = true)]
    words: Vec<String>,
    /// Modalities to search [default: all]
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
    let subject = Subject::Text(args.words.join(" "));
    run(app, subject, args.modalities, args.common).await
}

pub(super) async fn run_similar(app: &App, args: SimilarArgs) -> anyhow::Result<ExitCode> {
    let subject = match args.like.parse::<ShotId>() {
        Ok(shot) => Subject::Shot(shot),
        Err(_not_a_shot) => {
            let file = args.like.clone();
            let picture = tokio::task::spawn_blocking(move || read_picture(Path::new(&file)));
            Subject::Picture(Arc::new(picture.await.context("reading the picture")??))
        }
    };
    run(app, subject, vec![Modality::Visual], args.common).await
}

async fn run(
    app: &App,
    subject: Subject,
    modalities: Vec<Modality>,
    common: Common,
) -> anyhow::Result<ExitCode> {
    let searcher = app.searcher(app.index().await?);
    let seen = modalities.is_empty() || modalities.contains(&Modality::Visual);
    let request = SearchRequest {
        subject,
        modalities,
        scope: Scope {
            titles: common.title,
            assets: common.asset,
            within: None,
        },
        limit: common.limit,
        page: common.page,
    };
    let answer = searcher.search(&request).await?;
    if let Some(file) = &common.sheet {
        sheet::draw(app, &answer.hits, file).await?;
    }
    if common.json {
        output::json(&answer)?;
    } else {
        print(&answer, seen);
        if let Some(file) = &common.sheet {
            output::line(&format!("contact sheet: {}", file.display()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(answer: &Answer, seen: bool) {
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
    for gap in answer.coverage.gaps(seen) {
        output::line(&gap);
    }
    if let Some(next) = &answer.next {
        output::line(&format!("more: --page {next}"));
    }
}

/// The evidence in short.
fn why(hit: &Hit) -> String {
    let mut why = Vec::new();
    if let Some(visual) = &hit.evidence.visual {
        why.push(format!("seen {:.2}", visual.similarity));
    }
    if let Some(dialogue) = &hit.evidence.dialogue {
        why.push(format!(
            "\u{201c}{}\u{201d}",
            dialogue.text.replace('\n', " ")
        ));
    }
    why.join(" \u{b7} ")
}
