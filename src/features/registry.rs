//! The list of features: one line each. Its file says the rest.

use std::marker::PhantomData;

use rushes_workers::stages::{Feature, Queue};

use super::definition::{ErasedDefinition, Registered, Unit};
use super::{dialogue, embeddings, probe, proxies, shots, thumbnails};

/// What is known of `feature`.
pub(super) fn registered(feature: Feature) -> &'static dyn Registered {
    match feature {
        Feature::Probe => &ErasedDefinition::<probe::Probe>(PhantomData),
        Feature::Shots => &ErasedDefinition::<shots::Shots>(PhantomData),
        Feature::Dialogue => &ErasedDefinition::<dialogue::Dialogue>(PhantomData),
        Feature::Proxies => &ErasedDefinition::<proxies::Proxies>(PhantomData),
        Feature::Thumbnails => &ErasedDefinition::<thumbnails::Thumbnails>(PhantomData),
        Feature::Embeddings => &ErasedDefinition::<embeddings::Embeddings>(PhantomData),
    }
}

/// What the progress of runs of `feature` counts.
#[must_use]
pub fn unit_of(feature: Feature) -> Unit {
    registered(feature).unit()
}

/// Whether workers on other machines may compute everything that waits in `queue`.
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
