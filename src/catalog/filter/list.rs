//! The shots that fulfil filters, as a list, and the counts of their values.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::select::{CountedField, FacetCount, SHOTS, condition, counted, push_titles};
use super::{Filter, by_sound};
use crate::catalog::database::{Connection, StatementBuilder};
use crate::catalog::{AssetId, CatalogError, ShotId, TitleId, people};

/// Which shots are listed: those that fulfil all of it.
#[derive(Debug, Clone, Copy)]
pub struct ListScope<'a> {
    /// Conditions.
    pub filters: &'a [Filter],
    /// The titles that may be seen; all if `None`.
    pub within: Option<&'a [TitleId]>,
    /// The assets that are named; all if `None`.
    pub assets: Option<&'a [AssetId]>,
}

/// The order of a list. Shots of an asset are in the order of their frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListOrder {
    /// By the name of the title, without case of ASCII letters, then by registration.
    Title,
    /// By registration of the asset.
    Registered,
    /// By the time at which the asset was added, the newest first.
    Newest,
    /// By the time at which the asset was added, the oldest first.
    Oldest,
    /// By loudness, the loudest first, then by registration; what was not measured last.
    Loudest,
    /// By loudness, the quietest first, then by registration; what was not measured last.
    Quietest,
}

/// A shot of a list, with what determines its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow)]
pub struct ShotPlace {
    /// Its asset.
    pub asset: AssetId,
    /// First frame.
    pub start_frame: i64,
    /// One past the last.
    pub end_frame: i64,
    /// Name of the title.
    title: String,
    /// Rank of the asset by registration.
    registered: i64,
    /// When the asset was added, Unix milliseconds.
    created_at: i64,
    /// Loudness in hundredths of a LUFS, in lists by loudness, if it was measured.
    #[sqlx(default)]
    pub(super) level: Option<i64>,
}

impl ShotPlace {
    /// Rank of the asset by registration.
    #[must_use]
    pub const fn registered(&self) -> i64 {
        self.registered
    }

    /// Name of the title.
    #[cfg(test)]
    pub(super) fn title(&self) -> &str {
        &self.title
    }

    /// The shot.
    #[must_use]
    pub fn shot(&self) -> ShotId {
        ShotId {
            asset: self.asset.clone(),
            start: self.start_frame.cast_unsigned(),
            end: self.end_frame.cast_unsigned(),
        }
    }
}

/// Up to `most` shots in an order, those after `after` if it is given. It reads no more of the catalogue than it needs
/// to find them.
///
/// # Errors
/// If the database fails.
pub async fn list(
    db: &mut Connection,
    scope: ListScope<'_>,
    order: ListOrder,
    after: Option<&ShotPlace>,
    most: u32,
) -> Result<Vec<ShotPlace>, CatalogError> {
    match order {
        ListOrder::Loudest | ListOrder::Quietest => {
            by_sound::list(db, scope, order, after, most).await
        }
        ListOrder::Title | ListOrder::Registered | ListOrder::Newest | ListOrder::Oldest => {
            by_asset(db, scope, order, after, most).await
        }
    }
}

/// Lists in an order of assets. In an order by loudness these are the shots whose sound was not measured.
pub(super) async fn by_asset(
    db: &mut Connection,
    scope: ListScope<'_>,
    order: ListOrder,
    after: Option<&ShotPlace>,
    most: u32,
) -> Result<Vec<ShotPlace>, CatalogError> {
    // The order of the joins is the order of the list, so that nothing has to be sorted as a whole.
    let join = db.dialect().ordered_join();
    let joined = match order {
        ListOrder::Title => format!("titles t {join} assets a ON a.title_id = t.id"),
        ListOrder::Registered
        | ListOrder::Newest
        | ListOrder::Oldest
        | ListOrder::Loudest
        | ListOrder::Quietest => format!("assets a {join} titles t ON t.id = a.title_id"),
    };
    let mut query = StatementBuilder::new(format!(
        "SELECT a.id AS asset, s.start_frame, s.end_frame, t.name AS title, a.registered, a.created_at
           FROM {joined}
          {join} published d ON d.asset_id = a.id AND d.feature = 'shots'
          {join} shots s ON s.run_id = d.run_id WHERE TRUE"
    ));
    push_scope(&mut query, scope);
    if matches!(order, ListOrder::Loudest | ListOrder::Quietest) {
        query.push(by_sound::UNMEASURED);
    }
    if let Some(last) = after {
        push_after(&mut query, order, last);
    }
    query.push(match order {
        ListOrder::Title => " ORDER BY lower(t.name), t.name, a.registered, s.start_frame LIMIT ",
        ListOrder::Registered | ListOrder::Loudest | ListOrder::Quietest => {
            " ORDER BY a.registered, s.start_frame LIMIT "
        }
        ListOrder::Newest => " ORDER BY a.created_at DESC, a.registered DESC, s.start_frame LIMIT ",
        ListOrder::Oldest => " ORDER BY a.created_at, a.registered, s.start_frame LIMIT ",
    });
    query.push_bind(most);
    Ok(query.build_query_as().fetch_all(db).await?)
}

/// Leaves out what comes before `last`, and `last` itself. The first comparison is one that an index can use.
fn push_after(query: &mut StatementBuilder, order: ListOrder, last: &ShotPlace) {
    match order {
        ListOrder::Title => {
            query
                .push(" AND lower(t.name) >= ")
                .push_bind(last.title.to_ascii_lowercase());
            query.push(" AND (lower(t.name), t.name, a.registered, s.start_frame) > (");
            query.push_bind(last.title.to_ascii_lowercase()).push(", ");
            query.push_bind(last.title.clone()).push(", ");
            query.push_bind(last.registered).push(", ");
        }
        ListOrder::Registered | ListOrder::Loudest | ListOrder::Quietest => {
            query
                .push(" AND a.registered >= ")
                .push_bind(last.registered);
            query.push(" AND (a.registered, s.start_frame) > (");
            query.push_bind(last.registered).push(", ");
        }
        ListOrder::Newest => {
            query
                .push(" AND a.created_at <= ")
                .push_bind(last.created_at);
            query.push(" AND (-a.created_at, -a.registered, s.start_frame) > (");
            query.push_bind(-last.created_at).push(", ");
            query.push_bind(-last.registered).push(", ");
        }
        ListOrder::Oldest => {
            query
                .push(" AND a.created_at >= ")
                .push_bind(last.created_at);
            query.push(" AND (a.created_at, a.registered, s.start_frame) > (");
            query.push_bind(last.created_at).push(", ");
            query.push_bind(last.registered).push(", ");
        }
    }
    query.push_bind(last.start_frame).push(")");
}

pub(super) fn push_scope(query: &mut StatementBuilder, scope: ListScope<'_>) {
    push_titles(query, "a.title_id", scope.within);
    if let Some(assets) = scope.assets {
        query.push(" AND a.id IN (SELECT value FROM json_each(");
        query.push_bind(serde_json::json!(assets).to_string());
        query.push("))");
    }
    for filter in scope.filters {
        query.push(" AND ");
        condition(query, filter, scope.filters);
    }
}

/// The values of a field among all shots of a scope, the most frequent first, at most `most` of them.
///
/// # Errors
/// If the database fails.
pub async fn facet_of_scope(
    db: &mut Connection,
    field: &CountedField,
    scope: ListScope<'_>,
    most: u32,
) -> Result<Vec<FacetCount>, CatalogError> {
    if field.is_of_people() {
        people::require(db).await?;
    }
    let dialect = db.dialect();
    let (value, values) = counted(dialect, field);
    let mut query = StatementBuilder::new(format!(
        "SELECT {} AS value, COUNT(*) AS count
           FROM assets a JOIN titles t ON t.id = a.title_id{SHOTS}{values} WHERE {value} IS NOT NULL",
        dialect.as_text(&value)
    ));
    push_scope(&mut query, scope);
    query.push(" GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ");
    query.push_bind(most);
    Ok(query.build_query_as().fetch_all(db).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{add, each_database};

    const EVERYTHING: ListScope<'_> = ListScope {
        filters: &[],
        within: None,
        assets: None,
    };

    /// Titles and first frames, read `most` at a time.
    async fn read(db: &mut Connection, order: ListOrder, most: u32) -> Vec<(String, i64)> {
        let mut all: Vec<ShotPlace> = Vec::new();
        loop {
            let last = all.last();
            let part = list(db, EVERYTHING, order, last, most).await.unwrap();
            if part.is_empty() {
                break;
            }
            all.extend(part);
        }
        let places = all.into_iter();
        places
            .map(|place| (place.title, place.start_frame))
            .collect()
    }

    #[tokio::test]
    async fn every_order_is_the_same_in_parts_of_any_size() {
        each_database(async |catalog| {
            let mut tx = catalog.begin().await.unwrap();
            for (title, created_at, shots) in [
                ("zebra", 30, 3),
                ("Apple", 10, 2),
                ("apple", 20, 1),
                ("zebra", 10, 2),
                ("Éclair", 40, 1),
            ] {
                add(&mut tx, title, created_at, shots).await;
            }
            let named = |names: &[(&str, i64)]| -> Vec<(String, i64)> {
                let shots = names.iter().flat_map(|&(name, count)| {
                    (0..count).map(move |at| (name.to_owned(), at * 50))
                });
                shots.collect()
            };
            for (order, expected) in [
                (
                    ListOrder::Title,
                    named(&[
                        ("Apple", 2),
                        ("apple", 1),
                        ("zebra", 3),
                        ("zebra", 2),
                        ("Éclair", 1),
                    ]),
                ),
                (
                    ListOrder::Registered,
                    named(&[
                        ("zebra", 3),
                        ("Apple", 2),
                        ("apple", 1),
                        ("zebra", 2),
                        ("Éclair", 1),
                    ]),
                ),
                (
                    ListOrder::Newest,
                    named(&[
                        ("Éclair", 1),
                        ("zebra", 3),
                        ("apple", 1),
                        ("zebra", 2),
                        ("Apple", 2),
                    ]),
                ),
                (
                    ListOrder::Oldest,
                    named(&[
                        ("Apple", 2),
                        ("zebra", 2),
                        ("apple", 1),
                        ("zebra", 3),
                        ("Éclair", 1),
                    ]),
                ),
            ] {
                for most in [1, 2, 4, 100] {
                    assert_eq!(
                        read(&mut tx, order, most).await,
                        expected,
                        "{order:?} {most}"
                    );
                }
            }
        })
        .await;
    }
}
