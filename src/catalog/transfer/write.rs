//! Writing rows: by COPY into PostgreSQL, and by inserts of several rows into SQLite.

use sqlx::postgres::PgCopyIn;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, AssertSqlSafe, PgConnection, SqliteConnection};

use super::TransferError;
use super::row::{CopiedRow, CopiedValue};
use super::schema::{ColumnKind, TablePlan, named};
use crate::catalog::database::{Backend, Connection, Dialect};

/// Bytes that are sent at once. A row may be larger.
const BATCH_BYTES: usize = 512 * 1024;
/// Values of one insert; SQLite takes 32,766.
const BATCH_VALUES: usize = 2000;
/// What stands before and after the rows of a binary COPY: a signature, no flags, no extension; and no further row.
const COPY_HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const COPY_TAIL: [u8; 2] = (-1_i16).to_be_bytes();

/// Writes the rows of one table.
pub(super) enum TableWriter<'c> {
    Sqlite(SqliteRows<'c>),
    Postgres(Box<PostgresRows<'c>>),
}

impl<'c> TableWriter<'c> {
    pub(super) async fn begin(
        db: &'c mut Connection,
        plan: &'c TablePlan,
    ) -> Result<Self, TransferError> {
        Ok(match db.backend() {
            Backend::Sqlite(db) => Self::Sqlite(SqliteRows {
                db,
                plan,
                rows: Vec::new(),
                bytes: 0,
            }),
            Backend::Postgres(db) => Self::Postgres(Box::new(PostgresRows::begin(db, plan).await?)),
        })
    }

    pub(super) async fn write(&mut self, row: CopiedRow) -> Result<(), TransferError> {
        match self {
            Self::Sqlite(rows) => rows.write(row).await,
            Self::Postgres(rows) => rows.write(&row).await,
        }
    }

    pub(super) async fn finish(self) -> Result<(), TransferError> {
        match self {
            Self::Sqlite(mut rows) => rows.flush().await,
            Self::Postgres(rows) => rows.finish().await,
        }
    }
}

pub(super) struct SqliteRows<'c> {
    db: &'c mut SqliteConnection,
    plan: &'c TablePlan,
    rows: Vec<CopiedRow>,
    bytes: usize,
}

impl SqliteRows<'_> {
    async fn write(&mut self, row: CopiedRow) -> Result<(), TransferError> {
        self.bytes += row.bytes();
        self.rows.push(row);
        let values = (self.rows.len() + 1) * self.plan.columns.len();
        if self.bytes >= BATCH_BYTES || values > BATCH_VALUES {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), TransferError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let places = vec!["?"; self.plan.columns.len()].join(", ");
        let rows = vec![format!("({places})"); self.rows.len()].join(", ");
        let (table, columns) = (self.plan.quoted(), self.plan.list());
        let sql = format!("INSERT INTO {table} ({columns}) VALUES {rows}");
        let mut values = SqliteArguments::default();
        for row in self.rows.drain(..) {
            let key = row.key(self.plan);
            for (value, (column, _)) in row.0.into_iter().zip(&self.plan.columns) {
                let added = match value {
                    CopiedValue::Null => values.add(None::<i64>),
                    CopiedValue::Integer(number) => values.add(number),
                    // It would become a null.
                    CopiedValue::Real(number) if number.is_nan() => {
                        return Err(TransferError::BadValue {
                            table: self.plan.name.clone(),
                            column: column.clone(),
                            row: key,
                            what: "a number that is not one (NaN)",
                            to: named(Dialect::Sqlite),
                        });
                    }
                    CopiedValue::Real(number) => values.add(number),
                    CopiedValue::Text(text) => values.add(text),
                    CopiedValue::Bytes(bytes) => values.add(bytes),
                };
                added
                    .map_err(sqlx::Error::Encode)
                    .map_err(TransferError::writing(&self.plan.name))?;
            }
        }
        self.bytes = 0;
        sqlx::query_with(AssertSqlSafe(sql), values)
            .execute(&mut *self.db)
            .await
            .map_err(TransferError::writing(&self.plan.name))?;
        Ok(())
    }
}

pub(super) struct PostgresRows<'c> {
    copy: PgCopyIn<&'c mut PgConnection>,
    plan: &'c TablePlan,
    buffer: Vec<u8>,
}

impl<'c> PostgresRows<'c> {
    async fn begin(db: &'c mut PgConnection, plan: &'c TablePlan) -> Result<Self, TransferError> {
        let (table, columns) = (plan.quoted(), plan.list());
        let sql = format!("COPY {table} ({columns}) FROM STDIN WITH (FORMAT binary)");
        let copy = db
            .copy_in_raw(&sql)
            .await
            .map_err(TransferError::writing(&plan.name))?;
        Ok(Self {
            copy,
            plan,
            buffer: COPY_HEAD.to_vec(),
        })
    }

    async fn write(&mut self, row: &CopiedRow) -> Result<(), TransferError> {
        let count = i16::try_from(row.0.len()).unwrap_or(i16::MAX);
        self.buffer.extend(count.to_be_bytes());
        for (value, (column, kind)) in row.0.iter().zip(&self.plan.columns) {
            if let Err(what) = field(&mut self.buffer, value, *kind) {
                return Err(TransferError::BadValue {
                    table: self.plan.name.clone(),
                    column: column.clone(),
                    row: row.key(self.plan),
                    what,
                    to: named(Dialect::Postgres),
                });
            }
        }
        if self.buffer.len() >= BATCH_BYTES {
            self.send().await?;
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<(), TransferError> {
        self.copy
            .send(&self.buffer[..])
            .await
            .map_err(TransferError::writing(&self.plan.name))?;
        self.buffer.clear();
        Ok(())
    }

    async fn finish(mut self) -> Result<(), TransferError> {
        self.buffer.extend(COPY_TAIL);
        self.send().await?;
        self.copy
            .finish()
            .await
            .map_err(TransferError::writing(&self.plan.name))?;
        Ok(())
    }
}

/// Appends a field of a binary COPY, or says what is wrong with the value.
fn field(buffer: &mut Vec<u8>, value: &CopiedValue, kind: ColumnKind) -> Result<(), &'static str> {
    let number;
    let bytes: &[u8] = match (value, kind) {
        (CopiedValue::Null, _) => {
            buffer.extend((-1_i32).to_be_bytes());
            return Ok(());
        }
        (CopiedValue::Integer(value), ColumnKind::Integer) => {
            number = value.to_be_bytes();
            &number
        }
        (CopiedValue::Integer(0), ColumnKind::Flag) => &[0],
        (CopiedValue::Integer(1), ColumnKind::Flag) => &[1],
        (CopiedValue::Real(value), ColumnKind::Real) => {
            number = value.to_be_bytes();
            &number
        }
        (CopiedValue::Text(text), ColumnKind::Text) if text.contains('\0') => {
            return Err("text with a null character");
        }
        (CopiedValue::Text(text), ColumnKind::Text) => text.as_bytes(),
        (CopiedValue::Bytes(bytes), ColumnKind::Bytes) => bytes,
        _ => return Err("a value of another type than the column's"),
    };
    let length = i32::try_from(bytes.len()).map_err(|_too_long| "more than 2 GiB")?;
    buffer.extend(length.to_be_bytes());
    buffer.extend(bytes);
    Ok(())
}
