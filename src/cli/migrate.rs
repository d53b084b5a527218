//! `rushes migrate`.

use std::process::ExitCode;

use super::progress::RowProgress;
use super::{output, work};
use crate::app::{CatalogDestination, MovedCatalog, move_catalog};
use crate::catalog::transfer::TransferProgress;
use crate::config::Config;

/// Arguments of `migrate`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "\
Move the catalogue to PostgreSQL, to another server of it, or back to a file

Everything in the catalogue of the settings is copied: the file in the data folder, or the database in catalog.url. \
Nobody may use it meanwhile. The copy is made in one transaction, read back and compared, table by table. If anything \
fails, or with Ctrl-C, the target stays empty. The source is only read, and can be kept as a backup.

The index, the store and the data folder stay where they are, and no video is processed again.",
    after_help = "\
Examples:
  createdb --encoding UTF8 rushes
  rushes migrate --to postgres://rushes@localhost/rushes     the password in PGPASSWORD or ~/.pgpass
  RUSHES_CATALOG__URL=postgres://rushes@localhost/rushes rushes migrate --to sqlite
  rushes migrate --to postgres://rushes@db-2/rushes --json   tables, rows and digests"
)]
pub(super) struct Args {
    /// Where to: an empty database, `postgres://user:password@host/database`, or `sqlite` for a file in the data folder
    #[arg(long, value_name = "URL|sqlite")]
    to: CatalogDestination,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(config: &Config, args: Args) -> anyhow::Result<ExitCode> {
    let progress = RowProgress::new(args.json);
    let mut report = |now: TransferProgress<'_>| {
        progress.show(now.table, now.done, now.total);
    };
    let moved = tokio::select! {
        moved = Box::pin(move_catalog(config, &args.to, &mut report)) => Some(moved),
        signalled = work::interrupted() => {
            signalled?;
            None
        }
    };
    progress.finish();
    let Some(moved) = moved else {
        output::complain(
            "interrupted; the source is unchanged, and the target is as empty as it was, unless this came in its last moment: then it \
             is complete",
        );
        return Ok(ExitCode::from(130));
    };
    show(&moved?, &args)?;
    Ok(ExitCode::SUCCESS)
}

fn show(moved: &MovedCatalog, args: &Args) -> anyhow::Result<()> {
    let MovedCatalog { from, to, tables } = moved;
    let rows: u64 = tables.iter().map(|table| table.rows).sum();
    if args.json {
        return output::json(&serde_json::json!({
            "from": from, "to": to, "rows": rows, "tables": tables,
        }));
    }
    let listed = tables.iter().map(|table| {
        vec![
            table.table.clone(),
            table.rows.to_string(),
            table.digest.clone(),
        ]
    });
    output::table(
        &["table", "rows", "BLAKE3, the same in both"],
        listed.collect(),
    );
    output::line(&format!(
        "moved {} in {} from {from} to {to}",
        output::count(rows, "row"),
        output::count(tables.len() as u64, "table")
    ));
    output::line(match args.to {
        CatalogDestination::Database(_) => {
            "now set catalog.url, or RUSHES_CATALOG__URL, to the address that --to had; until then rushes uses the old one"
        }
        CatalogDestination::File => {
            "now remove catalog.url from the settings, and RUSHES_CATALOG__URL from the environment; until then rushes uses \
             the old one"
        }
    });
    output::line(&format!(
        "{from} is unchanged and can be kept as a backup; the index stays valid"
    ));
    Ok(())
}
