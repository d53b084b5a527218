//! Bodies that must keep coming: a slow client costs a connection, not a place or memory, and not for ever.

use std::error::Error;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use futures::StreamExt as _;

/// How long the next bytes of a body may be in coming.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// How long a body may be in coming, apart from its bytes …
const START: Duration = Duration::from_secs(60);
/// … which come this fast at least, per second.
const SLOWEST: u64 = 16 << 10;

/// Breaks off bodies whose clients are too slow.
pub(super) async fn keep_coming(request: Request, next: Next) -> Response {
    next.run(request.map(|body| paced(body, PATIENCE))).await
}

/// A body that breaks off when the client is too slow. Only the waiting for it counts, not what is done meanwhile.
pub(super) fn paced(body: Body, patience: Duration) -> Body {
    let state = Some((body.into_data_stream(), Duration::ZERO, 0_u64));
    Body::from_stream(futures::stream::unfold(state, move |state| async move {
        let (mut chunks, waited, bytes) = state?;
        let allowed = START + Duration::from_secs(bytes / SLOWEST);
        let began = Instant::now();
        let next =
            tokio::time::timeout(patience.min(allowed.saturating_sub(waited)), chunks.next());
        match next.await {
            Ok(Some(Ok(chunk))) => {
                let state = (chunks, waited + began.elapsed(), bytes + chunk.len() as u64);
                Some((Ok(chunk), Some(state)))
            }
            Ok(Some(Err(error))) => Some((Err(std::io::Error::other(error)), None)),
            Ok(None) => None,
            Err(_elapsed) => Some((Err(std::io::ErrorKind::TimedOut.into()), None)),
        }
    }))
}

/// The kind of the failure of a body that an error tells of, if it does.
pub(super) fn io_kind(error: &(dyn Error + 'static)) -> Option<std::io::ErrorKind> {
    let mut cause = Some(error);
    let mut kind = None;
    while let Some(error) = cause {
        // The innermost: streams wrap the errors of those below them.
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            kind = Some(error.kind());
        }
        cause = error.source();
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_in_time_is_whole() {
        let chunks = futures::stream::iter(["a", "b"].map(Ok::<_, std::io::Error>));
        let body = paced(Body::from_stream(chunks), PATIENCE);
        let whole = axum::body::to_bytes(body, 10).await.unwrap();
        assert_eq!(whole.as_ref(), b"ab");
    }
}
