//! The sound recall: shots in whose sound a tagger has heard what a word of the query names (`tagged.rs`), or that was measured
//! to be like it.
//!
//! What was measured is a hint, not recognition: a bang may be a door or a gun. `sounds.txt` is the table of words.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Found, Recall, Wanted, tagged};
use crate::catalog::database::Connection;
use crate::catalog::sound_tags;
use crate::catalog::sounds::{self, SoundKind, SoundingShot};
use crate::catalog::{AssetId, CatalogError, ShotId};
use crate::search::fusion::{Ranked, share};
use crate::search::query::{PartKind, QueryPart};
use crate::search::vector::narrow;
use crate::search::{SearchError, Searcher};
use crate::views::{Clock, Time};

/// The words that name a sound.
const TABLE: &str = include_str!("sounds.txt");
/// Shots that are looked at if some shots of assets are in scope.
const MOST_SHOTS: u32 = 100_000;
/// The endings of regular forms.
const ENDINGS: [&str; 7] = ["s", "es", "ed", "d", "ing", "ion", "er"];

/// What was found in the sound of a shot.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Sounding {
    /// A sound that begins suddenly and far above what was heard before.
    Bang,
    /// It resembles music.
    Music,
    /// It resembles speech.
    Speech,
    /// It is silent.
    Silence,
    /// It is loud.
    Loud,
    /// A tagger has heard what has a name.
    Named,
}

impl Sounding {
    /// What is measured without a model.
    const MEASURED: [Self; 5] = [
        Self::Bang,
        Self::Music,
        Self::Speech,
        Self::Silence,
        Self::Loud,
    ];

    /// Its name, in the table of words and for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bang => "bang",
            Self::Music => "music",
            Self::Speech => "speech",
            Self::Silence => "silence",
            Self::Loud => "loud",
            Self::Named => "named",
        }
    }

    /// What it is looked for by in the catalogue, and from which measure on, if it is measured.
    const fn sought(self) -> Option<(SoundKind, f64)> {
        match self {
            Self::Bang => Some((SoundKind::Bang, 0.0)),
            Self::Music => Some((SoundKind::Music, 0.5)),
            Self::Speech => Some((SoundKind::Speech, 0.9)),
            Self::Silence => Some((SoundKind::Silence, 0.8)),
            Self::Loud => Some((SoundKind::Loud, -20.0)),
            Self::Named => None,
        }
    }
}

/// How a shot was found by its sound: by its name, or by a measured hint.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct HeardSound {
    /// What was found.
    pub kind: Sounding,
    /// What a tagger calls it; null for what was measured without a model.
    #[schema(example = "Applause")]
    pub name: Option<String>,
    /// The word of the query that names it.
    #[schema(example = "explosion")]
    pub word: String,
    /// How strong: of what has a name, its probability, 0 to 1; of a bang, by how many decibels it rises above the second
    /// before; of what is loud, the loudest momentary loudness in LUFS; of the others the share of the shot, 0 to 1.
    #[schema(example = 24.5)]
    pub strength: f32,
    /// When the bang is heard, or what has a name is most likely; null for what lasts.
    pub at: Option<Time>,
    /// Rank in the list of this recall, from 1.
    pub rank: u32,
}

impl HeardSound {
    /// In short, for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        let (kind, strength) = (self.kind.name(), self.strength);
        match (self.kind, &self.at) {
            (Sounding::Named, at) => {
                let name = self.name.as_deref().unwrap_or(kind);
                let at = at.as_ref().map(|at| format!(" at {}", at.smpte));
                format!("{name}{}, {strength:.2}", at.unwrap_or_default())
            }
            (Sounding::Bang, Some(at)) => format!("{kind} at {} (+{strength:.0} dB)", at.smpte),
            (Sounding::Bang, None) => format!("{kind} (+{strength:.0} dB)"),
            (Sounding::Loud, _) => format!("{kind} ({strength:.0} LUFS)"),
            (Sounding::Music | Sounding::Speech | Sounding::Silence, _) => {
                format!("sounds like {kind} ({:.0} %)", 100.0 * strength)
            }
        }
    }
}

/// A shot that sounds as a word says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::search) struct SoundMatch {
    pub(super) kind: Sounding,
    pub(super) word: String,
    pub(super) strength: f32,
    /// Frame and millisecond of a bang, or of what has a name.
    pub(super) at: Option<(u64, u64)>,
    /// What a tagger calls it.
    #[serde(default)]
    pub(super) name: Option<String>,
}

pub(in crate::search) struct SoundRecall;

impl Recall for SoundRecall {
    type Match = SoundMatch;
    type Evidence = HeardSound;
    const ALIASES: &'static [&'static str] = &["noise"];
    const UNIT: &'static str = "shots";
    const MEASURE: &'static str = "strength";
    const IS_SELECTIVE: bool = true;

    fn takes(part: &PartKind) -> bool {
        matches!(part, PartKind::Text { .. })
    }

    async fn ranked(
        searcher: &Searcher,
        wanted: Wanted<'_>,
    ) -> Result<Found<SoundMatch>, SearchError> {
        let scope = wanted.scope;
        let assets: Option<Vec<AssetId>> = scope.map(|scope| scope.assets().cloned().collect());
        let mut db = searcher.catalog.read().await?;
        let (mut lists, mut unwanted) = (Vec::new(), HashSet::new());
        for (_, part) in wanted.parts {
            // What has a name comes first, because the first list that has a shot gives the evidence.
            let reach = (assets.as_deref(), MOST_SHOTS);
            let mut found = tagged::lists(&mut db, part, reach).await?;
            for (kind, word) in named(part) {
                found.push((1.0, measured(&mut db, (kind, &word), reach).await?));
            }
            for (weight, mut list) in found {
                list.retain(|(shot, _)| {
                    scope.is_none_or(|scope| scope.contains(&shot.asset, shot.start))
                });
                if part.weight < 0.0 {
                    unwanted.extend(list.into_iter().map(|(shot, _)| shot));
                } else {
                    lists.push((part.weight * weight, list));
                }
            }
        }
        let measured = sounds::count(&mut db, assets.as_deref()).await?;
        let searched = measured.max(sound_tags::count(&mut db, assets.as_deref()).await?);
        drop(db);
        let mut list = fused(lists);
        list.retain(|one| !unwanted.contains(&one.shot));
        list.truncate(wanted.count);
        Ok(Found {
            list,
            searched: searched.unsigned_abs(),
            exact: true,
        })
    }

    fn evidence(found: &SoundMatch, rank: u32, clock: &Clock) -> HeardSound {
        HeardSound {
            kind: found.kind,
            name: found.name.clone(),
            word: found.word.clone(),
            strength: found.strength,
            at: found.at.map(|(frame, ms)| clock.at(frame, ms)),
            rank,
        }
    }

    fn measure(found: &SoundMatch) -> f32 {
        found.strength
    }
}

/// The shots that were measured to sound like a kind that a word names.
async fn measured(
    db: &mut Connection,
    (kind, word): (Sounding, &str),
    (assets, most): (Option<&[AssetId]>, u32),
) -> Result<Vec<(ShotId, SoundMatch)>, CatalogError> {
    let Some((sought, least)) = kind.sought() else {
        return Ok(Vec::new());
    };
    let shots = sounds::find(db, sought, least, assets, most).await?;
    Ok(shots
        .into_iter()
        .map(|shot| found(kind, word, shot))
        .collect())
}

fn found(kind: Sounding, word: &str, shot: SoundingShot) -> (ShotId, SoundMatch) {
    let at = shot.bang.frame.zip(shot.bang.ms);
    let found = SoundMatch {
        kind,
        word: word.to_owned(),
        strength: narrow(shot.measure),
        at: at.map(|(frame, ms)| (frame.cast_unsigned(), ms.cast_unsigned())),
        name: None,
    };
    let id = ShotId {
        asset: shot.asset,
        start: shot.start_frame.cast_unsigned(),
        end: shot.end_frame.cast_unsigned(),
    };
    (id, found)
}

/// Whether a part of a query names a sound that is measured.
pub(in crate::search) fn names_sound(part: &QueryPart) -> bool {
    !named(part).is_empty()
}

/// The sounds that a part of a query names, each with the first word that does.
fn named(part: &QueryPart) -> BTreeMap<Sounding, String> {
    let mut found = BTreeMap::new();
    let text = part.kind.text().unwrap_or_default().to_lowercase();
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        if let Some(kind) = kind_of(word) {
            found.entry(kind).or_insert_with(|| word.to_owned());
        }
    }
    found
}

/// The sound that a word names: as it stands in the table, or without the ending of a regular form.
fn kind_of(word: &str) -> Option<Sounding> {
    if let Some(&kind) = WORDS.get(word) {
        return Some(kind);
    }
    let stems = ENDINGS.iter().filter_map(|end| word.strip_suffix(end));
    stems
        .flat_map(|stem| {
            // A doubled letter at the end is written once without the ending: slamming is of slam.
            let single = stem.chars().last().and_then(|last| {
                let single = stem.strip_suffix(last)?;
                single.ends_with(last).then(|| single.to_owned())
            });
            [Some(stem.to_owned()), Some(format!("{stem}e")), single]
        })
        .flatten()
        .find_map(|stem| WORDS.get(stem.as_str()).copied())
}

static WORDS: LazyLock<HashMap<&str, Sounding>> = LazyLock::new(|| {
    let lines = TABLE.lines().filter_map(|line| line.split_once(':'));
    lines
        .filter_map(|(name, words)| {
            let kind = Sounding::MEASURED
                .into_iter()
                .find(|kind| kind.name() == name)?;
            Some(words.split_whitespace().map(move |word| (word, kind)))
        })
        .flatten()
        .collect()
});

/// One list from one for each sound. Shots with equal sums have equal ranks.
fn fused(lists: Vec<(f64, Vec<(ShotId, SoundMatch)>)>) -> Vec<Ranked<SoundMatch>> {
    let mut places: HashMap<ShotId, usize> = HashMap::new();
    let mut all: Vec<(f64, ShotId, SoundMatch)> = Vec::new();
    for (weight, list) in lists {
        let (mut rank, mut last) = (0, None);
        for (place, (shot, found)) in (1..).zip(list) {
            let strength = found.strength.to_bits();
            if last != Some(strength) {
                (rank, last) = (place, Some(strength));
            }
            let at = *places.entry(shot.clone()).or_insert(all.len());
            match all.get_mut(at) {
                Some((sum, ..)) => *sum += share(weight, rank),
                None => all.push((share(weight, rank), shot, found)),
            }
        }
    }
    // A stable order: one list stays as it is.
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut last = None;
    let ranked = all.into_iter().map(|(sum, shot, found)| {
        let is_tied = last == Some(sum.to_bits());
        last = Some(sum.to_bits());
        // A bang is at a frame. What has a name lasts, and only its peak is known.
        let frames = match found.at {
            Some((frame, _)) if found.kind == Sounding::Bang => (frame, frame + 1),
            Some(_) | None => (shot.start, shot.end),
        };
        Ranked {
            frames,
            shot,
            found,
            is_tied,
        }
    });
    ranked.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_name_sounds_in_their_regular_forms() {
        let kinds =
            |text: &str| -> Vec<Sounding> { named(&QueryPart::text(text)).into_keys().collect() };
        for (text, kind) in [
            ("a car exploding", Sounding::Bang),
            ("Slamming the door", Sounding::Bang),
            ("two gunshots", Sounding::Bang),
            ("people shouting", Sounding::Loud),
            ("a quiet street", Sounding::Silence),
            ("singing", Sounding::Music),
            ("she speaks", Sounding::Speech),
        ] {
            assert_eq!(kinds(text), [kind], "{text}");
        }
        assert_eq!(kinds("a red car on a bridge"), []);
        assert_eq!(kinds("ééing \u{1f4a5}\u{1f4a5}s s"), []);
        assert_eq!(
            kinds("music, then a bang"),
            [Sounding::Bang, Sounding::Music]
        );
    }

    #[test]
    fn every_line_of_the_table_has_a_kind_and_every_kind_a_line() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
        let names: Vec<&str> = lines
            .filter_map(|line| Some(line.split_once(':')?.0))
            .collect();
        assert_eq!(names.len(), Sounding::MEASURED.len());
        for kind in Sounding::MEASURED {
            assert!(names.contains(&kind.name()));
        }
    }
}
