//! Tests of decoding, segmentation, proxies and the sandbox with the real decoder.

mod clips;
mod proxies;
mod shots;
