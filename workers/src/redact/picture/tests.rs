//! What holds for all formats.

use super::Orientation;

#[test]
fn orientations_are_inverse_to_themselves() {
    let size = (40, 30);
    for value in 0..=9 {
        let orientation = Orientation::from_exif(value);
        let upright = orientation.upright_size(size);
        let (x, y) = orientation.to_upright((3.5, 7.25), size);
        assert!(x < f64::from(upright.0) && y < f64::from(upright.1));
        assert_eq!(orientation.to_stored((x, y), size), (3.5, 7.25));
    }
    // A phone held upright: the stored left edge is shown on top, the stored bottom on the left.
    assert_eq!(
        Orientation::Rotate90.to_upright((0.0, 30.0), size),
        (0.0, 0.0)
    );
    assert_eq!(
        Orientation::Rotate270.to_upright((40.0, 0.0), size),
        (0.0, 0.0)
    );
}
