//! How a process joins those who work on its catalogue.

use std::collections::BTreeMap;

use futures::{StreamExt as _, TryStreamExt as _};
use rushes_workers::storage::StorageError;

use super::App;
use crate::catalog::{CatalogError, members, stored};
use crate::fleet::{Membership, MembershipOptions};

/// Objects of the catalogue that are looked for in a store that is new to it.
const SOME: usize = 10;
/// What stands for a model that is switched off or not installed.
const NONE: &str = "none";

/// Checks that the store and the models are those of the others, where several processes may share the catalogue. Nothing is
/// written to another's store.
///
/// # Errors
/// [`CatalogError::OtherStore`] or [`CatalogError::OtherModels`] if they are not, or if the store or the catalogue fails.
pub async fn check_fit(app: &App) -> anyhow::Result<()> {
    if app.catalog.database().is_none() {
        return Ok(());
    }
    check_store(app).await?;
    let mut db = app.catalog.read().await?;
    Ok(members::check_models(&mut db, &app.member, &models(app)?).await?)
}

async fn check_store(app: &App) -> anyhow::Result<()> {
    let Some(place) = app.catalog.database() else {
        return Ok(());
    };
    let other = || CatalogError::OtherStore {
        store: app.config.store_url(),
        place: place.clone(),
    };
    let mut db = app.catalog.read().await?;
    let expected = members::store(&mut db).await?;
    drop(db);
    if let Some(expected) = expected {
        let found = app.storage.known_identity().await?;
        if found.as_ref() == Some(&expected) {
            return Ok(());
        }
        let found = found.ok_or_else(&other)?;
        let mut tx = app.catalog.begin().await?;
        if !members::move_to_copy(&mut tx, &found).await? {
            return Err(other().into());
        }
        tx.commit().await?;
        tracing::info!(
            store = app.config.store_url(),
            "works with the copy of the store"
        );
        return Ok(());
    }
    // A catalogue that was moved from a file has a store, though none is known by what it says of itself.
    let mut db = app.catalog.read().await?;
    let some: Vec<String> = stored::keys(&mut db).take(SOME).try_collect().await?;
    drop(db);
    let mut is_there = some.is_empty();
    for key in &some {
        match app.storage.size(key).await {
            Ok(_) => is_there = true,
            Err(StorageError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if !is_there {
        return Err(other().into());
    }
    let own = app.storage.identity(ulid::Ulid::generate().to_string());
    let own = own.await?;
    let mut tx = app.catalog.begin().await?;
    let kept = members::keep_store(&mut tx, &own).await?;
    tx.commit().await?;
    if kept == own {
        Ok(())
    } else {
        Err(other().into())
    }
}

/// Joins those who work on the catalogue, after [`check_fit`].
pub(super) async fn join(app: &App) -> anyhow::Result<Membership> {
    join_with(app, models(app)?).await
}

/// Joins for a task that uses the store and no models.
pub(super) async fn join_without_models(app: &App) -> anyhow::Result<Membership> {
    check_store(app).await?;
    join_with(app, "{}".to_owned()).await
}

async fn join_with(app: &App, models: String) -> anyhow::Result<Membership> {
    let options = MembershipOptions {
        name: app.member.clone(),
        models,
        lease: app.config.catalog.lease(),
    };
    Ok(Membership::join(&app.catalog, options).await?)
}

/// The models by which results are made, by setting. One who lacks a model would fail the runs of those who have it.
fn models(app: &App) -> anyhow::Result<String> {
    let settings = app.settings()?;
    let or_none = |model: Option<String>| model.unwrap_or_else(|| NONE.to_owned());
    let sentences = settings.sentences.map(|(_, space)| space.id);
    let speech = settings.speech;
    let speech = speech.map(|speech| format!("{}@{}", speech.model, speech.revision));
    let models = BTreeMap::from([
        ("text_to_shot", settings.space.id),
        ("text_to_text", or_none(sentences)),
        ("speech_to_text", or_none(speech)),
        ("picture_to_text", or_none(settings.reader)),
        ("sound_to_tags", or_none(settings.tagger)),
        ("faces", or_none(settings.faces.map(|faces| faces.name))),
    ]);
    Ok(serde_json::to_string(&models)?)
}
