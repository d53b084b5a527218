//! `rushes show`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;

use super::output;
use crate::app::App;
use crate::catalog::{ShotId, shots};
use crate::views::{BoundaryView, ShotDetail};

/// Arguments of `show`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rushes show 01KAX7Q0Z3ABCDEFGHJKMNPQRS.30-76
  rushes show 01KAX7Q0Z3ABCDEFGHJKMNPQRS.30-76 --clip shot.mp4 --thumbnail shot.jpg")]
pub(super) struct Args {
    /// Id of the shot
    shot: ShotId,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Write the shot's proxy to this file
    #[arg(long, value_name = "MP4")]
    clip: Option<PathBuf>,
    /// Write the shot's thumbnail to this file
    #[arg(long, value_name = "JPG")]
    thumbnail: Option<PathBuf>,
}

pub(super) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let detail = ShotDetail::load(&app.catalog, &args.shot).await?;
    let mut db = app.catalog.read().await?;
    let shot = shots::get(&mut db, &args.shot).await?;
    drop(db);
    for (key, file, what) in [
        (shot.proxy, args.clip, "proxy"),
        (shot.thumbnail, args.thumbnail, "thumbnail"),
    ] {
        if let Some(file) = file {
            let key =
                key.with_context(|| format!("the shot has no {what} yet; see `rushes jobs`"))?;
            let bytes = app.storage.get(&key).await?;
            tokio::fs::write(&file, bytes)
                .await
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
    }
    if args.json {
        output::json(&detail)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = vec![
        vec!["title".to_owned(), detail.place.title],
        vec!["file".to_owned(), detail.place.asset.uri],
        vec![
            "in".to_owned(),
            format!(
                "{}  (frame {}, {} ms)",
                detail.place.start.smpte, detail.place.start.frame, detail.place.start.ms
            ),
        ],
        vec![
            "out".to_owned(),
            format!(
                "{}  (frame {}, {} ms)",
                detail.place.end.smpte, detail.place.end.frame, detail.place.end.ms
            ),
        ],
        vec!["rate".to_owned(), detail.place.rate.to_string()],
        vec!["begins with".to_owned(), boundary(&detail.opening)],
    ];
    if let Some(closing) = &detail.closing {
        rows.push(vec!["ends with".to_owned(), boundary(closing)]);
    }
    if let Some(first) = detail.same_as {
        rows.push(vec!["same as".to_owned(), first.to_string()]);
    }
    for line in detail.dialogue {
        rows.push(vec![line.start.smpte, line.text]);
    }
    for text in detail.text {
        rows.push(vec![text.start.smpte, format!("written: {}", text.text)]);
    }
    if let Some(sound) = &detail.sound {
        rows.push(vec!["sound".to_owned(), sound.sentence()]);
    }
    for sound in &detail.heard {
        let heard = format!("heard: {}, {:.2}", sound.name, sound.score);
        rows.push(vec![sound.at.smpte.clone(), heard]);
    }
    output::table(&["shot", &detail.place.shot.to_string()], rows);
    Ok(ExitCode::SUCCESS)
}

fn boundary(boundary: &BoundaryView) -> String {
    let mut text = format!("{} ({:.2})", boundary.kind, boundary.confidence);
    if let (Some(start), Some(end)) = (boundary.start, boundary.end)
        && start < end
    {
        text += &format!(", frames {start} to {}", end - 1);
    }
    text
}
