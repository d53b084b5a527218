//! Which models are used, and where they are.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The models folder and the model to use.
    pub models: Models,
    impl Default for Models {
    fn default() -> Self {
        Self {
            folder: None,
            text_to_shot: "lite".to_owned(),
            text_to_text: "minilm".to_owned(),
            speech_to_text: "whisper-base".to_owned(),
            speech_language: None,
            picture_to_text: "ppocr-v5".to_owned(),
            backend: None,
            python: "python3".to_owned(),
        }
    }
}
