//! The sentence embeddings of the 1,000 class names: derived data, computed once and cached in the store.

use std::borrow::Borrow;
use std::fs;
use std::path::Path;

use super::LiteError;
use super::efficientnet::CLASSES;
use crate::causes::with_causes;
use crate::digest::Digest;
use crate::error::ModelError;
use crate::manifest::{ConseParameters, Manifest};
use crate::store::{ModelStore, StoreError, write_whole};
use crate::text::MiniLm;

/// Index, `WordNet` id and name of the classes of the ImageNet challenge of 2012.
const TABLE: &str = include_str!("imagenet_classes.tsv");

/// The prompt around a class name. Of the prompts tried, this one ranks broad queries ("a bird") best.
const PROMPT: &str = "a photo of a ";

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
        let key = key(store, store.manifests().get(&parameters.text)?)?;
        let path = store.derived_path(
            manifest,
            &format!("class-vectors-{}.f32", &key.to_string()[..16]),
        );
        if let Some(values) = read(&path, CLASSES * parameters.dims) {
            return Ok(Self::new(values, parameters.dims));
        }
        let names = class_names()
            .map(|name| format!("{PROMPT}{name}"))
            .collect::<Vec<_>>();
        let names = names.iter().map(String::as_str).collect::<Vec<_>>();
        let values = sentences()?.borrow().encode(&names)?.concat();
        if values.len() != CLASSES * parameters.dims {
            let problem = format!(
                "dims is {}, but {} class names make {} numbers",
                parameters.dims,
                names.len(),
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

/// The names of the classes, in the order of the classifier's outputs.
fn class_names() -> impl Iterator<Item = &'static str> {
    TABLE.lines().filter_map(|line| line.split('\t').nth(2))
}

/// The digest of everything the vectors depend on.
fn key(store: &ModelStore, text: &Manifest) -> Result<Digest, ModelError> {
    let mut recipe = format!("{PROMPT}\n{}\n", Digest::of_bytes(TABLE.as_bytes()));
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
    fn the_table_has_a_thousand_names_in_order() {
        assert_eq!(class_names().count(), CLASSES);
        assert_eq!(class_names().next(), Some("tench"));
        let ordered = TABLE
            .lines()
            .enumerate()
            .all(|(i, line)| line.starts_with(&format!("{i}\tn")));
        assert!(ordered);
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
