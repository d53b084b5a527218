//! The conformance suite of coordinators, run on each implementation.

mod bench;
mod conformance;
mod local;
mod replacements;
mod spaces;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rushes::catalog::assets::{NewAsset, register};
use rushes::catalog::keys::{self, Grant, KeyScope};
use rushes::catalog::runs::{self, Run, RunState};
use rushes::catalog::{AssetId, Catalog, JobId, RunId, jobs, members, queue};
use rushes::features::{LocalCoordinator, Settings, WorkerLock, request};
use rushes_models::{ErrorKind, ModelStore, space_of};
use rushes_workers::coordinator::http::{HttpCoordinator, WorkKey};
use rushes_workers::coordinator::{Coordinator, CoordinatorError, Directive, Failure, Lease};
use rushes_workers::edges::{EdgeDescriptor, ShotEdges};
use rushes_workers::media::{MediaInfo, SoundTrack};
use rushes_workers::segment::{Boundary, BoundaryKind, DetectorKind};
use rushes_workers::stages::{
    DialogueOutput, EdgesOutput, EmbeddingsOutput, MeaningOutput, Output, PeopleOutput,
    ProbeOutput, ProxiesOutput, Queue, ShotSpan, ShotsOutput, SoundFindings, SoundTagsOutput,
    SpeechBasis, SpeechOutput, Task, TextOutput, ThumbnailsOutput,
};
use rushes_workers::storage::Locator;
use rushes_workers::watch::Progress;

use crate::support::work_server::WorkServer;

use self::bench::*;
pub(crate) use self::bench::{Bench, answer, client, edges, key, lost, vectors, video};
