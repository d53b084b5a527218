//! How a feature defines itself, and how the rest of the engine calls it.

use async_trait::async_trait;
use rushes_workers::coordinator::Failure;
use rushes_workers::stages::{Feature, Output, Queue, StageOutput, Task};
use rushes_workers::storage::Locator;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Settings;
use crate::catalog::assets::Asset;
use crate::catalog::database::Connection;
use crate::catalog::records::ShotsRecord;
use crate::catalog::runs::{self, Run};
use crate::catalog::{CatalogError, RunId, assets, replacements, shots};

/// The JSON of a run, or of one of its inputs, was not written by this or an earlier version.
pub(super) const DAMAGED: CatalogError = CatalogError::Corrupt {
    what: "the parameters or the result of a run",
};

/// The parameters of a feature whose result depends only on its inputs.
#[derive(Serialize, Deserialize)]
pub(super) struct NoParams {}

/// The unit of a run's progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes of the file.
    Bytes,
    /// Frames of the video.
    Frames,
    /// Lines of dialogue.
    Lines,
    /// Shots.
    Shots,
}

/// One feature: its inputs, and how its runs are requested, handed out, checked and stored.
pub(super) trait Definition: Send + Sync + 'static {
    /// The feature.
    const FEATURE: Feature;
    /// Version of the code. Increase it when results change.
    const VERSION: u32;
    /// Its inputs.
    const INPUTS: &'static [Feature];
    /// The queue of its runs.
    const QUEUE: Queue;
    /// The unit of its progress.
    const UNIT: Unit;
    /// Whether workers on other machines may compute it. They reach the store, but no file on this machine.
    const REMOTE: bool = false;

    /// What its result depends on besides its inputs and the code. Stored with the run as JSON.
    type Params: Serialize + DeserializeOwned + Send + Sync;
    /// The output of its worker.
    type Output: StageOutput + Sync;
    /// The part of the result that is stored in the run. Lists have their own tables.
    type Record: Serialize + Send;

    /// The parameters for `asset` under `settings`.
    fn params(asset: &Asset, settings: &Settings) -> Result<Self::Params, CatalogError>;

    /// The parameters for `asset` when it takes over the requests of another asset with the same bytes.
    fn params_again(_asset: &Asset, params: Self::Params) -> Result<Self::Params, CatalogError> {
        Ok(params)
    }

    /// Whether it is computed under `settings` at all.
    fn is_wanted(_settings: &Settings) -> bool {
        true
    }

    /// Distinguishes the variants of a feature in one asset, such as vectors of several models.
    fn variant(_settings: &Settings) -> Option<&str> {
        None
    }

    /// The task for the worker. The inputs are ready.
    fn task(
        run: &mut RunInputs<'_>,
        params: Self::Params,
    ) -> impl Future<Output = Result<Task, CatalogError>> + Send;

    /// Why `output` is not a valid result of the run, in words; `None` if it is valid. Workers may be on other
    /// machines and of other versions.
    fn fault(
        _run: &mut RunInputs<'_>,
        _params: Self::Params,
        _output: &Self::Output,
    ) -> impl Future<Output = Result<Option<String>, CatalogError>> + Send {
        std::future::ready(Ok(None))
    }

    /// Stores the result in the transaction that ends the run.
    fn store(
        run: &mut RunInputs<'_>,
        output: &Self::Output,
    ) -> impl Future<Output = Result<StoreOutcome<Self::Record>, CatalogError>> + Send;
}

/// What happened to a result.
pub(super) enum StoreOutcome<R> {
    /// It is stored, and this record is kept in the run.
    Kept(R),
    /// The run's asset became another name of an existing asset, and the run no longer exists.
    Merged,
    /// It is valid and cannot be used, so the run has failed.
    Refused(Failure),
}

/// What happened to a submitted result.
pub(super) enum Accepted {
    /// It is stored, and this JSON is kept in the run.
    Kept(String),
    /// The same as [`StoreOutcome::Merged`].
    Merged,
    /// The same as [`StoreOutcome::Refused`]. What was written must be rolled back.
    Refused(Failure),
    /// It is not a valid result of this run, with the reason. Nothing was stored.
    Invalid(String),
}

/// A run, with access to its inputs.
pub(super) struct RunInputs<'a> {
    pub(super) db: &'a mut Connection,
    pub(super) run: &'a Run,
}

impl RunInputs<'_> {
    /// The file that the run is computed from. All runs of the file before were stopped when it was replaced.
    pub(super) async fn media(&mut self) -> Result<Locator, CatalogError> {
        let asset = &self.run.asset_id;
        match replacements::of(self.db, asset).await? {
            Some(replacement) => Ok(replacement.locator()),
            None => Ok(assets::get(self.db, asset).await?.locator()),
        }
    }

    /// The input run of `feature`.
    pub(super) async fn input(&mut self, feature: Feature) -> Result<Run, CatalogError> {
        self.input_if_any(feature).await?.ok_or(DAMAGED)
    }

    /// The input run of `feature`; `None` if it was not wanted when this run was requested.
    pub(super) async fn input_if_any(
        &mut self,
        feature: Feature,
    ) -> Result<Option<Run>, CatalogError> {
        let inputs = runs::inputs(self.db, &self.run.id).await?;
        let mut inputs = inputs.into_iter();
        Ok(inputs.find(|run| run.feature == feature.as_str()))
    }

    /// The record of the input run of `feature`.
    pub(super) async fn record<R: DeserializeOwned>(
        &mut self,
        feature: Feature,
    ) -> Result<R, CatalogError> {
        self.input(feature).await?.record().ok_or(DAMAGED)
    }

    /// The record of the shots that the run is about, and the first and one-past-last frame of each.
    pub(super) async fn shots(&mut self) -> Result<(ShotsRecord, Vec<(u64, u64)>), CatalogError> {
        let scan = self.input(Feature::Shots).await?;
        let spans = shots::spans_of_run(self.db, &scan.id).await?;
        Ok((scan.record().ok_or(DAMAGED)?, spans))
    }
}

/// Prefix of the keys of a run's objects.
pub(crate) fn prefix(run: &RunId) -> String {
    format!("runs/{run}")
}

/// A [`Definition`] as the registry holds it, with its types as JSON.
#[async_trait]
pub(super) trait Registered: Sync {
    fn version(&self) -> u32;
    fn inputs(&self) -> &'static [Feature];
    fn queue(&self) -> Queue;
    fn unit(&self) -> Unit;
    fn is_remote(&self) -> bool;
    fn is_wanted(&self, settings: &Settings) -> bool;
    fn variant<'a>(&self, settings: &'a Settings) -> Option<&'a str>;
    fn params(&self, asset: &Asset, settings: &Settings) -> Result<String, CatalogError>;
    fn params_again(&self, asset: &Asset, params: &str) -> Result<String, CatalogError>;
    async fn task(&self, run: &mut RunInputs<'_>) -> Result<Task, CatalogError>;
    /// Checks a result and stores it in the transaction that ends the run.
    async fn accept(
        &self,
        run: &mut RunInputs<'_>,
        output: &Output,
    ) -> Result<Accepted, CatalogError>;
}

/// A feature as a trait object.
pub(super) struct ErasedDefinition<D>(pub(super) std::marker::PhantomData<fn() -> D>);

#[async_trait]
impl<D: Definition> Registered for ErasedDefinition<D> {
    fn version(&self) -> u32 {
        D::VERSION
    }

    fn inputs(&self) -> &'static [Feature] {
        D::INPUTS
    }

    fn queue(&self) -> Queue {
        D::QUEUE
    }

    fn unit(&self) -> Unit {
        D::UNIT
    }

    fn is_remote(&self) -> bool {
        D::REMOTE
    }

    fn is_wanted(&self, settings: &Settings) -> bool {
        D::is_wanted(settings)
    }

    fn variant<'a>(&self, settings: &'a Settings) -> Option<&'a str> {
        D::variant(settings)
    }

    fn params(&self, asset: &Asset, settings: &Settings) -> Result<String, CatalogError> {
        to_json(&D::params(asset, settings)?)
    }

    fn params_again(&self, asset: &Asset, params: &str) -> Result<String, CatalogError> {
        to_json(&D::params_again(asset, from_json(params)?)?)
    }

    async fn task(&self, run: &mut RunInputs<'_>) -> Result<Task, CatalogError> {
        let params = from_json(&run.run.params)?;
        D::task(run, params).await
    }

    async fn accept(
        &self,
        run: &mut RunInputs<'_>,
        output: &Output,
    ) -> Result<Accepted, CatalogError> {
        let Some(own) = D::Output::of(output) else {
            let fault = format!("expected {}, got {}", D::FEATURE, output.feature());
            return Ok(Accepted::Invalid(fault));
        };
        let params = from_json(&run.run.params)?;
        if let Some(fault) = D::fault(run, params, own).await? {
            return Ok(Accepted::Invalid(fault));
        }
        Ok(match D::store(run, own).await? {
            StoreOutcome::Kept(record) => Accepted::Kept(to_json(&record)?),
            StoreOutcome::Merged => Accepted::Merged,
            StoreOutcome::Refused(failure) => Accepted::Refused(failure),
        })
    }
}

/// JSON with keys in alphabetical order, so that equal parameters have equal text. A run's key is a digest of
/// it.
fn to_json(value: &impl Serialize) -> Result<String, CatalogError> {
    let json = serde_json::to_value(value).map_err(|_unserialisable| DAMAGED)?;
    Ok(json.to_string())
}

fn from_json<T: DeserializeOwned>(json: &str) -> Result<T, CatalogError> {
    serde_json::from_str(json).map_err(|_not_these_parameters| DAMAGED)
}
