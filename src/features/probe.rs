//! `probe`: the hash of an asset's bytes, and the properties of the file.

use rushes_models::ErrorKind;
use rushes_workers::coordinator::Failure;
use rushes_workers::stages::{Feature, ProbeOutput, ProbeTask, Queue, Task};
use serde::{Deserialize, Serialize};

use super::Settings;
use super::definition::{Definition, RunInputs, StoreOutcome, Unit};
use super::request::request_again;
use crate::catalog::assets::{self, Asset};
use crate::catalog::records::ProbeRecord;
use crate::catalog::{CatalogError, duplicates, jobs, replacements, runs};

pub(super) struct Probe;

/// Another file of the asset makes another run, and so do all features that follow from it.
#[derive(Serialize, Deserialize)]
pub(super) struct Params {
    #[serde(default, skip_serializing_if = "is_first")]
    content: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_first(content: &i64) -> bool {
    *content == 0
}

impl Definition for Probe {
    const FEATURE: Feature = Feature::Probe;
    const VERSION: u32 = 2;
    const INPUTS: &'static [Feature] = &[];
    const QUEUE: Queue = Queue::Media;
    const UNIT: Unit = Unit::Bytes;

    type Params = Params;
    type Output = ProbeOutput;
    type Record = ProbeRecord;

    fn params(asset: &Asset, _: &Settings) -> Result<Params, CatalogError> {
        Ok(Params {
            content: asset.content,
        })
    }

    fn params_again(asset: &Asset, _: Params) -> Result<Params, CatalogError> {
        Ok(Params {
            content: asset.content,
        })
    }

    async fn task(run: &mut RunInputs<'_>, _: Params) -> Result<Task, CatalogError> {
        let media = run.media().await?;
        Ok(ProbeTask { media }.into())
    }

    async fn store(
        run: &mut RunInputs<'_>,
        output: &ProbeOutput,
    ) -> Result<StoreOutcome<ProbeRecord>, CatalogError> {
        let asset = &run.run.asset_id;
        let replaces = replacements::of(run.db, asset).await?.is_some();
        let Some(original) = duplicates::same_bytes(run.db, asset, &output.blake3).await? else {
            if replaces {
                replacements::set_blake3(run.db, asset, &output.blake3).await?;
            } else {
                assets::set_blake3(run.db, asset, &output.blake3).await?;
            }
            return Ok(StoreOutcome::Kept(ProbeRecord {
                info: output.info.clone(),
            }));
        };
        if replaces {
            return Ok(StoreOutcome::Refused(in_use()));
        }
        let wanted = runs::wanted(run.db, asset).await?;
        duplicates::merge(run.db, asset, &original).await?;
        let original = original.asset;
        // The original's failed runs, and its new subtitles, are requested now.
        let runs = request_again(run.db, &original, &wanted).await?;
        jobs::adopt(run.db, &original, &runs).await?;
        Ok(StoreOutcome::Merged)
    }
}

/// An asset keeps its title, tags and picks when its file is replaced, so it cannot become another name of the asset
/// that has these bytes. Which asset that is, not everybody who sees this one may know.
fn in_use() -> Failure {
    let error = CatalogError::BytesInUse(String::new());
    Failure {
        kind: ErrorKind::InvalidInput,
        code: error.code().into_owned(),
        reason: "another asset has this file already; use that asset, or delete it first to replace another one's file with it"
            .to_owned(),
    }
}
