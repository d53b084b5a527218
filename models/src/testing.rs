//! The location of weights and real pictures for tests.

mod fixture;

pub(crate) use self::fixture::{material, missing, models};
use crate::store::{ModelStore, Status};

/// The store at `RUSHES_MODELS`, if `lite` is installed in it.
pub(crate) fn model_store() -> Option<ModelStore> {
    store_with("lite")
}

/// The store at `RUSHES_MODELS`, if `model` is installed in it.
pub(crate) fn store_with(model: &str) -> Option<ModelStore> {
    let store = ModelStore::new(models(&[model])?);
    for manifest in store.manifests().with_requirements(model).unwrap() {
        assert_eq!(
            store.status(manifest).unwrap(),
            Status::Installed,
            "{}: run `rushes models pull {model}`",
            manifest.id
        );
    }
    Some(store)
}

/// Cosine of two unit vectors.
pub(crate) fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[test]
fn only_what_is_not_required_may_be_missing() {
    for fixture in fixture::FIXTURES {
        assert_eq!(fixture::may_skip(fixture, ""), Ok(()));
        let refusal = fixture::may_skip(fixture, fixture).unwrap_err();
        assert!(refusal.contains(fixture), "{refusal}");
    }
    let both = "models, material";
    assert!(fixture::may_skip("models", both).is_err());
    assert!(fixture::may_skip("material", both).is_err());
    assert_eq!(fixture::may_skip("disk", both), Ok(()));
    // A misspelt name must not mean that nothing is required.
    let refusal = fixture::may_skip("models", "model").unwrap_err();
    assert!(refusal.contains("names model;"), "{refusal}");
}

#[test]
fn tests_that_lack_a_required_fixture_fail() {
    let test = "text::tests::a_batch_equals_its_texts_one_by_one";
    fixture::assert_cannot_pass_by_skipping(test, "models");
    let test = "lite::tests::most_photographs_are_given_their_class";
    fixture::assert_cannot_pass_by_skipping(test, "material");
}
