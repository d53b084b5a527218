//! How much of the scope of an answer can be found.

use rushes_workers::stages::Feature;

use super::{Coverage, DialogueCoverage, Modality, SearchError, Searcher, SenseCoverage};
use crate::catalog::database::Connection;
use crate::catalog::{coverage, failed, given_up};
use crate::features::{embeddings_of, meaning_of};
use crate::index::ShotSet;

impl Searcher {
    /// The same searcher, which says what speech it does not know; `installed` if the model of speech is.
    #[must_use]
    pub fn with_speech(self, installed: bool) -> Self {
        Self {
            speech: Some(installed),
            ..self
        }
    }

    /// The same searcher, which says what text in pictures it does not know; `installed` if the model that reads is.
    #[must_use]
    pub fn with_reading(self, installed: bool) -> Self {
        Self {
            reading: Some(installed),
            ..self
        }
    }

    /// The same searcher, which searches sound unasked if it is measured.
    #[must_use]
    pub fn with_sound(self, sound: bool) -> Self {
        Self { sound, ..self }
    }

    /// The same searcher, which searches for sounds by name unasked if it may have some; `installed` if the model that names
    /// them is.
    #[must_use]
    pub fn with_tagging(self, installed: bool) -> Self {
        Self {
            tagging: Some(installed),
            ..self
        }
    }

    /// The same searcher, which says whose faces it does not know; `installed` if the model that tells faces apart is.
    #[must_use]
    pub fn with_faces(self, installed: bool) -> Self {
        Self {
            faces: installed,
            ..self
        }
    }

    /// The share of the scope that can be found by `senses`.
    ///
    /// # Errors
    /// If the catalogue fails.
    pub async fn coverage(
        &self,
        senses: &[Modality],
        scope: Option<&ShotSet>,
    ) -> Result<Coverage, SearchError> {
        let searcher = self.by(None).await?;
        searcher.coverage_at(self.index.seq(), senses, scope).await
    }

    /// The share of the scope that an index at change `seq` can find. A search may take a while, and what is indexed
    /// meanwhile is not in its answer.
    pub(super) async fn coverage_at(
        &self,
        seq: i64,
        senses: &[Modality],
        scope: Option<&ShotSet>,
    ) -> Result<Coverage, SearchError> {
        let visual = embeddings_of(self.encoders.model());
        // Read all counts from one snapshot.
        let mut db = self.catalog.snapshot().await?;
        let assets = || scope.map(ShotSet::assets);
        let (published, total) = coverage(&mut db, &visual, seq, assets()).await?;
        let aside = self.index.set_aside();
        let unseen = aside
            .keys()
            .filter(|asset| scope.is_none_or(|scope| scope.get(asset).is_some()));
        let (unseen, _) = coverage(&mut db, &visual, seq, Some(unseen)).await?;
        let mut found = Coverage {
            ready: published - unseen,
            total,
            failed: given_up(&mut db, &visual, assets()).await?,
            dialogue: None,
            speech: None,
            text: None,
            sound: None,
            sound_tags: None,
            people: None,
            meaning: None,
        };
        if senses == [Modality::Label] {
            // Labels are searched in the catalogue.
            (found.ready, _) =
                coverage(&mut db, Feature::Shots.as_str(), i64::MAX, assets()).await?;
        }
        let by_sight = senses.contains(&Modality::Visual);
        let by_lines = [Modality::Dialogue, Modality::Speech, Modality::Meaning];
        let by_lines = by_lines.iter().any(|one| senses.contains(one));
        let by_text = senses.contains(&Modality::Text);
        let by_sound = senses.contains(&Modality::Sound);
        for (feature, only, installed, is_asked, place) in [
            (
                Feature::Speech,
                Some(Modality::Speech),
                self.speech,
                by_lines,
                &mut found.speech,
            ),
            (
                Feature::Text,
                Some(Modality::Text),
                self.reading,
                by_text,
                &mut found.text,
            ),
            (
                Feature::Sound,
                Some(Modality::Sound),
                Some(self.sound),
                by_sound,
                &mut found.sound,
            ),
            (
                Feature::SoundTags,
                // What can be found by sound does not wait for names.
                None,
                self.tagging,
                by_sound,
                &mut found.sound_tags,
            ),
        ] {
            if !is_asked {
                continue;
            }
            let sense =
                sense_coverage(&mut db, feature, seq, scope, installed.unwrap_or(false)).await?;
            if only.is_some_and(|only| senses == [only]) {
                found.ready = sense.ready;
            }
            *place = installed.is_some().then_some(sense);
        }
        if senses.contains(&Modality::Dialogue) || senses.contains(&Modality::Meaning) {
            let dialogue = Feature::Dialogue.as_str();
            let (ready, _) = coverage(&mut db, dialogue, seq, assets()).await?;
            let failed = failed(&mut db, dialogue, assets()).await?;
            found.dialogue = Some(DialogueCoverage { ready, failed });
            if !by_sight {
                found.ready = ready;
            }
        }
        if senses.contains(&Modality::Meaning)
            && let Some(sentences) = &self.sentences
        {
            let meaning = meaning_of(sentences.model());
            let (ready, _) = coverage(&mut db, &meaning, seq, assets()).await?;
            found.meaning = Some(ready);
            if senses == [Modality::Meaning] {
                found.ready = ready;
            }
        }
        Ok(found)
    }

    /// How many assets of the scope were looked at for faces.
    pub(super) async fn people_coverage(
        &self,
        scope: Option<&ShotSet>,
    ) -> Result<SenseCoverage, SearchError> {
        let mut db = self.catalog.snapshot().await?;
        sense_coverage(&mut db, Feature::People, i64::MAX, scope, self.faces).await
    }
}

/// How much of the scope a sense perceived, up to change `seq`.
async fn sense_coverage(
    db: &mut Connection,
    feature: Feature,
    seq: i64,
    scope: Option<&ShotSet>,
    installed: bool,
) -> Result<SenseCoverage, SearchError> {
    let assets = || scope.map(ShotSet::assets);
    let (ready, _) = coverage(db, feature.as_str(), seq, assets()).await?;
    Ok(SenseCoverage {
        ready,
        failed: failed(db, feature.as_str(), assets()).await?,
        installed,
    })
}
