//! The routes for remote workers, on loopback, in this process.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rushes::catalog::{Catalog, members};
use rushes::features::LocalCoordinator;
use rushes::http::{ConnectionBounds, Work, serve, work_router};
use rushes_models::{ModelStore, space_of};
use rushes_workers::storage::{S3Options, Storage};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// The server. It ends when dropped, with all its connections.
pub(crate) struct WorkServer {
    pub(crate) address: String,
    pub(crate) socket: SocketAddr,
    runtime: Option<Runtime>,
}

impl WorkServer {
    /// On a free port, with `catalog` in the data folder `data`.
    pub(crate) fn start(catalog: &Catalog, data: &Path) -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into(), catalog, data)
    }

    /// On this port.
    pub(crate) fn start_at(at: SocketAddr, catalog: &Catalog, data: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("work-server")
            .enable_all()
            .build()
            .unwrap();
        let store = data.join("store");
        let storage = Storage::open(store.to_str().unwrap(), S3Options::default()).unwrap();
        let coordinator =
            LocalCoordinator::new(catalog.clone(), data.to_owned(), members::fresh_name());
        let work = Work::new(
            catalog.clone(),
            Arc::new(coordinator),
            storage,
            (
                "lite".to_owned(),
                space_of(&ModelStore::new("models".into()), "lite").unwrap(),
            ),
        );
        let listener = std::net::TcpListener::bind(at).unwrap();
        listener.set_nonblocking(true).unwrap();
        let socket = listener.local_addr().unwrap();
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            serve(
                listener,
                work_router(work),
                None,
                ConnectionBounds::default(),
                CancellationToken::new(),
            )
            .await;
        });
        Self {
            address: format!("http://{socket}"),
            socket,
            runtime: Some(runtime),
        }
    }
}

impl WorkServer {
    /// Ends it, and waits until its port is free.
    pub(crate) fn stop(mut self) {
        if let Some(runtime) = self.runtime.take() {
            let ended = std::thread::Builder::new().spawn(move || drop(runtime));
            // A dropped runtime waits for its threads, which a test's own runtime must not do.
            ended.unwrap().join().unwrap();
        }
    }
}

impl Drop for WorkServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Tests run on a runtime themselves, which must not wait for another.
            runtime.shutdown_background();
        }
    }
}
