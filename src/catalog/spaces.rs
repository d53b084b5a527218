//! The models for search by sight: one answers, and others are built or kept beside it.
//!
//! A model's vectors are a feature of their own (`embeddings/MODEL`), and its space is one of the index. This table says
//! which models are computed, which are complete, and which one answers. Without a row, that is the one in the settings.

use std::collections::BTreeSet;

use rushes_models::Space;
use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;

use super::database::{self, Connection, text_enum};
use super::results::drop_superseded;
use super::{AssetId, CatalogError, RunId, note_change, now_ms};

/// How far a model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SpaceState {
    /// Videos that were there before it get its vectors.
    Building,
    /// It was complete once, so it can answer.
    Built,
    /// Its vectors are being deleted.
    Removing,
}

text_enum!(SpaceState {
    Building => "building",
    Built => "built",
    Removing => "removing",
});

/// A model for search by sight.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct SightModel {
    /// The model.
    pub model: String,
    /// The space of its vectors.
    pub space: String,
    dims: i64,
    /// How far it is.
    pub state: SpaceState,
    /// Whether searches are answered by it.
    pub is_active: bool,
}

impl SightModel {
    /// Its space.
    #[must_use]
    pub fn space(&self) -> Space {
        Space {
            id: self.space.clone(),
            dims: usize::try_from(self.dims).unwrap_or_default(),
        }
    }
}

/// All models, the active one first; empty if only the one in the settings is used.
///
/// # Errors
/// If the database fails.
pub async fn all(db: &mut Connection) -> Result<Vec<SightModel>, CatalogError> {
    Ok(database::query_as(
        "SELECT model, space, dims, state, is_active FROM sight_models ORDER BY is_active DESC, created_at, model",
    )
    .fetch_all(db)
    .await?)
}

/// The model that answers searches; `None` if it is the one in the settings.
///
/// # Errors
/// If the database fails.
pub async fn active(db: &mut Connection) -> Result<Option<SightModel>, CatalogError> {
    let models = all(db).await?;
    Ok(models.into_iter().find(|model| model.is_active))
}

/// The model with this name.
///
/// # Errors
/// [`CatalogError::NoVectorsOf`] if it is not used.
pub async fn get(db: &mut Connection, model: &str) -> Result<SightModel, CatalogError> {
    let models = all(db).await?;
    let found = models.into_iter().find(|one| one.model == model);
    found.ok_or_else(|| CatalogError::NoVectorsOf(model.to_owned()))
}

/// Begins to build `new` beside the others. `first` is the model in the settings, which answers until another is chosen.
///
/// # Errors
/// If the database fails.
pub async fn add(
    db: &mut Connection,
    new: (&str, &Space),
    first: (&str, &Space),
) -> Result<(), CatalogError> {
    if active(db).await?.is_none() {
        insert(db, first, SpaceState::Built, true).await?;
    }
    insert(db, new, SpaceState::Building, false).await
}

/// A model that is there in the same space stays as it is, unless it was to be removed.
async fn insert(
    db: &mut Connection,
    (model, space): (&str, &Space),
    state: SpaceState,
    is_active: bool,
) -> Result<(), CatalogError> {
    database::query(
        "INSERT INTO sight_models (model, space, dims, state, is_active, created_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (model) DO UPDATE
            SET space = excluded.space, dims = excluded.dims,
                state = CASE WHEN sight_models.is_active THEN sight_models.state ELSE 'building' END
          WHERE sight_models.space <> excluded.space OR sight_models.state = 'removing'",
    )
    .bind(model)
    .bind(&space.id)
    .bind(space.dims.cast_signed() as i64)
    .bind(state)
    .bind(is_active)
    .bind(now_ms())
    .execute(db)
    .await?;
    Ok(())
}

/// Makes `model` the one that answers. The others are kept beside it.
///
/// # Errors
/// [`CatalogError::NotFound`] if it is not used, [`CatalogError::SpaceNotReady`] if it was never complete.
pub async fn activate(db: &mut Connection, model: &str) -> Result<(), CatalogError> {
    if get(db, model).await?.state != SpaceState::Built {
        return Err(CatalogError::SpaceNotReady(model.to_owned()));
    }
    for statement in [
        "UPDATE sight_models SET is_active = FALSE WHERE is_active AND model <> $1",
        "UPDATE sight_models SET is_active = TRUE WHERE model = $1",
        // What is not computed yet of the model that answers now goes first.
        "UPDATE runs SET background = (feature <> 'embeddings/' || $1)
          WHERE state IN ('pending', 'running') AND queue = 'embed' AND feature LIKE 'embeddings/%'",
    ] {
        database::query(statement).bind(model).execute(&mut *db).await?;
    }
    Ok(())
}

/// Begins to delete the vectors of `model`, which is used no more. [`drop_some`] deletes them.
///
/// # Errors
/// [`CatalogError::NotFound`] if it is not used, [`CatalogError::ModelInUse`] if searches are answered by it.
pub async fn remove(db: &mut Connection, model: &str) -> Result<(), CatalogError> {
    if get(db, model).await?.is_active {
        return Err(CatalogError::ModelInUse(model.to_owned()));
    }
    database::query("UPDATE sight_models SET state = 'removing' WHERE model = $1")
        .bind(model)
        .execute(db)
        .await?;
    Ok(())
}

/// Marks a model that was building as complete.
///
/// # Errors
/// If the database fails.
pub async fn mark_built(db: &mut Connection, model: &str) -> Result<(), CatalogError> {
    database::query(
        "UPDATE sight_models SET state = 'built' WHERE model = $1 AND state = 'building'",
    )
    .bind(model)
    .execute(db)
    .await?;
    Ok(())
}

/// Up to `most` assets for which `feature` was not requested yet, each with the run of its proxies.
///
/// # Errors
/// If the database fails.
pub async fn without(
    db: &mut Connection,
    feature: &str,
    most: u32,
) -> Result<Vec<(AssetId, RunId)>, CatalogError> {
    Ok(database::query_as(
        "SELECT w.asset_id, w.run_id FROM wanted w JOIN runs r ON r.id = w.run_id
          WHERE w.feature = 'proxies' AND r.state NOT IN ('failed', 'cancelled')
            AND NOT EXISTS (SELECT 1 FROM wanted e WHERE e.asset_id = w.asset_id AND e.feature = $1)
          ORDER BY w.asset_id LIMIT $2",
    )
    .bind(feature)
    .bind(most)
    .fetch_all(db)
    .await?)
}

/// How many assets that can be found by the feature `active` still wait for their vectors of `feature`. Those whose proxies
/// failed or were cancelled do not.
///
/// # Errors
/// If the database fails.
pub async fn waiting(
    db: &mut Connection,
    feature: &str,
    active: &str,
) -> Result<i64, CatalogError> {
    Ok(database::query_scalar(
        "SELECT COUNT(*) FROM published p
           LEFT JOIN wanted w ON w.asset_id = p.asset_id AND w.feature = $1
           LEFT JOIN runs r ON r.id = w.run_id
           LEFT JOIN wanted x ON x.asset_id = p.asset_id AND x.feature = 'proxies'
           LEFT JOIN runs i ON i.id = x.run_id
          WHERE p.feature = $2 AND (r.state IS NULL OR r.state IN ('pending', 'running'))
            AND i.state NOT IN ('failed', 'cancelled')",
    )
    .bind(feature)
    .bind(active)
    .fetch_one(db)
    .await?)
}

/// Deletes what up to `most` assets have of the vectors of a removed model; `true` if nothing is left.
///
/// # Errors
/// If the database fails.
pub async fn drop_some(
    db: &mut Connection,
    (model, feature): (&str, &str),
    most: u32,
) -> Result<bool, CatalogError> {
    let mut assets: BTreeSet<AssetId> = BTreeSet::new();
    for table in ["published", "wanted"] {
        let found: Vec<AssetId> = database::query_scalar(sqlx::AssertSqlSafe(format!(
            "SELECT asset_id FROM {table} WHERE feature = $1 LIMIT $2"
        )))
        .bind(feature)
        .bind(most)
        .fetch_all(&mut *db)
        .await?;
        assets.extend(found);
    }
    for asset in &assets {
        for statement in [
            "DELETE FROM published WHERE asset_id = $1 AND feature = $2",
            "DELETE FROM wanted WHERE asset_id = $1 AND feature = $2",
        ] {
            database::query(statement)
                .bind(asset)
                .bind(feature)
                .execute(&mut *db)
                .await?;
        }
        drop_superseded(db, asset).await?;
        note_change(db, asset).await?;
    }
    if assets.is_empty() {
        database::query("DELETE FROM sight_models WHERE model = $1 AND state = 'removing'")
            .bind(model)
            .execute(db)
            .await?;
    }
    Ok(assets.is_empty())
}
