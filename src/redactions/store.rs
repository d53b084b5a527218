//! Where originals and results of redactions lie.

use std::fmt::Display;

use super::RedactionError;
use crate::catalog::RedactionId;

/// Everything of a redaction.
pub(super) fn prefix(id: &RedactionId) -> String {
    format!("redactions/{id}")
}

/// The folder of an uploaded original.
pub(super) fn original_folder(id: &RedactionId, ordinal: impl Display) -> String {
    format!("{}/in/{ordinal}", prefix(id))
}

pub(super) fn original_key(id: &RedactionId, ordinal: impl Display) -> String {
    format!("{}/picture", original_folder(id, ordinal))
}

/// The folder of a file's results.
pub(super) fn result_folder(id: &RedactionId, ordinal: impl Display) -> String {
    format!("{}/out/{ordinal}", prefix(id))
}

pub(super) fn picture_key(id: &RedactionId, ordinal: impl Display) -> String {
    format!("{}/picture", result_folder(id, ordinal))
}

pub(super) fn record_key(id: &RedactionId, ordinal: impl Display) -> String {
    format!("{}/record.json", result_folder(id, ordinal))
}

/// An output prefix without its last slash, if results below it cannot overwrite any input.
pub(super) fn checked(output: &str, inputs: &[String]) -> Result<String, RedactionError> {
    let prefix = output.trim_end_matches('/');
    let plain = prefix.strip_prefix("s3://").is_some_and(|rest| {
        // One spelling of each place only, so that it can be compared.
        rest.split('/').all(|part| {
            !matches!(part, "" | "." | "..") && !part.contains(|c: char| c == '%' || c.is_control())
        })
    });
    if !plain {
        return Err(RedactionError::Output(format!(
            "{output}: results are written to a plain s3://bucket/prefix/, or kept here if none is named"
        )));
    }
    let below = |inner: &str, outer: &str| {
        inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    for input in inputs.iter().map(|input| input.trim_end_matches('/')) {
        if below(input, prefix) || below(prefix, input) {
            return Err(RedactionError::Output(format!(
                "{output}: results could overwrite originals at {input}; choose a prefix apart from the inputs"
            )));
        }
    }
    Ok(prefix.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_never_lie_among_originals() {
        let inputs = ["s3://b/in/".to_owned(), "s3://b/one.jpg".to_owned()];
        assert_eq!(checked("s3://b/out/", &inputs).unwrap(), "s3://b/out");
        assert!(checked("s3://b/input", &inputs).is_ok());
        for bad in [
            "s3://b/in",
            "s3://b/in/out/",
            "s3://b/",
            "s3://b//in",
            "s3://b/x/../in",
            "s3://b/%69n",
            "/tmp/out",
            "store:runs",
            "s3://",
        ] {
            assert!(checked(bad, &inputs).is_err(), "{bad}");
        }
    }
}
