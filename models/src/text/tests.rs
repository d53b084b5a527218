//! Tests that need weights.

use crate::testing::{cosine, model_store};
use crate::{EncoderOptions, open_text_encoder};

const TEXTS: [&str; 5] = [
    "Merry Christmas!",
    "",
    "a car exploding in the night while everybody runs for cover behind the old cinema",
    "ein Auto explodiert 🎬",
    "a car",
];

#[test]
fn a_batch_equals_its_texts_one_by_one() {
    let Some(store) = model_store() else { return };
    let encoder = open_text_encoder(&store, "minilm", &EncoderOptions::threads(2)).unwrap();
    let together = encoder.encode(&TEXTS).unwrap();
    for (text, vector) in TEXTS.iter().zip(&together) {
        let alone = &encoder.encode(&[text]).unwrap()[0];
        assert!(cosine(alone, vector) > 0.99999, "{text:?}");
        assert!((cosine(vector, vector) - 1.0).abs() < 1e-4, "{text:?}");
    }
}

#[test]
fn texts_of_one_meaning_are_closer_than_others() {
    let Some(store) = model_store() else { return };
    let encoder = open_text_encoder(&store, "minilm", &EncoderOptions::threads(2)).unwrap();
    let v = encoder
        .encode(&[
            "a man is playing guitar",
            "someone strums a guitar",
            "the stock market fell",
        ])
        .unwrap();
    assert!(cosine(&v[0], &v[1]) > cosine(&v[0], &v[2]) + 0.3);
}

#[test]
fn a_text_is_cut_at_the_length_the_model_was_trained_on() {
    let Some(store) = model_store() else { return };
    let encoder = open_text_encoder(&store, "minilm", &EncoderOptions::threads(2)).unwrap();
    // Two special tokens and one per word: 254 words fit.
    let cut = "word ".repeat(254);
    let long = format!("{cut} {}", "other ".repeat(5_000));
    let v = encoder.encode(&[&cut, &long]).unwrap();
    assert!(cosine(&v[0], &v[1]) > 0.99999);
}
