//! Backends: the library and precision that compute an encoder, and how they are chosen.

use std::fmt;
use std::str::FromStr;

use candle_core::Device;
use ort::session::Session;
use serde::{Deserialize, Serialize};

use crate::causes::with_causes;
use crate::error::{BackendError, DualError, ModelError};
use crate::runtime::{self, RuntimeError};
use crate::store::ModelStore;

/// How to open an encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderOptions {
    /// CPU threads, if the CPU computes.
    pub threads: usize,
    /// The backend; `None` chooses the best available one.
    pub backend: Option<Backend>,
    /// The GPU, counted from 0, if a GPU computes.
    pub gpu: usize,
    /// Pictures per batch; `None` chooses what suits the device.
    pub batch: Option<usize>,
}

impl EncoderOptions {
    /// The best available backend, with this many CPU threads.
    #[must_use]
    pub const fn threads(threads: usize) -> Self {
        Self {
            threads,
            backend: None,
            gpu: 0,
            batch: None,
        }
    }
}

/// A library and a precision. Vectors of one model from different backends are comparable: those in 32 bits
/// agree to a cosine of 0.9999, which tests enforce, and those in bfloat16 reached 0.9999 with a ViT-B/32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// candle on the CPU, in 32 bits. Needs no other library.
    Candle,
    /// candle on a CUDA device, in bfloat16. Needs a build with the feature `cuda`.
    Cuda,
    /// Like [`Backend::Cuda`], in 16-bit floats.
    CudaF16,
    /// Like [`Backend::Cuda`], in 32 bits.
    CudaF32,
    /// ONNX Runtime on the CPU, in 32 bits. Needs `onnxruntime` installed.
    Onnxruntime,
    /// ONNX Runtime with `OpenVINO`, in bfloat16, which CPUs with AMX or AVX-512 BF16 support natively. Needs
    /// `onnxruntime-openvino` installed.
    Openvino,
    /// Like [`Backend::Openvino`], in 32 bits.
    OpenvinoF32,
}

/// The precision of weights and activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precision {
    F32,
    F16,
    Bf16,
}

impl Backend {
    /// All backends with their names.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Candle, "candle"),
        (Self::Cuda, "cuda"),
        (Self::CudaF16, "cuda-f16"),
        (Self::CudaF32, "cuda-f32"),
        (Self::Onnxruntime, "onnxruntime"),
        (Self::Openvino, "openvino"),
        (Self::OpenvinoF32, "openvino-f32"),
    ];

    /// The requested backend, or else the best available one.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn choose(store: &ModelStore, options: &EncoderOptions) -> Result<Self, ModelError> {
        if let Some(backend) = options.backend {
            return Ok(backend);
        }
        if cfg!(feature = "cuda") {
            return Ok(Self::Cuda);
        }
        Ok(match runtime::library(store)? {
            Some(library) if library.openvino && multiplies_bf16() => Self::Openvino,
            Some(_) => Self::Onnxruntime,
            None => Self::Candle,
        })
    }

    /// Whether it can be used here; checked before anything is opened.
    ///
    /// # Errors
    ///
    /// There is no such GPU, or the required library is not installed.
    pub fn check(self, store: &ModelStore, gpu: usize) -> Result<(), ModelError> {
        match self {
            Self::Candle => {}
            Self::Cuda | Self::CudaF16 | Self::CudaF32 => {
                self.candle_device(gpu)?;
            }
            Self::Onnxruntime => runtime::require(store, false)?,
            Self::Openvino | Self::OpenvinoF32 => runtime::require(store, true)?,
        }
        Ok(())
    }

    /// Number of encoders of one model on this machine: one per GPU, or one.
    pub(crate) fn encoders(self) -> usize {
        match self {
            Self::Cuda | Self::CudaF16 | Self::CudaF32 => gpus(),
            Self::Candle | Self::Onnxruntime | Self::Openvino | Self::OpenvinoF32 => 1,
        }
    }

    /// The name in settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let named = Self::ALL.iter().find(|(backend, _)| *backend == self);
        named.map_or("", |(_, name)| name)
    }

    pub(crate) const fn is_candle(self) -> bool {
        matches!(
            self,
            Self::Candle | Self::Cuda | Self::CudaF16 | Self::CudaF32
        )
    }

    pub(crate) const fn precision(self) -> Precision {
        match self {
            Self::Candle | Self::CudaF32 | Self::Onnxruntime | Self::OpenvinoF32 => Precision::F32,
            Self::CudaF16 => Precision::F16,
            Self::Cuda | Self::Openvino => Precision::Bf16,
        }
    }

    /// The device for candle.
    pub(crate) fn candle_device(self, gpu: usize) -> Result<Device, BackendError> {
        match self {
            Self::Cuda | Self::CudaF16 | Self::CudaF32 => cuda_device(gpu),
            Self::Candle | Self::Onnxruntime | Self::Openvino | Self::OpenvinoF32 => {
                Ok(Device::Cpu)
            }
        }
    }

    /// Prepares the graph of a dual encoder for an ONNX Runtime backend.
    ///
    /// # Errors
    ///
    /// The same as for [`runtime::session`].
    pub(crate) fn session(
        self,
        store: &ModelStore,
        graph: &[u8],
        threads: usize,
    ) -> Result<Session, RuntimeError> {
        match self {
            Self::Openvino => runtime::openvino_session(store, graph, "bf16", threads),
            Self::OpenvinoF32 => runtime::openvino_session(store, graph, "f32", threads),
            Self::Candle | Self::Cuda | Self::CudaF16 | Self::CudaF32 | Self::Onnxruntime => {
                runtime::session(store, runtime::PLAIN, graph, threads)
            }
        }
    }

    /// A candle error while it ran a batch. A device that is out of memory may manage a smaller one.
    pub(crate) fn blame(self, error: DualError, batch: usize) -> ModelError {
        let message = with_causes(&error);
        // The messages of CUDA and of its linear algebra library; candle passes both on as text only.
        if ["OUT_OF_MEMORY", "ALLOC_FAILED"]
            .iter()
            .any(|word| message.contains(word))
        {
            return ModelError::OutOfMemory {
                backend: self.to_string(),
                batch,
            };
        }
        error.into()
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Candle => "candle, f32, on the CPU",
            Self::Cuda => "candle, bf16, on CUDA",
            Self::CudaF16 => "candle, f16, on CUDA",
            Self::CudaF32 => "candle, f32, on CUDA",
            Self::Onnxruntime => "ONNX Runtime, f32, on the CPU",
            Self::Openvino => "ONNX Runtime with OpenVINO, bf16, on the CPU",
            Self::OpenvinoF32 => "ONNX Runtime with OpenVINO, f32, on the CPU",
        })
    }
}

impl FromStr for Backend {
    type Err = BackendError;

    fn from_str(name: &str) -> Result<Self, BackendError> {
        let named = Self::ALL.iter().find(|(_, known)| *known == name);
        named
            .map(|(backend, _)| *backend)
            .ok_or_else(|| BackendError::Unknown {
                name: name.to_owned(),
                known: names(),
            })
    }
}

fn names() -> String {
    Backend::ALL.map(|(_, name)| name).join(", ")
}

#[cfg(feature = "cuda")]
fn cuda_device(gpu: usize) -> Result<Device, BackendError> {
    Device::new_cuda(gpu).map_err(|e| BackendError::NoGpu {
        gpu,
        // A backtrace follows the first line.
        message: e.to_string().lines().next().unwrap_or_default().to_owned(),
    })
}

#[cfg(not(feature = "cuda"))]
fn cuda_device(_gpu: usize) -> Result<Device, BackendError> {
    Err(BackendError::NotBuilt)
}

/// Usable GPUs, at least 1, so that an unusable one is an error when it is opened.
#[cfg(feature = "cuda")]
fn gpus() -> usize {
    // Devices are numbered without gaps.
    (0..64)
        .take_while(|&gpu| Device::new_cuda(gpu).is_ok())
        .count()
        .max(1)
}

#[cfg(not(feature = "cuda"))]
const fn gpus() -> usize {
    1
}

/// Whether the CPU multiplies bfloat16 natively. If not, 32 bits are faster and exact.
fn multiplies_bf16() -> bool {
    // On stable Rust, the standard library's detection macro does not support AMX.
    std::fs::read_to_string("/proc/cpuinfo")
        .is_ok_and(|text| text.contains("amx_bf16") || text.contains("avx512_bf16"))
}
