//! The pages of an answer.
//!
//! The first page fixes the list: what is found is written to a file, from which later pages are read. So videos that are
//! ingested meanwhile move nothing, and the next process continues where this one stopped, as the command line needs.
//! A token names the list and a place in it. It is signed (HMAC-SHA256, RFC 2104), so nobody can ask for another
//! file or another place. Lists are deleted after a while, and the oldest ones when there are too many.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::SearchError;
use super::fold::Candidate;
use super::hit::{FacetValue, RecallReport};
use crate::catalog::filter::ShotPlace;
use crate::catalog::now_ms;

/// How long a token can be used, at least.
const LIFETIME: Duration = Duration::from_mins(15);
/// Tokens expire at multiples of this, so that the same answer has the same token for a while, and with it the same entity
/// tag.
const STEP: Duration = Duration::from_mins(5);
/// Most lists that are kept.
const MOST_LISTS: usize = 4096;
/// Lists are counted and deleted once in this many writes.
const TIDY_EVERY: u32 = 64;
const SECRET: &str = "secret";
const SECRET_BYTES: usize = 32;
const VERSION: u8 = 1;
/// Version, list, place, expiry, query.
const BODY: usize = 1 + 16 + 4 + 8 + 8;
/// Bytes of the signature that are kept: 128 bits.
const SIGNATURE: usize = 16;

/// What an answer consists of, except for its page.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Listing {
    pub(super) hits: Vec<Candidate>,
    pub(super) facets: Option<BTreeMap<String, Vec<FacetValue>>>,
    pub(super) recalls: Vec<RecallReport>,
    /// Whether no hit is likely to be what was asked for.
    pub(super) weak: bool,
    /// The last shot of a part of a longer list; the next part is read when it is asked for.
    #[serde(default)]
    pub(super) continues: Option<ShotPlace>,
}

/// A place in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    list: [u8; 16],
    /// The first hit of the page.
    pub(super) offset: u32,
    /// Unix milliseconds.
    expires: i64,
}

/// The lists of a data folder.
#[derive(Debug, Clone)]
pub(super) struct Pages {
    folder: PathBuf,
    writes: Arc<AtomicU32>,
}

impl Pages {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            writes: Arc::default(),
        }
    }

    /// The place that a token names, if it is for this query.
    pub(super) fn read_token(
        &self,
        token: &str,
        query: [u8; 8],
        now: i64,
    ) -> Result<Position, SearchError> {
        let bytes = URL_SAFE_NO_PAD
            .decode(token)
            .map_err(|_not_base64| SearchError::Page)?;
        let (body, signature) = bytes.split_at_checked(BODY).ok_or(SearchError::Page)?;
        let secret = self.secret()?;
        let mac = signed(&secret, body).ok_or(SearchError::Page)?;
        if signature.len() != SIGNATURE || mac.verify_truncated_left(signature).is_err() {
            return Err(SearchError::Page);
        }
        let mut body = body;
        let [version] = take::<1>(&mut body)?;
        let position = Position {
            list: take(&mut body)?,
            offset: u32::from_be_bytes(take(&mut body)?),
            expires: i64::from_be_bytes(take(&mut body)?),
        };
        if version != VERSION || body != query {
            return Err(SearchError::Page);
        }
        if position.expires <= now {
            return Err(SearchError::PageExpired);
        }
        Ok(position)
    }

    /// The token of a place in the list of this query.
    pub(super) fn token(&self, position: Position, query: [u8; 8]) -> Result<String, SearchError> {
        let mut token = vec![VERSION];
        token.extend(position.list);
        token.extend(position.offset.to_be_bytes());
        token.extend(position.expires.to_be_bytes());
        token.extend(query);
        let mac = signed(&self.secret()?, &token).ok_or(SearchError::Page)?;
        token.extend(&mac.finalize().into_bytes()[..SIGNATURE]);
        Ok(URL_SAFE_NO_PAD.encode(token))
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Keeps a list of this query; the position is its start. The same hits have the same place.
    pub(super) fn keep(&self, listing: &Listing, query: [u8; 8]) -> Result<Position, SearchError> {
        let position = Position {
            list: named(listing, query).map_err(SearchError::Pages)?,
            offset: 0,
            expires: expiry(now_ms()),
        };
        let written = || {
            let json = serde_json::to_vec(listing)?;
            let packed = zstd::encode_all(json.as_slice(), 1)?;
            fs::create_dir_all(&self.folder)?;
            if self
                .writes
                .fetch_add(1, Ordering::Relaxed)
                .is_multiple_of(TIDY_EVERY)
            {
                tidy(&self.folder)?;
            }
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            file.write_all(&packed)?;
            file.persist(self.file(position))
                .map_err(|error| error.error)?;
            Ok(())
        };
        written().map_err(SearchError::Pages)?;
        Ok(position)
    }

    /// The list of a position.
    pub(super) fn listing(&self, position: Position) -> Result<Listing, SearchError> {
        let packed = match fs::read(self.file(position)) {
            Ok(packed) => packed,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(SearchError::PageExpired);
            }
            Err(error) => return Err(SearchError::Pages(error)),
        };
        let json = zstd::decode_all(packed.as_slice()).map_err(SearchError::Pages)?;
        // Another version of the program wrote it.
        serde_json::from_slice(&json).map_err(|_shape| SearchError::PageExpired)
    }

    fn file(&self, position: Position) -> PathBuf {
        let name = URL_SAFE_NO_PAD.encode(position.list);
        self.folder.join(format!("{name}.list"))
    }

    /// The key that signs tokens; it is made at first use.
    fn secret(&self) -> Result<Vec<u8>, SearchError> {
        let file = self.folder.join(SECRET);
        let read = || match fs::read(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::create_dir_all(&self.folder)?;
                let mut secret = [0; SECRET_BYTES];
                getrandom::fill(&mut secret)?;
                let mut new = tempfile::NamedTempFile::new_in(&self.folder)?;
                new.write_all(&secret)?;
                new.as_file().sync_all()?;
                match new.persist_noclobber(&file) {
                    Ok(_) => Ok(secret.to_vec()),
                    // Another process was first.
                    Err(error) if error.error.kind() == ErrorKind::AlreadyExists => fs::read(&file),
                    Err(error) => Err(error.error),
                }
            }
            // A power cut may leave the name without the contents.
            Ok(secret) if secret.len() != SECRET_BYTES => {
                fs::remove_file(&file)?;
                Err(ErrorKind::Interrupted.into())
            }
            read => read,
        };
        match read() {
            Err(error) if error.kind() == ErrorKind::Interrupted => read(),
            read => read,
        }
        .map_err(SearchError::Pages)
    }
}

impl Position {
    /// Another place in the same list.
    pub(super) fn at(self, offset: usize) -> Self {
        Self {
            offset: u32::try_from(offset).unwrap_or(u32::MAX),
            ..self
        }
    }
}

/// The name of a list: a digest of its query, its hits and the place from which it continues. How long the recalls took is no part of it.
fn named(listing: &Listing, query: [u8; 8]) -> std::io::Result<[u8; 16]> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&query);
    serde_json::to_writer(
        &mut hasher,
        &(&listing.hits, &listing.facets, &listing.continues),
    )?;
    let mut name = [0; 16];
    hasher.finalize_xof().fill(&mut name);
    Ok(name)
}

/// When a token of now expires.
fn expiry(now: i64) -> i64 {
    let ms = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(1);
    let steps = now.div_euclid(ms(STEP)) + 1;
    steps.saturating_mul(ms(STEP)).saturating_add(ms(LIFETIME))
}

/// Deletes lists that have expired from the folder of pages, and the oldest if there are too many.
///
/// # Errors
/// If the folder cannot be read or a file cannot be deleted.
pub fn tidy(folder: &Path) -> std::io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        // Nothing was searched yet.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let now = SystemTime::now();
    let mut kept: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name == SECRET) {
            continue;
        }
        // Another process may delete it at the same time.
        let Ok(written) = path.metadata().and_then(|data| data.modified()) else {
            continue;
        };
        let age = now.duration_since(written).unwrap_or_default();
        if age > LIFETIME + STEP {
            delete(&path)?;
        } else {
            kept.push((written, path));
        }
    }
    kept.sort();
    let surplus = kept.len().saturating_sub(MOST_LISTS);
    kept.iter()
        .take(surplus)
        .try_for_each(|(_, path)| delete(path))
}

/// Deletes all lists, because what they count may have the names of people who were deleted. Their tokens are answered
/// as if they had expired.
///
/// # Errors
/// If the folder cannot be read or a file cannot be deleted.
pub(super) fn forget(folder: &Path) -> std::io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        if path.file_name().is_none_or(|name| name != SECRET) {
            delete(&path)?;
        }
    }
    Ok(())
}

fn delete(file: &Path) -> std::io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn signed(secret: &[u8], body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(body);
    Some(mac)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], SearchError> {
    let (taken, rest) = bytes.split_first_chunk::<N>().ok_or(SearchError::Page)?;
    *bytes = rest;
    Ok(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> Listing {
        Listing {
            hits: Vec::new(),
            facets: None,
            recalls: Vec::new(),
            weak: false,
            continues: None,
        }
    }

    #[test]
    fn a_token_leads_on_in_its_own_query_until_it_expires() {
        let folder = tempfile::tempdir().unwrap();
        let pages = Pages::new(folder.path().join("pages"));
        let query = *b"a query!";
        let position = pages.keep(&empty(), query).unwrap().at(10);
        let token = pages.token(position, query).unwrap();
        // Another process has the same secret.
        let later = Pages::new(folder.path().join("pages"));
        let now = now_ms();
        assert_eq!(later.read_token(&token, query, now).unwrap(), position);
        assert!(later.listing(position).unwrap().hits.is_empty());
        let code = |token: &str, query, now| {
            let read = later.read_token(token, query, now);
            read.unwrap_err().code().into_owned()
        };
        assert_eq!(code(&token, *b"another!", now), "bad-page-token");
        assert_eq!(code("bogus", query, now), "bad-page-token");
        assert_eq!(code("", query, now), "bad-page-token");
        let expired = position.expires;
        assert_eq!(code(&token, query, expired), "page-token-expired");
        // One changed character anywhere is noticed.
        for at in 0..token.len() {
            let mut forged: Vec<u8> = token.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(code(&forged, query, now), "bad-page-token", "{at}");
        }
        fs::remove_file(later.file(position)).unwrap();
        let gone = later.listing(position).unwrap_err();
        assert_eq!(gone.code(), "page-token-expired");
    }

    #[test]
    fn tokens_last_their_time_and_change_seldom() {
        let (lifetime, step) = (15 * 60_000, 5 * 60_000);
        for now in [0, 1, step - 1, step, 7 * step + 5] {
            let left = expiry(now) - now;
            assert!((lifetime..=lifetime + step).contains(&left), "{now}");
        }
        assert_eq!(expiry(step), expiry(2 * step - 1));
    }

    #[test]
    fn old_lists_are_deleted_and_the_secret_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let pages = Pages::new(folder.path().to_owned());
        let secret = pages.secret().unwrap();
        let old = pages.keep(&empty(), *b"a query!").unwrap();
        let new = pages.keep(&empty(), *b"another!").unwrap();
        assert_eq!(pages.keep(&empty(), *b"another!").unwrap().list, new.list);
        let long_ago = SystemTime::now() - 2 * LIFETIME;
        let file = fs::File::options()
            .write(true)
            .open(pages.file(old))
            .unwrap();
        file.set_modified(long_ago).unwrap();
        tidy(folder.path()).unwrap();
        tidy(&folder.path().join("missing")).unwrap();
        assert!(pages.listing(old).is_err() && pages.listing(new).is_ok());
        assert_eq!(pages.secret().unwrap(), secret);
    }
}
