//! The part of the sound recall that looks for what a tagger has named.

use super::sound::{SoundMatch, Sounding};
use crate::catalog::database::Connection;
use crate::catalog::sound_tags::{self, TaggedShot};
use crate::catalog::{AssetId, CatalogError, ShotId};
use crate::index::{NameFit, SoundNameQuery};
use crate::search::query::QueryPart;
use crate::search::vector::narrow;

/// The weight of a list of shots by a whole name, and of one by the last word of a name. What was measured without a model
/// has 1.
const WHOLE: f64 = 2.0;
const PARTLY: f64 = 1.0;

/// The shots with a sound that a part of a query names, one list for each name, with its weight. The whole names come first.
/// `most` is for all of them together, because "music" is the last word of many.
pub(super) async fn lists(
    db: &mut Connection,
    part: &QueryPart,
    (assets, most): (Option<&[AssetId]>, u32),
) -> Result<Vec<(f64, Vec<(ShotId, SoundMatch)>)>, CatalogError> {
    let mut lists = Vec::new();
    let fitting = fitting(db, part).await?;
    let names = u32::try_from(fitting.len()).unwrap_or(u32::MAX);
    let most = most / names.max(1);
    for (name, fit) in fitting {
        let shots = sound_tags::find(db, name, assets, most).await?;
        let weight = if fit.whole { WHOLE } else { PARTLY };
        let shots = shots.into_iter().map(|shot| found(shot, &fit.word));
        lists.push((weight, shots.collect()));
    }
    lists.sort_by(|a: &(f64, _), b| b.0.total_cmp(&a.0));
    Ok(lists)
}

/// Whether a part of a query names a sound that a tagger has heard in `assets`, or anywhere if they are not given.
pub(in crate::search) async fn names_tag(
    db: &mut Connection,
    part: &QueryPart,
    assets: Option<&[AssetId]>,
) -> Result<bool, CatalogError> {
    for (name, _) in fitting(db, part).await? {
        if sound_tags::is_heard(db, name, assets).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The names that fit, by their numbers.
async fn fitting(
    db: &mut Connection,
    part: &QueryPart,
) -> Result<Vec<(i64, NameFit)>, CatalogError> {
    let Some(text) = part.kind.text() else {
        return Ok(Vec::new());
    };
    let names = sound_tags::names(db).await?;
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let query = SoundNameQuery::new(&text);
    let fitting = names.into_iter();
    Ok(fitting
        .filter_map(|name| Some((name.id, query.fit(&name.name)?)))
        .collect())
}

fn found(TaggedShot { asset, tag }: TaggedShot, word: &str) -> (ShotId, SoundMatch) {
    let shot = ShotId {
        asset,
        start: tag.start_frame.cast_unsigned(),
        end: tag.end_frame.cast_unsigned(),
    };
    let found = SoundMatch {
        kind: Sounding::Named,
        word: word.to_owned(),
        strength: narrow(tag.score),
        at: Some((tag.frame.cast_unsigned(), tag.ms.cast_unsigned())),
        name: Some(tag.name),
    };
    (shot, found)
}
