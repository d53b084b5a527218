//! The features of an asset: their definitions, requests for them, and the policy of the queue.
//!
//! A request for an asset's features adds the missing runs, once. Workers lease those runs through
//! [`LocalCoordinator`]. When all requested runs of an asset have settled, one transaction publishes it.
//!
//! Each feature has a file here with everything that the catalogue's side must know about it. A file of the
//! same name in the workers' `stages` computes it. `registry.rs` lists the features.

mod coordinator;
mod definition;
mod liveness;
mod registry;
mod request;
mod retry;
mod spaces;

mod dialogue;
mod edges;
mod embeddings;
mod meaning;
mod models;
mod people;
mod probe;
mod proxies;
mod shots;
mod sound;
mod sound_tags;
mod speech;
mod text;
mod thumbnails;
mod vectors;

pub use coordinator::LocalCoordinator;
pub use definition::Unit;
pub use liveness::{WorkerLock, bury_the_dead, is_anyone_at_work};
pub use models::{UnfitModel, activate_model, embed_beside, remove_vectors};
pub use people::{FaceSettings, look_for_people};
pub use registry::{is_remote, unit_of};
pub use request::{Settings, embeddings_of, meaning_of, request, retry};
pub(crate) use retry::verdict;
pub use spaces::{delete_vectors, models, tend_spaces};
pub use speech::SpeechSettings;
