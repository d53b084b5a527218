//! Writing results: JSON for programs, tables for people.

use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal as _, Write as _};

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;

/// Prints one JSON document.
pub(super) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Prints a line for a person.
pub(super) fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush()) {
        leave(&error);
    }
}

/// Tells a person what went wrong, where standard output is for results.
pub(super) fn complain(text: &str) {
    // If even this cannot be written, the exit code has to do.
    writeln!(std::io::stderr(), "rushes: {text}").ok();
}

/// A number with its noun: `1 file`, `2 files`.
pub(super) fn count<N: Copy + Display + PartialEq + From<u8>>(number: N, noun: &str) -> String {
    let ending = if number == N::from(1) { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

/// Prints a table.
pub(super) fn table(headers: &[&str], rows: Vec<Vec<String>>) {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(headers);
    if !std::io::stdout().is_terminal() {
        // Piped output is for grep: no wrapping.
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    table.add_rows(rows);
    line(&table.to_string());
}

/// Nobody reads any more (`rushes … | head`): there is nothing left to do, and nothing went wrong.
#[expect(clippy::exit, reason = "the reader of our output has left")]
fn leave(error: &std::io::Error) {
    std::process::exit(i32::from(error.kind() != ErrorKind::BrokenPipe));
}
