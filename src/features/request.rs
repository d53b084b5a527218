//! Requests the features of an asset.

use std::collections::HashMap;

use rushes_models::Space;
use rushes_workers::segment::DetectorKind;
use rushes_workers::stages::Feature;

use super::people::FaceSettings;
use super::registry::registered;
use super::spaces;
use super::speech::SpeechSettings;
use crate::catalog::assets::Asset;
use crate::catalog::database::Connection;
use crate::catalog::jobs::{self, Job};
use crate::catalog::runs::{self, NewRun, Run};
use crate::catalog::{AssetId, CatalogError, RunId, assets, people};

/// The user's choices that results depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The text-to-shot model.
    pub model: String,
    /// The space of its vectors. Another revision of a model has another space.
    pub space: Space,
    /// The sentence encoder of dialogue and its space; `None` if it is not installed.
    pub sentences: Option<(String, Space)>,
    /// How speech is recognised; `None` if it is switched off or its model is not installed.
    pub speech: Option<SpeechSettings>,
    /// The model that reads text in pictures, `id@revision`; `None` if it is not installed.
    pub reader: Option<String>,
    /// Whether sound is measured.
    pub sound: bool,
    /// The model that names sounds, `id@revision`; `None` if it is not installed.
    pub tagger: Option<String>,
    /// The model that tells faces apart; `None` if it is switched off or not installed. Faces are looked at only while the
    /// catalogue says that the sense of people is on.
    pub faces: Option<FaceSettings>,
    /// The shot detector.
    pub detector: DetectorKind,
    /// Height of proxies in pixels.
    pub proxy_height: u32,
    /// Frames per shot to encode.
    pub frames_per_shot: u32,
    /// Whether to keep the vectors of single frames.
    pub frame_vectors: bool,
}

/// One requested feature.
struct Wish {
    feature: Feature,
    /// Its stored name, with the variant.
    name: String,
    /// Its parameters as JSON.
    params: String,
    /// Whether it is computed for a model that does not answer searches.
    background: bool,
}

/// Repeats the request of a job: failed and cancelled runs are queued again. Returns the job as it is then.
///
/// # Errors
/// As [`request`].
pub async fn retry(
    db: &mut Connection,
    job: &Job,
    settings: &Settings,
) -> Result<Job, CatalogError> {
    let runs = request(db, &job.asset_id, settings).await?;
    jobs::renew(db, &job.id, &runs).await?;
    jobs::get(db, &job.id).await
}

/// Requests every feature of an asset and returns the runs. Finished runs are kept, failed ones are queued
/// again, and missing ones are added.
///
/// # Errors
/// If the asset is unknown, or the database fails.
pub async fn request(
    db: &mut Connection,
    asset: &AssetId,
    settings: &Settings,
) -> Result<Vec<RunId>, CatalogError> {
    let asset = assets::get(db, asset).await?;
    let mut wishes = Vec::with_capacity(Feature::ALL.len());
    for &feature in Feature::ALL {
        let registered = registered(feature);
        if !registered.is_wanted(settings) {
            continue;
        }
        if feature == Feature::People && !people::is_on(db).await? {
            continue;
        }
        if feature == Feature::Embeddings {
            for (settings, background) in spaces::lineup(db, settings).await? {
                wishes.push(Wish::new(feature, &asset, &settings, background)?);
            }
        } else {
            wishes.push(Wish::new(feature, &asset, settings, false)?);
        }
    }
    ensure(db, &asset.id, &wishes).await
}

impl Wish {
    fn new(
        feature: Feature,
        asset: &Asset,
        settings: &Settings,
        background: bool,
    ) -> Result<Self, CatalogError> {
        let registered = registered(feature);
        Ok(Self {
            feature,
            name: stored_name(feature, registered.variant(settings)),
            params: registered.params(asset, settings)?,
            background,
        })
    }
}

/// Requests the vectors of a model in the background, for an asset whose proxies are those of the run `proxies`.
pub(super) async fn request_vectors(
    db: &mut Connection,
    (asset, proxies): (&AssetId, &RunId),
    settings: &Settings,
) -> Result<(), CatalogError> {
    let asset = assets::get(db, asset).await?;
    let wish = Wish::new(Feature::Embeddings, &asset, settings, true)?;
    ensure_one(db, &asset.id, &wish, std::slice::from_ref(proxies)).await?;
    Ok(())
}

/// Requests the faces of an asset whose shots are those of the run `shots`.
pub(super) async fn request_people(
    db: &mut Connection,
    (asset, shots): (&AssetId, &RunId),
    settings: &Settings,
) -> Result<RunId, CatalogError> {
    let asset = assets::get(db, asset).await?;
    let wish = Wish::new(Feature::People, &asset, settings, false)?;
    ensure_one(db, &asset.id, &wish, std::slice::from_ref(shots)).await
}

/// Requests for an asset what `runs` compute for another asset with the same bytes.
///
/// # Errors
/// The same as [`request`].
pub(super) async fn request_again(
    db: &mut Connection,
    asset: &AssetId,
    runs: &[Run],
) -> Result<Vec<RunId>, CatalogError> {
    let asset = assets::get(db, asset).await?;
    let mut wishes = Vec::with_capacity(runs.len());
    for run in runs {
        let feature = feature_of(run)?;
        wishes.push(Wish {
            feature,
            name: run.feature.clone(),
            params: registered(feature).params_again(&asset, &run.params)?,
            background: run.background,
        });
    }
    wishes.sort_by_key(|wish| wish.feature);
    ensure(db, &asset.id, &wishes).await
}

/// Returns the runs that somebody waits for.
async fn ensure(
    db: &mut Connection,
    asset: &AssetId,
    wishes: &[Wish],
) -> Result<Vec<RunId>, CatalogError> {
    let mut ensured: HashMap<Feature, RunId> = HashMap::new();
    let mut awaited = Vec::with_capacity(wishes.len());
    for wish in wishes {
        let inputs: Vec<RunId> = registered(wish.feature)
            .inputs()
            .iter()
            .filter_map(|input| ensured.get(input).cloned())
            .collect();
        let run = ensure_one(db, asset, wish, &inputs).await?;
        if !wish.background {
            awaited.push(run.clone());
        }
        ensured.insert(wish.feature, run);
    }
    let names: Vec<&str> = wishes.iter().map(|wish| wish.name.as_str()).collect();
    runs::want_only(db, asset, &names).await?;
    Ok(awaited)
}

async fn ensure_one(
    db: &mut Connection,
    asset: &AssetId,
    wish: &Wish,
    inputs: &[RunId],
) -> Result<RunId, CatalogError> {
    let registered = registered(wish.feature);
    runs::ensure(
        db,
        NewRun {
            asset,
            feature: &wish.name,
            key: &key(wish, registered.version(), inputs),
            params: &wish.params,
            queue: registered.queue().as_str(),
            background: wish.background,
            inputs,
        },
    )
    .await
}

/// `embeddings/<model>` for vectors, of which an asset may have several kinds; otherwise the plain name.
fn stored_name(feature: Feature, variant: Option<&str>) -> String {
    match variant {
        Some(variant) => format!("{feature}/{variant}"),
        None => feature.as_str().to_owned(),
    }
}

/// The stored name of the feature that holds the vectors of `model`.
#[must_use]
pub fn embeddings_of(model: &str) -> String {
    stored_name(Feature::Embeddings, Some(model))
}

/// The stored name of the feature that holds the vectors of dialogue by `model`.
#[must_use]
pub fn meaning_of(model: &str) -> String {
    stored_name(Feature::Meaning, Some(model))
}

/// The feature that `run` computes.
///
/// # Errors
/// If the feature is from another version of rushes.
pub(super) fn feature_of(run: &Run) -> Result<Feature, CatalogError> {
    let name = run.feature.split('/').next().unwrap_or_default();
    name.parse()
        .map_err(|_unknown_feature| CatalogError::Corrupt {
            what: "the name of a feature",
        })
}

fn key(wish: &Wish, version: u32, inputs: &[RunId]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(wish.feature.as_str().as_bytes());
    hasher.update(&version.to_le_bytes());
    hasher.update(wish.params.as_bytes());
    for input in inputs {
        hasher.update(input.as_str().as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}
