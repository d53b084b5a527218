//! The tables of a database, as it describes them itself.

use std::collections::{BTreeMap, BTreeSet};

use super::TransferError;
use crate::catalog::database::{self, Connection, Dialect};

/// The column that counts the rows of a table where nothing else does. Every table of SQLite has it without saying so.
pub(super) const ROWID: &str = "rowid";

/// What a column holds. SQLite has no flags; there they are integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnKind {
    Integer,
    Real,
    Text,
    Bytes,
    Flag,
}

/// A table of one database.
#[derive(Debug, Default)]
struct TableShape {
    columns: BTreeMap<String, ColumnKind>,
    /// The columns of the primary key, in its order.
    key: Vec<String>,
    /// The tables that must have rows before this one.
    references: BTreeSet<String>,
    /// The column that the database counts up itself.
    counted: Option<String>,
}

/// A table that is in both databases, with what is copied of it.
#[derive(Debug, Clone)]
pub(super) struct TablePlan {
    pub(super) name: String,
    /// Names and kinds, in one order for both databases.
    pub(super) columns: Vec<(String, ColumnKind)>,
    /// Places of the columns of the primary key; empty if there is none.
    pub(super) key: Vec<usize>,
    /// The column that PostgreSQL counts up.
    pub(super) counted: Option<String>,
}

impl TablePlan {
    /// The name, to stand in SQL.
    pub(super) fn quoted(&self) -> String {
        quoted(&self.name)
    }

    /// The names of the columns, to stand in SQL.
    pub(super) fn list(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|(name, _)| quoted(name)).collect();
        names.join(", ")
    }

    /// A query for all rows, in an order that is the same in both databases.
    pub(super) fn select(&self) -> String {
        let order: Vec<String> = if self.key.is_empty() {
            let all = self.columns.iter();
            all.map(|(name, _)| format!("{} NULLS FIRST", quoted(name)))
                .collect()
        } else {
            let key = self.key.iter().map(|&at| quoted(&self.columns[at].0));
            key.collect()
        };
        format!(
            "SELECT {} FROM {} ORDER BY {}",
            self.list(),
            self.quoted(),
            order.join(", ")
        )
    }
}

pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

const TABLES_OF_SQLITE: &str = "SELECT m.name, c.name, lower(c.type), c.pk, FALSE
   FROM pragma_table_list m, pragma_table_xinfo(m.name) c
  WHERE m.schema = 'main' AND m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
    AND m.name NOT LIKE '\\_%' ESCAPE '\\' AND c.hidden = 0
  ORDER BY m.name, c.pk, c.cid";
const REFERENCES_OF_SQLITE: &str = "SELECT m.name, f.\"table\"
   FROM pragma_table_list m, pragma_foreign_key_list(m.name) f WHERE m.schema = 'main' AND m.type = 'table'";

// Names that begin with an underscore are those of the migrations. What is generated follows from the other columns.
const TABLES_OF_POSTGRES: &str =
    "SELECT CAST(t.relname AS TEXT), CAST(a.attname AS TEXT), format_type(a.atttypid, NULL),
        CAST(COALESCE(array_position(i.indkey, a.attnum) + 1, 0) AS BIGINT), a.attidentity <> ''
   FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid
   LEFT JOIN pg_index i ON i.indrelid = t.oid AND i.indisprimary
  WHERE t.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
    AND t.relkind = 'r' AND t.relname NOT LIKE '\\_%' ESCAPE '\\'
    AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
  ORDER BY t.relname, 4, a.attnum";
const REFERENCES_OF_POSTGRES: &str = "SELECT CAST(t.relname AS TEXT), CAST(r.relname AS TEXT)
   FROM pg_constraint o JOIN pg_class t ON t.oid = o.conrelid JOIN pg_class r ON r.oid = o.confrelid
  WHERE o.contype = 'f' AND t.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())";

async fn tables(db: &mut Connection) -> Result<BTreeMap<String, TableShape>, TransferError> {
    let (columns, references) = match db.dialect() {
        Dialect::Sqlite => (TABLES_OF_SQLITE, REFERENCES_OF_SQLITE),
        Dialect::Postgres => (TABLES_OF_POSTGRES, REFERENCES_OF_POSTGRES),
    };
    let mut tables: BTreeMap<String, TableShape> = BTreeMap::new();
    let columns: Vec<(String, String, String, i64, bool)> =
        database::query_as(columns).fetch_all(db).await?;
    for (table, column, kind, key, is_counted) in columns {
        let kind = match kind.as_str() {
            "integer" | "bigint" => ColumnKind::Integer,
            "real" | "double precision" => ColumnKind::Real,
            "text" => ColumnKind::Text,
            "blob" | "bytea" => ColumnKind::Bytes,
            "boolean" => ColumnKind::Flag,
            _ => {
                return Err(TransferError::UnknownType {
                    table,
                    column,
                    kind,
                });
            }
        };
        let shape = tables.entry(table).or_default();
        // They come in the order of the key.
        if key > 0 {
            shape.key.push(column.clone());
        }
        if is_counted {
            shape.counted = Some(column.clone());
        }
        shape.columns.insert(column, kind);
    }
    let references: Vec<(String, String)> = database::query_as(references).fetch_all(db).await?;
    for (table, other) in references {
        if let Some(shape) = tables.get_mut(&table) {
            shape.references.insert(other);
        }
    }
    Ok(tables)
}

/// What is to be copied, each table after those that it refers to.
pub(super) async fn plan(
    from: &mut Connection,
    to: &mut Connection,
) -> Result<Vec<TablePlan>, TransferError> {
    let (of_source, of_target) = (tables(from).await?, tables(to).await?);
    let plans = matched(&of_source, &of_target).map_err(|what| TransferError::SchemasDiffer {
        from: named(from.dialect()).to_owned(),
        to: named(to.dialect()).to_owned(),
        what,
    })?;
    ordered(plans, &of_target)
}

pub(super) const fn named(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "SQLite",
        Dialect::Postgres => "PostgreSQL",
    }
}

/// What both have; otherwise the first difference.
fn matched(
    source: &BTreeMap<String, TableShape>,
    target: &BTreeMap<String, TableShape>,
) -> Result<BTreeMap<String, TablePlan>, String> {
    let names: BTreeSet<&String> = source.keys().chain(target.keys()).collect();
    let mut plans = BTreeMap::new();
    for name in names {
        let (Some(one), Some(other)) = (source.get(name), target.get(name)) else {
            return Err(format!("only one has the table {name}"));
        };
        let all: BTreeSet<&String> = one.columns.keys().chain(other.columns.keys()).collect();
        let mut columns = Vec::new();
        for column in all {
            let kind = match (one.columns.get(column), other.columns.get(column)) {
                (Some(kind), Some(same)) if kind == same => *kind,
                (Some(ColumnKind::Integer), Some(ColumnKind::Flag))
                | (Some(ColumnKind::Flag), Some(ColumnKind::Integer)) => ColumnKind::Flag,
                (Some(_), Some(_)) => return Err(format!("{name}.{column} has two types")),
                (Some(_), None) | (None, Some(_)) if column == ROWID => ColumnKind::Integer,
                _ => return Err(format!("only one has the column {name}.{column}")),
            };
            columns.push((column.clone(), kind));
        }
        if one.key != other.key {
            return Err(format!("{name} has two primary keys"));
        }
        let place = |key: &String| columns.iter().position(|(column, _)| column == key);
        let key = one.key.iter().filter_map(place).collect();
        let counted = one.counted.clone().or_else(|| other.counted.clone());
        plans.insert(
            name.clone(),
            TablePlan {
                name: name.clone(),
                columns,
                key,
                counted,
            },
        );
    }
    Ok(plans)
}

/// Each table after those that it refers to.
fn ordered(
    mut plans: BTreeMap<String, TablePlan>,
    shapes: &BTreeMap<String, TableShape>,
) -> Result<Vec<TablePlan>, TransferError> {
    let mut order = Vec::with_capacity(plans.len());
    while !plans.is_empty() {
        let is_free = |name: &&String| {
            let references = shapes.get(*name).map(|shape| &shape.references);
            !references.is_some_and(|all| all.iter().any(|other| plans.contains_key(other)))
        };
        let free: Vec<String> = plans.keys().filter(is_free).cloned().collect();
        if free.is_empty() {
            let tables: Vec<String> = plans.into_keys().collect();
            return Err(TransferError::Circle {
                tables: tables.join(", "),
            });
        }
        order.extend(free.iter().filter_map(|name| plans.remove(name)));
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(references: &[&str]) -> TableShape {
        TableShape {
            columns: BTreeMap::from([("id".to_owned(), ColumnKind::Text)]),
            key: vec!["id".to_owned()],
            references: references.iter().map(|&name| name.to_owned()).collect(),
            counted: None,
        }
    }

    fn shapes(tables: &[(&str, &[&str])]) -> BTreeMap<String, TableShape> {
        let named = |(name, references): &(&str, &[&str])| ((*name).to_owned(), shape(references));
        tables.iter().map(named).collect()
    }

    #[test]
    fn tables_come_after_those_that_they_refer_to() {
        let shapes = shapes(&[("a", &["c"]), ("b", &[]), ("c", &["b", "d"]), ("d", &[])]);
        let plans = matched(&shapes, &shapes).unwrap();
        let order: Vec<String> = ordered(plans, &shapes)
            .unwrap()
            .into_iter()
            .map(|plan| plan.name)
            .collect();
        assert_eq!(order, ["b", "d", "c", "a"]);
    }

    #[test]
    fn a_circle_is_refused() {
        for tables in [
            &[("a", &["b"][..]), ("b", &["a"]), ("c", &[])][..],
            &[("a", &["a"])],
        ] {
            let shapes = shapes(tables);
            let plans = matched(&shapes, &shapes).unwrap();
            let error = ordered(plans, &shapes).unwrap_err();
            assert!(matches!(error, TransferError::Circle { .. }), "{error}");
        }
    }

    #[test]
    fn a_difference_between_schemas_is_named() {
        let one = shapes(&[("a", &[])]);
        let error = matched(&one, &shapes(&[("a", &[]), ("b", &[])])).unwrap_err();
        assert!(error.contains("table b"), "{error}");
        let mut other = shapes(&[("a", &[])]);
        let columns = &mut other.get_mut("a").unwrap().columns;
        columns.insert("more".to_owned(), ColumnKind::Real);
        let error = matched(&one, &other).unwrap_err();
        assert!(error.contains("a.more"), "{error}");
        let columns = &mut other.get_mut("a").unwrap().columns;
        columns.remove("more");
        columns.insert("id".to_owned(), ColumnKind::Real);
        let error = matched(&one, &other).unwrap_err();
        assert!(error.contains("a.id"), "{error}");
    }
}
