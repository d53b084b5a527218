//! The query encoders, loaded at first use and kept.

use std::sync::{Arc, Mutex, PoisonError};

use image::RgbImage;
use rushes_models::{
    EncoderOptions, ImageEncoder, ModelError, ModelStore, Space, TextEncoder, open_image_encoder,
    open_text_encoder, space_of,
};

use super::SearchError;

/// The encoders of one model.
#[derive(Debug)]
pub struct Encoders {
    models: ModelStore,
    model: String,
    options: EncoderOptions,
    text: Mutex<Option<Arc<dyn TextEncoder>>>,
    image: Mutex<Option<Arc<dyn ImageEncoder>>>,
}

impl Encoders {
    /// Creates encoders of `model`, whose files are in `models`.
    #[must_use]
    pub fn new(models: ModelStore, model: &str, options: EncoderOptions) -> Self {
        Self {
            models,
            model: model.to_owned(),
            options,
            text: Mutex::default(),
            image: Mutex::default(),
        }
    }

    /// The model's name.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The space of the vectors.
    ///
    /// # Errors
    /// If there is no such model.
    pub fn space(&self) -> Result<Space, SearchError> {
        Ok(space_of(&self.models, &self.model)?)
    }

    /// The vector of a text.
    ///
    /// # Errors
    /// If the model is missing or damaged.
    pub async fn text(self: &Arc<Self>, text: &str) -> Result<Vec<f32>, SearchError> {
        let (this, text) = (Arc::clone(self), text.to_owned());
        let encoded = tokio::task::spawn_blocking(move || {
            let encoder = loaded(&this.text, || {
                open_text_encoder(&this.models, &this.model, &this.options).map(Arc::from)
            })?;
            Ok::<_, SearchError>(encoder.encode(&[&text])?)
        });
        one(encoded.await.map_err(|_join| SearchError::Died)??)
    }

    /// The vector of a picture.
    ///
    /// # Errors
    /// If the model is missing or damaged.
    pub async fn picture(
        self: &Arc<Self>,
        picture: Arc<RgbImage>,
    ) -> Result<Vec<f32>, SearchError> {
        one(self.pictures(vec![Arc::unwrap_or_clone(picture)]).await?)
    }

    /// The vectors of pictures.
    ///
    /// # Errors
    /// If the model is missing or damaged.
    pub async fn pictures(
        self: &Arc<Self>,
        pictures: Vec<RgbImage>,
    ) -> Result<Vec<Vec<f32>>, SearchError> {
        let this = Arc::clone(self);
        let encoded = tokio::task::spawn_blocking(move || {
            let encoder = loaded(&this.image, || {
                open_image_encoder(&this.models, &this.model, &this.options).map(Arc::from)
            })?;
            Ok::<_, SearchError>(encoder.encode_pictures(&pictures)?)
        });
        encoded.await.map_err(|_join| SearchError::Died)?
    }
}

fn loaded<T: ?Sized>(
    slot: &Mutex<Option<Arc<T>>>,
    open: impl FnOnce() -> Result<Arc<T>, ModelError>,
) -> Result<Arc<T>, SearchError> {
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(encoder) = slot.as_ref() {
        return Ok(Arc::clone(encoder));
    }
    let encoder = open()?;
    *slot = Some(Arc::clone(&encoder));
    drop(slot);
    Ok(encoder)
}

fn one(vectors: Vec<Vec<f32>>) -> Result<Vec<f32>, SearchError> {
    vectors.into_iter().next().ok_or(SearchError::Died)
}
