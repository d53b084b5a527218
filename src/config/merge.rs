//! Merges file, environment and flags over the defaults, key by key.
//!
//! Each key is checked by itself, so that one wrong value does not hide the next.

use std::path::Path;

use toml::{Table, Value};

use super::{Config, ConfigError, Problem};

pub(super) fn file(file: &Path) -> Result<Table, ConfigError> {
    let text = std::fs::read_to_string(file).map_err(|source| ConfigError::Read {
        file: file.to_owned(),
        source,
    })?;
    text.parse().map_err(|mut source: toml::de::Error| {
        // The error shows the line, which may have a password.
        if text.contains("://") {
            source.set_input(None);
        }
        ConfigError::Syntax {
            file: file.to_owned(),
            source: Box::new(source),
        }
    })
}

/// Sets `SECTION__KEY` to the value of `text`: a number, a boolean, a list, or else a string.
pub(super) fn variable(table: &mut Table, path: &str, text: &str) {
    let mut keys: Vec<String> = path.split("__").map(str::to_lowercase).collect();
    let Some(last) = keys.pop() else { return };
    let mut table = table;
    for key in keys {
        let section = table
            .entry(key)
            .or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(section) = section else {
            return;
        };
        table = section;
    }
    let value = format!("x = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut parsed| parsed.remove("x"))
        .filter(|value| {
            !matches!(
                value,
                Value::Datetime(_) | Value::Table(_) | Value::Float(_)
            )
        });
    table.insert(
        last,
        value.unwrap_or_else(|| Value::String(text.to_owned())),
    );
}

/// The defaults with every valid key of `table` over them. The other keys become problems.
pub(super) fn typed(table: Table, problems: &mut Vec<Problem>) -> Config {
    let mut config = Config::default();
    for (key, value) in leaves(table) {
        let mut one = Value::Table(Table::new());
        set(&mut one, &key, value);
        let mut base = match Value::try_from(&config) {
            Ok(base) => base,
            Err(error) => {
                problems.push(problem(&key, &error.to_string()));
                continue;
            }
        };
        overlay(&mut base, one);
        match base.try_into::<Config>() {
            Ok(merged) => config = merged,
            Err(error) => problems.push(problem(&key, error.message())),
        }
    }
    config
}

fn problem(key: &[String], what: &str) -> Problem {
    Problem {
        key: key.join("."),
        what: what.trim().to_owned(),
    }
}

fn leaves(table: Table) -> Vec<(Vec<String>, Value)> {
    let mut found = Vec::new();
    for (key, value) in table {
        if let Value::Table(section) = value {
            for (mut path, leaf) in leaves(section) {
                path.insert(0, key.clone());
                found.push((path, leaf));
            }
        } else {
            found.push((vec![key], value));
        }
    }
    found
}

fn set(tree: &mut Value, path: &[String], leaf: Value) {
    let Some((first, rest)) = path.split_first() else {
        *tree = leaf;
        return;
    };
    if let Value::Table(table) = tree {
        let next = table
            .entry(first.clone())
            .or_insert_with(|| Value::Table(Table::new()));
        set(next, rest, leaf);
    }
}

fn overlay(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Table(base), Value::Table(over)) => {
            for (key, value) in over {
                match base.get_mut(&key) {
                    Some(slot) => overlay(slot, value),
                    None => {
                        base.insert(key, value);
                    }
                }
            }
        }
        (base, over) => *base = over,
    }
}
