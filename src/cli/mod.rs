//! The command line: one file per subcommand.

mod asset;
mod bin;
mod delete;
mod doctor;
mod duplicates;
mod export;
mod index;
mod ingest;
mod jobs;
mod key;
mod learnt;
mod match_cuts;
mod mcp;
mod migrate;
mod models;
mod output;
mod people;
mod picks;
mod progress;
mod redact;
mod remote;
mod search;
mod serve;
mod sheet;
mod shots;
mod show;
mod spaces;
mod store;
mod subtitles;
mod titles;
mod transcript;
mod watch;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::{ContextKind, ErrorKind};
use clap::{Parser, Subcommand};

use crate::app::App;
use crate::config::{Config, Flags};

/// Find the shot you need inside thousands of hours of video, frame-exact.
#[derive(Debug, Parser)]
#[command(name = "rushes", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    /// Folder of the catalogue and index; also `RUSHES_DATA` [default: in the user's data folder]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where proxies and thumbnails are stored: a folder or `s3://bucket/prefix` [default: DATA/store]
    #[arg(long, global = true, value_name = "DIR|URL")]
    store: Option<String>,
    /// Settings file (TOML); also `RUSHES_CONFIG`
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  rushes models pull lite                     get the text-to-shot model
  rushes ingest video.mp4 ~/shoots --json     ingest videos and folders
  rushes watch ~/shoots                       ingest what is new there, until Ctrl-C
  rushes search \"a car exploding\"             by what is seen or said
  rushes search --in dialogue \"merry christmas\" --sheet hits.png
  rushes search 'car -night tag:hero len:<4s'   filters, phrases and more: rushes search --help
  rushes similar 01KAX7Q0Z3ABCDEFGHJKMNPQRS.30-76
  rushes bin add Trailer --search \"a car exploding\"   collect hits in a bin
  rushes export --bin Trailer -f otio         export for Resolve; also edl, fcpxml, fcp7, ale …
  rushes shots video.mp4 --sheet shots.png    its shots, without ingesting it
  rushes redact street/ -o blurred            blur faces and plates, change nothing else
  rushes serve                                the HTTP API on 127.0.0.1:7420
  rushes mcp --help                           how an assistant is connected";

#[derive(Debug, Subcommand)]
enum Command {
    /// Ingest videos: detect their shots and make them searchable
    Ingest(ingest::Args),
    /// Watch folders and S3, and ingest what is new or changed there
    Watch(watch::Args),
    /// Find shots by text
    Search(search::SearchArgs),
    /// Find shots similar to a shot, a picture or a clip
    Similar(search::SimilarArgs),
    /// Find shots that continue a shot across a cut, in composition and motion
    MatchCuts(match_cuts::Args),
    /// Find near-duplicate shots
    Duplicates(duplicates::Args),
    /// List and delete what was learnt from logged searches
    Learnt(learnt::Args),
    /// Show one shot
    Show(show::Args),
    /// Collect shots in named bins, trim and order them
    Bin(bin::Args),
    /// Write shots as an EDL, OTIO, FCPXML, ALE … for an editing program
    Export(export::Args),
    /// List, add and remove the subtitle tracks of an asset
    Subtitles(subtitles::Args),
    /// Write what is said in an asset as text, SubRip, WebVTT or JSON
    Transcript(transcript::Args),
    /// List the titles
    Titles(titles::Args),
    /// List, name and delete people; turn their sense on and off
    People(people::Args),
    /// List jobs, show one, cancel it or retry it
    Jobs(jobs::Args),
    /// Delete titles or assets with everything computed from them; the videos stay where they are
    Delete(delete::Args),
    /// Serve the HTTP API and do the queued work
    Serve(serve::Args),
    /// Serve assistants through the Model Context Protocol, on standard input and output
    Mcp(mcp::Args),
    /// Do queued work, beside a running server or for a server on another machine
    Work(work::Args),
    /// Create, list and revoke keys for workers on other machines
    Key(key::Args),
    /// Detect the shots of videos and print them; needs no catalogue
    Shots(shots::Args),
    /// Blur faces and number plates in pictures and videos; needs no catalogue
    Redact(Box<redact::Args>),
    /// List, pull and verify models
    Models(models::Args),
    /// Maintain the index
    Index(index::Args),
    /// Move the catalogue to PostgreSQL, or back to a file
    Migrate(migrate::Args),
    /// Copy the store of clips and pictures to another place
    Store(store::Args),
    /// Check the installation and say how to fix problems
    Doctor(doctor::Args),
    /// Decode one file for a parent process (internal)
    #[command(hide = true)]
    DecodeChild,
}

impl Cli {
    /// The command line of this process. If it cannot be understood, says why and ends the process.
    #[must_use]
    pub fn read() -> Self {
        let error = match Self::try_parse() {
            Ok(cli) => return cli,
            Err(error) => error,
        };
        let is_option = error.kind() == ErrorKind::UnknownArgument;
        let unknown = error.get(ContextKind::InvalidArg).map(ToString::to_string);
        let is_word = |name: &String| name.starts_with('-') && !name.starts_with("--");
        if is_option
            && unknown.is_some_and(|name| is_word(&name))
            && std::env::args()
                .nth(1)
                .is_some_and(|command| command == "search")
        {
            // If this cannot be written, the error cannot either.
            error.print().ok();
            let hint = "to leave something out, write the query in quotes, with what is wanted first: rushes search 'car -night'";
            output::complain(hint);
            std::process::exit(error.exit_code());
        }
        error.exit()
    }

    /// Runs the subcommand.
    ///
    /// # Errors
    /// The error that stopped it, for people to read.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let config = Config::load(&Flags {
            file: self.config,
            data: self.data,
            store: self.store,
        })?;
        match self.command {
            // `main` handles it before this point.
            Command::DecodeChild => Ok(ExitCode::FAILURE),
            Command::Shots(args) => shots::run(&config, args).await,
            Command::Redact(args) => redact::run(&config, *args).await,
            Command::Models(args) => models::run(&config, args).await,
            Command::Migrate(args) => migrate::run(&config, args).await,
            Command::Store(args) => store::run(&App::open_existing(config).await?, args).await,
            Command::Doctor(args) => doctor::run(config, args).await,
            Command::Ingest(args) => ingest::run(&App::open(config).await?, args).await,
            Command::Watch(args) => watch::run(&App::open(config).await?, args).await,
            Command::Search(args) => {
                search::run_search(&App::open_existing(config).await?, args).await
            }
            Command::Similar(args) => {
                search::run_similar(&App::open_existing(config).await?, args).await
            }
            Command::MatchCuts(args) => {
                match_cuts::run(&App::open_existing(config).await?, args).await
            }
            Command::Duplicates(args) => {
                duplicates::run(&App::open_existing(config).await?, args).await
            }
            Command::Learnt(args) => learnt::run(&App::open_existing(config).await?, args).await,
            Command::Show(args) => show::run(&App::open_existing(config).await?, args).await,
            Command::Bin(args) => bin::run(&App::open_existing(config).await?, args).await,
            Command::Export(args) => export::run(&App::open_existing(config).await?, args).await,
            Command::Subtitles(args) => {
                subtitles::run(&App::open_existing(config).await?, args).await
            }
            Command::Transcript(args) => {
                transcript::run(&App::open_existing(config).await?, args).await
            }
            Command::Titles(args) => titles::run(&App::open_existing(config).await?, args).await,
            Command::People(args) => people::run(&App::open_existing(config).await?, args).await,
            Command::Jobs(args) => jobs::run(&App::open_existing(config).await?, args).await,
            Command::Delete(args) => delete::run(&App::open_existing(config).await?, args).await,
            Command::Serve(args) => serve::run(config, args).await,
            Command::Mcp(args) => mcp::run(App::open(config).await?, args).await,
            Command::Work(args) => work::run(config, args).await,
            Command::Key(args) => key::run(&App::open(config).await?, args).await,
            Command::Index(args) => index::run(&App::open_existing(config).await?, args).await,
        }
    }
}
