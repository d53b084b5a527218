//! `/v1/events` and `/v1/jobs/{id}/events`: server-sent events (WHATWG HTML, section 9.2).

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event as Message, KeepAlive};
use futures::Stream;
use rushes_models::{ErrorKind, with_causes};

use super::followers::FollowerPlace;
use super::problems::NotFound;
use super::{Api, ApiError};
use crate::catalog::events::{self, EventFilter};
use crate::catalog::{Caller, CatalogError, JobId};
use crate::views::JobView;

/// How often the catalogue is asked for something new. Other processes write to it as well, so nobody else would tell.
const LOOK: Duration = Duration::from_millis(300);
/// How long a line may stay silent.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Events read at once.
const BATCH: u32 = 500;

/// Follow what happens to assets, jobs, titles, bins and redactions: one event per change, in order. A key for some
/// titles receives events of those and of its own bins. Events of redactions need the scope `redact`. A key may have 8
/// streams, which end when it is revoked or expires.
///
/// `last-event-id` continues after that event; without it the stream begins with what happens next. An event `missed`
/// comes first where events after that one are no longer kept: list again what you follow.
#[utoipa::path(get, operation_id = "follow_events", path = "/v1/events", tag = "events",
    params(("last-event-id" = Option<String>, Header, description = "`id` of the last event that was seen")),
    responses((status = 200, description = "A stream of `Event`s as JSON, each with its `seq` as id and its type as event",
               content_type = "text/event-stream")))]
pub(super) async fn all(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Message, Infallible>> + use<>>, ApiError> {
    let mut db = api.catalog.read().await?;
    let newest = events::settled(&mut db).await?;
    let seen = last_seen(&headers)?;
    let oldest = events::oldest(&mut db).await?;
    drop(db);
    // The id is from another catalogue or from before a backup was restored.
    let is_ahead = seen.is_some_and(|seen| seen > newest);
    let is_behind = seen
        .zip(oldest)
        .is_some_and(|(seen, oldest)| seen + 1 < oldest);
    let missed = (is_ahead || is_behind).then(|| Message::default().event("missed").data("{}"));
    let seq = if is_ahead {
        newest
    } else {
        seen.unwrap_or(newest)
    };
    let follower = Follower {
        place: api.followers.place(caller.credential())?,
        api,
        filter: caller.event_filter(),
        seq,
        ready: missed.into_iter().collect(),
    };
    Ok(streamed(follower))
}

/// Follow a job: how it stands now, and again whenever that changes, until it is over.
#[utoipa::path(get, operation_id = "follow_job", path = "/v1/jobs/{id}/events", tag = "events",
    params(("id" = String, Path)),
    responses((status = 200, description = "A stream of the job's states as JSON, each an event `job`",
               content_type = "text/event-stream"), NotFound))]
pub(super) async fn of_job(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Message, Infallible>> + use<>>, ApiError> {
    let id: JobId = id.parse()?;
    let mut db = api.catalog.read().await?;
    caller.job(&mut db, &id).await?;
    drop(db);
    let follower = JobFollower {
        place: api.followers.place(caller.credential())?,
        api,
        caller,
        id,
        shown: String::new(),
        is_over: false,
    };
    Ok(streamed(follower))
}

/// Reads messages one after the other.
trait Follow: Send + 'static {
    /// The next message; `None` at the end of the stream.
    fn next(&mut self) -> impl Future<Output = Option<Message>> + Send;
}

fn streamed<F: Follow>(follower: F) -> Sse<impl Stream<Item = Result<Message, Infallible>>> {
    let stream = futures::stream::unfold(follower, |mut follower| async move {
        let message = follower.next().await?;
        Some((Ok(message), follower))
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(HEARTBEAT))
}

fn last_seen(headers: &HeaderMap) -> Result<Option<i64>, ApiError> {
    let Some(value) = headers.get("last-event-id") else {
        return Ok(None);
    };
    let id = value
        .to_str()
        .ok()
        .and_then(|text| text.trim().parse().ok());
    id.filter(|id| *id >= 0).map(Some).ok_or_else(|| {
        let detail = "`last-event-id` is the id of an event of this stream, a number";
        ApiError::new(ErrorKind::InvalidInput, "bad-event-id", detail)
    })
}

/// One reader of the stream of all events.
struct Follower {
    place: FollowerPlace,
    api: Api,
    filter: EventFilter,
    seq: i64,
    /// What is read and not sent yet, the next one last.
    ready: Vec<Message>,
}

impl Follow for Follower {
    /// The next event; `None` when the server ends, or the key is no longer valid.
    async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.ready.pop() {
                return Some(message);
            }
            // Once per read: what is read is sent at once.
            if !self.place.is_allowed(&self.api.catalog).await {
                return None;
            }
            match self.read().await {
                Ok(()) if self.ready.is_empty() => wait(&self.api).await?,
                Ok(()) => {}
                Err(error) => {
                    tracing::warn!(error = %with_causes(&error), "events cannot be read; tried again");
                    wait(&self.api).await?;
                }
            }
        }
    }
}

impl Follower {
    async fn read(&mut self) -> Result<(), CatalogError> {
        let mut db = self.api.catalog.read().await?;
        let newest = events::settled(&mut db).await?;
        if newest == self.seq {
            return Ok(());
        }
        let found = events::after(&mut db, self.seq, &self.filter, BATCH).await?;
        // What is of other titles is passed over for good.
        let is_all = found.len() < BATCH as usize;
        let last = found.last().map_or(self.seq, |event| event.seq);
        self.seq = if is_all { newest.max(last) } else { last };
        self.ready = found
            .iter()
            .rev()
            .filter_map(|event| {
                let message = Message::default()
                    .id(event.seq.to_string())
                    .event(&event.kind);
                message.json_data(event).ok()
            })
            .collect();
        Ok(())
    }
}

/// One reader of a job.
struct JobFollower {
    place: FollowerPlace,
    api: Api,
    caller: Caller,
    id: JobId,
    /// The job as it was sent last.
    shown: String,
    is_over: bool,
}

impl Follow for JobFollower {
    /// The job when it has changed; `None` when it is over, deleted or no longer seen, the server ends, or the key is no longer valid.
    async fn next(&mut self) -> Option<Message> {
        if self.is_over {
            return None;
        }
        loop {
            if !self.place.is_allowed(&self.api.catalog).await {
                return None;
            }
            match self.read().await {
                Ok(Some(message)) => return Some(message),
                Ok(None) => {}
                Err(CatalogError::NotFound { .. }) => return None,
                Err(error) => {
                    tracing::warn!(error = %with_causes(&error), "a job cannot be read; tried again");
                }
            }
            wait(&self.api).await?;
        }
    }
}

impl JobFollower {
    async fn read(&mut self) -> Result<Option<Message>, CatalogError> {
        let mut db = self.api.catalog.read().await?;
        // Its asset may have moved to a title that this key does not see.
        let job = self.caller.job(&mut db, &self.id).await?;
        drop(db);
        let state = job.state();
        let text = serde_json::to_string(&JobView::from(&job)).unwrap_or_default();
        if text == self.shown {
            return Ok(None);
        }
        self.is_over = state.is_final();
        self.shown.clone_from(&text);
        Ok(Some(Message::default().event("job").data(text)))
    }
}

/// A moment, or `None` if the server ends meanwhile.
async fn wait(api: &Api) -> Option<()> {
    tokio::select! {
        () = tokio::time::sleep(LOOK) => Some(()),
        () = api.stop.cancelled() => None,
    }
}
