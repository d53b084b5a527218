//! What one view saw and others, which show the same place as well, did not.
//!
//! The views of a sphere overlap: each place is in several of them, at more than one scale. What is there is seen by more
//! than one; a pattern that looks like a plate from one side mostly does not from another.

use std::collections::BTreeSet;

use rushes_models::Class;

use super::geometry::{Camera, Object, Sighting, View, bounds, merge};

/// Views that must have had as good a look as the one that saw it.
const WITNESSES: usize = 2;
/// The longer side of a plate that a view shows well, in px.
const WELL_SHOWN: std::ops::RangeInclusive<f64> = 20.0..=200.0;
/// From this share of the score that may be reached above the threshold on, one view is enough.
const SURE: f32 = 0.5;

/// Sightings by which objects are judged.
pub(super) struct Evidence<'a> {
    pub(super) camera: &'a Camera,
    pub(super) views: &'a [View],
    /// Those that count.
    pub(super) sightings: &'a [Sighting<Class>],
    /// Those whose scores are too low to count on their own.
    pub(super) weak: &'a [Sighting<Class>],
}

impl Evidence<'_> {
    /// Whether only one view saw a plate, and that not surely, though others show its place well. `threshold` is that of
    /// the detector of a sighting.
    pub(super) fn is_lone(&self, object: &Object<Class>, threshold: impl Fn(usize) -> f32) -> bool {
        let best = &self.sightings[object.sightings[0]];
        let is_sure = |index: usize| {
            let threshold = threshold(index);
            self.sightings[index].score >= threshold + SURE * (1.0 - threshold)
        };
        let seen: BTreeSet<usize> = object
            .sightings
            .iter()
            .map(|&index| self.sightings[index].view)
            .collect();
        object.class == Class::Plate
            && seen.len() == 1
            && !object.sightings.iter().any(|&index| is_sure(index))
            && !self.weak.iter().any(|weak| self.supports(weak, best))
            && self.witnesses(best) >= WITNESSES
    }

    /// Whether another view saw something there as well.
    fn supports(&self, weak: &Sighting<Class>, best: &Sighting<Class>) -> bool {
        weak.view != best.view
            && weak.class == best.class
            && merge(self.camera, self.views, &[*best, *weak]).len() == 1
    }

    /// Other views that show the whole place as large as detectors see it well.
    fn witnesses(&self, best: &Sighting<Class>) -> usize {
        let from = self.views[best.view];
        if matches!(from, View::Crop { .. }) {
            return 0;
        }
        let places = best
            .outline()
            .map(|point| from.to_picture(self.camera, point));
        let shows = |view: &View| {
            let corners = places.map(|place| view.to_view(self.camera, place?));
            let corners: Option<Vec<(f64, f64)>> = corners.into_iter().collect();
            let (width, height) = view.size();
            let [x0, y0, x1, y1] = bounds(&corners?);
            let is_inside =
                x0 >= 0.0 && y0 >= 0.0 && x1 <= f64::from(width) && y1 <= f64::from(height);
            (is_inside && WELL_SHOWN.contains(&(x1 - x0).max(y1 - y0))).then_some(())
        };
        let others = self.views.iter().enumerate();
        others
            .filter(|(index, view)| {
                *index != best.view && view.is_perspective() && shows(view).is_some()
            })
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::super::geometry::Layout;
    use super::*;

    /// A plate in the views of a panorama that show it whole; its width and height are in picture px.
    fn seen_in(
        camera: &Camera,
        views: &[View],
        (width, height): (f64, f64),
    ) -> Vec<Sighting<Class>> {
        let (x, y) = (1500.0, 700.0);
        let corners = [
            (x, y),
            (x + width, y),
            (x + width, y + height),
            (x, y + height),
        ];
        let mut sightings = Vec::new();
        for (index, view) in views.iter().enumerate() {
            let points = corners.map(|corner| view.to_view(camera, corner));
            let inside: Vec<(f64, f64)> = points
                .into_iter()
                .flatten()
                .filter(|(u, v)| (0.0..=640.0).contains(u) && (0.0..=640.0).contains(v))
                .collect();
            if inside.len() == 4 {
                sightings.push(Sighting {
                    view: index,
                    rect: bounds(&inside),
                    quad: None,
                    score: 0.6,
                    class: Class::Plate,
                });
            }
        }
        sightings
    }

    fn is_lone(
        camera: &Camera,
        views: &[View],
        counted: &[Sighting<Class>],
        weak: &[Sighting<Class>],
    ) -> bool {
        let objects = merge(camera, views, counted);
        assert_eq!(objects.len(), 1);
        let evidence = Evidence {
            camera,
            views,
            sightings: counted,
            weak,
        };
        evidence.is_lone(&objects[0], |_| 0.5)
    }

    #[test]
    fn only_what_one_view_saw_though_others_show_it_well_is_alone() {
        let camera = Camera::equirect(2880, 1440);
        let views = Layout::named("sphere").unwrap().views(&camera).unwrap();
        let all = seen_in(&camera, &views, (60.0, 14.0));
        assert!(all.len() > WITNESSES, "{}", all.len());
        let one = all[0];
        assert!(is_lone(&camera, &views, &[one], &[]));
        // Two views, a weak sighting elsewhere, a high score, and a face each are enough.
        assert!(!is_lone(&camera, &views, &all[..2], &[]));
        let weak = Sighting {
            score: 0.3,
            ..all[1]
        };
        assert!(!is_lone(&camera, &views, &[one], &[weak]));
        let sure = Sighting { score: 0.75, ..one };
        assert!(!is_lone(&camera, &views, &[sure], &[]));
        // So is a second sighting in the same view that is sure, whichever speaks for the object.
        let both = Evidence {
            camera: &camera,
            views: &views,
            sightings: &[one, sure],
            weak: &[],
        };
        let object = &mut merge(&camera, &views, &[one, sure])[0];
        object.sightings = vec![0, 1];
        assert!(!both.is_lone(object, |_| 0.5));
        let face = Sighting {
            class: Class::Face,
            ..one
        };
        assert!(!is_lone(&camera, &views, &[face], &[]));
        // What supports it must be of its class, in another view, and in the same place.
        let besides = [
            Sighting {
                class: Class::Face,
                ..weak
            },
            Sighting { score: 0.3, ..one },
            Sighting {
                rect: [10.0, 10.0, 60.0, 25.0],
                ..weak
            },
        ];
        assert!(is_lone(&camera, &views, &[one], &besides));
    }

    #[test]
    fn what_others_do_not_show_well_is_not_doubted() {
        let camera = Camera::equirect(2880, 1440);
        let views = Layout::named("sphere").unwrap().views(&camera).unwrap();
        // About six pixels wide in the views of 75 degrees.
        let small = seen_in(&camera, &views, (6.0, 2.0));
        assert!(small.len() > WITNESSES);
        assert!(!is_lone(&camera, &views, &small[..1], &[]));
        // No other view shows it.
        let large = seen_in(&camera, &views, (60.0, 14.0))[0];
        let alone = [views[large.view]];
        let only = Sighting { view: 0, ..large };
        assert!(!is_lone(&camera, &alone, &[only], &[]));
        // A crop has no second look.
        let flat = Camera::planar(1000, 600);
        let crop = Layout::named("planar").unwrap().views(&flat).unwrap();
        let seen = Sighting {
            view: 0,
            rect: [100.0, 100.0, 160.0, 114.0],
            ..large
        };
        assert!(!is_lone(&flat, &crop, &[seen], &[]));
    }
}
