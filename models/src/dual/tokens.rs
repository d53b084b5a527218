//! Converts texts to token ids, with the model's own `tokenizer.json`.

use serde_json::Value;
use tokenizers::{PaddingParams, PaddingStrategy, Tokenizer, TruncationParams};

use super::DualError;
use super::spec::{Cleaning, Spec, config};

/// A tokenizer that truncates and pads as in the text tower's training.
pub(super) struct Tokens {
    tokenizer: Tokenizer,
    cleaning: Cleaning,
    causal: bool,
}

/// Token ids of texts, and the token whose vector is the text's.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ids {
    /// Texts × tokens.
    pub(super) ids: Vec<u32>,
    /// Tokens per text.
    pub(super) tokens: usize,
    /// One position per text.
    pub(super) places: Vec<u32>,
}

impl Tokens {
    /// `tokenizer` is `tokenizer.json`; `options` is `tokenizer_config.json`, which names the padding.
    ///
    /// # Errors
    ///
    /// A file is not a tokenizer, or has more tokens than the text tower.
    pub(super) fn open(
        spec: &Spec,
        tokenizer: &[u8],
        options: Option<&[u8]>,
    ) -> Result<Self, DualError> {
        let unreadable = |e: tokenizers::Error| config(format!("tokenizer.json: {e}"));
        let mut tokenizer = Tokenizer::from_bytes(tokenizer).map_err(unreadable)?;
        let known = tokenizer.get_vocab(true).into_values().max().unwrap_or(0);
        if known as usize >= spec.text.vocabulary {
            return Err(config(format!(
                "tokenizer.json has token {known}, but the text tower has only {}",
                spec.text.vocabulary
            )));
        }
        tokenizer
            .with_truncation(Some(TruncationParams {
                max_length: spec.text.context,
                ..Default::default()
            }))
            .map_err(unreadable)?;
        let padding = padding(&tokenizer, options)?;
        let strategy = if spec.text.causal {
            // Padding is ignored, so it need only make the batch rectangular.
            PaddingStrategy::BatchLongest
        } else {
            PaddingStrategy::Fixed(spec.text.context)
        };
        tokenizer.with_padding(Some(PaddingParams {
            strategy,
            pad_id: padding.1,
            pad_token: padding.0,
            ..Default::default()
        }));
        Ok(Self {
            tokenizer,
            cleaning: spec.cleaning,
            causal: spec.text.causal,
        })
    }

    /// The ids of texts. A text that is too long is truncated and keeps its end token.
    ///
    /// # Errors
    ///
    /// The tokenizer rejects a text.
    pub(super) fn ids(&self, texts: &[&str]) -> Result<Ids, DualError> {
        let texts: Vec<String> = texts.iter().map(|text| self.cleaned(text)).collect();
        let encodings =
            self.tokenizer
                .encode_batch_fast(texts, true)
                .map_err(|e| DualError::Tokenize {
                    message: e.to_string(),
                })?;
        let tokens = encodings.first().map_or(0, tokenizers::Encoding::len);
        let places = encodings
            .iter()
            .map(|encoding| {
                let last = if self.causal {
                    encoding.get_attention_mask().iter().sum()
                } else {
                    u32::try_from(tokens).unwrap_or(u32::MAX)
                };
                last.saturating_sub(1)
            })
            .collect();
        Ok(Ids {
            ids: encodings
                .iter()
                .flat_map(|encoding| encoding.get_ids().iter().copied())
                .collect(),
            tokens,
            places,
        })
    }

    fn cleaned(&self, text: &str) -> String {
        match self.cleaning {
            Cleaning::None => text.to_owned(),
            Cleaning::Lowercase => text.to_lowercase(),
            Cleaning::Canonical => {
                let plain: String = text
                    .to_lowercase()
                    .chars()
                    .filter(|c| !c.is_ascii_punctuation())
                    .collect();
                plain.split_whitespace().collect::<Vec<_>>().join(" ")
            }
        }
    }
}

/// The padding token and its id. CLIP pads with its end token, and `SigLIP` with a separate one.
fn padding(tokenizer: &Tokenizer, options: Option<&[u8]>) -> Result<(String, u32), DualError> {
    let named = match options {
        Some(bytes) => {
            let options: Value = super::config::parse("tokenizer_config.json", bytes)?;
            let token = &options["pad_token"];
            let name = token.as_str().or_else(|| token["content"].as_str());
            name.map(str::to_owned)
        }
        None => None,
    };
    ["<pad>", "<|endoftext|>", "</s>"]
        .iter()
        .map(|&known| known.to_owned())
        .fold(named.into_iter().collect::<Vec<_>>(), |mut all, known| {
            all.push(known);
            all
        })
        .into_iter()
        .find_map(|token| tokenizer.token_to_id(&token).map(|id| (token, id)))
        .ok_or_else(|| config("tokenizer.json has no padding token".to_owned()))
}
