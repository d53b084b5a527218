//! The message for JSON, or for a query, that is not what a request takes.
//!
//! The framework answers with the words of the parser, behind the path of the field. They are put into ours here, in
//! one place, and the field is named.

/// What begins the framework's words.
const BEGINNINGS: &[(&str, &str)] = &[
    (
        "Failed to deserialize the JSON body into the target type: ",
        "",
    ),
    ("Failed to deserialize query string: ", ""),
    (
        "Failed to parse the request body as JSON: ",
        "the body is not JSON: ",
    ),
];
/// Types as the parser calls them, and as others do.
const TYPES: &[(&str, &str)] = &[
    ("usize", "a whole number that is not negative"),
    ("u64", "a whole number that is not negative"),
    ("u32", "a whole number that is not negative"),
    ("i64", "a whole number"),
    ("f64", "a number"),
    ("f32", "a number"),
    ("a sequence", "a list"),
    ("sequence", "a list"),
    ("a map", "an object"),
    ("map", "an object"),
];

/// A wrong field, and what is wrong with it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Explained {
    /// Where it is: `settings.classes[0]`. None if the whole is wrong.
    pub(super) field: Option<String>,
    /// For people.
    pub(super) detail: String,
}

/// Puts a parser's words into ours. What is not known stays as it is.
pub(super) fn explain(text: &str) -> Explained {
    let (text, ours) = BEGINNINGS
        .iter()
        .find_map(|(theirs, ours)| Some((text.strip_prefix(theirs)?, *ours)))
        .unwrap_or((text, ""));
    let at = [
        "unknown field `",
        "missing field `",
        "duplicate field `",
        "unknown variant `",
        "invalid type: ",
        "invalid value: ",
        "invalid length ",
    ]
    .iter()
    .filter_map(|words| text.find(words))
    .min();
    let explained = at.and_then(|at| {
        let path = text[..at].strip_suffix(": ").unwrap_or_default();
        one(path, without_place(&text[at..]))
    });
    explained.unwrap_or_else(|| Explained {
        field: None,
        detail: format!("{ours}{text}"),
    })
}

fn one(path: &str, what: &str) -> Option<Explained> {
    let (field, detail) = if let Some(rest) = what.strip_prefix("unknown field `") {
        let (name, expected) = rest.split_once('`')?;
        // The path leads to the field itself where the parser got as far.
        let field = if path.is_empty() { name } else { path };
        let known = names(expected.strip_prefix(", expected ").unwrap_or_default());
        let known = if known.is_empty() {
            "there are no fields here".to_owned()
        } else {
            format!("the fields are {known}")
        };
        let detail = format!("there is no field `{field}`; {known}");
        (field.to_owned(), detail)
    } else if let Some(rest) = what.strip_prefix("missing field `") {
        let (name, _) = rest.split_once('`')?;
        let field = if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        };
        let detail = format!("the field `{field}` is missing");
        (field, detail)
    } else if let Some(rest) = what.strip_prefix("duplicate field `") {
        let (name, _) = rest.split_once('`')?;
        let field = if path.is_empty() { name } else { path };
        (
            field.to_owned(),
            format!("the field `{field}` is given twice"),
        )
    } else if let Some(rest) = what.strip_prefix("unknown variant `") {
        let (name, expected) = rest.split_once('`')?;
        let known = names(expected.strip_prefix(", expected ")?);
        wrong(path, &format!("`{name}` is none of {known}"))
    } else {
        let (found, expected) = what.rsplit_once(", expected ")?;
        let found = found.split_once(": ").map_or(found, |(_, found)| found);
        let expected = TYPES
            .iter()
            .find(|(theirs, _)| *theirs == expected)
            .map_or(expected, |(_, ours)| *ours);
        let expected = match expected.strip_prefix("struct ") {
            Some(_its_name) => "an object",
            None => expected,
        };
        wrong(path, &format!("{found}, where {expected} belongs"))
    };
    Some(Explained {
        field: (!field.is_empty()).then_some(field),
        detail,
    })
}

fn wrong(path: &str, why: &str) -> (String, String) {
    let detail = if path.is_empty() {
        format!("a value is wrong: {why}")
    } else {
        format!("the field `{path}` has a wrong value: {why}")
    };
    (path.to_owned(), detail)
}

/// "one of `a`, `b`", "`a` or `b`" and "`a`" as a plain list.
fn names(expected: &str) -> String {
    let list = expected.strip_prefix("one of ").unwrap_or(expected);
    if list == "there are no fields" {
        return String::new();
    }
    list.replace("` or `", "`, `")
}

/// Without the line and column at the end, which the name of the field makes superfluous.
fn without_place(what: &str) -> &str {
    match what.rsplit_once(" at line ") {
        Some((before, place)) if place.starts_with(|c: char| c.is_ascii_digit()) => before,
        Some(_) | None => what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parsers_words_become_ours_and_the_field_is_named() {
        let json = "Failed to deserialize the JSON body into the target type: ";
        for (theirs, field, ours) in [
            (
                format!(
                    "{json}colour: unknown field `colour`, expected one of `text`, `shot` at line 1 column 20"
                ),
                Some("colour"),
                "there is no field `colour`; the fields are `text`, `shot`",
            ),
            (
                "unknown field `ad`, expected `add` or `remove`".to_owned(),
                Some("ad"),
                "there is no field `ad`; the fields are `add`, `remove`",
            ),
            (
                format!("{json}missing field `uri` at line 1 column 2"),
                Some("uri"),
                "the field `uri` is missing",
            ),
            (
                format!("{json}settings.add[0]: missing field `class` at line 1 column 2"),
                Some("settings.add[0].class"),
                "the field `settings.add[0].class` is missing",
            ),
            (
                format!(
                    "{json}limit: invalid type: string \"ten: at line 3\", expected usize at line 1 column 30"
                ),
                Some("limit"),
                "the field `limit` has a wrong value: string \"ten: at line 3\", where a whole number that is not negative belongs",
            ),
            (
                "Failed to deserialize query string: limit: invalid digit found in string"
                    .to_owned(),
                None,
                "limit: invalid digit found in string",
            ),
            (
                "Failed to parse the request body as JSON: EOF while parsing at line 1 column 9"
                    .to_owned(),
                None,
                "the body is not JSON: EOF while parsing at line 1 column 9",
            ),
        ] {
            let explained = explain(&theirs);
            assert_eq!(explained.field.as_deref(), field, "{theirs}");
            assert_eq!(explained.detail, ours, "{theirs}");
        }
    }
}
