//! What a feature's file says of it, and how the rest of the engine asks.

use async_trait::async_trait;
use rushes_workers::stages::{Feature, Output, Queue, StageOutput, Task};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;

use super::Settings;
use crate::catalog::assets::Asset;
use crate::catalog::runs::{self, Run};
use crate::catalog::{CatalogError, RunId, assets};

/// A run's JSON, or that of one of its inputs, is not what this version or an earlier one wrote.
pub(super) const DAMAGED: CatalogError = CatalogError::Corrupt {
    what: "the parameters or the result of a run",
};

/// Of a feature whose result depends on its inputs alone.
#[derive(Serialize, Deserialize)]
pub(super) struct NoParams {}

/// What the progress of a run counts.
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

/// One feature: what it is computed from, and how its runs are asked for, handed out, checked and stored.
pub(super) trait Definition: Send + Sync + 'static {
    /// Which one it is.
    const FEATURE: Feature;
    /// Counts changes of the code that change results.
    const VERSION: u32;
    /// What it is computed from.
    const INPUTS: &'static [Feature];
    /// The workers that compute it.
    const QUEUE: Queue;
    /// What its progress counts.
    const UNIT: Unit;
    /// Whether workers on other machines may compute it. They reach the store, but no file of this machine.
    const REMOTE: bool = false;

    /// What its result depends on besides its inputs and the code. Kept with the run as JSON.
    type Params: Serialize + DeserializeOwned + Send + Sync;
    /// What its worker hands in.
    type Output: StageOutput + Sync;
    /// What is kept in the run itself; lists have tables of their own.
    type Record: Serialize + Send;

    /// The parameters for `asset` under `settings`.
    fn params(asset: &Asset, settings: &Settings) -> Result<Self::Params, CatalogError>;

    /// The parameters for `asset` when it takes over what was asked for of another with the same bytes.
    fn params_again(_asset: &Asset, params: Self::Params) -> Result<Self::Params, CatalogError> {
        Ok(params)
    }

    /// Tells apart what an asset may have several of: vectors of several models.
    fn variant(_settings: &Settings) -> Option<&str> {
        None
    }

    /// What the worker is given. The inputs are ready.
    fn task(
        run: &mut RunInputs<'_>,
        params: Self::Params,
    ) -> impl Future<Output = Result<Task, CatalogError>> + Send;

    /// Why `output` cannot be a result of the run, for people; `None` if it can. Workers may be on other machines
    /// and of other versions.
    fn fault(
        _run: &mut RunInputs<'_>,
        _params: Self::Params,
        _output: &Self::Output,
    ) -> impl Future<Output = Result<Option<String>, CatalogError>> + Send {
        std::future::ready(Ok(None))
    }

    /// Stores the result, in the transaction that ends the run.
    fn store(
        run: &mut RunInputs<'_>,
        output: &Self::Output,
    ) -> impl Future<Output = Result<StoreOutcome<Self::Record>, CatalogError>> + Send;
}

/// What became of a result.
pub(super) enum StoreOutcome<R> {
    /// It is stored, and this is kept in the run.
    Kept(R),
    /// The run's asset turned out to be another name of one that was there; there is no run any more.
    Merged,
}

/// What became of a result that a worker handed in.
pub(super) enum Accepted {
    /// It is stored, and this JSON is kept in the run.
    Kept(String),
    /// As [`StoreOutcome::Merged`].
    Merged,
    /// It cannot be one of this run, for people; nothing was stored.
    Invalid(String),
}

/// A run, with access to what it was computed from.
pub(super) struct RunInputs<'a> {
    pub(super) db: &'a mut SqliteConnection,
    pub(super) run: &'a Run,
}

impl RunInputs<'_> {
    /// The asset that the run is of.
    pub(super) async fn asset(&mut self) -> Result<Asset, CatalogError> {
        assets::get(self.db, &self.run.asset_id).await
    }

    /// The run of `feature` that this one is computed from.
    pub(super) async fn input(&mut self, feature: Feature) -> Result<Run, CatalogError> {
        let inputs = runs::inputs(self.db, &self.run.id).await?;
        let input = inputs
            .into_iter()
            .find(|run| run.feature == feature.as_str());
        input.ok_or(DAMAGED)
    }

    /// What is kept in the run of `feature` that this one is computed from.
    pub(super) async fn record<R: DeserializeOwned>(
        &mut self,
        feature: Feature,
    ) -> Result<R, CatalogError> {
        self.input(feature).await?.record().ok_or(DAMAGED)
    }
}

/// Keys of the objects of a run begin with this.
pub(crate) fn prefix(run: &RunId) -> String {
    format!("runs/{run}")
}

/// A [`Definition`] as the registry holds it: its types as JSON.
#[async_trait]
pub(super) trait Registered: Sync {
    fn version(&self) -> u32;
    fn inputs(&self) -> &'static [Feature];
    fn queue(&self) -> Queue;
    fn unit(&self) -> Unit;
    fn is_remote(&self) -> bool;
    fn variant<'a>(&self, settings: &'a Settings) -> Option<&'a str>;
    fn params(&self, asset: &Asset, settings: &Settings) -> Result<String, CatalogError>;
    fn params_again(&self, asset: &Asset, params: &str) -> Result<String, CatalogError>;
    async fn task(&self, run: &mut RunInputs<'_>) -> Result<Task, CatalogError>;
    /// Checks a result and stores it, in the transaction that ends the run.
    async fn accept(
        &self,
        run: &mut RunInputs<'_>,
        output: &Output,
    ) -> Result<Accepted, CatalogError>;
}

/// A feature as an object.
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
        })
    }
}

/// Keys in alphabetical order, so that equal parameters have equal text: a run's key is a digest of it.
fn to_json(value: &impl Serialize) -> Result<String, CatalogError> {
    let json = serde_json::to_value(value).map_err(|_unserialisable| DAMAGED)?;
    Ok(json.to_string())
}

fn from_json<T: DeserializeOwned>(json: &str) -> Result<T, CatalogError> {
    serde_json::from_str(json).map_err(|_not_these_parameters| DAMAGED)
}
