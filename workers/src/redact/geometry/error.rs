//! What can be wrong with a camera or a layout.

/// Numbers that describe no camera, or a layout that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GeometryError {
    /// The picture has no pixels.
    #[error("the picture is {width}×{height} px")]
    EmptyPicture {
        /// Width in px.
        width: u32,
        /// Height in px.
        height: u32,
    },
    /// A number of the camera's model is not finite or outside its range.
    #[error("the camera's {what} is {value}")]
    Lens {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// The distortion polynomial turns back before the edge of the field.
    #[error("the fisheye polynomial stops growing at {degrees:.2}° inside its field")]
    FoldedLens {
        /// Angle off the axis in degrees.
        degrees: f64,
    },
    /// The full panorama is not twice as wide as high (to within 1 %, for sizes that were rounded).
    #[error("a full panorama of {full_width}×{full_height} px is not 2:1")]
    PanoramaRatio {
        /// Width of the full panorama in px.
        full_width: u32,
        /// Height of the full panorama in px.
        full_height: u32,
    },
    /// The cropped area lies partly outside the full panorama.
    #[error(
        "the area of {width}×{height} px at ({left}, {top}) leaves the full panorama of {full_width}×{full_height} px"
    )]
    PanoramaCrop {
        /// Left edge of the cropped area in px of the full panorama.
        left: u32,
        /// Top edge of the cropped area in px of the full panorama.
        top: u32,
        /// Width of the cropped area in px.
        width: u32,
        /// Height of the cropped area in px.
        height: u32,
        /// Width of the full panorama in px.
        full_width: u32,
        /// Height of the full panorama in px.
        full_height: u32,
    },
    /// The picture does not have the shape of the cropped area it is said to be.
    #[error(
        "a picture of {width}×{height} px is no panorama area of {said_width}×{said_height} px"
    )]
    PanoramaSize {
        /// Width of the picture in px.
        width: u32,
        /// Height of the picture in px.
        height: u32,
        /// Width its metadata give in px.
        said_width: u32,
        /// Height its metadata give in px.
        said_height: u32,
    },
    /// There is no built-in layout of this name.
    #[error("no layout is called {name:?}; there are {known}")]
    UnknownLayout {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The text is not a layout.
    #[error("the layout cannot be read")]
    LayoutSyntax(#[from] toml::de::Error),
    /// A layout has more views of a picture than it may have.
    #[error("layout {layout:?} has {views:.0} views of this picture, of at most {most}")]
    TooManyViews {
        /// The layout's name.
        layout: String,
        /// Views it has, at least.
        views: f64,
        /// Views it may have.
        most: f64,
    },
    /// A number of a layout is outside its range.
    #[error("layout {layout:?}: {what} is {value}")]
    LayoutValue {
        /// The layout's name.
        layout: String,
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f64,
    },
}
