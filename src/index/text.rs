//! Dialogue in Tantivy: one document per cue, matched by stemmed words, ranked by BM25, phrases first.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tantivy::collector::{Count, DocSetCollector, TopDocs};
use tantivy::directory::MmapDirectory;
use tantivy::query::{BooleanQuery, Occur};
use tantivy::schema::{
    Field, IndexRecordOption, NumericOptions, STORED, STRING, Schema, TantivyDocument,
    TextFieldIndexing, TextOptions, Value as _,
};
use tantivy::tokenizer::{AsciiFoldingFilter, Language, Stemmer, TextAnalyzer};
use tantivy::{
    DocAddress, Index, IndexReader, IndexWriter, ReloadPolicy, Searcher, TantivyError, Term, doc,
};

use super::scope::ShotSet;
use super::spoken::{SpokenQuery, within};
use super::words::{Purpose, Words};
use super::{AssetEntry, IndexError, Position};
use crate::catalog::{AssetId, ShotId};

/// Memory of the writer in bytes before it writes a segment.
const WRITER_BYTES: usize = 32 * 1024 * 1024;
/// The tokenizer, with English stemming. Other languages are matched by whole words, or by any part where words
/// are not separated. The number in the name is its version. The name is part of the schema, so an index made
/// by another version is not opened.
const STEMMED: &str = "dialogue-2";

/// A matching cue and its shot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CueHit {
    /// The shot.
    pub shot: ShotId,
    /// First frame of the cue and one past its last.
    pub frames: (u64, u64),
    /// The same in milliseconds.
    pub ms: (u64, u64),
    /// The text.
    pub text: String,
    /// BM25 score.
    pub score: f32,
}

#[derive(Debug, Clone, Copy)]
struct Fields {
    asset: Field,
    /// The shot, as [`shot_term`] writes it.
    shot: Field,
    shot_start: Field,
    shot_end: Field,
    start: Field,
    end: Field,
    start_ms: Field,
    end_ms: Field,
    text: Field,
}

pub(super) struct TextIndex {
    index: Index,
    reader: IndexReader,
    fields: Fields,
    folder: PathBuf,
    /// Created by the first write. Readers never create one, because it takes Tantivy's own lock.
    writer: Mutex<Option<IndexWriter>>,
}

impl fmt::Debug for TextIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextIndex")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

impl TextIndex {
    /// Opens or creates the index in `folder`, and returns the position up to which it goes.
    pub(super) fn open(folder: &Path) -> Result<(Self, Position), IndexError> {
        let (schema, fields) = schema();
        std::fs::create_dir_all(folder).map_err(IndexError::io(folder))?;
        let index = open_index(folder, &schema)?;
        let position = index
            .load_metas()?
            .payload
            .and_then(|payload| serde_json::from_str(&payload).ok())
            .unwrap_or_default();
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .try_into()?;
        let text = Self {
            index,
            reader,
            fields,
            folder: folder.to_owned(),
            writer: Mutex::new(None),
        };
        Ok((text, position))
    }

    /// Replaces an asset's dialogue; visible after the next commit.
    pub(super) fn replace(&self, entry: &AssetEntry) -> Result<(), IndexError> {
        let fields = self.fields;
        self.write(|writer| {
            writer.delete_term(Term::from_field_text(fields.asset, entry.asset.as_str()));
            for cue in &entry.cues {
                let Some((shot_start, shot_end)) = entry.shot_of(cue.frames) else {
                    continue;
                };
                writer.add_document(doc!(
                    fields.asset => entry.asset.as_str(),
                    fields.shot => shot_term(&entry.asset, shot_start),
                    fields.shot_start => shot_start,
                    fields.shot_end => shot_end,
                    fields.start => cue.frames.0,
                    fields.end => cue.frames.1,
                    fields.start_ms => cue.ms.0,
                    fields.end_ms => cue.ms.1,
                    fields.text => cue.text.as_str(),
                ))?;
            }
            Ok(())
        })
    }

    /// Makes the written dialogue visible. It goes up to `position`.
    pub(super) fn commit(&self, position: &Position) -> Result<(), IndexError> {
        let payload = serde_json::json!(position).to_string();
        self.write(|writer| {
            let mut commit = writer.prepare_commit()?;
            commit.set_payload(&payload);
            commit.commit()?;
            Ok(())
        })?;
        self.reader.reload()?;
        Ok(())
    }

    /// Deletes everything; visible after the next commit.
    pub(super) fn clear(&self) -> Result<(), IndexError> {
        self.write(|writer| writer.delete_all_documents().map(|_opstamp| ()))
    }

    fn write(
        &self,
        act: impl FnOnce(&mut IndexWriter) -> Result<(), TantivyError>,
    ) -> Result<(), IndexError> {
        let mut slot = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.is_none() {
            *slot = Some(self.index.writer_with_num_threads(1, WRITER_BYTES)?);
        }
        if let Some(writer) = slot.as_mut()
            && let Err(error) = act(writer)
        {
            // After a failure (a full disk) the writer cannot be used again. The next write creates a new one.
            *slot = None;
            return Err(error.into());
        }
        drop(slot);
        Ok(())
    }

    /// See [`super::Index::spoken`].
    pub(super) fn search(
        &self,
        wanted: &SpokenQuery,
        count: usize,
        scope: Option<&ShotSet>,
    ) -> Result<Vec<CueHit>, IndexError> {
        let Some(query) = self.query(wanted, scope) else {
            return Ok(Vec::new());
        };
        let searcher = self.reader.searcher();
        let best = TopDocs::with_limit(count.max(1)).order_by_score();
        self.read(&searcher, searcher.search(&query, &best)?)
    }

    /// See [`super::Index::all_spoken`].
    pub(super) fn all(
        &self,
        wanted: &SpokenQuery,
        scope: &ShotSet,
    ) -> Result<Vec<CueHit>, IndexError> {
        let Some(query) = self.query(wanted, Some(scope)) else {
            return Ok(Vec::new());
        };
        let searcher = self.reader.searcher();
        let all = searcher.search(&query, &DocSetCollector)?;
        self.read(&searcher, all.into_iter().map(|address| (0.0, address)))
    }

    /// See [`super::Index::lines`].
    pub(super) fn lines(&self, scope: Option<&ShotSet>) -> Result<u64, IndexError> {
        let searcher = self.reader.searcher();
        let Some(scope) = scope else {
            return Ok(searcher.num_docs());
        };
        let filter = BooleanQuery::new(vec![self.within(scope)]);
        Ok(searcher.search(&filter, &Count)? as u64)
    }

    fn query(&self, wanted: &SpokenQuery, scope: Option<&ShotSet>) -> Option<BooleanQuery> {
        let query = wanted.compile(self.fields.text)?;
        let Some(scope) = scope else {
            return Some(query);
        };
        let said = (Occur::Must, Box::new(query) as Box<_>);
        Some(BooleanQuery::new(vec![said, self.within(scope)]))
    }

    fn within(&self, scope: &ShotSet) -> (Occur, Box<dyn tantivy::query::Query>) {
        within(scope, self.fields.asset, self.fields.shot)
    }

    fn read(
        &self,
        searcher: &Searcher,
        found: impl IntoIterator<Item = (f32, DocAddress)>,
    ) -> Result<Vec<CueHit>, IndexError> {
        let mut hits = Vec::new();
        for (score, address) in found {
            let document: TantivyDocument = searcher.doc(address)?;
            hits.extend(self.hit(&document, score));
        }
        Ok(hits)
    }

    fn hit(&self, document: &TantivyDocument, score: f32) -> Option<CueHit> {
        let number = |field| document.get_first(field)?.as_u64();
        let text = |field| document.get_first(field)?.as_str();
        let fields = self.fields;
        Some(CueHit {
            shot: ShotId {
                asset: text(fields.asset)?.parse().ok()?,
                start: number(fields.shot_start)?,
                end: number(fields.shot_end)?,
            },
            frames: (number(fields.start)?, number(fields.end)?),
            ms: (number(fields.start_ms)?, number(fields.end_ms)?),
            text: text(fields.text)?.to_owned(),
            score,
        })
    }
}

fn open_index(folder: &Path, schema: &Schema) -> Result<Index, IndexError> {
    let directory = MmapDirectory::open(folder).map_err(TantivyError::from)?;
    let index = Index::open_or_create(directory, schema.clone()).map_err(|error| {
        if let TantivyError::SchemaError(_) = error {
            return IndexError::Damaged {
                file: folder.to_owned(),
                what: format!("the text index has another version than {STEMMED}"),
            };
        }
        error.into()
    })?;
    index
        .tokenizers()
        .register(STEMMED, analyser(Purpose::Line));
    Ok(index)
}

/// A shot as a term of the index.
pub(super) fn shot_term(asset: &AssetId, start: u64) -> String {
    format!("{asset}.{start}")
}

pub(super) fn analyser(purpose: Purpose) -> TextAnalyzer {
    TextAnalyzer::builder(Words::new(purpose))
        .filter(AsciiFoldingFilter)
        .filter(Stemmer::new(Language::English))
        .build()
}

fn schema() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let stored = NumericOptions::default().set_stored();
    let stemmed = TextFieldIndexing::default()
        .set_tokenizer(STEMMED)
        .set_index_option(IndexRecordOption::WithFreqsAndPositions);
    let fields = Fields {
        asset: schema.add_text_field("asset", STRING | STORED),
        shot: schema.add_text_field("shot", STRING),
        shot_start: schema.add_u64_field("shot_start", stored.clone()),
        shot_end: schema.add_u64_field("shot_end", stored.clone()),
        start: schema.add_u64_field("start", stored.clone()),
        end: schema.add_u64_field("end", stored.clone()),
        start_ms: schema.add_u64_field("start_ms", stored.clone()),
        end_ms: schema.add_u64_field("end_ms", stored),
        text: schema.add_text_field(
            "text",
            TextOptions::default()
                .set_indexing_options(stemmed)
                .set_stored(),
        ),
    };
    (schema.build(), fields)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::CueEntry;
    use super::*;

    pub(in crate::index) fn entry(lines: &[&str]) -> AssetEntry {
        let span = |at: usize| (at as u64 * 75, at as u64 * 75 + 75);
        AssetEntry {
            asset: AssetId::new(),
            shots: (0..lines.len()).map(span).collect(),
            vectors: Vec::new(),
            cues: lines
                .iter()
                .enumerate()
                .map(|(at, text)| CueEntry {
                    frames: span(at),
                    ms: span(at),
                    text: (*text).to_owned(),
                })
                .collect(),
        }
    }

    pub(in crate::index) fn at(seq: i64) -> Position {
        Position {
            seq,
            mark: seq.to_string(),
        }
    }

    #[test]
    fn the_line_that_says_it_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let (index, position) = TextIndex::open(folder.path()).unwrap();
        assert_eq!(position.seq, 0);
        let video = entry(&[
            "bin blue at f two now",
            "lay blue by f one now",
            "set white at f nine",
        ]);
        index.replace(&video).unwrap();
        index.commit(&at(3)).unwrap();
        let hits = index.search(&"blue at F".into(), 10, None).unwrap();
        assert_eq!((hits[0].shot.start, hits[0].shot.end), (0, 75));
        assert_eq!(hits[0].text, "bin blue at f two now");
        // Many people do not type accents.
        assert_eq!(index.search(&"blué".into(), 10, None).unwrap().len(), 2);
        // Stemming: "binning" becomes "bin".
        assert_eq!(index.search(&"binning".into(), 10, None).unwrap().len(), 1);
        assert!(index.search(&"?!".into(), 10, None).unwrap().is_empty());
        let elsewhere = ShotSet::from_assets([AssetId::new()]);
        assert!(
            index
                .search(&"blue".into(), 10, Some(&elsewhere))
                .unwrap()
                .is_empty()
        );
        let here = ShotSet::from_assets([video.asset.clone()]);
        assert_eq!(
            index.search(&"blue".into(), 10, Some(&here)).unwrap().len(),
            2
        );
    }

    #[test]
    fn writing_without_spaces_is_found_by_any_part_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let (index, _) = TextIndex::open(folder.path()).unwrap();
        let lines = [
            "我们昨天晚上在电影院看了一部很长的电影然后回家",
            "明日の朝、東京駅で待っています。",
            "우리는 내일 아침 학교에서 만나요.",
            "พรุ่งนี้เช้าเราจะไปกรุงเทพด้วยกัน",
            "ພວກເຮົາຈະໄປວຽງຈັນມື້ອື່ນ",
            "យើងនឹងទៅភ្នំពេញថ្ងៃស្អែក",
            "שָׁלוֹם לְכֻלָּם",
            "السَّلَامُ عَلَيْكُم",
            "He said 再见 and left the café in ＴＯＫＹＯ",
            "Превысокомногорассмотрительствующий господин",
        ];
        index.replace(&entry(&lines)).unwrap();
        index.commit(&at(1)).unwrap();
        for (query, line) in [
            ("电影", 0),
            ("影", 0),
            ("看了一部很长的电影", 0),
            (lines[0], 0),
            ("東京", 1),
            ("駅", 1),
            ("待って", 1),
            ("학교", 2),
            ("만나요", 2),
            ("กรุงเทพ", 3),
            ("ວຽງຈັນ", 4),
            ("ភ្នំពេញ", 5),
            ("שלום", 6),
            ("السلام عليكم", 7),
            ("再见", 8),
            ("said 再见", 8),
            ("cafe tokyo", 8),
            ("cafés", 8),
            ("превысокомногорассмотрительствующий", 9),
        ] {
            let hits = index.search(&query.into(), 10, None).unwrap();
            let found: Vec<u64> = hits.iter().map(|hit| hit.frames.0 / 75).collect();
            assert_eq!(found.first(), Some(&line), "{query}: {found:?}");
        }
        for query in ["北京", "影电", "大阪", "駅東"] {
            assert!(
                index.search(&query.into(), 10, None).unwrap().is_empty(),
                "{query}"
            );
        }
    }

    #[test]
    fn a_phrase_without_spaces_comes_before_its_parts() {
        let folder = tempfile::tempdir().unwrap();
        let (index, _) = TextIndex::open(folder.path()).unwrap();
        let video = entry(&["京都大学生と東京で", "東京大学で学ぶ", "大学東京都"]);
        index.replace(&video).unwrap();
        index.commit(&at(1)).unwrap();
        let hits = index.search(&"東京大学".into(), 10, None).unwrap();
        assert_eq!(hits[0].text, "東京大学で学ぶ");
    }

    #[test]
    fn an_index_that_was_split_in_another_way_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut old = Schema::builder();
        for (_, field) in schema().0.fields() {
            let json = serde_json::to_string(field).unwrap();
            let json = json.replace(STEMMED, "dialogue");
            old.add_field(serde_json::from_str(&json).unwrap());
        }
        Index::create_in_dir(folder.path(), old.build()).unwrap();
        let error = TextIndex::open(folder.path()).err().unwrap();
        assert!(matches!(error, IndexError::Damaged { .. }), "{error}");
    }

    #[test]
    fn replacing_and_reopening_keep_one_truth() {
        let folder = tempfile::tempdir().unwrap();
        let mut video = entry(&["merry christmas"]);
        {
            let (index, _) = TextIndex::open(folder.path()).unwrap();
            index.replace(&video).unwrap();
            index.commit(&at(1)).unwrap();
            video.cues[0].text = "happy new year".to_owned();
            index.replace(&video).unwrap();
            index.commit(&at(2)).unwrap();
        }
        let (index, position) = TextIndex::open(folder.path()).unwrap();
        assert_eq!(position, at(2));
        assert!(
            index
                .search(&"christmas".into(), 10, None)
                .unwrap()
                .is_empty()
        );
        assert_eq!(index.search(&"new year".into(), 10, None).unwrap().len(), 1);
    }

    #[test]
    fn a_scope_of_shots_is_part_of_the_query() {
        let folder = tempfile::tempdir().unwrap();
        let (index, _) = TextIndex::open(folder.path()).unwrap();
        let lines: Vec<String> = (0..50).map(|at| format!("go now, number {at}")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let video = entry(&lines);
        index.replace(&video).unwrap();
        index.commit(&at(1)).unwrap();
        // One line is asked for, and it is none of the first ones.
        let scope = ShotSet::from_starts([(video.asset.clone(), 40 * 75)]);
        let hits = index.search(&"go now".into(), 1, Some(&scope)).unwrap();
        assert_eq!(hits.len(), 1);
        assert_eq!(hits[0].shot.start, 40 * 75);
        assert_eq!(index.lines(Some(&scope)).unwrap(), 1);
        assert_eq!(index.lines(None).unwrap(), 50);
        let all = ShotSet::from_assets([video.asset.clone()]);
        assert_eq!(index.all(&"go now".into(), &all).unwrap().len(), 50);
    }
}
