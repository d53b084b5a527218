//! The features of an asset: what each is computed from, asking for them, and the queue's policy.
//!
//! Asking for an asset's features adds the runs that they need, once; workers lease those runs through
//! [`LocalCoordinator`]; when all that is wanted of an asset has settled, it is published in one transaction.
//!
//! Each feature has a file here that says everything the catalogue's side must know of it, and a file of the same name in
//! the workers' `stages` that computes it. `registry.rs` lists them.

mod coordinator;
mod definition;
mod liveness;
mod registry;
mod request;
mod retry;

mod dialogue;
mod embeddings;
mod probe;
mod proxies;
mod shots;
mod thumbnails;

pub use coordinator::LocalCoordinator;
pub use definition::Unit;
pub use liveness::{WorkerLock, bury_the_dead, is_anyone_at_work};
pub use registry::{is_remote, unit_of};
pub use request::{Settings, embeddings_of, request};
pub(crate) use retry::verdict;
