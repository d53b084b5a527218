//! `people`: whose faces a video shows. It is computed only while the catalogue says that the sense is on.

use rushes_models::{DESCRIPTOR, EXPRESSIONS};
use rushes_workers::stages::{FaceTrack, Feature, PeopleOutput, PeopleTask, Queue, Task};
use serde::{Deserialize, Serialize};

use super::Settings;
use super::definition::{DAMAGED, Definition, RunInputs, StoreOutcome, Unit};
use super::request::request_people;
use crate::catalog::assets::Asset;
use crate::catalog::database::{self, Connection};
use crate::catalog::people::{self, NewFace};
use crate::catalog::records::PeopleRecord;
use crate::catalog::{AssetId, Catalog, CatalogError, RunId, jobs};

/// Assets per transaction.
const BATCH: u32 = 100;

pub(super) struct People;

/// The model that tells faces apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaceSettings {
    /// Its id.
    pub model: String,
    /// The model and its detector, both as `id@revision`.
    pub name: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Params {
    model: String,
    name: String,
}

impl Definition for People {
    const FEATURE: Feature = Feature::People;
    const VERSION: u32 = 1;
    const INPUTS: &'static [Feature] = &[Feature::Shots];
    const QUEUE: Queue = Queue::Media;
    const UNIT: Unit = Unit::Frames;

    type Params = Params;
    type Output = PeopleOutput;
    type Record = PeopleRecord;

    fn params(_: &Asset, settings: &Settings) -> Result<Params, CatalogError> {
        let FaceSettings { model, name } = settings.faces.clone().ok_or(DAMAGED)?;
        Ok(Params { model, name })
    }

    fn is_wanted(settings: &Settings) -> bool {
        settings.faces.is_some()
    }

    async fn task(run: &mut RunInputs<'_>, params: Params) -> Result<Task, CatalogError> {
        let (scan, shots) = run.shots().await?;
        Ok(PeopleTask {
            media: run.media().await?,
            timeline: scan.timeline,
            shots,
            model: params.model,
            untouched: people::untouched(run.db, &run.run.asset_id).await?,
        }
        .into())
    }

    async fn fault(
        run: &mut RunInputs<'_>,
        params: Params,
        output: &PeopleOutput,
    ) -> Result<Option<String>, CatalogError> {
        let (wanted, got) = (params.name, &output.model);
        if wanted != *got {
            return Ok(Some(format!(
                "expected faces by {wanted}, got {got}; ingest the video again"
            )));
        }
        let (_, shots) = run.shots().await?;
        let faulty = output
            .faces
            .iter()
            .find(|face| !is_sound(face, shots.len()));
        Ok(faulty.map(|face| format!("an invalid face at frame {}", face.best)))
    }

    async fn store(
        run: &mut RunInputs<'_>,
        output: &PeopleOutput,
    ) -> Result<StoreOutcome<PeopleRecord>, CatalogError> {
        let faces: Vec<NewFace> = output.faces.iter().filter_map(new_face).collect();
        let of = (&run.run.asset_id, &run.run.id);
        people::store(run.db, of, &faces).await?;
        Ok(StoreOutcome::Kept(PeopleRecord {
            model: output.model.clone(),
        }))
    }
}

fn is_sound(face: &FaceTrack, shots: usize) -> bool {
    let numbers = face.descriptor.as_ref().map(|one| one.0);
    let is_finite = |numbers: [f32; DESCRIPTOR]| numbers.iter().all(|number| number.is_finite());
    usize::try_from(face.shot).is_ok_and(|shot| shot < shots)
        && face.expressions.len() == EXPRESSIONS.len()
        && numbers.is_some_and(is_finite)
}

fn new_face(face: &FaceTrack) -> Option<NewFace> {
    let felt = face.expressions.iter().zip(EXPRESSIONS);
    let (_, expression) = felt.max_by(|a, b| a.0.total_cmp(b.0))?;
    Some(NewFace {
        shot: face.shot,
        frame: face.best,
        place: face.place,
        path: face.path.clone(),
        score: face.score,
        expression,
        strength: 1.0 - face.expressions.first()?,
        descriptor: face.descriptor.clone()?,
        crop: face.crop.clone(),
    })
}

/// Requests the faces of all videos that were ingested while the sense of people was off or its model was missing, with a
/// job for each. Returns how many.
///
/// # Errors
/// [`CatalogError::PeopleOff`], or if the database fails.
pub async fn look_for_people(
    catalog: &Catalog,
    settings: &Settings,
) -> Result<usize, CatalogError> {
    let mut requested = 0;
    if settings.faces.is_none() {
        return Ok(0);
    }
    loop {
        let mut tx = catalog.begin().await?;
        people::require(&mut tx).await?;
        let assets = without(&mut tx).await?;
        for (asset, shots) in &assets {
            let run = request_people(&mut tx, (asset, shots), settings).await?;
            jobs::create(&mut tx, asset, &[run]).await?;
        }
        tx.commit().await?;
        requested += assets.len();
        if assets.is_empty() {
            return Ok(requested);
        }
    }
}

/// Some assets with shots whose faces were not requested, with the run of their shots.
async fn without(db: &mut Connection) -> Result<Vec<(AssetId, RunId)>, CatalogError> {
    Ok(database::query_as(
        "SELECT w.asset_id, w.run_id FROM wanted w JOIN runs r ON r.id = w.run_id
          WHERE w.feature = 'shots' AND r.state NOT IN ('failed', 'cancelled')
            AND NOT EXISTS (SELECT 1 FROM wanted p WHERE p.asset_id = w.asset_id AND p.feature = 'people')
          ORDER BY w.asset_id LIMIT $1",
    )
    .bind(BATCH)
    .fetch_all(db)
    .await?)
}
