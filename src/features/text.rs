//! `text`: what is written in the pictures of a video.

use rushes_workers::stages::{Feature, Queue, ScreenText, Task, TextOutput, TextTask};
use serde::{Deserialize, Serialize};

use super::Settings;
use super::definition::{DAMAGED, Definition, RunInputs, StoreOutcome, Unit};
use crate::catalog::CatalogError;
use crate::catalog::assets::Asset;
use crate::catalog::records::TextRecord;
use crate::catalog::texts::{self, PictureText};

pub(super) struct Text;

#[derive(Serialize, Deserialize)]
pub(super) struct Params {
    /// The model, `id@revision`.
    reader: String,
}

impl Definition for Text {
    const FEATURE: Feature = Feature::Text;
    const VERSION: u32 = 2;
    const INPUTS: &'static [Feature] = &[Feature::Shots];
    const QUEUE: Queue = Queue::Media;
    const UNIT: Unit = Unit::Frames;

    type Params = Params;
    type Output = TextOutput;
    type Record = TextRecord;

    fn params(_: &Asset, settings: &Settings) -> Result<Params, CatalogError> {
        let reader = settings.reader.clone().ok_or(DAMAGED)?;
        Ok(Params { reader })
    }

    fn is_wanted(settings: &Settings) -> bool {
        settings.reader.is_some()
    }

    async fn task(run: &mut RunInputs<'_>, params: Params) -> Result<Task, CatalogError> {
        let (model, _revision) = params.reader.split_once('@').ok_or(DAMAGED)?;
        let (scan, shots) = run.shots().await?;
        Ok(TextTask {
            media: run.media().await?,
            timeline: scan.timeline,
            shots,
            model: model.to_owned(),
        }
        .into())
    }

    async fn fault(
        _: &mut RunInputs<'_>,
        params: Params,
        output: &TextOutput,
    ) -> Result<Option<String>, CatalogError> {
        let (wanted, got) = (params.reader, &output.reader);
        Ok((wanted != *got).then(|| {
            format!("expected text read by {wanted}, got {got}; use the same version of rushes everywhere")
        }))
    }

    async fn store(
        run: &mut RunInputs<'_>,
        output: &TextOutput,
    ) -> Result<StoreOutcome<TextRecord>, CatalogError> {
        let rows: Vec<PictureText> = output.texts.iter().map(row).collect();
        texts::store(run.db, &run.run.id, &rows).await?;
        Ok(StoreOutcome::Kept(TextRecord {
            reader: output.reader.clone(),
        }))
    }
}

fn row(text: &ScreenText) -> PictureText {
    let [left, top, width, height] = text.place.map(f64::from);
    PictureText {
        start_frame: text.start.cast_signed(),
        end_frame: text.end.cast_signed(),
        start_ms: text.start_ms.cast_signed(),
        end_ms: text.end_ms.cast_signed(),
        text: text.text.clone(),
        score: text.score.into(),
        left,
        top,
        width,
        height,
    }
}
