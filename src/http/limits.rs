//! How often a key may ask: a bucket of tokens for each, with the standard headers
//! (draft-ietf-httpapi-ratelimit-headers).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderValue};

use super::ApiError;
use crate::catalog::KeyId;

/// Buckets that are remembered; full ones are forgotten beyond that.
const MOST_BUCKETS: usize = 10_000;

/// A bucket for each key. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RateLimits {
    /// Requests that each key may make in a second on average; no limit if zero.
    per_second: u32,
    /// Requests at once.
    burst: u32,
    buckets: Arc<Mutex<HashMap<KeyId, Bucket>>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

/// What a key has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowance {
    limit: u32,
    remaining: u32,
    /// Seconds until the bucket is full.
    reset: u64,
}

impl RateLimits {
    /// As many requests a second for each key, and twice as many at once; no limit if zero.
    #[must_use]
    pub fn per_second(per_second: u32) -> Self {
        Self {
            per_second,
            burst: per_second.saturating_mul(2),
            buckets: Arc::default(),
        }
    }

    /// Takes a token for a request with this key. Requests without one are not limited.
    pub(super) fn take(&self, key: Option<(&KeyId, &str)>) -> Result<Option<Allowance>, ApiError> {
        self.take_at(key.map(|(id, _)| id), Instant::now())
    }

    fn take_at(&self, key: Option<&KeyId>, now: Instant) -> Result<Option<Allowance>, ApiError> {
        let Some(key) = key.filter(|_| self.per_second > 0) else {
            return Ok(None);
        };
        let (rate, burst) = (f64::from(self.per_second), f64::from(self.burst));
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST_BUCKETS {
            buckets.retain(|_, bucket| bucket.filled(now, rate) < burst);
        }
        let full = Bucket {
            tokens: burst,
            at: now,
        };
        let bucket = buckets.entry(key.clone()).or_insert(full);
        let tokens = bucket.filled(now, rate).min(burst);
        let is_let_in = tokens >= 1.0;
        *bucket = Bucket {
            tokens: if is_let_in { tokens - 1.0 } else { tokens },
            at: now,
        };
        let left = bucket.tokens;
        drop(buckets);
        let whole_seconds =
            |tokens: f64| Duration::from_secs_f64(tokens.max(0.0) / rate).as_secs() + 1;
        if !is_let_in {
            return Err(ApiError::too_often(whole_seconds(1.0 - left)));
        }
        Ok(Some(Allowance {
            limit: self.burst,
            remaining: whole(left),
            reset: whole_seconds(burst - left),
        }))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it lies between zero and a u32"
)]
const fn whole(tokens: f64) -> u32 {
    tokens as u32
}

impl Bucket {
    fn filled(&self, now: Instant, rate: f64) -> f64 {
        self.tokens + now.saturating_duration_since(self.at).as_secs_f64() * rate
    }
}

impl Allowance {
    pub(super) fn write(self, headers: &mut HeaderMap) {
        headers.insert("ratelimit-limit", HeaderValue::from(self.limit));
        headers.insert("ratelimit-remaining", HeaderValue::from(self.remaining));
        headers.insert("ratelimit-reset", HeaderValue::from(self.reset));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_own_bucket_that_fills_again() {
        let limits = RateLimits::per_second(2);
        let (one, other) = (KeyId::new(), KeyId::new());
        let start = Instant::now();
        let left: Vec<_> = (0..4)
            .map(|_| {
                limits
                    .take_at(Some(&one), start)
                    .unwrap()
                    .unwrap()
                    .remaining
            })
            .collect();
        assert_eq!(left, [3, 2, 1, 0]);
        assert!(
            limits
                .take_at(Some(&one), start)
                .unwrap_err()
                .is("rate-limited")
        );
        assert!(limits.take_at(Some(&other), start).is_ok());
        assert!(limits.take_at(None, start).unwrap().is_none());
        let later = start + Duration::from_millis(600);
        assert!(limits.take_at(Some(&one), later).is_ok());
        assert!(limits.take_at(Some(&one), later).is_err());
        let much_later = start + Duration::from_secs(60);
        let full = limits.take_at(Some(&one), much_later).unwrap().unwrap();
        assert_eq!((full.limit, full.remaining), (4, 3));
    }

    #[test]
    fn zero_is_no_limit() {
        let limits = RateLimits::per_second(0);
        assert!(limits.take(Some((&KeyId::new(), "a"))).unwrap().is_none());
    }
}
