//! Tests of decoding, segmentation, proxies and the sandbox with the real decoder.

mod clips;
mod hostile;
mod pictures;
mod probing;
mod proxies;
mod sandboxing;
mod shots;
mod timing;
