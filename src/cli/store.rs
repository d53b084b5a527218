//! `rushes store`.

use std::process::ExitCode;

use rushes_workers::storage::{S3Options, Storage};
use tokio_util::sync::CancellationToken;

use super::progress::ObjectProgress;
use super::{output, work};
use crate::app::{App, StoreCopy, adopt_store, copy_store, is_engine_running};

/// Arguments of `store`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rushes store copy --to s3://features/rushes      the AWS_ variables are those of both stores
  rushes store copy --to file:///mnt/store         the same again resumes, and copies what is new
  rushes store adopt                               after the store was restored from a backup")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Copy clips, pictures, uploads and redactions to another store
    ///
    /// Every object is read back and compared after it was copied. One that is there already, with the same size and
    /// the same BLAKE3 of its bytes, is left alone, so a copy that was interrupted is resumed. Nothing is deleted in either store.
    /// The server may run meanwhile; stop it and copy once more before you change the setting.
    Copy {
        /// Where to: a folder, `file:///folder` or `s3://bucket/prefix`
        #[arg(long, value_name = "DIR|URL")]
        to: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make the store in the settings the one of the catalogue, after it was restored from a backup
    ///
    /// A catalogue in PostgreSQL refuses a store that it does not know. Objects that the catalogue refers to and that are not
    /// in the store are named, and then it is not adopted without `--yes`. Nobody else may work on the catalogue.
    Adopt {
        /// Adopt it although objects are missing
        #[arg(long)]
        yes: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Copy { to, json } => copy(app, to, json).await,
        Command::Adopt { yes, json } => adopt(app, (yes, json)).await,
    }
}

async fn adopt(app: &App, (yes, json): (bool, bool)) -> anyhow::Result<ExitCode> {
    let done = Box::pin(adopt_store(app, yes)).await?;
    let store = app.config.store_url();
    let is_adopted = yes || done.missing == 0;
    if json {
        output::json(&serde_json::json!({
            "store": store, "is_adopted": is_adopted, "missing": done.missing, "missing_keys": done.missing_keys,
        }))?;
    } else {
        if done.missing > 0 {
            output::line(&missing(&done, "are not in this store"));
        }
        output::line(&if is_adopted {
            format!("the catalogue's store is {store} now")
        } else {
            format!("{store} is not adopted; check storage.url, or adopt it as it is with --yes")
        });
    }
    Ok(if is_adopted {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Names objects that are missing, and says what to do.
fn missing(done: &StoreCopy, where_not: &str) -> String {
    let more = if done.missing > done.missing_keys.len() as u64 {
        " …"
    } else {
        ""
    };
    format!(
        "{} that the catalogue refers to {where_not}: {}{more}; to make them again, delete their videos and ingest them again",
        output::count(done.missing, "object"),
        done.missing_keys.join(", "),
    )
}

async fn copy(app: &App, to: String, json: bool) -> anyhow::Result<ExitCode> {
    let target = Storage::open(&to, S3Options::new(app.config.aws.settings()))?;
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let waiting = tokio::spawn(async move {
        let signalled = work::interrupted().await;
        if signalled.is_ok() {
            output::complain("finishing what is under way; Ctrl-C again ends at once");
        }
        stopping.cancel();
        signalled
    });
    let progress = ObjectProgress::new(json);
    let mut report = |done: &StoreCopy| progress.show(done.copied, done.same, done.bytes);
    let done = Box::pin(copy_store(app, &target, &stop, &mut report)).await;
    waiting.abort();
    progress.finish();
    let done = done?;
    let runs = is_engine_running(app).await?;
    if json {
        output::json(&serde_json::json!({
            "from": app.config.store_url(), "to": to, "is_engine_running": runs, "objects": done,
        }))?;
    } else {
        show(&done, (&to, runs));
    }
    Ok(match (done.is_stopped, done.missing) {
        (true, _) => ExitCode::from(130),
        (false, 0) => ExitCode::SUCCESS,
        (false, _) => ExitCode::FAILURE,
    })
}

fn show(done: &StoreCopy, (to, runs): (&str, bool)) {
    output::line(&format!(
        "copied {} ({}) to {to}; {} there already",
        output::count(done.copied, "object"),
        bytesize::ByteSize(done.bytes),
        done.same
    ));
    if done.is_stopped {
        output::line("interrupted; the same command resumes");
        return;
    }
    if done.missing > 0 {
        output::line(&missing(done, "are in neither store"));
    }
    if done.late > 0 {
        output::line(&format!(
            "{} were stored meanwhile; copy once more",
            output::count(done.late, "object")
        ));
    }
    if runs {
        output::line(
            "rushes is running and may store more in the old store: stop it, and copy once more; what is there already is only \
             compared",
        );
    }
    output::line(&format!(
        "the old store is unchanged; to work with the copy, set storage.url, RUSHES_STORAGE__URL or --store to {to}, here and \
         on all machines"
    ));
}
