//! `rushes subtitles`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use bytes::Bytes;

use super::{asset, output, work};
use crate::app::{App, check_fit};
use crate::catalog::subtitles::{self, SubtitleTrack};
use crate::catalog::{AssetId, JobId};
use crate::ingest::{NewSubtitles, add_subtitles, remove_subtitles, subtitles_from_pictures};

/// Arguments of `subtitles`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rushes subtitles list day3.mp4
  rushes subtitles add 01KAX7Q0Z3ABCDEFGHJKMNPQRS day3.de.srt
  rushes subtitles add 01KAX7Q0Z3ABCDEFGHJKMNPQRS lines.vtt --language en
  rushes subtitles from-pictures 01KAX7Q0Z3ABCDEFGHJKMNPQRS --language en
  rushes subtitles remove 01KAX7Q0Z3ABCDEFGHJKMNPQRS uploaded-5f2c01ab9e")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the subtitle tracks of an asset
    List {
        /// Id of the asset, or name of its file
        asset: String,
    },
    /// Add a subtitle file; the dialogue is computed again
    Add {
        /// Id of the asset, or name of its file
        asset: String,
        /// The file: SubRip, WebVTT, ASS, SSA or TTML
        file: PathBuf,
        /// Its language, such as en or pt-BR [default: what the file's name says]
        #[arg(long)]
        language: Option<String>,
    },
    /// Make a track of the subtitles that are part of the picture; the dialogue is computed again
    FromPictures {
        /// Id of the asset, or name of its file
        asset: String,
        /// Their language, such as en or pt-BR
        #[arg(long)]
        language: Option<String>,
    },
    /// Remove a subtitle track; the dialogue is computed again
    Remove {
        /// Id of the asset, or name of its file
        asset: String,
        /// Id of the track
        track: String,
    },
}

pub(super) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::List { asset } => {
            let mut db = app.catalog.snapshot().await?;
            let asset = asset::named(&mut db, &asset).await?;
            let tracks = subtitles::tracks(&mut db, &asset).await?;
            drop(db);
            if args.json {
                output::json(&serde_json::json!({ "tracks": tracks }))?;
            } else {
                print(tracks);
            }
        }
        Command::Add {
            asset,
            file,
            language,
        } => {
            let name = file.file_name().unwrap_or(file.as_os_str());
            let bytes =
                std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let new = NewSubtitles {
                name: name.to_string_lossy().into_owned(),
                language,
                bytes: Bytes::from(bytes),
                is_burnt_in: false,
            };
            let asset = named(app, &asset).await?;
            let settings = app.settings()?;
            let for_asset = (&asset, &settings);
            check_fit(app).await?;
            let (track, job) = add_subtitles(&app.catalog, &app.storage, for_asset, new).await?;
            report(app, args.json, &track, &job).await?;
        }
        Command::FromPictures { asset, language } => {
            let asset = named(app, &asset).await?;
            let settings = app.settings()?;
            let for_asset = (&asset, &settings);
            check_fit(app).await?;
            let (track, job) =
                subtitles_from_pictures(&app.catalog, &app.storage, for_asset, language).await?;
            report(app, args.json, &track, &job).await?;
        }
        Command::Remove { asset, track } => {
            let asset = named(app, &asset).await?;
            let job = remove_subtitles(&app.catalog, &asset, &track, &app.settings()?).await?;
            if args.json {
                output::json(&serde_json::json!({ "removed": track, "job": job }))?;
            } else {
                output::line(&format!("removed {track}; the job is {job}"));
                work::say_who_works(app).await?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn named(app: &App, name: &str) -> anyhow::Result<AssetId> {
    let mut db = app.catalog.read().await?;
    Ok(asset::named(&mut db, name).await?.id)
}

async fn report(app: &App, json: bool, track: &SubtitleTrack, job: &JobId) -> anyhow::Result<()> {
    if json {
        return output::json(&serde_json::json!({ "track": track, "job": job }));
    }
    output::line(&format!("added {}; the job is {job}", track.id));
    work::say_who_works(app).await?;
    Ok(())
}

fn print(tracks: Vec<SubtitleTrack>) {
    let rows = tracks.into_iter().map(|track| {
        vec![
            track.id,
            track.origin.as_str().to_owned(),
            track.language.unwrap_or_default(),
            track.file.unwrap_or_default(),
        ]
    });
    output::table(&["track", "origin", "language", "file"], rows.collect());
}
