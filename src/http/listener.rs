//! Serving connections within bounds: nobody holds the server by sending nothing, or half of a header.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rushes_models::with_causes;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::Tls;

/// How long the header of a request may be in coming, and an idle connection may be kept.
const HEADER_TIME: Duration = Duration::from_secs(30);
/// Connections of one listener at the same time. More wait to be accepted; descriptors are shared with the
/// catalogue, the index and decoding children.
const MOST_CONNECTIONS: usize = 256;
/// Until accepting is tried again where the system refuses, as it does without free descriptors.
const BREATH: Duration = Duration::from_millis(100);

/// How connections are bounded.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionBounds {
    /// How long the header of a request may be in coming, and an idle connection may be kept.
    pub header_time: Duration,
    /// Connections at the same time.
    pub connections: usize,
}

impl Default for ConnectionBounds {
    fn default() -> Self {
        Self {
            header_time: HEADER_TIME,
            connections: MOST_CONNECTIONS,
        }
    }
}

/// Serves `router` over HTTP/1.1, with TLS where `tls` has a certificate, until `stop`, and then until the last request
/// under way is answered.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<Tls>,
    bounds: ConnectionBounds,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(bounds.connections));
    let graceful = GracefulShutdown::new();
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(bounds.header_time);
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            accepted = accepted => accepted,
            () = stop.cancelled() => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(error = %with_causes(&error), "a connection could not be accepted");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        let service = TowerToHyperService::new(router.clone());
        let (http, watcher) = (http.clone(), graceful.watcher());
        let acceptor = tls.as_ref().map(Tls::acceptor);
        let (time, ending) = (bounds.header_time, stop.clone());
        tokio::spawn(async move {
            let ended = match acceptor {
                None => {
                    let connection = http.serve_connection(TokioIo::new(stream), service);
                    watcher.watch(connection).await
                }
                Some(acceptor) => {
                    // A handshake is a header, too: nobody holds a place with half of one.
                    let shaken = tokio::select! {
                        shaken = tokio::time::timeout(time, acceptor.accept(stream)) => shaken,
                        () = ending.cancelled() => return,
                    };
                    let Ok(Ok(stream)) = shaken else {
                        tracing::debug!("a TLS handshake failed");
                        return;
                    };
                    let connection = http.serve_connection(TokioIo::new(stream), service);
                    watcher.watch(connection).await
                }
            };
            // A client that breaks off or dawdles is no event.
            if let Err(error) = ended {
                tracing::debug!(error = %with_causes(&error), "a connection ended");
            }
            drop(place);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn half_a_header_holds_a_place_only_for_a_while() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(async || "answer"));
        let bounds = ConnectionBounds {
            header_time: Duration::from_millis(50),
            connections: 1,
        };
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve(listener, router, None, bounds, stop.clone()));
        // The only place there is, taken by one who does not finish the first line.
        let mut holder = TcpStream::connect(address).await.unwrap();
        holder.write_all(b"GET / HT").await.unwrap();
        let mut other = TcpStream::connect(address).await.unwrap();
        let request = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        other.write_all(request).await.unwrap();
        let mut answer = String::new();
        other.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("answer"), "{answer}");
        let mut rest = Vec::new();
        holder.read_to_end(&mut rest).await.unwrap();
        stop.cancel();
        server.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}
