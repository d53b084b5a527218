//! Numbers that nobody means.

use super::super::{Camera, GeometryError, Layout, Panorama};
use super::support::views;

#[test]
fn hostile_sizes_are_refused_before_anything_is_made() {
    let said = Panorama {
        full_width: 4_000_000_000,
        full_height: 2_000_000_000,
        width: 1000,
        height: 500,
        left: 0,
        top: 0,
        heading: 0.0,
        pitch: 0.0,
        roll: 0.0,
    };
    assert!(matches!(
        Camera::panorama(1000, 500, &said),
        Err(GeometryError::Lens { .. })
    ));
    let large = Panorama {
        full_width: 1_000_000,
        full_height: 500_000,
        ..said
    };
    let camera = Camera::panorama(1000, 500, &large).unwrap();
    assert!(!views("sphere", &camera).is_empty());
    let many = |layout: &str, camera: &Camera| {
        let result = Layout::named(layout).unwrap().views(camera);
        matches!(result, Err(GeometryError::TooManyViews { .. }))
    };
    assert!(many("sphere-fine", &camera));
    assert!(many("planar", &Camera::planar(512_000_000, 1)));
    assert!(!many("planar", &Camera::planar(32_000, 16_000)));
    assert!(!many("sphere-fine", &Camera::equirect(32_000, 16_000)));
}
