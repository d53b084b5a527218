//! The names of a tagger's classes.

use std::path::Path;

use crate::error::{ModelError, TaggerError};
use crate::manifest::{ClassNames, Manifest};
use crate::store::{ModelStore, StoreError};

/// The column of names in AudioSet's tables, and that of their numbers.
const NAME: &str = "display_name";
const INDEX: &str = "index";

/// The names, in the order of the scores.
///
/// # Errors
/// The list is not installed, or cannot be understood.
pub(super) fn names(
    store: &ModelStore,
    manifest: &Manifest,
    classes: &ClassNames,
) -> Result<Vec<String>, ModelError> {
    let file = match classes {
        ClassNames::Listed(names) => return Ok(names.clone()),
        ClassNames::InFile { file } => file,
    };
    let path = store.file(manifest, file)?;
    let bytes = std::fs::read(&path).map_err(|e| StoreError::io("read", &path, e))?;
    read(&path, &bytes).map_err(|problem| {
        TaggerError::Classes {
            model: manifest.id.clone(),
            path,
            problem,
        }
        .into()
    })
}

fn read(path: &Path, bytes: &[u8]) -> Result<Vec<String>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_binary| "it is not UTF-8".to_owned())?;
    let names = if path.extension().is_some_and(|end| end == "csv") {
        table(text)?
    } else {
        let lines = text.lines().map(str::trim);
        lines
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect()
    };
    if names.is_empty() {
        return Err("it names no class".to_owned());
    }
    Ok(names)
}

fn table(text: &str) -> Result<Vec<String>, String> {
    let mut table = csv::Reader::from_reader(text.as_bytes());
    let header = table.headers().map_err(|e| e.to_string())?;
    let column = |name: &str| header.iter().position(|one| one.trim() == name);
    let (index, name) = (column(INDEX), column(NAME));
    let name = name.ok_or_else(|| format!("it has no column {NAME}"))?;
    let mut names = Vec::new();
    for row in table.records() {
        let row = row.map_err(|e| e.to_string())?;
        let place = index.and_then(|index| row.get(index));
        if let Some(place) = place
            && place.trim().parse() != Ok(names.len())
        {
            return Err(format!(
                "row {} has the {INDEX} {place:?}; the rows must be in the order of the scores, from 0",
                names.len()
            ));
        }
        let name = row.get(name).unwrap_or_default().trim();
        names.push(name.to_owned());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_as(name: &str, text: &str) -> Result<Vec<String>, String> {
        read(Path::new(name), text.as_bytes())
    }

    #[test]
    fn names_come_from_a_table_of_audioset_or_from_lines() {
        let table = "index,mid,display_name\n0,/m/09x0r,Speech\n1,/m/032s66,\"Gunshot, gunfire\"\n";
        let names = ["Speech", "Gunshot, gunfire"];
        assert_eq!(read_as("classes.csv", table).unwrap(), names);
        assert_eq!(
            read_as("classes.txt", "Speech\r\n\nGunshot, gunfire\n").unwrap(),
            names
        );
    }

    #[test]
    fn a_list_that_cannot_be_understood_is_refused_with_the_reason() {
        let refused = |name: &str, text: &str| read_as(name, text).unwrap_err();
        assert!(refused("a.csv", "number,name\n0,Speech\n").contains("no column display_name"));
        let late = refused("a.csv", "index,display_name\n1,Speech\n");
        assert!(late.contains("row 0 has the index \"1\""), "{late}");
        assert!(refused("a.txt", "\n\n").contains("no class"));
        assert!(
            read(Path::new("a.txt"), &[0xff, 0xfe])
                .unwrap_err()
                .contains("UTF-8")
        );
    }
}
