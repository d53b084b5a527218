//! Round trips, coverage, an oracle detector and the awkward places: poles, seam, cropped panoramas.

mod back;
mod forth;
mod hostile;
mod oracle;
mod slanted;
mod support;
