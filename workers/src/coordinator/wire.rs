//! What travels between a coordinator and a worker on another machine, as JSON: both ends use this.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rushes_models::ErrorKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CoordinatorError, Directive, Failure, Lease, Progress};
use crate::task::{Output, Queue, Task};

/// Longest time in milliseconds that a request for work may wait for some.
pub const MAX_WAIT_MS: u64 = 20_000;
/// Bytes of a number in a vector.
const FLOAT: usize = size_of::<f32>();

/// Where the routes are.
pub const PATH: &str = "/v1/work";
/// Code of the problem that tells a lost lease.
pub const LEASE_LOST: &str = "lease-lost";
/// Code of the problem that tells a result that cannot be one.
pub const BAD_RESULT: &str = "bad-result";

/// What a worker must know before it begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct About {
    /// Always true: the server is there and the key is accepted.
    pub ok: bool,
    /// Version of the server's program.
    #[schema(example = "0.1.0")]
    pub version: String,
    /// The model that vectors are asked of.
    #[schema(example = "lite")]
    pub model: String,
    /// The space it makes: model and revision.
    #[schema(example = "lite@0.1.0")]
    pub space: String,
    /// Length of a vector.
    pub dims: usize,
    /// Identity of the server's store; a worker's own store must have the same.
    pub store: String,
}

/// A request for work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LeaseRequest {
    /// Name of the worker: letters, digits, `.`, `_` and `-`, at most 64.
    #[schema(example = "gpu-box-1")]
    pub worker: String,
    /// Queues it works on; only `embed` has work for other machines.
    #[schema(value_type = Vec<String>, example = json!(["embed"]))]
    pub queues: Vec<Queue>,
    /// Milliseconds to wait for work if there is none, at most 20000.
    #[serde(default)]
    pub wait_ms: u64,
}

/// Work that is the worker's until its lease runs out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Leased {
    /// The run to compute.
    pub run: String,
    /// Fencing token, to be sent with all that is said of this run.
    pub token: i64,
    /// The model that is to see the shots.
    #[schema(example = "lite")]
    pub model: String,
    /// Keys in the store of the shots' clips, in order.
    pub proxies: Vec<String>,
    /// Frames to look at of each shot.
    pub frames: u32,
    /// Whether the vectors of single frames are to be stored as well.
    pub frame_vectors: bool,
    /// Stored objects of this run have keys that begin with this.
    pub prefix: String,
}

/// A sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// Of the lease.
    pub token: i64,
    /// Shots done.
    pub done: u64,
    /// Shots in all, where known.
    pub total: Option<u64>,
}

/// The answer to a sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Directed {
    /// `continue` or `stop`.
    #[schema(value_type = String, example = "continue")]
    pub directive: Directive,
}

/// A result: the vectors of a run.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Completion {
    /// Of the lease.
    pub token: i64,
    /// The space they lie in, model and revision.
    #[schema(example = "lite@0.1.0")]
    pub space: String,
    /// Length of each vector.
    pub dims: usize,
    /// All vectors one after another, in the shots' order: 32-bit floats, little-endian, as Base64, so
    /// that each arrives to the bit.
    pub vectors: String,
    /// Key in the store of the vectors of single frames, where they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame_vectors: Option<String>,
}

/// A failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Failed {
    /// Of the lease.
    pub token: i64,
    /// Decides whether the run is tried again: `unavailable`, `corrupt` …
    #[schema(value_type = String, example = "unavailable")]
    pub kind: ErrorKind,
    /// File, cause and fix, for a person.
    pub reason: String,
}

/// A run given back unfinished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Of the lease.
    pub token: i64,
}

impl std::fmt::Debug for Completion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Completion")
            .field("token", &self.token)
            .field("space", &self.space)
            .field("dims", &self.dims)
            .finish_non_exhaustive()
    }
}

impl Leased {
    /// As it travels.
    ///
    /// # Errors
    /// [`CoordinatorError::Invalid`] for a task that only the coordinator's own machine can do.
    pub fn new(lease: Lease) -> Result<Self, CoordinatorError> {
        let Task::Embeddings {
            model,
            proxies,
            frames,
            frame_vectors,
        } = lease.task
        else {
            let why = format!("run {} is no work for another machine", lease.run);
            return Err(CoordinatorError::Invalid(why));
        };
        Ok(Self {
            run: lease.run,
            token: lease.token,
            model,
            proxies,
            frames,
            frame_vectors,
            prefix: lease.prefix,
        })
    }
}

impl From<Leased> for Lease {
    fn from(leased: Leased) -> Self {
        Self {
            run: leased.run,
            token: leased.token,
            task: Task::Embeddings {
                model: leased.model,
                proxies: leased.proxies,
                frames: leased.frames,
                frame_vectors: leased.frame_vectors,
            },
            prefix: leased.prefix,
        }
    }
}

impl Heartbeat {
    /// As it travels.
    #[must_use]
    pub const fn new(lease: &Lease, progress: Progress) -> Self {
        Self {
            token: lease.token,
            done: progress.done,
            total: progress.total,
        }
    }

    /// How far the run has come; counts that no film has are cut to what a catalogue can keep.
    #[must_use]
    pub fn progress(self) -> Progress {
        let most = i64::MAX.cast_unsigned();
        Progress {
            done: self.done.min(most),
            total: self.total.map(|total| total.min(most)),
        }
    }
}

impl Completion {
    /// As it travels.
    ///
    /// # Errors
    /// [`CoordinatorError::Invalid`] if these are no vectors of one length.
    pub fn new(token: i64, output: &Output) -> Result<Self, CoordinatorError> {
        let Output::Embeddings {
            space,
            vectors,
            frame_vectors,
        } = output
        else {
            let why = "only vectors are made on another machine".to_owned();
            return Err(CoordinatorError::Invalid(why));
        };
        let dims = vectors.first().map_or(0, Vec::len);
        let mut bytes = Vec::with_capacity(vectors.len() * dims * FLOAT);
        for (shot, vector) in vectors.iter().enumerate() {
            if vector.is_empty() || vector.len() != dims {
                return Err(CoordinatorError::Invalid(format!(
                    "the vector of shot {shot} has {} numbers, that of the first {dims}",
                    vector.len()
                )));
            }
            bytes.extend(vector.iter().flat_map(|x| x.to_le_bytes()));
        }
        Ok(Self {
            token,
            space: space.clone(),
            dims,
            vectors: STANDARD.encode(bytes),
            frame_vectors: frame_vectors.clone(),
        })
    }

    /// The vectors, to the bit.
    ///
    /// # Errors
    /// [`CoordinatorError::Invalid`] if they do not come out whole.
    pub fn into_output(self) -> Result<Output, CoordinatorError> {
        let invalid = |why: String| CoordinatorError::Invalid(why);
        let bytes = STANDARD
            .decode(self.vectors)
            .map_err(|error| invalid(format!("`vectors` is no Base64: {error}")))?;
        let stride = self.dims.checked_mul(FLOAT).unwrap_or_default();
        if stride == 0 && !bytes.is_empty() || stride > 0 && bytes.len() % stride != 0 {
            return Err(invalid(format!(
                "`vectors` has {} bytes, which are no whole vectors of {} numbers",
                bytes.len(),
                self.dims
            )));
        }
        let number = |raw: &[u8]| raw.try_into().map_or(f32::NAN, f32::from_le_bytes);
        Ok(Output::Embeddings {
            space: self.space,
            vectors: bytes
                .chunks_exact(stride.max(1))
                .map(|vector| vector.chunks_exact(FLOAT).map(number).collect())
                .collect(),
            frame_vectors: self.frame_vectors,
        })
    }
}

impl Failed {
    /// As it travels.
    #[must_use]
    pub fn new(lease: &Lease, failure: &Failure) -> Self {
        Self {
            token: lease.token,
            kind: failure.kind,
            reason: failure.reason.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn output(vectors: Vec<Vec<f32>>) -> Output {
        Output::Embeddings {
            space: "lite@0.1.0".to_owned(),
            vectors,
            frame_vectors: None,
        }
    }

    fn bits(output: &Output) -> Vec<Vec<u32>> {
        let Output::Embeddings { vectors, .. } = output else {
            panic!("{output:?}");
        };
        let bits = |vector: &Vec<f32>| vector.iter().map(|x| x.to_bits()).collect();
        vectors.iter().map(bits).collect()
    }

    proptest! {
        #[test]
        fn vectors_arrive_to_the_bit(
            raw in (1_usize..9).prop_flat_map(|dims| {
                proptest::collection::vec(proptest::collection::vec(any::<u32>(), dims), 0..7)
            })
        ) {
            // Every pattern of bits, numbers or not: the wire changes none.
            let vectors = raw.iter().map(|v| v.iter().map(|b| f32::from_bits(*b)).collect()).collect();
            let sent = Completion::new(7, &output(vectors)).unwrap();
            let json = serde_json::to_string(&sent).unwrap();
            let got: Completion = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(bits(&got.into_output().unwrap()), raw);
        }
    }

    #[test]
    fn what_is_no_whole_vectors_is_refused() {
        let ragged = output(vec![vec![1.0, 0.0], vec![1.0]]);
        let empty = output(vec![Vec::new()]);
        assert!(Completion::new(1, &ragged).is_err());
        assert!(Completion::new(1, &empty).is_err());
        let dialogue = Output::Dialogue {
            cues: Vec::new(),
            warnings: Vec::new(),
        };
        assert!(Completion::new(1, &dialogue).is_err());
        let sound = Completion::new(1, &output(vec![vec![1.0, 0.0]])).unwrap();
        for (dims, vectors) in [
            (3, sound.vectors.clone()),
            (0, sound.vectors.clone()),
            (usize::MAX, sound.vectors.clone()),
            (2, "no base64!".to_owned()),
        ] {
            let bad = Completion {
                dims,
                vectors,
                ..sound.clone()
            };
            let error = bad.into_output().unwrap_err();
            assert!(matches!(error, CoordinatorError::Invalid(_)), "{error}");
        }
    }
}
