//! Filters as SQL.

use sqlx::FromRow;

use super::fields::{self, ResolvedField, Source};
use super::operand::Operand;
use super::{FieldKind, Filter, FilterError, FilterOp};
use crate::catalog::database::{Bind, Connection, Dialect, StatementBuilder};
use crate::catalog::metadata::MetadataValue;
use crate::catalog::{AssetId, CatalogError, ShotId, TitleId, people, titles};

const ASSETS: &str = " FROM assets a JOIN titles t ON t.id = a.title_id";
pub(super) const SHOTS: &str = " JOIN published d ON d.asset_id = a.id AND d.feature = 'shots' JOIN shots s ON s.run_id = d.run_id";

/// The shots that fulfil all filters, in the titles `within` if it is given: an asset, and the first frame of the shot,
/// or `None` for all its shots.
///
/// # Errors
/// If the database fails.
pub async fn matching(
    db: &mut Connection,
    filters: &[Filter],
    within: Option<&[TitleId]>,
) -> Result<Vec<(AssetId, Option<i64>)>, CatalogError> {
    let per_shot = filters.iter().any(Filter::is_per_shot);
    let start = if per_shot { "s.start_frame" } else { "NULL" };
    let mut query = StatementBuilder::new(format!("SELECT a.id, {start}{ASSETS}"));
    if per_shot {
        query.push(SHOTS);
    }
    query.push(" WHERE TRUE");
    push_titles(&mut query, "a.title_id", within);
    for filter in filters {
        query.push(" AND ");
        condition(&mut query, filter, filters);
    }
    Ok(query.build_query_as().fetch_all(db).await?)
}

/// Refuses conditions that ask for a title, an asset or a person that does not exist, or is not in the titles `within`, and
/// conditions on people while their sense is off.
///
/// # Errors
/// [`CatalogError::NotFound`], or if the database fails.
pub async fn check_names(
    db: &mut Connection,
    filters: &[Filter],
    within: Option<&[TitleId]>,
) -> Result<(), CatalogError> {
    if filters.iter().any(Filter::is_of_people) {
        people::require(db).await?;
    }
    for filter in filters {
        let what = filter.field.names();
        if what == Some("person") {
            check_people(db, filter, within).await?;
            continue;
        }
        let (Some(what), FilterOp::Eq | FilterOp::In) = (what, filter.op) else {
            continue;
        };
        for (value, operand) in filter.values.iter().zip(&filter.operands) {
            let one = Filter {
                values: vec![value.clone()],
                operands: vec![operand.clone()],
                ..filter.clone()
            };
            let mut query = StatementBuilder::new(
                "SELECT EXISTS (SELECT 1 FROM titles t LEFT JOIN assets a ON a.title_id = t.id WHERE ",
            );
            condition(&mut query, &one, &[]);
            push_titles(&mut query, "t.id", within);
            query.push(")");
            if !query
                .build_query_scalar::<bool>()
                .fetch_one(&mut *db)
                .await?
            {
                let id = match value {
                    MetadataValue::Text(text) => text.clone(),
                    MetadataValue::Flag(_) | MetadataValue::Number(_) => value.to_string(),
                };
                return Err(match what {
                    "title" => titles::missing(db, &id, within).await?,
                    _ => CatalogError::NotFound { what, id },
                });
            }
        }
    }
    Ok(())
}

/// Refuses people that do not exist, are hidden, or are not seen in the titles `within`. Somebody to be left out must exist
/// too: a typing error would leave nobody out, in silence.
async fn check_people(
    db: &mut Connection,
    filter: &Filter,
    within: Option<&[TitleId]>,
) -> Result<(), CatalogError> {
    for value in &filter.values {
        let MetadataValue::Text(who) = value else {
            continue;
        };
        if people::find(db, who, within).await?.is_hidden {
            return Err(CatalogError::NotFound {
                what: "person",
                id: who.clone(),
            });
        }
    }
    Ok(())
}

/// The people asked for in `filters`, as they are compared.
fn asked_for(filters: &[Filter]) -> Vec<&str> {
    let of_people = filters.iter().filter(|filter| {
        filter.field.names() == Some("person") && matches!(filter.op, FilterOp::Eq | FilterOp::In)
    });
    let operands = of_people.flat_map(|filter| &filter.operands);
    operands
        .filter_map(|operand| match operand {
            Operand::Text(text) => Some(text.as_str()),
            Operand::Flag(_) | Operand::Span { .. } => None,
        })
        .collect()
}

/// A list of values. `{who}` in it leaves the faces of the people that `filters` ask for.
fn push_values(query: &mut StatementBuilder, values: &str, filters: &[Filter]) {
    let who = asked_for(filters);
    for (at, piece) in values.split("{who}").enumerate() {
        if at > 0 && !who.is_empty() {
            let who = serde_json::json!(who).to_string();
            query.push(" AND (lower(COALESCE(p.name, 'Person ' || p.number)) IN (SELECT value FROM json_each(");
            query.push_bind(who.clone());
            query.push(")) OR lower(p.id) IN (SELECT value FROM json_each(");
            query.push_bind(who);
            query.push(")))");
        }
        query.push(piece);
    }
}

/// Only these titles; `column` has the id of the title.
pub(super) fn push_titles(query: &mut StatementBuilder, column: &str, titles: Option<&[TitleId]>) {
    if let Some(titles) = titles {
        query.push(format!(" AND {column} IN (SELECT value FROM json_each("));
        query.push_bind(serde_json::json!(titles).to_string());
        query.push("))");
    }
}

/// One of `filters`, which are fulfilled together.
pub(super) fn condition(query: &mut StatementBuilder, filter: &Filter, filters: &[Filter]) {
    let is_negative = matches!(filter.op, FilterOp::Ne | FilterOp::Not);
    if is_negative {
        query.push("NOT ");
    } else if let Some(precondition) = filter.field.precondition() {
        query.push(format!("{precondition} AND "));
    }
    match filter.field.source() {
        Source::One(expression) => {
            // Without a value it is not equal, and neither greater nor less.
            let expression = filter.field.sql(expression);
            query.push("COALESCE(");
            compare(query, filter, &expression, None);
            query.push(", FALSE)");
        }
        Source::Many(values) => {
            let values = filter.field.sql(values);
            query.push("EXISTS (SELECT 1 FROM (");
            push_values(query, &values, filters);
            query.push(") v WHERE ");
            let kind = (filter.kind() == FieldKind::Any).then_some("v.type");
            compare(query, filter, "v.value", kind);
            query.push(")");
        }
    }
}

/// Whether one of the operands fits. `kind` is the JSON type of the value, if it has one.
fn compare(query: &mut StatementBuilder, filter: &Filter, value: &str, kind: Option<&str>) {
    query.push("(");
    for (at, operand) in filter.operands.iter().enumerate() {
        if at > 0 {
            query.push(" OR ");
        }
        query.push("(");
        match operand {
            Operand::Text(text) => {
                if let Some(kind) = kind {
                    query.push(format!("{kind} = 'text' AND "));
                }
                let value = format!("lower({value})");
                order(query, &value, filter.op, text.to_ascii_lowercase());
            }
            Operand::Flag(flag) => {
                // Only what has a type can be a flag.
                let kind = kind.unwrap_or("''");
                let value = format!("CASE {kind} WHEN 'true' THEN 1 WHEN 'false' THEN 0 END");
                order(query, &value, filter.op, i64::from(*flag));
            }
            Operand::Span { low, high } => {
                let value = kind.map_or_else(
                    || value.to_owned(),
                    |kind| {
                        format!(
                            "CASE WHEN {kind} IN ('integer', 'real') THEN CAST({value} AS DOUBLE PRECISION) END"
                        )
                    },
                );
                span(query, &value, filter.op, (*low, *high));
            }
        }
        query.push(")");
    }
    query.push(")");
}

fn order(query: &mut StatementBuilder, value: &str, op: FilterOp, operand: impl Bind<'static>) {
    let sign = match op {
        FilterOp::Eq | FilterOp::Ne | FilterOp::In | FilterOp::Not => "=",
        FilterOp::Gt => ">",
        FilterOp::Gte => ">=",
        FilterOp::Lt => "<",
        FilterOp::Lte => "<=",
    };
    query.push(format!("{value} {sign} "));
    query.push_bind(operand);
}

fn span(query: &mut StatementBuilder, value: &str, op: FilterOp, (low, high): (f64, f64)) {
    match op {
        FilterOp::Eq | FilterOp::Ne | FilterOp::In | FilterOp::Not => {
            query.push(format!("{value} BETWEEN "));
            query.push_bind(low);
            query.push(" AND ");
            query.push_bind(high);
        }
        FilterOp::Gt | FilterOp::Lte => order(query, value, op, high),
        FilterOp::Gte | FilterOp::Lt => order(query, value, op, low),
    }
}

/// A value of a field, and how many shots have it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct FacetCount {
    /// The value as text.
    pub value: String,
    /// Number of shots.
    pub count: i64,
}

/// A field whose values can be counted.
#[derive(Debug, Clone, PartialEq)]
pub struct CountedField(ResolvedField);

impl CountedField {
    /// The field called `name`.
    ///
    /// # Errors
    /// If there is no such field, or counting its values makes no sense.
    pub fn named(name: &str) -> Result<Self, FilterError> {
        let field = fields::resolve(name)?;
        match field.kind() {
            FieldKind::Text
            | FieldKind::Any
            | FieldKind::Number
            | FieldKind::Rate
            | FieldKind::Share => Ok(Self(field)),
            FieldKind::Date | FieldKind::Duration | FieldKind::Size => {
                Err(FilterError::NoFacet(field.name()))
            }
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> String {
        self.0.name()
    }

    /// Whether it is about people, of whom nothing is known while their sense is off.
    #[must_use]
    pub const fn is_of_people(&self) -> bool {
        self.0.of_people()
    }
}

/// The expression that counts the values of a field, and the list that it is one of, to be joined.
pub(super) fn counted(dialect: Dialect, CountedField(field): &CountedField) -> (String, String) {
    match (field.counted(), field.source()) {
        (Some(expression), _) => (field.sql(expression), String::new()),
        (None, Source::One(expression)) => (field.sql(expression), String::new()),
        (None, Source::Many(values)) => {
            let values = field
                .sql(field.listed().unwrap_or(values))
                .replace("{who}", "");
            // SQLite has numbers for true and false.
            let value = if field.kind() == FieldKind::Any {
                "CASE WHEN w.type IN ('true', 'false') THEN w.type ELSE w.value END"
            } else {
                "w.value"
            };
            let list = dialect.each_distinct(value, &values);
            ("v.value".to_owned(), format!(", {list} v"))
        }
    }
}

/// The values of a field among `shots`, the most frequent first, at most `most` of them. Shots without a value are not
/// counted.
///
/// # Errors
/// If the database fails.
pub async fn facet(
    db: &mut Connection,
    field: &CountedField,
    shots: &[ShotId],
    most: u32,
) -> Result<Vec<FacetCount>, CatalogError> {
    if field.is_of_people() {
        people::require(db).await?;
    }
    let dialect = db.dialect();
    let (value, values) = counted(dialect, field);
    let wanted: Vec<_> = shots
        .iter()
        .map(|id| (&id.asset, id.start, id.end))
        .collect();
    let mut query = StatementBuilder::new(format!(
        "SELECT {} AS value, COUNT(*) AS count FROM json_each(",
        dialect.as_text(&value)
    ));
    query.push_bind(serde_json::json!(wanted).to_string());
    query.push(format!(
        ") q JOIN assets a ON a.id = q.value ->> 0 JOIN titles t ON t.id = a.title_id{SHOTS}
            AND s.start_frame = CAST(q.value ->> 1 AS BIGINT) AND s.end_frame = CAST(q.value ->> 2 AS BIGINT){values}
          WHERE {value} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT "
    ));
    query.push_bind(most);
    Ok(query.build_query_as().fetch_all(db).await?)
}
