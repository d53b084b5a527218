//! The registry of fields: one row for each thing that can be filtered by and counted.
//!
//! In SQL, `a` is the asset, `t` its title, and `s` the shot, where the field is one of shots.

use super::FilterError;
use super::operand::Operand;
use crate::catalog::metadata::MetadataValue;

/// The name below which metadata are found: `metadata.NAME`.
const METADATA: &str = "metadata";

/// The type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// Text, compared without case of ASCII letters.
    Text,
    /// A number.
    Number,
    /// A span of time with its unit, such as `4s`.
    Duration,
    /// A day, such as `2026-01-01`, or a moment as in RFC 3339. In UTC.
    Date,
    /// Bytes, such as `1.5 GB`.
    Size,
    /// Frames per second, such as `25` or `24000/1001`.
    Rate,
    /// A share of the whole, such as `50%` or 0.5.
    Share,
    /// Text, a number, true or false: whatever it was stored as.
    Any,
}

impl FieldKind {
    /// Whether values can be greater or less than others.
    #[must_use]
    pub const fn has_order(self) -> bool {
        !matches!(self, Self::Text)
    }

    const fn expected(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "a number",
            Self::Duration => "a number with a unit, such as \"4s\", \"250ms\", \"2m\" or \"1h\"",
            Self::Date => {
                "a day such as \"2026-01-01\", or a moment such as \"2026-01-01T12:00:00Z\""
            }
            Self::Size => "a number of bytes, or a size such as \"1.5 GB\"",
            Self::Rate => "frames per second, such as 25 or \"24000/1001\"",
            Self::Share => "a share such as \"50%\" or 0.5",
            Self::Any => "text, a finite number, true or false",
        }
    }
}

/// Where the values of a field come from.
#[derive(Debug)]
pub(super) enum Source {
    /// An expression.
    One(&'static str),
    /// A query with the column `value`. For metadata it also has the column `type`.
    Many(&'static str),
}

/// A field.
#[derive(Debug)]
pub(super) struct FieldRow {
    pub(super) name: &'static str,
    aliases: &'static [&'static str],
    kind: FieldKind,
    pub(super) source: Source,
    /// Whether it differs between the shots of an asset.
    per_shot: bool,
    /// The expression that facets count, if not the source itself.
    pub(super) counted: Option<&'static str>,
    /// The only values, if they are known.
    choices: &'static [&'static str],
    /// What every asset with a value fulfils. It is checked once for each asset, and not for each of its shots.
    precondition: Option<&'static str>,
    /// What a value names, if something must have this name.
    names: Option<&'static str>,
    /// The list that facets count, if it is not the source itself.
    listed: Option<&'static str>,
    /// Whether it is about people, of whom nothing is known while their sense is off.
    of_people: bool,
}

const fn row(name: &'static str, kind: FieldKind, source: Source) -> FieldRow {
    FieldRow {
        name,
        aliases: &[],
        kind,
        source,
        per_shot: false,
        counted: None,
        choices: &[],
        precondition: None,
        names: None,
        listed: None,
        of_people: false,
    }
}

/// An expression on the sound of a shot.
macro_rules! sound {
    ($value:literal) => {
        concat!(
            "(SELECT ",
            $value,
            " FROM published p JOIN sounds x ON x.run_id = p.run_id
               WHERE p.asset_id = a.id AND p.feature = 'sound' AND x.start_frame = s.start_frame)"
        )
    };
}

/// A field of the sound of shots.
const fn of_sound(
    name: &'static str,
    kind: FieldKind,
    value: &'static str,
    counted: Option<&'static str>,
) -> FieldRow {
    FieldRow {
        per_shot: true,
        counted,
        ..row(name, kind, Source::One(value))
    }
}

/// Fields of titles and assets.
static OF_ASSETS: [FieldRow; 11] = [
    FieldRow {
        counted: Some("t.name"),
        names: Some("title"),
        ..row(
            "title",
            FieldKind::Text,
            Source::Many("SELECT t.name AS value UNION ALL SELECT t.id"),
        )
    },
    FieldRow {
        counted: Some("a.id"),
        names: Some("asset"),
        ..row(
            "asset",
            FieldKind::Text,
            Source::Many("SELECT a.id AS value UNION ALL SELECT id FROM aliases WHERE asset_id = a.id"),
        )
    },
    FieldRow {
        aliases: &["added"],
        ..row("date", FieldKind::Date, Source::One("a.created_at"))
    },
    row(
        "duration",
        FieldKind::Duration,
        Source::One(
            "(SELECT CAST(r.output ->> '$.info.duration_ms' AS BIGINT) FROM published p JOIN runs r ON r.id = p.run_id
               WHERE p.asset_id = a.id AND p.feature = 'probe')",
        ),
    ),
    row("size", FieldKind::Size, Source::One("a.size")),
    FieldRow {
        aliases: &["fps"],
        ..row(
            "rate",
            FieldKind::Rate,
            Source::One(
                "(SELECT CAST(substr(x.rate, 1, instr(x.rate, '/') - 1) AS DOUBLE PRECISION)
                         / CAST(substr(x.rate, instr(x.rate, '/') + 1) AS DOUBLE PRECISION)
                    FROM (SELECT r.output ->> '$.rate' AS rate FROM published p JOIN runs r ON r.id = p.run_id
                           WHERE p.asset_id = a.id AND p.feature = 'shots') x)",
            ),
        )
    },
    row(
        "width",
        FieldKind::Number,
        Source::One(
            "(SELECT CAST(r.output ->> ('$.info.streams[' || (r.output ->> '$.info.main_video') || '].details.display_width') AS BIGINT)
                FROM published p JOIN runs r ON r.id = p.run_id
               WHERE p.asset_id = a.id AND p.feature = 'probe')",
        ),
    ),
    row(
        "height",
        FieldKind::Number,
        Source::One(
            "(SELECT CAST(r.output ->> ('$.info.streams[' || (r.output ->> '$.info.main_video') || '].details.display_height') AS BIGINT)
                FROM published p JOIN runs r ON r.id = p.run_id
               WHERE p.asset_id = a.id AND p.feature = 'probe')",
        ),
    ),
    row(
        "codec",
        FieldKind::Text,
        Source::One(
            "(SELECT r.output ->> ('$.info.streams[' || (r.output ->> '$.info.main_video') || '].codec')
                FROM published p JOIN runs r ON r.id = p.run_id
               WHERE p.asset_id = a.id AND p.feature = 'probe')",
        ),
    ),
    FieldRow {
        aliases: &["lang"],
        ..row(
            "language",
            FieldKind::Text,
            Source::Many(
                "SELECT DISTINCT c.language AS value FROM published p JOIN cues c ON c.run_id = p.run_id
                  WHERE p.asset_id = a.id AND p.feature IN ('dialogue', 'speech') AND c.language IS NOT NULL",
            ),
        )
    },
    // An asset's own value comes before that of its title.
    row(
        METADATA,
        FieldKind::Any,
        Source::Many(
            "SELECT j.value AS value, j.type AS type FROM json_each(a.metadata) j WHERE j.key = '{key}'
             UNION ALL
             SELECT j.value, j.type FROM json_each(t.metadata) j
              WHERE j.key = '{key}' AND NOT EXISTS (SELECT 1 FROM json_each(a.metadata) m WHERE m.key = '{key}')",
        ),
    ),
];

/// What every asset fulfils whose faces were looked at.
const LOOKED_AT: &str = "a.id IN (SELECT asset_id FROM published WHERE feature = 'people')";

/// The faces of a shot, with their people. Who is hidden is not among them.
macro_rules! faces {
    () => {
        "FROM published d JOIN faces f ON f.run_id = d.run_id AND f.shot = s.ordinal
              JOIN people p ON p.id = f.person_id AND NOT p.is_hidden
             WHERE d.asset_id = a.id AND d.feature = 'people'"
    };
}

/// Fields of shots. Where people are asked for by name, `{who}` in a source leaves their faces only, so that `face` and
/// `expression` are those of the people asked for.
static OF_SHOTS: [FieldRow; 14] = [
    FieldRow {
        per_shot: true,
        aliases: &["people"],
        precondition: Some(LOOKED_AT),
        names: Some("person"),
        listed: Some(concat!("SELECT COALESCE(p.name, 'Person ' || p.number) AS value ", faces!())),
        of_people: true,
        ..row(
            "person",
            FieldKind::Text,
            Source::Many(concat!(
                "SELECT COALESCE(p.name, 'Person ' || p.number) AS value ",
                faces!(),
                " UNION ALL SELECT p.id ",
                faces!(),
            )),
        )
    },
    FieldRow {
        per_shot: true,
        precondition: Some(LOOKED_AT),
        of_people: true,
        ..row(
            "face",
            FieldKind::Number,
            Source::Many(concat!("SELECT f.size AS value ", faces!(), " ", "{who}")),
        )
    },
    FieldRow {
        per_shot: true,
        choices: &[
            "neutral",
            "happy",
            "sad",
            "angry",
            "fearful",
            "disgusted",
            "surprised",
            "strong",
        ],
        precondition: Some(LOOKED_AT),
        of_people: true,
        ..row(
            "expression",
            FieldKind::Text,
            Source::Many(concat!(
                "SELECT f.expression AS value ",
                faces!(),
                " {who} UNION ALL SELECT 'strong' ",
                faces!(),
                " AND f.strength >= 0.5 {who}",
            )),
        )
    },
    FieldRow {
        per_shot: true,
        aliases: &["length"],
        ..row("len", FieldKind::Duration, Source::One("s.end_ms - s.start_ms"))
    },
    FieldRow {
        per_shot: true,
        choices: &["start", "cut", "fade", "dissolve", "wipe", "continued"],
        ..row("boundary", FieldKind::Text, Source::One("s.boundary"))
    },
    FieldRow {
        per_shot: true,
        aliases: &["tags"],
        precondition: Some("(a.tags <> '[]' OR a.id IN (SELECT asset_id FROM annotations))"),
        ..row(
            "tag",
            FieldKind::Text,
            Source::Many(
                "SELECT j.value AS value FROM json_each(a.tags) j
                 UNION ALL
                 SELECT j.value FROM annotations n, json_each(n.tags) j
                  WHERE n.asset_id = a.id AND n.start_frame = s.start_frame AND n.end_frame = s.end_frame",
            ),
        )
    },
    of_sound("loudness", FieldKind::Number, sound!("x.loudness"), Some(sound!("ROUND(x.loudness, 0)"))),
    of_sound("loudest", FieldKind::Number, sound!("x.loudest"), Some(sound!("ROUND(x.loudest, 0)"))),
    of_sound("peak", FieldKind::Number, sound!("x.peak"), Some(sound!("ROUND(x.peak, 0)"))),
    of_sound("bangs", FieldKind::Number, sound!("x.bangs"), None),
    FieldRow {
        choices: &["yes", "no"],
        ..of_sound("silent", FieldKind::Text, sound!("CASE WHEN x.silence >= 0.999 THEN 'yes' ELSE 'no' END"), None)
    },
    of_sound("silence", FieldKind::Share, sound!("x.silence"), Some(sound!("ROUND(x.silence, 1)"))),
    of_sound("voice", FieldKind::Share, sound!("x.speech"), Some(sound!("ROUND(x.speech, 1)"))),
    of_sound("music", FieldKind::Share, sound!("x.music"), Some(sound!("ROUND(x.music, 1)"))),
];

/// All fields.
pub(super) fn all() -> impl Iterator<Item = &'static FieldRow> {
    OF_ASSETS.iter().chain(&OF_SHOTS)
}

/// A field by its name in a request.
#[derive(Debug, Clone)]
pub(super) struct ResolvedField {
    row: &'static FieldRow,
    /// The key of metadata.
    key: Option<String>,
}

impl PartialEq for ResolvedField {
    fn eq(&self, other: &Self) -> bool {
        self.row.name == other.row.name && self.key == other.key
    }
}

impl ResolvedField {
    pub(super) fn name(&self) -> String {
        match &self.key {
            Some(key) => format!("{METADATA}.{key}"),
            None => self.row.name.to_owned(),
        }
    }

    pub(super) const fn kind(&self) -> FieldKind {
        self.row.kind
    }

    pub(super) const fn is_per_shot(&self) -> bool {
        self.row.per_shot
    }

    pub(super) const fn has_many(&self) -> bool {
        // Metadata have one value each.
        matches!(self.row.source, Source::Many(_)) && self.key.is_none()
    }

    pub(super) const fn source(&self) -> &Source {
        &self.row.source
    }

    pub(super) const fn precondition(&self) -> Option<&'static str> {
        self.row.precondition
    }

    pub(super) const fn of_people(&self) -> bool {
        self.row.of_people
    }

    /// The list that facets count, if it is not the source itself.
    pub(super) const fn listed(&self) -> Option<&'static str> {
        self.row.listed
    }

    pub(super) const fn names(&self) -> Option<&'static str> {
        self.row.names
    }

    pub(super) const fn counted(&self) -> Option<&'static str> {
        self.row.counted
    }

    /// SQL of this field. A key has letters, digits, `.`, `_` and `-` only, so it can stand in quotes.
    pub(super) fn sql(&self, sql: &str) -> String {
        match &self.key {
            Some(key) => sql.replace("{key}", key),
            None => sql.to_owned(),
        }
    }

    pub(super) fn operand(&self, value: &MetadataValue) -> Result<Operand, FilterError> {
        let is_choice = |text: &str| {
            self.row
                .choices
                .iter()
                .any(|one| text.eq_ignore_ascii_case(one))
        };
        let is_known = match value {
            MetadataValue::Text(text) => self.row.choices.is_empty() || is_choice(text),
            MetadataValue::Flag(_) | MetadataValue::Number(_) => true,
        };
        let operand = Operand::read(self.row.kind, value).filter(|_| is_known);
        operand.ok_or_else(|| FilterError::Value {
            field: self.name(),
            found: value.to_string(),
            expected: if self.row.choices.is_empty() {
                self.row.kind.expected().to_owned()
            } else {
                let choices: Vec<String> = self
                    .row
                    .choices
                    .iter()
                    .map(|one| format!("`{one}`"))
                    .collect();
                choices.join(", ")
            },
        })
    }
}

/// The field with this name or alias.
pub(super) fn resolve(name: &str) -> Result<ResolvedField, FilterError> {
    if let Some(key) = name
        .strip_prefix(METADATA)
        .and_then(|rest| rest.strip_prefix('.'))
        && !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
        && let Some(row) = all().find(|row| row.name == METADATA)
    {
        let key = Some(key.to_owned());
        return Ok(ResolvedField { row, key });
    }
    let found =
        all().find(|row| row.name != METADATA && (row.name == name || row.aliases.contains(&name)));
    found
        .map(|row| ResolvedField { row, key: None })
        .ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> FilterError {
    let label = |row: &'static FieldRow| {
        if row.name == METADATA {
            "metadata.NAME"
        } else {
            row.name
        }
    };
    let short: String = name.chars().take(64).collect();
    let names =
        all().flat_map(|row| std::iter::once(label(row)).chain(row.aliases.iter().copied()));
    let nearest = names
        .map(|known| (strsim::osa_distance(&short.to_lowercase(), known), known))
        .min_by_key(|&(distance, _)| distance)
        .filter(|&(distance, known)| distance <= 2 && distance < known.len().div_ceil(2))
        .map(|(_, known)| known.to_owned());
    let nearest = if name == METADATA || name.starts_with("metadata.") {
        Some("metadata.NAME".to_owned())
    } else {
        nearest
    };
    FilterError::UnknownField {
        name: short,
        nearest,
        known: all().map(label).collect(),
    }
}
