//! Labels: what people call things, which are names of titles, tags and notes. They are searched by their words, with
//! accents folded and English stemming.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::ToSchema;

use super::database::{self, Connection, text_enum};
use super::{AssetId, CatalogError, ShotId, TitleId};

/// What a label is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LabelKind {
    /// The name of a title.
    Title,
    /// A tag of an asset or of a shot.
    Tag,
    /// A note on a shot.
    Note,
}

text_enum!(LabelKind {
    Title => "title",
    Tag => "tag",
    Note => "note",
});

/// A label with the words that were looked for.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow)]
pub struct FoundLabel {
    /// What it is.
    pub kind: LabelKind,
    /// The title that it names.
    title: Option<TitleId>,
    /// The asset that has it, or whose frames have it.
    asset: Option<AssetId>,
    start_frame: Option<i64>,
    end_frame: Option<i64>,
    /// The label.
    pub text: String,
    /// BM25 score, the higher the better.
    pub score: f64,
}

/// Which labels are looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelWords {
    /// Labels with any of these words.
    pub words: Vec<String>,
    /// Labels with any of these letters: writing that does not separate words.
    pub letters: Vec<String>,
}

/// Up to `most` labels with any of the words, the best first; only of these assets if `scope` is given.
///
/// # Errors
/// If the database fails.
pub async fn find(
    db: &mut Connection,
    wanted: &LabelWords,
    scope: Option<&[AssetId]>,
    most: u32,
) -> Result<Vec<FoundLabel>, CatalogError> {
    let dialect = db.dialect();
    let sql = format!(
        "WITH found (id, score) AS (
            {}
            UNION ALL
            SELECT l.id, 0.0 FROM json_each($2) w JOIN labels l ON instr(l.text, w.value) > 0)
         SELECT l.kind, l.title_id AS title, l.asset_id AS asset, l.start_frame, l.end_frame, l.text,
                MAX(f.score) AS score
           FROM found f JOIN labels l ON l.id = f.id
          WHERE $3 IS NULL OR l.asset_id IN (SELECT value FROM json_each($3))
                OR l.title_id IN (SELECT title_id FROM assets WHERE id IN (SELECT value FROM json_each($3)))
          GROUP BY l.id ORDER BY score DESC, l.id LIMIT $4",
        dialect.labels_with_words()
    );
    Ok(database::query_as(sqlx::AssertSqlSafe(sql))
        .bind(dialect.words_of_labels(&wanted.words))
        .bind(serde_json::json!(wanted.letters).to_string())
        .bind(scope.map(|assets| serde_json::json!(assets).to_string()))
        .bind(most)
        .fetch_all(db)
        .await?)
}

/// The published shots that have these labels, by rank of the label, then in the order of registration and of frames; only
/// of these assets if `scope` is given. A shot comes once for each of its labels.
///
/// # Errors
/// If the database fails.
pub async fn shots_of(
    db: &mut Connection,
    labels: &[FoundLabel],
    scope: Option<&[AssetId]>,
    most: u32,
) -> Result<Vec<(usize, ShotId)>, CatalogError> {
    let rows: Vec<(i64, AssetId, i64, i64)> = database::query_as(
        "SELECT CAST(q.key AS BIGINT), a.id, s.start_frame, s.end_frame
           FROM json_each($1) q
           JOIN assets a ON a.id = q.value ->> 'asset' OR a.title_id = q.value ->> 'title'
           JOIN published p ON p.asset_id = a.id AND p.feature = 'shots'
           JOIN shots s ON s.run_id = p.run_id
            AND (q.value ->> 'start_frame' IS NULL
                 OR (s.start_frame = CAST(q.value ->> 'start_frame' AS BIGINT) AND s.end_frame = CAST(q.value ->> 'end_frame' AS BIGINT)))
          WHERE $2 IS NULL OR a.id IN (SELECT value FROM json_each($2))
          ORDER BY CAST(q.key AS BIGINT), a.registered, s.start_frame LIMIT $3",
    )
    .bind(serde_json::json!(labels).to_string())
    .bind(scope.map(|assets| serde_json::json!(assets).to_string()))
    .bind(most)
    .fetch_all(db)
    .await?;
    let shots = rows.into_iter().filter_map(|(rank, asset, start, end)| {
        let shot = ShotId {
            asset,
            start: start.cast_unsigned(),
            end: end.cast_unsigned(),
        };
        Some((usize::try_from(rank).ok()?, shot))
    });
    Ok(shots.collect())
}

/// The number of labels; only of these assets if `scope` is given.
///
/// # Errors
/// If the database fails.
pub async fn count(db: &mut Connection, scope: Option<&[AssetId]>) -> Result<i64, CatalogError> {
    Ok(database::query_scalar(
        "SELECT COUNT(*) FROM labels l
          WHERE $1 IS NULL OR l.asset_id IN (SELECT value FROM json_each($1))
                OR l.title_id IN (SELECT title_id FROM assets WHERE id IN (SELECT value FROM json_each($1)))",
    )
    .bind(scope.map(|assets| serde_json::json!(assets).to_string()))
    .fetch_one(db)
    .await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::metadata::{Tags, annotate, set_tags};
    use crate::catalog::testing::{add, each_database};
    use crate::catalog::{assets, titles};

    async fn found(db: &mut Connection, word: &str) -> Vec<(LabelKind, String)> {
        let wanted = LabelWords {
            words: vec![word.to_owned()],
            letters: Vec::new(),
        };
        let labels = find(db, &wanted, None, 10).await.unwrap().into_iter();
        labels.map(|label| (label.kind, label.text)).collect()
    }

    #[tokio::test]
    async fn labels_follow_what_people_write() {
        each_database(async |catalog| {
            let mut tx = catalog.begin().await.unwrap();
            let asset = add(&mut tx, "Big_Buck-Bunny", 0, 2).await;
            let title = assets::find_title(&mut tx, "Big_Buck-Bunny").await.unwrap();
            let shot = ShotId {
                asset: asset.clone(),
                start: 0,
                end: 50,
            };
            assert_eq!(
                found(&mut tx, "bunnies").await,
                [(LabelKind::Title, "Big_Buck-Bunny".to_owned())]
            );
            let tags = |tags: &[&str]| {
                Tags::checked(tags.iter().map(|&tag| tag.to_owned()).collect()).unwrap()
            };
            set_tags(&mut tx, &asset, &tags(&["Hero", "forêt"]))
                .await
                .unwrap();
            assert_eq!(
                found(&mut tx, "foret").await,
                [(LabelKind::Tag, "forêt".to_owned())]
            );
            set_tags(&mut tx, &asset, &tags(&["Hero"])).await.unwrap();
            assert!(found(&mut tx, "foret").await.is_empty());
            // A note replaces the one before.
            for note in ["a squirrel", "two squirrels"] {
                annotate(&mut tx, &shot, None, Some(note.to_owned()))
                    .await
                    .unwrap();
            }
            assert_eq!(
                found(&mut tx, "squirrel").await,
                [(LabelKind::Note, "two squirrels".to_owned())]
            );
            annotate(&mut tx, &shot, Some(tags(&["hero"])), Some(String::new()))
                .await
                .unwrap();
            assert!(found(&mut tx, "squirrel").await.is_empty());
            assert_eq!(found(&mut tx, "hero").await.len(), 2);
            titles::rename(&mut tx, &title, "Sintel").await.unwrap();
            assert!(found(&mut tx, "bunny").await.is_empty());
            assert_eq!(found(&mut tx, "sintel").await.len(), 1);
            // Nothing in a word is an operator.
            assert!(found(&mut tx, "hero\" OR \"sintel").await.is_empty());
            // What is deleted takes its labels along.
            assets::remove(&mut tx, &asset).await.unwrap();
            assert!(found(&mut tx, "hero").await.is_empty());
            assert_eq!(count(&mut tx, None).await.unwrap(), 0);
        })
        .await;
    }

    #[tokio::test]
    async fn a_scope_is_part_of_the_search() {
        each_database(async |catalog| {
            let mut tx = catalog.begin().await.unwrap();
            let first = add(&mut tx, "harbour one", 0, 1).await;
            let second = add(&mut tx, "港の朝 harbour", 0, 3).await;
            let wanted = LabelWords {
                words: vec!["harbour".to_owned()],
                letters: vec!["港".to_owned()],
            };
            let all = find(&mut tx, &wanted, None, 10).await.unwrap();
            assert_eq!(all.len(), 2);
            assert_eq!(count(&mut tx, None).await.unwrap(), 2);
            assert_eq!(
                count(&mut tx, Some(std::slice::from_ref(&second)))
                    .await
                    .unwrap(),
                1
            );
            let scope = [second.clone()];
            let one = find(&mut tx, &wanted, Some(&scope), 1).await.unwrap();
            assert_eq!(one[0].text, "港の朝 harbour");
            assert_eq!(
                shots_of(&mut tx, &one, Some(&scope), 10)
                    .await
                    .unwrap()
                    .len(),
                3
            );
            assert!(
                shots_of(&mut tx, &one, Some(&[first]), 10)
                    .await
                    .unwrap()
                    .is_empty()
            );
            assert_eq!(shots_of(&mut tx, &all, None, 10).await.unwrap().len(), 4);
        })
        .await;
    }
}
