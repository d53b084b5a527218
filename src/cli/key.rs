//! `rushes key`.

use std::io::Write as _;
use std::process::ExitCode;

use secrecy::{ExposeSecret as _, SecretString};

use super::output;
use crate::app::App;
use crate::catalog::keys::{self, Grant, Key, KeyScope};
use crate::catalog::now_ms;

/// Arguments of `key`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rushes key create panel --scope read,write > panel.key     the secret, shown this once
  rushes key create agency --scope read --title \"Big Buck Bunny\" --days 30
  rushes key create gpu-1 > gpu-1.key      for a worker on another machine
  rushes key rotate panel > panel.key      another secret; the old one opens nothing any more
  rushes key list
  rushes key revoke gpu-1                  its workers stop")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make a key, and print its secret
    Create {
        /// What to call it: letters, digits, '.', '_' and '-'
        name: String,
        /// What it is good for; write includes read, admin includes everything
        #[arg(long, value_delimiter = ',', default_value = "work")]
        scope: Vec<KeyScope>,
        /// Only for this title (id or name); may be given more than once
        #[arg(long, value_name = "TITLE")]
        title: Vec<String>,
        /// Days until it expires [default: never]
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=36_500))]
        days: Option<u32>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List the keys, revoked ones too
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Give a key another secret, and print it; the old one opens nothing any more
    Rotate {
        /// Its name
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Let nobody in with this key any more
    Revoke {
        /// Its name
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Create {
            name,
            scope,
            title,
            days,
            json,
        } => create(app, &name, (scope, &title, days), json).await,
        Command::Rotate { name, json } => rotate(app, &name, json).await,
        Command::List { json } => list(app, json).await,
        Command::Revoke { name, json } => revoke(app, &name, json).await,
    }?;
    Ok(ExitCode::SUCCESS)
}

async fn create(
    app: &App,
    name: &str,
    (scopes, names, days): (Vec<KeyScope>, &[String], Option<u32>),
    json: bool,
) -> anyhow::Result<()> {
    let mut tx = app.catalog.begin().await?;
    let grant = Grant::for_titles(&mut tx, scopes, names, days).await?;
    let (key, secret) = keys::create(&mut tx, name, &grant).await?;
    tx.commit().await?;
    show(&key, &secret, json)
}

async fn rotate(app: &App, name: &str, json: bool) -> anyhow::Result<()> {
    let mut tx = app.catalog.begin().await?;
    let (key, secret) = keys::rotate(&mut tx, name).await?;
    tx.commit().await?;
    show(&key, &secret, json)
}

fn show(key: &Key, secret: &SecretString, json: bool) -> anyhow::Result<()> {
    if json {
        return output::json(&serde_json::json!({ "key": key, "secret": secret.expose_secret() }));
    }
    // Apart from the secret, so that the output can go into a file as it is. Losing the remark loses nothing.
    let remark = "this secret is shown once; send it as `authorization: Bearer SECRET`, or give it to a worker with \
                  --key-file or RUSHES_KEY";
    writeln!(std::io::stderr(), "{remark}").ok();
    output::line(secret.expose_secret());
    Ok(())
}

async fn list(app: &App, json: bool) -> anyhow::Result<()> {
    let mut db = app.catalog.read().await?;
    let keys = keys::list(&mut db).await?;
    if json {
        return output::json(&serde_json::json!({ "keys": keys }));
    }
    let now = now_ms();
    let rows = keys.into_iter().map(|key| {
        let state = if key.revoked_at.is_some() {
            "revoked"
        } else if key.expires_at.is_some_and(|at| at <= now) {
            "expired"
        } else {
            "in use"
        };
        let titles = if key.all_titles { "all" } else { "some" };
        vec![
            key.name.clone(),
            key.scope.to_string(),
            titles.to_owned(),
            state.to_owned(),
            ago(now, Some(key.created_at)),
            ago(now, key.last_used_at),
        ]
    });
    output::table(
        &["name", "scopes", "titles", "state", "made", "last used"],
        rows.collect(),
    );
    Ok(())
}

async fn revoke(app: &App, name: &str, json: bool) -> anyhow::Result<()> {
    let mut tx = app.catalog.begin().await?;
    let key: Key = keys::revoke(&mut tx, name).await?;
    tx.commit().await?;
    if json {
        return output::json(&serde_json::json!({ "key": key }));
    }
    output::line(&format!("revoked {name}"));
    Ok(())
}

/// How long before `now`, in the largest unit that says something.
fn ago(now: i64, then: Option<i64>) -> String {
    let Some(then) = then else {
        return "never".to_owned();
    };
    let minutes = (now - then).max(0) / 60_000;
    match minutes {
        0 => "just now".to_owned(),
        1..60 => format!("{minutes} min ago"),
        60..2880 => format!("{} h ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_the_largest_unit_that_says_something() {
        let minute = 60_000;
        for (minutes, text) in [
            (0, "just now"),
            (59, "59 min ago"),
            (60, "1 h ago"),
            (2879, "47 h ago"),
            (2880, "2 days ago"),
        ] {
            assert_eq!(ago(minutes * minute, Some(0)), text);
        }
        assert_eq!(ago(0, None), "never");
    }
}
