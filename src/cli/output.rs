//! Writing results: JSON for programs, tables for people.

#![expect(clippy::print_stdout, reason = "this is where the command line speaks")]

use std::io::IsTerminal as _;

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;

/// Prints one JSON document.
pub(super) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Prints a line for a person.
pub(super) fn line(text: &str) {
    println!("{text}");
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
    println!("{table}");
}
