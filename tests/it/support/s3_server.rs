//! An S3-compatible server on loopback, in this process, over a folder.

use std::path::Path;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tokio::runtime::Runtime;

/// The server; it ends when dropped.
pub(crate) struct S3Server {
    pub(crate) endpoint: String,
    _runtime: Runtime,
}

pub(crate) const KEY: &str = "rushes-test";
pub(crate) const SECRET: &str = "not-a-secret";

impl S3Server {
    /// Serves `folder`, whose subfolders are the buckets.
    pub(crate) fn start(folder: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("s3-server")
            .enable_all()
            .build()
            .unwrap();
        let files = s3s_fs::FileSystem::new(folder).unwrap();
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = builder.build();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let http = Builder::new(TokioExecutor::new());
                    // A client that disconnects does not fail the test.
                    http.serve_connection(TokioIo::new(socket), service)
                        .await
                        .ok();
                });
            }
        });
        Self {
            endpoint,
            _runtime: runtime,
        }
    }
}
