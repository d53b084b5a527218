//! The engine of a tower: candle, or ONNX Runtime with a graph recorded from the same weights.

use std::sync::{Mutex, PoisonError};

use candle_core::{DType, Device, Tensor};
use ort::session::{Session, SessionInputs};
use ort::value::Tensor as OrtTensor;

use super::checkpoint::Checkpoint;
use super::compute::Candle;
use super::load::Place;
use super::record::{IDS, PICTURES, PLACES, Recorder, VECTORS};
use super::spec::Spec;
use super::tokens::Ids;
use super::tower::{TextTower, VisionTower};
use super::{DualError, Folder, load};
use crate::backend::{Backend, EncoderOptions, Precision};
use crate::error::ModelError;
use crate::runtime::RuntimeError;

/// Largest weights, in bytes, that fit into a graph, with room for the rest of it.
const LARGEST_GRAPH: usize = 2_000_000_000;

/// Runs the picture tower.
pub(super) type PictureEngine = Engine<VisionTower<Tensor>>;

/// Runs the text tower.
pub(super) struct TextEngine {
    engine: Engine<TextTower<Tensor>>,
    /// Tokens per text in a recorded graph.
    context: usize,
}

/// Runs a tower.
pub(super) enum Engine<T> {
    Candle(Box<Computed<T>>),
    Onnx(SessionGraph),
}

/// A tower computed by candle.
pub(super) struct Computed<T> {
    tower: T,
    candle: Candle,
    backend: Backend,
}

/// A graph computed by ONNX Runtime.
pub(super) struct SessionGraph {
    session: Mutex<Session>,
    backend: Backend,
}

impl<T> Engine<T> {
    /// Builds the tower, or its recorded graph, from the weights.
    fn load(
        folder: &Folder<'_>,
        (backend, options): (Backend, &EncoderOptions),
        tower: impl FnOnce(Checkpoint, &mut Candle) -> Result<T, DualError>,
        graph: impl FnOnce(Checkpoint) -> Result<Vec<u8>, DualError>,
    ) -> Result<Self, ModelError> {
        if !backend.is_candle() {
            let graph = folder.weights(graph)?;
            return Ok(Self::Onnx(SessionGraph::open(
                folder, &graph, backend, options,
            )?));
        }
        let mut candle = candle(backend, options)?;
        let tower = folder.weights(|checkpoint| tower(checkpoint, &mut candle))?;
        Ok(Self::Candle(Box::new(Computed {
            tower,
            candle,
            backend,
        })))
    }

    pub(super) fn describe(&self) -> String {
        match self {
            Self::Candle(computed) => computed.backend.to_string(),
            Self::Onnx(recorded) => recorded.backend.to_string(),
        }
    }
}

impl PictureEngine {
    pub(super) fn open(
        folder: &Folder<'_>,
        spec: &Spec,
        backend: Backend,
        options: &EncoderOptions,
    ) -> Result<Self, ModelError> {
        Self::load(
            folder,
            (backend, options),
            |checkpoint, candle| picture_half(spec, checkpoint, candle),
            |checkpoint| picture_graph(spec, checkpoint),
        )
    }

    /// Best batch size: a CPU gains nothing from more, and a GPU must be filled.
    pub(super) fn preferred_batch(&self) -> usize {
        match self {
            Self::Candle(computed) if computed.candle.device.is_cuda() => 64,
            Self::Candle(_) | Self::Onnx(_) => 8,
        }
    }

    /// Encodes pictures given as rows of bytes, `(count, side)`, and returns one vector each.
    pub(super) fn run(
        &self,
        pixels: Vec<u8>,
        (count, side): (usize, usize),
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        match self {
            Self::Candle(computed) => computed.pictures(pixels, (count, side)),
            Self::Onnx(recorded) => {
                let input = OrtTensor::from_array(([count, side, side, 3], pixels))
                    .map_err(RuntimeError::run("take pictures"))?;
                recorded.run(ort::inputs![PICTURES => input].into())
            }
        }
    }
}

impl TextEngine {
    pub(super) fn open(
        folder: &Folder<'_>,
        spec: &Spec,
        backend: Backend,
        options: &EncoderOptions,
    ) -> Result<Self, ModelError> {
        // A graph is one protobuf message, whose length is limited. Of the known models, only the multilingual
        // ones with their large vocabularies come close.
        let backend = if spec.text_bytes() > LARGEST_GRAPH && !backend.is_candle() {
            Backend::Candle
        } else {
            backend
        };
        let engine = Engine::load(
            folder,
            (backend, options),
            |checkpoint, candle| text_half(spec, checkpoint, candle),
            |checkpoint| text_graph(spec, checkpoint),
        )?;
        Ok(Self {
            engine,
            context: spec.text.context,
        })
    }

    pub(super) fn describe(&self) -> String {
        self.engine.describe()
    }

    /// Texts to vectors.
    pub(super) fn run(&self, ids: &Ids) -> Result<Vec<Vec<f32>>, ModelError> {
        let count = ids.places.len();
        let context = &self.context;
        match &self.engine {
            Engine::Candle(computed) => computed.texts(ids),
            Engine::Onnx(recorded) => {
                let mut padded = Vec::with_capacity(count * context);
                for text in ids.ids.chunks_exact(ids.tokens.max(1)) {
                    padded.extend(text.iter().map(|&id| i64::from(id)));
                    padded.resize(padded.len().next_multiple_of(*context), 0);
                }
                let places: Vec<i64> = ids.places.iter().map(|&place| i64::from(place)).collect();
                let ids = OrtTensor::from_array(([count, *context], padded))
                    .map_err(RuntimeError::run("take texts"))?;
                let places = OrtTensor::from_array(([count, 1], places))
                    .map_err(RuntimeError::run("take texts"))?;
                recorded.run(ort::inputs![IDS => ids, PLACES => places].into())
            }
        }
    }
}

impl Computed<VisionTower<Tensor>> {
    fn pictures(
        &self,
        pixels: Vec<u8>,
        (count, side): (usize, usize),
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        let run = || -> Result<Vec<Vec<f32>>, DualError> {
            let pixels = Tensor::from_vec(pixels, (count, side, side, 3), &Device::Cpu)?;
            rows(&self.tower.forward(&mut self.candle.clone(), &pixels)?)
        };
        run().map_err(|e| self.backend.blame(e, count))
    }
}

impl Computed<TextTower<Tensor>> {
    fn texts(&self, ids: &Ids) -> Result<Vec<Vec<f32>>, ModelError> {
        let count = ids.places.len();
        let run = || -> Result<Vec<Vec<f32>>, DualError> {
            let device = &self.candle.device;
            let tokens = Tensor::from_slice(&ids.ids, (count, ids.tokens), device)?;
            let places = Tensor::from_slice(&ids.places, count, device)?;
            rows(
                &self
                    .tower
                    .forward(&mut self.candle.clone(), &tokens, &places)?,
            )
        };
        run().map_err(|e| self.backend.blame(e, count))
    }
}

impl SessionGraph {
    fn open(
        folder: &Folder<'_>,
        graph: &[u8],
        backend: Backend,
        options: &EncoderOptions,
    ) -> Result<Self, ModelError> {
        let session = backend.session(folder.store, graph, options.threads)?;
        Ok(Self {
            session: Mutex::new(session),
            backend,
        })
    }

    fn run(&self, inputs: SessionInputs<'_, '_>) -> Result<Vec<Vec<f32>>, ModelError> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let outputs = session.run(inputs).map_err(RuntimeError::run("encode"))?;
        let (shape, values) = outputs[VECTORS]
            .try_extract_tensor::<f32>()
            .map_err(RuntimeError::run("read vectors"))?;
        let dims = shape.last().copied().unwrap_or(1);
        let dims = usize::try_from(dims).unwrap_or(1).max(1);
        Ok(values.chunks_exact(dims).map(<[f32]>::to_vec).collect())
    }
}

fn rows(vectors: &Tensor) -> Result<Vec<Vec<f32>>, DualError> {
    Ok(vectors.to_dtype(DType::F32)?.to_vec2()?)
}

fn candle(backend: Backend, options: &EncoderOptions) -> Result<Candle, ModelError> {
    Ok(Candle {
        device: backend.candle_device(options.gpu)?,
        dtype: match backend.precision() {
            Precision::F32 => DType::F32,
            Precision::F16 => DType::F16,
            Precision::Bf16 => DType::BF16,
        },
    })
}

/// Checks the weights of an unused half, and drops them.
struct Drop;

impl Place for Drop {
    type Weight = ();

    fn place(&mut self, _tensor: &Tensor) -> Result<(), DualError> {
        Ok(())
    }
}

/// The picture tower. The other tower is checked too, because unknown tensors reveal another architecture.
fn picture_half<P: Place>(
    spec: &Spec,
    mut checkpoint: Checkpoint,
    place: &mut P,
) -> Result<VisionTower<P::Weight>, DualError> {
    let tower = load::vision(spec, &mut checkpoint, place)?;
    load::text(spec, &mut checkpoint, &mut Drop)?;
    checkpoint.finish()?;
    Ok(tower)
}

/// The text tower; see [`picture_half`].
fn text_half<P: Place>(
    spec: &Spec,
    mut checkpoint: Checkpoint,
    place: &mut P,
) -> Result<TextTower<P::Weight>, DualError> {
    let tower = load::text(spec, &mut checkpoint, place)?;
    load::vision(spec, &mut checkpoint, &mut Drop)?;
    checkpoint.finish()?;
    Ok(tower)
}

/// The picture tower as a serialised ONNX model.
fn picture_graph(spec: &Spec, checkpoint: Checkpoint) -> Result<Vec<u8>, DualError> {
    let mut recorder = Recorder::new("pictures");
    let tower = picture_half(spec, checkpoint, &mut recorder)?;
    recorder.pictures(&tower, spec.dims)
}

/// The text tower as a serialised ONNX model.
fn text_graph(spec: &Spec, checkpoint: Checkpoint) -> Result<Vec<u8>, DualError> {
    let mut recorder = Recorder::new("texts");
    let tower = text_half(spec, checkpoint, &mut recorder)?;
    recorder.texts(&tower, spec.text.context, spec.dims)
}
