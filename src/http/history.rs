//! The last searches of each client, so that the log of searches says what they led to.
//!
//! Only searches of callers who see all titles are logged: what others type must not show through in what is learnt.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rushes_models::with_causes;
use ulid::Ulid;

use crate::catalog::search_log::{self, JUST_BEFORE_MS, LoggedSearch};
use crate::catalog::{Caller, Catalog, CatalogError, ShotId};
use crate::search::{Answer, SearchRequest};

/// Most clients whose last search is known.
const MOST_CLIENTS: usize = 1000;
/// Most shots of a search that are known.
const MOST_SHOTS: usize = 2000;
/// How long a shot counts as one that a search led to.
const LED_TO: Duration = Duration::from_secs(600);

/// What the log needs to know of each client.
#[derive(Debug, Clone, Default)]
pub struct SearchHistory(Arc<Mutex<HashMap<String, LastSearch>>>);

/// The last search of a client.
#[derive(Debug)]
struct LastSearch {
    /// A random name, by which the log knows the client.
    client: String,
    /// Its number in the log.
    id: i64,
    at: Instant,
    found: HashSet<ShotId>,
    is_opened: bool,
}

/// Who a caller is to this module; `None` if nothing of them is logged.
fn name(caller: &Caller) -> Option<String> {
    if caller.titles().is_some() {
        return None;
    }
    Some(
        caller
            .key()
            .map_or_else(String::new, |(id, _)| id.to_string()),
    )
}

impl SearchHistory {
    /// Logs a search with its first page. Later pages add what they show to it.
    pub(super) async fn note_search(
        &self,
        catalog: &Catalog,
        caller: &Caller,
        request: &SearchRequest,
        answer: &Answer,
    ) {
        let Some(name) = name(caller) else { return };
        let shots = answer.hits.iter().map(|hit| hit.place.shot.clone());
        let noted = if request.page.is_some() {
            self.extend(&name, shots);
            Ok(())
        } else {
            let words = request.query.plain_words();
            self.begin(catalog, name, words, shots.collect()).await
        };
        if let Err(error) = noted {
            tracing::warn!(error = %with_causes(&error), "a search is not in the log of searches");
        }
    }

    /// Notes that a client looks at a shot.
    pub(super) async fn note_opened(&self, catalog: &Catalog, caller: &Caller, shot: &ShotId) {
        let Some(search) = name(caller).and_then(|name| self.led_to(&name, shot)) else {
            return;
        };
        let noted = async {
            let mut tx = catalog.begin().await?;
            search_log::note_opened(&mut tx, search).await?;
            Ok(tx.commit().await?)
        };
        let noted: Result<(), CatalogError> = noted.await;
        if let Err(error) = noted {
            tracing::warn!(error = %with_causes(&error), "what a search led to is not in the log of searches");
        }
    }

    async fn begin(
        &self,
        catalog: &Catalog,
        name: String,
        words: Option<&str>,
        found: HashSet<ShotId>,
    ) -> Result<(), CatalogError> {
        let (client, previous) = self.before(&name);
        let mut tx = catalog.begin().await?;
        let search = LoggedSearch {
            client: &client,
            words,
            previous,
        };
        let id = search_log::log(&mut tx, search).await?;
        tx.commit().await?;
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= MOST_CLIENTS && !clients.contains_key(&name) {
            let oldest = clients.iter().min_by_key(|(_, last)| last.at);
            let oldest = oldest.map(|(name, _)| name.clone());
            oldest.and_then(|oldest| clients.remove(&oldest));
        }
        let last = LastSearch {
            client,
            id,
            at: Instant::now(),
            found,
            is_opened: false,
        };
        clients.insert(name, last);
        drop(clients);
        Ok(())
    }

    /// The random name of a client, and its search just before.
    fn before(&self, name: &str) -> (String, Option<i64>) {
        let clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(last) = clients.get(name) else {
            return (Ulid::generate().to_string(), None);
        };
        let just_before = Duration::from_millis(JUST_BEFORE_MS.unsigned_abs());
        let previous = (last.at.elapsed() <= just_before).then_some(last.id);
        (last.client.clone(), previous)
    }

    fn extend(&self, name: &str, shots: impl Iterator<Item = ShotId>) {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = clients.get_mut(name) {
            let room = MOST_SHOTS.saturating_sub(last.found.len());
            last.found.extend(shots.take(room));
        }
    }

    /// The last search of a client, if it led to this shot and to none before.
    fn led_to(&self, name: &str, shot: &ShotId) -> Option<i64> {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = clients.get_mut(name)?;
        let led = !last.is_opened && last.at.elapsed() <= LED_TO && last.found.contains(shot);
        last.is_opened |= led;
        led.then_some(last.id)
    }
}
