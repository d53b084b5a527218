//! The sentence embeddings of the 1,000 classes: derived data, computed once and cached in the store.
//!
//! People rarely type the name of a class: they type "a bird", and not "chickadee". So the vector of a class may be the
//! weighted mean of the embeddings of its names and of the kinds of thing it is, as `WordNet` lists them (Miller 1995).

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::LiteError;
use super::efficientnet::CLASSES;
use crate::causes::with_causes;
use crate::digest::Digest;
use crate::error::ModelError;
use crate::manifest::{ClassWords, ConseParameters, Manifest};
use crate::store::{ModelStore, StoreError, write_whole};
use crate::text::MiniLm;
use crate::vector;

/// The classes of the ImageNet challenge of 2012: index, `WordNet` id, name, other names, and kinds with the nearest
/// first. `scripts/wordnet-words` writes it.
const TABLE: &str = include_str!("imagenet_classes.tsv");

/// The prompt around a name. Of the prompts tried, this one ranks broad queries ("a bird") best.
const PROMPT: &str = "a photo of a ";

/// Weight of the nearest kind beside the names, and of each further kind beside the one before. Chosen by measurement;
/// `benches/sight` prints the figures.
const KIND_WEIGHT: f32 = 0.5;

/// One vector per class, and their mean.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ClassVectors {
    dims: usize,
    /// Classes × dims.
    values: Vec<f32>,
    mean: Vec<f32>,
}

impl ClassVectors {
    /// Reads the vectors from the store, or computes and stores them. A damaged or outdated file is recomputed;
    /// `sentences` is called only then.
    pub(super) fn open<T: Borrow<MiniLm>>(
        store: &ModelStore,
        manifest: &Manifest,
        parameters: &ConseParameters,
        sentences: impl FnOnce() -> Result<T, ModelError>,
    ) -> Result<Self, ModelError> {
        let key = key(
            store,
            store.manifests().get(&parameters.text)?,
            parameters.words,
        )?;
        let path = store.derived_path(
            manifest,
            &format!("class-vectors-{}.f32", &key.to_string()[..16]),
        );
        if let Some(values) = read(&path, CLASSES * parameters.dims) {
            return Ok(Self::new(values, parameters.dims));
        }
        let values = embed(sentences()?.borrow(), parameters.words)?;
        if values.len() != CLASSES * parameters.dims {
            let problem = format!(
                "dims is {}, but {CLASSES} classes make {} numbers",
                parameters.dims,
                values.len()
            );
            return Err(LiteError::Parameters { problem }.into());
        }
        // A read-only store costs seconds at every start, but works.
        if let Err(error) = write(&path, &values) {
            tracing::warn!(error = %with_causes(&error), "cannot store class vectors");
        }
        Ok(Self::new(values, parameters.dims))
    }

    fn new(values: Vec<f32>, dims: usize) -> Self {
        let mut mean = vec![0.0; dims];
        for vector in values.chunks_exact(dims) {
            mean.iter_mut().zip(vector).for_each(|(sum, x)| *sum += x);
        }
        #[expect(clippy::cast_precision_loss, reason = "1,000 is exact")]
        mean.iter_mut().for_each(|sum| *sum /= CLASSES as f32);
        Self { dims, values, mean }
    }

    /// The unit vector of one class.
    pub(super) fn get(&self, class: usize) -> &[f32] {
        &self.values[class * self.dims..][..self.dims]
    }

    /// The mean of all classes.
    pub(super) fn mean(&self) -> &[f32] {
        &self.mean
    }
}

/// What is said of each class, with weights that add up to 1, in the order of the classifier's outputs.
fn class_phrases(words: ClassWords) -> impl Iterator<Item = Vec<(f32, String)>> {
    TABLE.lines().map(move |line| {
        let columns_read = match words {
            ClassWords::Name => 1,
            ClassWords::NamesAndKinds => 3,
        };
        let mut columns = line.split('\t').skip(2).take(columns_read);
        let name = columns.next().into_iter();
        let mut list = || {
            let column = columns.next().unwrap_or_default();
            column.split('|').filter(|word| !word.is_empty())
        };
        let names: Vec<&str> = name.chain(list()).collect();
        #[expect(clippy::cast_precision_loss, reason = "a few names are exact")]
        let named = (names.len() as f32).recip();
        let names = names.into_iter().map(|name| (named, name));
        let kinds = std::iter::successors(Some(KIND_WEIGHT), |weight| Some(weight * KIND_WEIGHT));
        let said: Vec<(f32, &str)> = names.chain(kinds.zip(list())).collect();
        let total: f32 = said.iter().map(|(weight, _)| weight).sum();
        said.into_iter()
            .map(|(weight, word)| (weight / total, format!("{PROMPT}{word}")))
            .collect()
    })
}

/// The vectors of all classes, concatenated. Classes share many kinds, and each phrase is encoded once.
fn embed(sentences: &MiniLm, words: ClassWords) -> Result<Vec<f32>, ModelError> {
    let classes: Vec<Vec<(f32, String)>> = class_phrases(words).collect();
    let mut index: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, phrase) in classes.iter().flatten() {
        let next = index.len();
        index.entry(phrase).or_insert(next);
    }
    let mut phrases = vec![""; index.len()];
    for (&phrase, &at) in &index {
        phrases[at] = phrase;
    }
    let vectors = sentences.encode(&phrases)?;
    let mut values = Vec::new();
    for class in &classes {
        let mut sum = vec![0.0; vectors.first().map_or(0, Vec::len)];
        for (weight, phrase) in class {
            let vector = &vectors[index[phrase.as_str()]];
            sum.iter_mut()
                .zip(vector)
                .for_each(|(sum, x)| *sum += weight * x);
        }
        vector::normalise(&mut sum);
        values.append(&mut sum);
    }
    Ok(values)
}

/// The digest of everything the vectors depend on.
fn key(store: &ModelStore, text: &Manifest, words: ClassWords) -> Result<Digest, ModelError> {
    let mut recipe = format!(
        "{PROMPT}\n{words:?} {KIND_WEIGHT}\n{}\n",
        Digest::of_bytes(TABLE.as_bytes())
    );
    for file in &text.files {
        let path = store.file(text, &file.name)?;
        let digest = match file.sha256 {
            Some(digest) => digest,
            None => {
                Digest::of_file(&path)
                    .map_err(|e| StoreError::io("read", &path, e))?
                    .0
            }
        };
        recipe.push_str(&format!("{} {digest}\n", file.name));
    }
    Ok(Digest::of_bytes(recipe.as_bytes()))
}

/// Little-endian floats, then the digest of their bytes.
fn write(path: &Path, values: &[f32]) -> Result<(), StoreError> {
    let mut bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    let digest = Digest::of_bytes(&bytes).to_string();
    bytes.extend_from_slice(digest.as_bytes());
    write_whole(path, &bytes)
}

/// The data that [`write()`] wrote, if the file is complete.
fn read(path: &Path, length: usize) -> Option<Vec<f32>> {
    let bytes = fs::read(path).ok()?;
    let (values, digest) = bytes.split_at_checked(length * size_of::<f32>())?;
    if digest != Digest::of_bytes(values).to_string().as_bytes() {
        tracing::warn!(path = %path.display(), "class vectors are damaged; recomputing them");
        return None;
    }
    Some(
        values
            .as_chunks()
            .0
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_thousand_classes_in_order() {
        assert_eq!(class_phrases(ClassWords::Name).count(), CLASSES);
        let ordered = TABLE
            .lines()
            .enumerate()
            .all(|(i, line)| line.starts_with(&format!("{i}\tn")));
        assert!(ordered);
    }

    #[test]
    fn names_count_alike_and_kinds_less_and_less() {
        let taxi = class_phrases(ClassWords::NamesAndKinds).nth(468).unwrap();
        let (names, kinds) = taxi.split_at(3);
        assert_eq!(names[0].1, "a photo of a cab");
        assert!(
            names
                .windows(2)
                .all(|pair| (pair[0].0 - pair[1].0).abs() < 1e-6)
        );
        assert_eq!(kinds[0].1, "a photo of a car");
        assert!(
            kinds
                .windows(2)
                .all(|pair| (pair[0].0 - 2.0 * pair[1].0).abs() < 1e-6)
        );
        let total: f32 = taxi.iter().map(|(weight, _)| weight).sum();
        assert!((total - 1.0).abs() < 1e-6, "{total}");
    }

    #[test]
    fn what_was_written_is_read_back_and_damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("derived/v.f32");
        write(&path, &[1.0, -2.5]).unwrap();
        assert_eq!(read(&path, 2), Some(vec![1.0, -2.5]));
        assert_eq!(read(&path, 3), None, "another length is another model");
        let mut bytes = fs::read(&path).unwrap();
        bytes[0] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(read(&path, 2), None);
    }
}
