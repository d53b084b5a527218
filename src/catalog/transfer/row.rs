//! Rows of any table, and digests of them.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row as _, TypeInfo as _, ValueRef as _};

use super::schema::TablePlan;

/// A value of any column. Flags are integers.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum CopiedValue {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Bytes(Vec<u8>),
}

/// A row of any table.
#[derive(Debug)]
pub(super) struct CopiedRow(pub(super) Vec<CopiedValue>);

impl<'r> FromRow<'r, SqliteRow> for CopiedRow {
    fn from_row(row: &'r SqliteRow) -> Result<Self, sqlx::Error> {
        let value = |at| {
            let raw = row.try_get_raw(at)?;
            if raw.is_null() {
                return Ok(CopiedValue::Null);
            }
            Ok(match raw.type_info().name() {
                "REAL" => CopiedValue::Real(row.try_get_unchecked(at)?),
                "TEXT" => CopiedValue::Text(row.try_get_unchecked(at)?),
                "BLOB" => CopiedValue::Bytes(row.try_get_unchecked(at)?),
                _ => CopiedValue::Integer(row.try_get_unchecked(at)?),
            })
        };
        (0..row.len())
            .map(value)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl<'r> FromRow<'r, PgRow> for CopiedRow {
    fn from_row(row: &'r PgRow) -> Result<Self, sqlx::Error> {
        let value = |at| {
            let raw = row.try_get_raw(at)?;
            if raw.is_null() {
                return Ok(CopiedValue::Null);
            }
            Ok(match raw.type_info().name() {
                "BOOL" => CopiedValue::Integer(i64::from(row.try_get::<bool, _>(at)?)),
                "FLOAT8" => CopiedValue::Real(row.try_get(at)?),
                "TEXT" => CopiedValue::Text(row.try_get(at)?),
                "BYTEA" => CopiedValue::Bytes(row.try_get(at)?),
                // Any other type is an error of the library, which names the column.
                _ => CopiedValue::Integer(row.try_get(at)?),
            })
        };
        (0..row.len())
            .map(value)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl CopiedRow {
    /// The size in memory, about.
    pub(super) fn bytes(&self) -> usize {
        let bytes = |value: &CopiedValue| match value {
            CopiedValue::Text(text) => text.len(),
            CopiedValue::Bytes(bytes) => bytes.len(),
            CopiedValue::Null | CopiedValue::Integer(_) | CopiedValue::Real(_) => 8,
        };
        self.0.iter().map(bytes).sum()
    }

    /// The values of the key, for people.
    pub(super) fn key(&self, plan: &TablePlan) -> String {
        let shown = |at: &usize| match &self.0[*at] {
            CopiedValue::Integer(number) => number.to_string(),
            CopiedValue::Text(text) => format!("{text:?}"),
            CopiedValue::Null | CopiedValue::Real(_) | CopiedValue::Bytes(_) => "?".to_owned(),
        };
        plan.key.iter().map(shown).collect::<Vec<_>>().join(", ")
    }
}

/// The number of rows of a table, and a digest that two tables share only if their rows are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RowsDigest {
    pub(super) rows: u64,
    /// BLAKE3, in hex.
    pub(super) digest: String,
}

/// Makes a digest of rows in their order.
#[derive(Debug, Default)]
pub(super) struct RowHasher {
    hasher: blake3::Hasher,
    rows: u64,
}

impl RowHasher {
    pub(super) fn add(&mut self, row: &CopiedRow) {
        self.rows += 1;
        for value in &row.0 {
            // Kind and length in front, so that no two rows have the same bytes.
            let (kind, bytes): (u8, &[u8]) = match value {
                CopiedValue::Null => (0, &[]),
                CopiedValue::Integer(number) => (1, &number.to_le_bytes()),
                // SQLite keeps no sign of zero.
                CopiedValue::Real(number) => (2, &(number + 0.0).to_bits().to_le_bytes()),
                CopiedValue::Text(text) => (3, text.as_bytes()),
                CopiedValue::Bytes(bytes) => (4, bytes),
            };
            self.hasher.update(&[kind]);
            self.hasher.update(&(bytes.len() as u64).to_le_bytes());
            self.hasher.update(bytes);
        }
    }

    pub(super) fn finish(&self) -> RowsDigest {
        RowsDigest {
            rows: self.rows,
            digest: self.hasher.finalize().to_hex().to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(rows: &[Vec<CopiedValue>]) -> RowsDigest {
        let mut hasher = RowHasher::default();
        for row in rows {
            hasher.add(&CopiedRow(row.clone()));
        }
        hasher.finish()
    }

    #[test]
    fn different_rows_have_different_digests() {
        use CopiedValue::{Bytes, Integer, Null, Real, Text};
        let text = |text: &str| Text(text.to_owned());
        let all = [
            vec![],
            vec![vec![Null]],
            vec![vec![Null], vec![Null]],
            vec![vec![Null, Null]],
            vec![vec![Integer(0)]],
            vec![vec![Real(0.0)]],
            vec![vec![text("")]],
            vec![vec![Bytes(Vec::new())]],
            vec![vec![text("ab"), text("c")]],
            vec![vec![text("a"), text("bc")]],
            vec![vec![text("a")], vec![text("b")]],
            vec![vec![text("b")], vec![text("a")]],
        ];
        let digests: std::collections::HashSet<String> = all
            .iter()
            .map(|rows| format!("{:?}", digest(rows)))
            .collect();
        assert_eq!(digests.len(), all.len());
        assert_eq!(digest(&[vec![Real(-0.0)]]), digest(&[vec![Real(0.0)]]));
    }
}
