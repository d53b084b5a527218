//! ONNX Runtime, loaded from the store once per process.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;
use ort::ep::{
    ArbitrarilyConfigurableExecutionProvider as _, CUDA, ExecutionProvider as _, OpenVINO,
};
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;

use crate::causes::with_causes;
use crate::kind::ErrorKind;
use crate::manifest::{ManifestError, Parameters};
use crate::store::{ModelStore, Status, StoreError};

/// The environment of the process. A failure to load is not cached, so a retry after a pull works.
static ENVIRONMENT: Mutex<Option<(&str, Environment)>> = Mutex::new(None);

/// Why ONNX Runtime cannot run a network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// The library cannot be loaded, or is too old.
    #[error("ONNX Runtime at {} cannot be used: {message}; run `rushes models pull {model}`", path.display())]
    Load {
        /// Id of the manifest it came from.
        model: String,
        /// The library.
        path: PathBuf,
        /// The error from the loader.
        message: String,
    },
    /// The runtime rejected a graph or failed to run it.
    #[error("ONNX Runtime failed to {action}: {message}")]
    Run {
        /// The attempted action.
        action: &'static str,
        /// The error from the runtime.
        message: String,
    },
    /// The manifest of the library.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The store failed, or the library is not installed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RuntimeError {
    /// The kind of this failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Load { .. } => ErrorKind::Unsupported,
            Self::Run { .. } => ErrorKind::Internal,
            Self::Manifest(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }

    /// Wraps an error of the runtime.
    pub(crate) fn run<R>(action: &'static str) -> impl FnOnce(ort::Error<R>) -> Self {
        move |e| Self::Run {
            action,
            message: e.to_string(),
        }
    }
}

/// Prepares a graph to run on `threads` CPU threads. `runtime` is the id of the runtime's manifest.
///
/// # Errors
///
/// The library is not installed or cannot be loaded, or it rejects the graph.
pub(crate) fn session(
    store: &ModelStore,
    runtime: &str,
    graph: &[u8],
    threads: usize,
) -> Result<Session, RuntimeError> {
    let environment = environment(store, runtime)?;
    let session = Session::builder(&environment)
        .map_err(RuntimeError::run("create a session"))?
        .with_optimization_level(GraphOptimizationLevel::Level3)
        .map_err(RuntimeError::run("set the optimization level"))?
        .with_intra_threads(threads.max(1))
        .map_err(RuntimeError::run("set the threads"))?
        // Spinning threads take the CPU from threads that decode the next pictures.
        .with_intra_op_spinning(false)
        .map_err(RuntimeError::run("keep threads from spinning"))?
        .commit_from_memory(graph)
        .map_err(RuntimeError::run("load a graph"))?;
    Ok(session)
}

/// Like [`session`], but on a CUDA device if the loaded library can use one. Also returns where it runs.
///
/// # Errors
///
/// The same as [`session`].
pub(crate) fn accelerated_session(
    store: &ModelStore,
    runtime: &str,
    graph: &[u8],
    threads: usize,
) -> Result<(Session, &'static str), RuntimeError> {
    let environment = environment(store, runtime)?;
    if !CUDA::is_available().unwrap_or(false) {
        return Ok((session(store, runtime, graph, threads)?, "cpu"));
    }
    // If the library supports CUDA and the machine does not, the CPU does the work and the log says so.
    let accelerated = Session::builder(&environment)
        .map_err(RuntimeError::run("create a session"))?
        .with_intra_threads(threads.max(1))
        .map_err(RuntimeError::run("set the threads"))?
        .with_execution_providers([CUDA::default().build().error_on_failure()])
        .map_err(RuntimeError::run("use CUDA"))
        .and_then(|mut builder| {
            builder
                .commit_from_memory(graph)
                .map_err(RuntimeError::run("load a graph"))
        });
    match accelerated {
        Ok(session) => Ok((session, "cuda")),
        Err(error) => {
            tracing::warn!(error = %with_causes(&error), "cannot use CUDA; using the CPU");
            Ok((session(store, runtime, graph, threads)?, "cpu"))
        }
    }
}

/// Whether [`accelerated_session`] would try a CUDA device.
///
/// # Errors
///
/// The library is not installed or cannot be loaded.
pub(crate) fn is_accelerated(store: &ModelStore, runtime: &str) -> Result<bool, RuntimeError> {
    environment(store, runtime)?;
    Ok(CUDA::is_available().unwrap_or(false))
}

/// Prepares a graph for `OpenVINO` on the CPU, with the precision `bf16` or `f32`.
///
/// # Errors
///
/// The same as [`session`].
pub(crate) fn openvino_session(
    store: &ModelStore,
    graph: &[u8],
    precision: &str,
    threads: usize,
) -> Result<Session, RuntimeError> {
    let environment = environment(store, OPENVINO)?;
    // Without this hint OpenVINO uses bfloat16 wherever the CPU supports it.
    let hint = format!(r#"{{"CPU":{{"INFERENCE_PRECISION_HINT":"{precision}"}}}}"#);
    let provider = OpenVINO::default()
        .with_device_type("CPU")
        .with_num_threads(threads.max(1))
        .with_arbitrary_config("load_config", hint)
        .build()
        .error_on_failure();
    let session = Session::builder(&environment)
        .map_err(RuntimeError::run("create a session"))?
        // OpenVINO does its own optimisation, and recognises the original graph.
        .with_optimization_level(GraphOptimizationLevel::Disable)
        .map_err(RuntimeError::run("set the optimization level"))?
        .with_intra_threads(threads.max(1))
        .map_err(RuntimeError::run("set the threads"))?
        .with_execution_providers([provider])
        .map_err(RuntimeError::run("use OpenVINO"))?
        .commit_from_memory(graph)
        .map_err(RuntimeError::run("load a graph"))?;
    Ok(session)
}

/// The library to load, among the installed ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Library {
    /// Id of its manifest.
    pub(crate) id: &'static str,
    /// Whether it includes `OpenVINO`.
    pub(crate) openvino: bool,
}

/// The library that this process loads. A process can load only one, and the one with `OpenVINO` does
/// everything that the plain one does.
///
/// # Errors
///
/// The store cannot be read.
pub(crate) fn library(store: &ModelStore) -> Result<Option<Library>, RuntimeError> {
    let loaded = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((id, _)) = *loaded {
        return Ok(Some(Library {
            id,
            openvino: id == OPENVINO,
        }));
    }
    drop(loaded);
    for (id, openvino) in [(OPENVINO, true), (PLAIN, false)] {
        if let Ok(manifest) = store.manifests().get(id)
            && store.status(manifest)? == Status::Installed
        {
            return Ok(Some(Library { id, openvino }));
        }
    }
    Ok(None)
}

/// Whether the library can be loaded, with `OpenVINO` if requested.
///
/// # Errors
///
/// It is not installed.
pub(crate) fn require(store: &ModelStore, openvino: bool) -> Result<(), RuntimeError> {
    if library(store)?.is_some_and(|library| library.openvino || !openvino) {
        return Ok(());
    }
    let id = if openvino { OPENVINO } else { PLAIN };
    let manifest = store.manifests().get(id)?;
    for file in &manifest.files {
        store.file(manifest, &file.name)?;
    }
    Ok(())
}

/// Manifests of the two libraries.
pub(crate) const PLAIN: &str = "onnxruntime";
const OPENVINO: &str = "onnxruntime-openvino";

fn environment(store: &ModelStore, runtime: &str) -> Result<Environment, RuntimeError> {
    // The library with OpenVINO does everything that the plain one does. If both are missing, report the plain
    // one.
    let id = match library(store)? {
        Some(library) => library.id,
        None => PLAIN,
    };
    let runtime = if runtime == PLAIN { id } else { runtime };
    let mut loaded = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, environment)) = &*loaded {
        return Ok(environment.clone());
    }
    let manifest = store.manifests().get(runtime)?;
    let Parameters::OnnxRuntime(parameters) = &manifest.parameters else {
        return Err(manifest.wrong_kind("run networks").into());
    };
    let path = store.file(manifest, &parameters.library)?;
    // Execution providers are searched for beside it, and only when they are used. A link on the way to it must
    // not matter by then.
    let path = std::fs::canonicalize(&path).map_err(|e| StoreError::io("read", &path, e))?;
    let failed = |message| RuntimeError::Load {
        model: runtime.to_owned(),
        path: path.clone(),
        message,
    };
    let environment = ort::init_from(&path)
        .map_err(|e| failed(e.to_string()))?
        .with_name("rushes")
        .build()
        .map_err(|e| failed(e.to_string()))?;
    let id = if runtime == OPENVINO { OPENVINO } else { PLAIN };
    *loaded = Some((id, environment.clone()));
    drop(loaded);
    Ok(environment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_library_is_an_error_that_names_the_pull() {
        let root = tempfile::tempdir().unwrap();
        let store = ModelStore::new(root.path().to_owned());
        // If another test of this process has loaded the library, the store is not asked again.
        if let Err(error) = environment(&store, "onnxruntime") {
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(
                error.to_string().contains("rushes models pull onnxruntime"),
                "{error}"
            );
        }
    }
}
