//! How good redaction is: measured against annotated pictures, planar or pasted into panoramas.

mod compose;
mod dataset;
mod export;
mod score;
mod split;
#[cfg(test)]
mod tests;

pub use compose::{ComposeOptions, Composed, compose};
pub use dataset::{Annotated, Dataset, Truth};
pub use export::export_views;
pub use score::{ClassScore, Evaluation, Evaluator, ScoreBin, Tally};
pub use split::{DatasetPart, split};
