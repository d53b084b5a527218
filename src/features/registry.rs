//! The list of features, one line each. The rest is in the feature's own file.

use std::marker::PhantomData;

use rushes_workers::stages::{Feature, Queue};

use super::definition::{ErasedDefinition, Registered, Unit};
use super::{
    dialogue, edges, embeddings, meaning, people, probe, proxies, shots, sound, sound_tags, speech,
    text, thumbnails,
};

/// The definition of `feature`.
pub(super) fn registered(feature: Feature) -> &'static dyn Registered {
    match feature {
        Feature::Probe => &ErasedDefinition::<probe::Probe>(PhantomData),
        Feature::Shots => &ErasedDefinition::<shots::Shots>(PhantomData),
        Feature::Dialogue => &ErasedDefinition::<dialogue::Dialogue>(PhantomData),
        Feature::Speech => &ErasedDefinition::<speech::Speech>(PhantomData),
        Feature::Proxies => &ErasedDefinition::<proxies::Proxies>(PhantomData),
        Feature::Thumbnails => &ErasedDefinition::<thumbnails::Thumbnails>(PhantomData),
        Feature::Edges => &ErasedDefinition::<edges::Edges>(PhantomData),
        Feature::Embeddings => &ErasedDefinition::<embeddings::Embeddings>(PhantomData),
        Feature::Meaning => &ErasedDefinition::<meaning::Meaning>(PhantomData),
        Feature::Text => &ErasedDefinition::<text::Text>(PhantomData),
        Feature::Sound => &ErasedDefinition::<sound::Sound>(PhantomData),
        Feature::SoundTags => &ErasedDefinition::<sound_tags::SoundTags>(PhantomData),
        Feature::People => &ErasedDefinition::<people::People>(PhantomData),
    }
}

/// The unit in which runs of `feature` report progress.
#[must_use]
pub fn unit_of(feature: Feature) -> Unit {
    registered(feature).unit()
}

/// Whether workers on other machines may compute all runs in `queue`.
#[must_use]
pub fn is_remote(queue: Queue) -> bool {
    let mut in_queue = Feature::ALL
        .iter()
        .map(|&feature| registered(feature))
        .filter(|feature| feature.queue() == queue);
    in_queue.all(Registered::is_remote)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_come_before_what_is_computed_from_them() {
        for &feature in Feature::ALL {
            for &input in registered(feature).inputs() {
                assert!(input < feature, "{feature} needs {input}");
            }
        }
    }

    #[test]
    fn only_vectors_are_made_elsewhere() {
        assert!(is_remote(Queue::Embed));
        assert!(!is_remote(Queue::Media));
    }
}
