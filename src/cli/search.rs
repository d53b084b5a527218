//! `rushes search` and `rushes similar`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, ensure};

use super::{output, sheet};
use crate::app::App;
use crate::catalog::labels::LabelKind;
use crate::catalog::{AssetId, ShotId};
use crate::ingest::file_name;
use crate::search::{
    Answer, Hit, Modality, OtherOnly, PartKind, Query, QueryPart, RecallReport, Scope, SearchError,
    SearchRequest, read_clip, read_picture,
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
    #[arg(long, short = 'n', default_value_t = 12, value_parser = number)]
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
  rushes search 'tag:hero len:<4s sort:date'            all such shots, the newest first
  rushes search 'len:<4s sort:quietest'                 the quietest first; or sort:loudest
  rushes search 'car title:\"Day 3\",\"Day 4\" group:asset collapse:similar facet:tag'

Write \\ before a character to take its meaning. Fields: title, asset, tag, date, duration, len,
person, face, expression (see rushes people --help), boundary, loudness, loudest, peak, bangs, silent,
silence, voice, music, language, rate, width, height, size, codec and metadata.NAME.")]
pub(super) struct SearchArgs {
    /// What is seen or said, with filters if wanted; put it in quotes. Filters alone list the shots that fulfil them
    #[arg(required_unless_present_any = ["title", "asset"], value_name = "QUERY")]
    words: Vec<String>,
    /// Modalities to search [default: all that have a model, and no meaning and no labels with `match:all`]
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
  rushes similar 01KAX7Q0Z3ABCDEFGHJKMNPQRS.30-76 --other-titles
  rushes similar clip.mp4 -n 30
  rushes similar still.jpg --sheet like-it.png")]
pub(super) struct SimilarArgs {
    /// Shot id, a picture file, or a video file of up to two minutes and 256 MB
    #[arg(value_name = "SHOT|FILE")]
    like: String,
    #[command(flatten)]
    elsewhere: Elsewhere,
    #[command(flatten)]
    common: Common,
}

/// What is left out of an answer about a shot.
#[derive(Debug, clap::Args)]
pub(super) struct Elsewhere {
    /// Only shots of other titles than that of the shot
    #[arg(long, conflicts_with = "other_assets")]
    other_titles: bool,
    /// Only shots of other assets than that of the shot
    #[arg(long)]
    other_assets: bool,
}

impl Elsewhere {
    /// The same in a query.
    pub(super) const fn only(&self) -> Option<OtherOnly> {
        match (self.other_titles, self.other_assets) {
            (true, _) => Some(OtherOnly::Titles),
            (false, true) => Some(OtherOnly::Assets),
            (false, false) => None,
        }
    }
}

/// A number of hits. A word after a minus, as in `-night`, is read as this option.
fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_not_a_number| {
        format!(
            "it is no number of hits; to leave out what is like \"n{text}\", write the query in quotes, with what is wanted first: rushes search 'car -n{text}'"
        )
    })
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
            let file = PathBuf::from(&args.like);
            let part = tokio::task::spawn_blocking(move || read_file(&file));
            part.await.context("reading the file")??
        }
    };
    let mut query = Query::from(QueryPart::new(kind)).within(&[Modality::Visual]);
    query.other = args.elsewhere.only();
    run(app, query, args.common).await
}

/// A clip or a picture, as the first bytes say.
fn read_file(file: &Path) -> Result<PartKind, SearchError> {
    match read_clip(file)? {
        Some(clip) => Ok(PartKind::Clip(clip)),
        None => Ok(PartKind::Picture(Arc::new(read_picture(file)?))),
    }
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
        asker: None,
    };
    let answer = searcher.search(&request).await;
    if matches!(answer, Err(SearchError::AllNegative)) {
        output::complain("on a command line a query is in quotes: rushes search 'car -night'");
    }
    let answer = answer?;
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
        for (word, others) in &explanation.synonyms {
            output::line(&format!("{word}: searched for {} too", others.join(", ")));
        }
        for words in &explanation.learnt {
            output::line(&format!(
                "searched for {words:?} too, which people often tried next; `rushes learnt` lists such words"
            ));
        }
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
    if let Some(written) = &hit.evidence.text {
        why.push(format!("written \u{201c}{}\u{201d}", written.text));
    }
    if let Some(speech) = &hit.evidence.speech {
        why.push(format!("heard \u{201c}{}\u{201d}", speech.text));
    }
    if let Some(sound) = &hit.evidence.sound {
        why.push(sound.sentence());
    }
    let said = hit.evidence.line().map(|line| &line.text);
    let meant = hit.evidence.meaning.as_ref();
    if let Some(meaning) = meant.filter(|meaning| Some(&meaning.text) != said) {
        why.push(format!(
            "meant \u{201c}{}\u{201d}",
            meaning.text.replace('\n', " ")
        ));
    }
    if let Some(label) = &hit.evidence.label {
        let kind = match label.kind {
            LabelKind::Title => "title",
            LabelKind::Tag => "tag",
            LabelKind::Note => "note",
        };
        why.push(format!(
            "{kind} \u{201c}{}\u{201d}",
            label.text.replace('\n', " ")
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
