//! The features of an asset: what each is computed from, asking for them, and the queue's policy.
//!
//! Asking for a feature makes the runs it needs, once; workers lease those runs through
//! [`LocalCoordinator`]; when all that is wanted of an asset has settled, it is published in one
//! transaction.

mod coordinator;
mod graph;
mod liveness;
mod retry;
mod tasks;
mod verify;

pub use coordinator::LocalCoordinator;
pub use graph::{DIALOGUE, STAGES, Settings, embeddings_of, request};
pub use liveness::{WorkerLock, bury_the_dead, is_anyone_at_work};
pub(crate) use tasks::prefix;
