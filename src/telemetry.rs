//! The metrics of this process: every name, kind, unit and help text.

use metrics::{KeyName, SharedString, Unit};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A metric with its description.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Metric {
    /// The name to record under.
    pub(crate) name: &'static str,
    kind: Kind,
    unit: Unit,
    help: &'static str,
}

const fn metric(kind: Kind, name: &'static str, unit: Unit, help: &'static str) -> Metric {
    Metric {
        name,
        kind,
        unit,
        help,
    }
}

/// Defines a constant per metric, and the table of all of them.
macro_rules! recorded_here {
    ($($constant:ident: $kind:ident, $name:literal, $unit:ident, $help:literal;)+) => {
        $(pub(crate) const $constant: Metric = metric(Kind::$kind, $name, Unit::$unit, $help);)+
        /// The metrics of this crate, by the name of the constant.
        const OURS: &[(&str, Metric)] = &[$((stringify!($constant), $constant)),+];
    };
}

recorded_here! {
    RUNS: Gauge, "rushes_runs", Count, "Runs, by queue and state.";
    RUNS_TOTAL: Counter, "rushes_runs_total", Count, "Runs that ended, by feature and outcome.";
    INDEX_VECTORS: Gauge, "rushes_index_vectors", Count, "Searchable vectors.";
    INDEX_SEQ: Gauge, "rushes_index_seq", Count, "The last indexed change of the catalogue.";
    SEARCH_SECONDS: Histogram, "rushes_search_seconds", Seconds, "Duration of a search.";
    HTTP_REQUESTS_TOTAL: Counter, "rushes_http_requests_total", Count, "Requests answered, by status.";
    REDACTED_PICTURES_TOTAL: Counter, "rushes_redacted_pictures_total", Count,
        "Attempts to redact pictures and videos of batches, by outcome.";
}

/// The metrics that `rushes-models` records about its encoders. That crate does not know the recorder.
const DEVICES: [Metric; 8] = [
    metric(
        Kind::Counter,
        "rushes_device_pictures_total",
        Unit::Count,
        "Pictures encoded.",
    ),
    metric(
        Kind::Counter,
        "rushes_device_batches_total",
        Unit::Count,
        "Batches encoded.",
    ),
    metric(
        Kind::Counter,
        "rushes_device_halved_batches_total",
        Unit::Count,
        "Batches halved for lack of memory.",
    ),
    metric(
        Kind::Gauge,
        "rushes_device_busy_seconds",
        Unit::Seconds,
        "Time the encoder spent computing.",
    ),
    metric(
        Kind::Gauge,
        "rushes_device_waiting_seconds",
        Unit::Seconds,
        "Time the encoder spent waiting for pictures.",
    ),
    metric(
        Kind::Gauge,
        "rushes_device_busy_fraction",
        Unit::Count,
        "Share of the last seconds that the encoder spent computing, 0 to 1.",
    ),
    metric(
        Kind::Gauge,
        "rushes_device_batch_fill",
        Unit::Count,
        "Size of recent batches as a share of the largest, 0 to 1.",
    ),
    metric(
        Kind::Gauge,
        "rushes_device_queue_depth",
        Unit::Count,
        "Pictures waiting for the encoder.",
    ),
];

fn all() -> impl Iterator<Item = Metric> {
    OURS.iter().map(|(_, metric)| *metric).chain(DEVICES)
}

/// Describes all metrics to the recorder of this process.
pub(crate) fn describe() {
    metrics::with_recorder(|recorder| {
        for Metric {
            name,
            kind,
            unit,
            help,
        } in all()
        {
            let (name, help) = (KeyName::from(name), SharedString::from(help));
            match kind {
                Kind::Counter => recorder.describe_counter(name, Some(unit), help),
                Kind::Gauge => recorder.describe_gauge(name, Some(unit), help),
                Kind::Histogram => recorder.describe_histogram(name, Some(unit), help),
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use super::*;

    /// The files of a crate.
    fn sources(folder: &str) -> Vec<String> {
        let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap());
        walkdir::WalkDir::new(root.join(folder))
            .into_iter()
            .map(|entry| entry.unwrap().into_path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect()
    }

    /// How the macros of this kind are called, in all files of a crate.
    fn recorded(folder: &str, kind: &str) -> Vec<String> {
        // Assembled at run time, because this test would otherwise find itself.
        let call = format!("metrics::{kind}!(");
        let first = |rest: &str| rest.split([',', ')']).next().unwrap().trim().to_owned();
        sources(folder)
            .iter()
            .flat_map(|text| text.split(&call).skip(1).map(first).collect::<Vec<_>>())
            .collect()
    }

    #[test]
    fn every_metric_that_is_recorded_is_described_and_no_other() {
        let mut seen = BTreeSet::new();
        for (kind, name) in [
            (Kind::Counter, "counter"),
            (Kind::Gauge, "gauge"),
            (Kind::Histogram, "histogram"),
        ] {
            for argument in recorded("src", name) {
                let constant = argument
                    .strip_prefix("telemetry::")
                    .and_then(|rest| rest.strip_suffix(".name"))
                    .unwrap_or_else(|| panic!("{argument} belongs into telemetry.rs"));
                let (_, metric) = OURS.iter().find(|(found, _)| *found == constant).unwrap();
                assert_eq!(metric.kind, kind, "{argument}");
                seen.insert(metric.name);
            }
            for argument in ["workers/src", "models/src"]
                .map(|folder| recorded(folder, name))
                .concat()
            {
                let metric = DEVICES
                    .iter()
                    .find(|metric| format!("{:?}", metric.name) == argument)
                    .unwrap_or_else(|| panic!("{argument} is described nowhere"));
                assert_eq!(metric.kind, kind, "{argument}");
                seen.insert(metric.name);
            }
        }
        assert_eq!(seen, all().map(|metric| metric.name).collect());
        assert_eq!(seen.len(), all().count(), "each name is there once");
    }
}
