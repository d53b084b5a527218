//! Output: JSON for programs, tables for people.

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

/// Prints a line of text.
pub(super) fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush()) {
        leave(&error);
    }
}

/// Prints an error to standard error; standard output is for results.
pub(super) fn complain(text: &str) {
    // If this cannot be written either, the exit code must suffice.
    writeln!(std::io::stderr(), "rushes: {text}").ok();
}

/// Asks a question on the terminal, and whether the answer is yes.
pub(super) fn ask(question: &str) -> std::io::Result<bool> {
    let mut terminal = std::io::stderr();
    terminal.write_all(question.as_bytes())?;
    terminal.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
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
        // Piped output is for grep, so do not wrap it.
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    table.add_rows(rows);
    line(&table.to_string());
}

/// The reader has closed the pipe (`rushes … | head`). Nothing is left to do, and it is not an error.
#[expect(clippy::exit, reason = "the reader closed the pipe")]
fn leave(error: &std::io::Error) {
    std::process::exit(i32::from(error.kind() != ErrorKind::BrokenPipe));
}
