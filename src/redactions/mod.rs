//! Pictures and videos whose faces and plates are to be made unrecognisable: one picture at once, or many files in the
//! background.
//!
//! A batch is a *redaction*; its files are rows of the catalogue, which is the queue as well, so that a kill loses
//! nothing. Where anything fails there is no output. Uploaded originals are deleted as soon as their file is through.

mod error;
mod file;
mod gather;
mod names;
mod pool;
mod settings;
mod store;
mod work;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use rushes_models::{ModelStore, with_causes};
use rushes_workers::media::HEAD;
use rushes_workers::redact::picture::inspect;
use rushes_workers::redact::{MediaKind, Memory, RedactError, Redacted, redact_picture};
use rushes_workers::sandbox::Sandbox;
use rushes_workers::storage::{S3Options, Storage, Uri};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

pub use error::RedactionError;
pub use names::Names;
pub use settings::{Camera, RedactionRequest};
pub use store::{result_keys, shown_name};
pub use work::RedactionWorkers;

use crate::catalog::redactions::{self, NewFile, Stage};
use crate::catalog::{Catalog, CatalogError, RedactionId};
use pool::Pool;

/// Files of one redaction.
pub const MOST_FILES: usize = 10_000;
/// Names of files, folders and prefixes of one redaction.
const MOST_INPUTS: usize = 1000;

/// How much is done at once, and with what.
#[derive(Debug, Clone)]
pub struct Options {
    /// Pictures redacted side by side, for requests; as many files again for batches.
    pub redactors: usize,
    /// Threads of each.
    pub threads: usize,
    /// Largest picture in bytes.
    pub picture_limit: u64,
    /// Largest picture in pixels.
    pub picture_pixels: u64,
    /// Largest video in bytes, before and after.
    pub video_limit: u64,
    /// Bytes of memory that all files in work may take together, about.
    pub memory: u64,
    /// The name of this process in leases.
    pub member: String,
    /// Where redacted videos are written before they are stored.
    pub staging: PathBuf,
    /// How videos are decoded.
    pub sandbox: Sandbox,
}

/// Redacts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Redactions(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    catalog: Catalog,
    storage: Storage,
    s3: S3Options,
    options: Options,
    pool: Pool,
    memory: Memory,
    /// Single pictures that are taken in.
    admitted: Arc<Semaphore>,
    /// Single pictures in work, and settings that are looked at.
    working: Arc<Semaphore>,
    /// The output used last, with its open connections.
    output: Mutex<Option<(String, Storage)>>,
    /// There is something to do.
    news: Notify,
}

/// The place of one picture that is redacted at once.
#[derive(Debug)]
pub struct Admission {
    _held: OwnedSemaphorePermit,
}

impl Redactions {
    /// Opens nothing yet: redactors are opened when they are first needed.
    #[must_use]
    pub fn new(
        catalog: Catalog,
        storage: Storage,
        models: ModelStore,
        s3: S3Options,
        options: Options,
    ) -> Self {
        let count = options.redactors.max(1);
        Self(Arc::new(Inner {
            catalog,
            storage,
            s3,
            pool: Pool::new(models, options.threads, 2 * count),
            memory: Memory::of_server(options.memory),
            // One in work and one on its way, for each redactor: all of them are in memory.
            admitted: Arc::new(Semaphore::new(2 * count)),
            working: Arc::new(Semaphore::new(count)),
            output: Mutex::default(),
            news: Notify::new(),
            options,
        }))
    }

    /// Largest picture in bytes.
    #[must_use]
    pub fn picture_limit(&self) -> u64 {
        self.0.options.picture_limit
    }

    /// A place for one picture, before any byte of it is read.
    ///
    /// # Errors
    /// [`RedactionError::Busy`] if there is none.
    pub fn admit(&self) -> Result<Admission, RedactionError> {
        match Arc::clone(&self.0.admitted).try_acquire_owned() {
            Ok(held) => Ok(Admission { _held: held }),
            Err(_full) => Err(RedactionError::Busy),
        }
    }

    /// Redacts one picture.
    ///
    /// # Errors
    /// Whatever prevents it: there is no output then.
    pub async fn redact(
        &self,
        place: Admission,
        bytes: Vec<u8>,
        name: String,
        wanted: RedactionRequest,
    ) -> Result<Redacted, RedactionError> {
        let turn = self.turn().await?;
        let this = self.clone();
        self.blocking(move || {
            // Held here: work goes on when the client has gone away.
            let _both = (place, turn);
            let inner = &this.0;
            this.check_pixels(&inspect(&bytes).map_err(RedactError::from)?)?;
            let corrections = wanted.corrections.as_ref();
            let redactor = inner.pool.take(&wanted)?;
            inner.pool.with(&wanted, redactor, |redactor| {
                let memory = &inner.memory;
                Ok(redact_picture(redactor, memory, bytes, &name, corrections)?)
            })
        })
        .await
    }

    /// Sees that a batch with these settings could be worked on.
    ///
    /// # Errors
    /// The settings are wrong, or a model is missing; the error names the pull.
    pub async fn check(&self, wanted: &RedactionRequest) -> Result<(), RedactionError> {
        if wanted.corrections.is_some() {
            return Err(RedactionError::Settings(
                "corrections are of one picture: send it to /v1/redact".to_owned(),
            ));
        }
        // Opening detectors is work, too.
        let turn = self.turn().await?;
        let (this, wanted) = (self.clone(), wanted.clone());
        self.blocking(move || {
            let _turn = turn;
            this.0.pool.check(&wanted)
        })
        .await
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit, RedactionError> {
        Arc::clone(&self.0.working)
            .acquire_owned()
            .await
            .map_err(|closed| RedactionError::Died(closed.to_string()))
    }

    /// Where results below the prefix `output` are written.
    fn output(&self, output: &str) -> Result<Storage, RedactionError> {
        let mut last = self.0.output.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, storage)) = last.as_ref()
            && of == output
        {
            return Ok(storage.clone());
        }
        let storage = Storage::open(output, self.0.s3.clone())?;
        *last = Some((output.to_owned(), storage.clone()));
        drop(last);
        Ok(storage)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, RedactionError> + Send + 'static,
    ) -> Result<T, RedactionError> {
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|died| Err(RedactionError::Died(died.to_string())))
    }

    /// Begins a redaction of uploaded files. Nobody sees it before [`Redactions::received`].
    ///
    /// # Errors
    /// If the catalogue fails.
    pub async fn begin(&self) -> Result<RedactionId, RedactionError> {
        let mut tx = self.0.catalog.begin().await?;
        let member = &self.0.options.member;
        let id = redactions::create(&mut tx, Stage::Receiving, "{}", "[]", None, member).await?;
        tx.commit().await.map_err(CatalogError::from)?;
        Ok(id)
    }

    /// Streams one file of an upload, which is called `name`, into the store.
    ///
    /// # Errors
    /// If the stream breaks off, is too long for a picture or a video, or the store refuses.
    pub async fn receive<S>(
        &self,
        id: &RedactionId,
        (ordinal, name): (usize, &str),
        bytes: S,
    ) -> Result<(), RedactionError>
    where
        S: Stream<Item = std::io::Result<Bytes>> + Send,
    {
        let key = store::original_key(id, ordinal);
        let mut bytes = std::pin::pin!(bytes);
        // As many as tell what it is.
        let (mut head, mut begun) = (Vec::new(), Vec::new());
        while head.len() < HEAD {
            let next = bytes.try_next().await;
            let next = next.map_err(|source| RedactionError::Read {
                name: name.to_owned(),
                source,
            })?;
            let Some(chunk) = next else { break };
            head.extend_from_slice(&chunk[..chunk.len().min(HEAD)]);
            begun.push(Ok(chunk));
        }
        let limit = match MediaKind::of(&head, name) {
            Some(MediaKind::Video) => self.0.options.video_limit,
            Some(MediaKind::Picture) | None => self.picture_limit(),
        };
        let whole = futures::stream::iter(begun).chain(bytes);
        self.0.storage.put_stream(&key, whole, limit).await?;
        Ok(())
    }

    /// Queues what was uploaded, by name.
    ///
    /// # Errors
    /// If the catalogue fails.
    pub async fn received(
        &self,
        id: &RedactionId,
        wanted: &RedactionRequest,
        names: Vec<String>,
    ) -> Result<(), RedactionError> {
        let files: Vec<NewFile> = names
            .into_iter()
            .enumerate()
            .map(|(ordinal, name)| NewFile {
                name,
                source: Some(Uri::Store(store::original_key(id, ordinal)).to_string()),
                failure: None,
            })
            .collect();
        let mut tx = self.0.catalog.begin().await?;
        redactions::set_settings(&mut tx, id, &wanted.json()).await?;
        if !redactions::open(&mut tx, id, &files, 0).await? {
            return Err(CatalogError::NotFound {
                what: "redaction",
                id: id.to_string(),
            }
            .into());
        }
        tx.commit().await.map_err(CatalogError::from)?;
        self.0.news.notify_waiters();
        Ok(())
    }

    /// Queues what lies below these names, which may be read, and whose results may be written below `output`.
    ///
    /// # Errors
    /// Too many inputs or none, or an output that could overwrite one of them.
    pub async fn submit(
        &self,
        wanted: &RedactionRequest,
        inputs: &[String],
        output: Option<&str>,
    ) -> Result<RedactionId, RedactionError> {
        if inputs.is_empty() || inputs.len() > MOST_INPUTS {
            return Err(RedactionError::Inputs(format!(
                "{} inputs; name 1 to {MOST_INPUTS} files, folders or prefixes",
                inputs.len()
            )));
        }
        let output = output
            .map(|output| store::checked(output, inputs))
            .transpose()?;
        let names = serde_json::to_string(inputs)
            .map_err(|error| RedactionError::Inputs(with_causes(&error)))?;
        let mut tx = self.0.catalog.begin().await?;
        let settings = wanted.json();
        let id = redactions::create(
            &mut tx,
            Stage::Listing,
            &settings,
            &names,
            output.as_deref(),
            &self.0.options.member,
        )
        .await?;
        tx.commit().await.map_err(CatalogError::from)?;
        self.0.news.notify_waiters();
        Ok(id)
    }

    /// Deletes a redaction. What is under way of it ends without a result.
    ///
    /// # Errors
    /// If there is none.
    pub async fn delete(&self, id: &RedactionId) -> Result<(), RedactionError> {
        let mut tx = self.0.catalog.begin().await?;
        redactions::doom(&mut tx, id).await?;
        tx.commit().await.map_err(CatalogError::from)?;
        self.0.news.notify_waiters();
        Ok(())
    }
}
