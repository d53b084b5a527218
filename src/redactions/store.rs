//! Where originals and results of redactions lie.

use std::fmt::Display;

use rushes_workers::redact::RECORD_SUFFIX;

use super::RedactionError;
use crate::catalog::RedactionId;
use crate::catalog::redactions::RedactionFile;

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

/// The folder of the results of a file.
pub(super) fn result_folder(id: &RedactionId, ordinal: impl Display) -> String {
    format!("{}/out/{ordinal}", prefix(id))
}

/// The folder of the results of one attempt at a file, which no other attempt writes to.
pub(super) fn attempt_folder(file: &RedactionFile) -> String {
    let folder = result_folder(&file.redaction_id, file.ordinal);
    format!("{folder}/{}", file.token)
}

/// Name of a result that is kept here, but for the extension of a video whose container changed: names that clients
/// give are not those of files.
pub(super) const KEPT: &str = "output";

/// Keys of the result of a file that is through, and of its record.
#[must_use]
pub fn result_keys(file: &RedactionFile) -> (String, String) {
    match &file.result {
        Some(name) => {
            let result = format!("{}/{name}", attempt_folder(file));
            let record = format!("{result}{RECORD_SUFFIX}");
            (result, record)
        }
        // As earlier versions kept them.
        None => {
            let folder = result_folder(&file.redaction_id, file.ordinal);
            (format!("{folder}/picture"), format!("{folder}/record.json"))
        }
    }
}

/// What people call the result of a file that is through and kept here: its own name, and the extension of a video whose container changed.
#[must_use]
pub fn shown_name(file: &RedactionFile) -> String {
    let extension = file
        .result
        .as_deref()
        .and_then(|name| name.strip_prefix(KEPT));
    format!("{}{}", file.name, extension.unwrap_or_default())
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
    use crate::catalog::redactions::RedactionState;

    #[test]
    fn results_of_earlier_versions_are_found_where_they_are() {
        let mut file = RedactionFile {
            redaction_id: "01KAX7Q0Z3ABCDEFGHJKMNPQRS".parse().unwrap(),
            ordinal: 4,
            name: "trip/a.avi".to_owned(),
            source: None,
            state: RedactionState::Done,
            attempts: 1,
            token: 2,
            regions: Some(1),
            done: 0,
            result: None,
            media_type: Some("image/jpeg".to_owned()),
            failure_kind: None,
            failure_code: None,
            reason: None,
        };
        let below = "redactions/01KAX7Q0Z3ABCDEFGHJKMNPQRS/out/4";
        let keys = |names: [&str; 2]| {
            let [result, record] = names.map(|name| format!("{below}/{name}"));
            (result, record)
        };
        assert_eq!(result_keys(&file), keys(["picture", "record.json"]));
        assert_eq!(shown_name(&file), "trip/a.avi");
        file.result = Some("output.mp4".to_owned());
        let expected = keys(["2/output.mp4", "2/output.mp4.redaction.json"]);
        assert_eq!(result_keys(&file), expected);
        assert_eq!(shown_name(&file), "trip/a.avi.mp4");
    }

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
