//! Opened redactors, kept by their settings, and the memory that pictures in work may take.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use rushes_models::ModelStore;
use rushes_workers::redact::picture::{self, Header};
use rushes_workers::redact::{Redacted, Redactor, memory_needed};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::settings::RedactionRequest;
use super::{Options, RedactionError};

/// MiB that the pictures in work may take together, about.
const MEMORY_MIB: u32 = 4096;

/// Shared by requests and batches.
#[derive(Debug)]
pub(super) struct Pool {
    models: ModelStore,
    options: Options,
    /// Most that are kept while nobody uses them.
    most: usize,
    /// The last is the one used last.
    idle: Mutex<Vec<(String, Redactor)>>,
    memory: Semaphore,
}

impl Pool {
    pub(super) fn new(models: ModelStore, options: Options, most: usize) -> Self {
        Self {
            models,
            options,
            most,
            idle: Mutex::default(),
            memory: Semaphore::new(MEMORY_MIB as usize),
        }
    }

    /// Sees that there is a redactor for these settings, or says what is missing. Blocks.
    pub(super) fn check(&self, wanted: &RedactionRequest) -> Result<(), RedactionError> {
        let key = wanted.key();
        let redactor = self.take(&key, wanted)?;
        self.give(key, redactor);
        Ok(())
    }

    /// Redacts one picture. Blocks, and must not be called on an async thread.
    pub(super) fn redact(
        &self,
        runtime: &Handle,
        wanted: &RedactionRequest,
        bytes: Vec<u8>,
        name: &str,
    ) -> Result<Redacted, RedactionError> {
        let work = || {
            let header =
                picture::inspect(&bytes).map_err(rushes_workers::redact::RedactError::from)?;
            let _held = runtime.block_on(self.hold(&header))?;
            let key = wanted.key();
            let mut redactor = self.take(&key, wanted)?;
            let redacted = redactor.redact(bytes, name, wanted.corrections.as_ref())?;
            self.give(key, redactor);
            Ok(redacted)
        };
        // A defect that one picture brings to light costs that picture, not the thread; its redactor is dropped.
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
            let what = panic
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned());
            Err(RedactionError::Died(what.unwrap_or_default()))
        })
    }

    async fn hold(&self, header: &Header) -> Result<SemaphorePermit<'_>, RedactionError> {
        let (pixels, limit) = (
            u64::from(header.width) * u64::from(header.height),
            self.options.picture_pixels,
        );
        if pixels > limit {
            return Err(RedactionError::TooManyPixels { pixels, limit });
        }
        let needed = memory_needed(header) >> 20;
        let mib = u32::try_from(needed).ok().filter(|&mib| mib <= MEMORY_MIB);
        let mib = mib.ok_or(RedactionError::TooMuchMemory {
            needed,
            allowed: MEMORY_MIB.into(),
        })?;
        self.memory
            .acquire_many(mib)
            .await
            .map_err(|closed| RedactionError::Died(closed.to_string()))
    }

    fn take(&self, key: &str, wanted: &RedactionRequest) -> Result<Redactor, RedactionError> {
        let settings = wanted.settings()?;
        {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(at) = idle.iter().rposition(|(of, _)| of == key) {
                return Ok(idle.remove(at).1);
            }
        }
        Ok(Redactor::open(
            &self.models,
            settings,
            self.options.threads,
        )?)
    }

    fn give(&self, key: String, redactor: Redactor) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push((key, redactor));
        let over = idle.len().saturating_sub(self.most);
        let old: Vec<_> = idle.drain(..over).collect();
        drop(idle);
        drop(old);
    }
}
