//! Dialogue in Tantivy: one document per cue, matched by its words and their stems, ranked by BM25, phrases first.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tantivy::collector::{Count, DocSetCollector, TopDocs};
use tantivy::directory::MmapDirectory;
use tantivy::query::{BooleanQuery, BoostQuery, Occur, TermQuery};
use tantivy::schema::{
    FAST, Field, IndexRecordOption, NumericOptions, STORED, STRING, Schema, TantivyDocument,
    TextFieldIndexing, TextOptions, Value as _,
};
use tantivy::tokenizer::{
    AsciiFoldingFilter, PreTokenizedString, TextAnalyzer, Token, TokenStream as _,
};
use tantivy::{
    DocAddress, Index, IndexReader, IndexWriter, ReloadPolicy, Searcher, TantivyError, Term, doc,
};

use super::best::BestPerShot;
use super::language::StemLanguage;
use super::marks::{Marker, TextRange};
use super::scope::ShotSet;
use super::similar::{Similar, similar_words};
use super::spoken::{Spoken, SpokenQuery, WordFields, within};
use super::words::{Purpose, Spelling, Words};
use super::{AssetEntry, IndexError, Position};
use crate::catalog::cues::CueOrigin;
use crate::catalog::{AssetId, ShotId};

/// Memory of the writer in bytes before it writes a segment.
const WRITER_BYTES: usize = 32 * 1024 * 1024;
/// The tokenizer: words, or any part of unspaced writing, folded. The number in the name is the version of what is
/// indexed. The name is part of the schema, so an index made by another version is not opened, and made anew.
const FOLDED: &str = "dialogue-4";
/// The fast field with a number for each shot.
const SHOT_NUMBER: &str = "shot_number";

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
    /// What of the text matches, in order.
    #[serde(default)]
    pub marks: Vec<TextRange>,
}

/// A word of a text, folded, and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlacedTerm {
    pub(super) text: String,
    /// The first of its characters, and one past the last.
    pub(super) at: (usize, usize),
    pub(super) position: usize,
}

#[derive(Debug, Clone, Copy)]
struct Fields {
    asset: Field,
    /// Where the line comes from.
    origin: Field,
    /// The shot, as [`shot_term`] writes it.
    shot: Field,
    shot_start: Field,
    shot_end: Field,
    start: Field,
    end: Field,
    start_ms: Field,
    end_ms: Field,
    /// A number for the shot; see [`shot_number`].
    shot_number: Field,
    /// The code of the language whose stems are indexed; absent if there are none.
    language: Field,
    stems: Field,
    text: Field,
}

/// What is found once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Per {
    /// Each line.
    Line,
    /// Each shot, by its best line.
    Shot,
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
                let language = cue.language.as_deref().and_then(StemLanguage::of);
                let mut document = doc!(
                    fields.asset => entry.asset.as_str(),
                    fields.origin => cue.origin.as_str(),
                    fields.shot => shot_term(&entry.asset, shot_start),
                    fields.shot_start => shot_start,
                    fields.shot_end => shot_end,
                    fields.start => cue.frames.0,
                    fields.end => cue.frames.1,
                    fields.start_ms => cue.ms.0,
                    fields.end_ms => cue.ms.1,
                    fields.shot_number => shot_number(&entry.asset, shot_start),
                    fields.text => cue.text.as_str(),
                );
                if let Some(language) = language {
                    document.add_text(fields.language, language.code());
                    document.add_pre_tokenized_text(fields.stems, stemmed(language, &cue.text));
                }
                writer.add_document(document)?;
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

    /// See [`super::Index::spoken`] and [`super::Index::spoken_lines`].
    pub(super) fn search(
        &self,
        wanted: &SpokenQuery,
        count: usize,
        scope: Option<&ShotSet>,
        per: Per,
    ) -> Result<Vec<CueHit>, IndexError> {
        let searcher = self.reader.searcher();
        let spoken = self.languages(&searcher)?;
        let spellings = wanted.spellings(self.words(), &spoken.languages);
        // Similar words are tried for words that nobody says …
        let mut unknown = Vec::new();
        for (word, known) in &spellings {
            let mut is_known = !wanted.synonyms.of(word).is_empty();
            for term in known {
                is_known |= searcher.doc_freq(term)? > 0;
            }
            if !is_known {
                unknown.push(word.as_str());
            }
        }
        let similar = similar_words(&searcher, self.fields.text, &unknown)?;
        let found = self.best(&searcher, wanted, (&spoken, &similar), (count, scope, per))?;
        if !found.is_empty() || unknown.len() == spellings.len() {
            return Ok(found);
        }
        // … and for all words of a query that finds nothing.
        let all: Vec<&str> = spellings.iter().map(|(word, _)| word.as_str()).collect();
        let similar = similar_words(&searcher, self.fields.text, &all)?;
        self.best(&searcher, wanted, (&spoken, &similar), (count, scope, per))
    }

    fn best(
        &self,
        searcher: &Searcher,
        wanted: &SpokenQuery,
        (spoken, similar): (&Spoken, &Similar),
        (count, scope, per): (usize, Option<&ShotSet>, Per),
    ) -> Result<Vec<CueHit>, IndexError> {
        let Some(compiled) = wanted.compile(self.words(), spoken, similar) else {
            return Ok(Vec::new());
        };
        let query = self.scoped(compiled.query, wanted.origin, scope);
        let count = count.max(1);
        let best = match per {
            Per::Line => searcher.search(&query, &TopDocs::with_limit(count).order_by_score())?,
            Per::Shot => {
                let shot = SHOT_NUMBER;
                searcher.search(&query, &BestPerShot { shot, count })?
            }
        };
        self.read(searcher, best, &compiled.marker)
    }

    /// See [`super::Index::all_spoken`].
    pub(super) fn all(
        &self,
        wanted: &SpokenQuery,
        scope: &ShotSet,
    ) -> Result<Vec<CueHit>, IndexError> {
        let searcher = self.reader.searcher();
        let spoken = self.languages(&searcher)?;
        let Some(compiled) = wanted.compile(self.words(), &spoken, &Similar::new()) else {
            return Ok(Vec::new());
        };
        let query = self.scoped(compiled.query, wanted.origin, Some(scope));
        let all = searcher.search(&query, &DocSetCollector)?;
        let all = all.into_iter().map(|address| (0.0, address));
        self.read(&searcher, all, &compiled.marker)
    }

    /// The languages of the lines.
    fn languages(&self, searcher: &Searcher) -> Result<Spoken, IndexError> {
        let mut spoken = Spoken::default();
        for segment in searcher.segment_readers() {
            let codes = segment.inverted_index(self.fields.language)?;
            let mut codes = codes.terms().stream().map_err(TantivyError::from)?;
            let mut with_stems = 0;
            while codes.advance() {
                with_stems += codes.value().doc_freq;
                let code = std::str::from_utf8(codes.key()).ok();
                let language = code.and_then(StemLanguage::of);
                let known = &spoken.languages;
                let new = language.filter(|one| !known.contains(one));
                spoken.languages.extend(new);
            }
            spoken.has_plain |= with_stems < segment.max_doc();
        }
        Ok(spoken)
    }

    /// See [`super::Index::lines`].
    pub(super) fn lines(
        &self,
        origin: CueOrigin,
        scope: Option<&ShotSet>,
    ) -> Result<u64, IndexError> {
        let searcher = self.reader.searcher();
        let Some(scope) = scope else {
            // Lines that were replaced count until their files are joined. A scan would cost more than the search.
            let term = Term::from_field_text(self.fields.origin, origin.as_str());
            return Ok(searcher.doc_freq(&term)?);
        };
        let filter = BooleanQuery::new(vec![self.from(origin), self.within(scope)]);
        Ok(searcher.search(&filter, &Count)? as u64)
    }

    fn scoped(
        &self,
        query: BooleanQuery,
        origin: CueOrigin,
        scope: Option<&ShotSet>,
    ) -> BooleanQuery {
        let said = (Occur::Must, Box::new(query) as Box<_>);
        let mut clauses = vec![said, self.from(origin)];
        clauses.extend(scope.map(|scope| self.within(scope)));
        BooleanQuery::new(clauses)
    }

    /// Lines of this origin. It does not add to the score.
    fn from(&self, origin: CueOrigin) -> (Occur, Box<dyn tantivy::query::Query>) {
        let term = Term::from_field_text(self.fields.origin, origin.as_str());
        let lines = TermQuery::new(term, IndexRecordOption::Basic);
        (Occur::Must, Box::new(BoostQuery::new(Box::new(lines), 0.0)))
    }

    const fn words(&self) -> WordFields {
        WordFields {
            words: self.fields.text,
            stems: self.fields.stems,
        }
    }

    fn within(&self, scope: &ShotSet) -> (Occur, Box<dyn tantivy::query::Query>) {
        within(scope, self.fields.asset, self.fields.shot)
    }

    fn read(
        &self,
        searcher: &Searcher,
        found: impl IntoIterator<Item = (f32, DocAddress)>,
        marker: &Marker,
    ) -> Result<Vec<CueHit>, IndexError> {
        let mut hits = Vec::new();
        for (score, address) in found {
            let document: TantivyDocument = searcher.doc(address)?;
            hits.extend(self.hit(&document, score, marker));
        }
        Ok(hits)
    }

    fn hit(&self, document: &TantivyDocument, score: f32, marker: &Marker) -> Option<CueHit> {
        let number = |field| document.get_first(field)?.as_u64();
        let text = |field| document.get_first(field)?.as_str();
        let fields = self.fields;
        let line = text(fields.text)?;
        let language = text(fields.language).and_then(StemLanguage::of);
        Some(CueHit {
            shot: ShotId {
                asset: text(fields.asset)?.parse().ok()?,
                start: number(fields.shot_start)?,
                end: number(fields.shot_end)?,
            },
            frames: (number(fields.start)?, number(fields.end)?),
            ms: (number(fields.start_ms)?, number(fields.end_ms)?),
            text: line.to_owned(),
            score,
            marks: marker.marks(line, language),
        })
    }
}

fn open_index(folder: &Path, schema: &Schema) -> Result<Index, IndexError> {
    let directory = MmapDirectory::open(folder).map_err(TantivyError::from)?;
    let index = Index::open_or_create(directory, schema.clone()).map_err(|error| {
        if let TantivyError::SchemaError(_) = error {
            return IndexError::Damaged {
                file: folder.to_owned(),
                what: format!("the text index has another version than {FOLDED}"),
            };
        }
        error.into()
    })?;
    index.tokenizers().register(FOLDED, analyser(Purpose::Line));
    Ok(index)
}

/// A shot as a term of the index.
pub(super) fn shot_term(asset: &AssetId, start: u64) -> String {
    format!("{asset}.{start}")
}

/// A stem as a term of the index.
pub(super) fn stem_term(code: &str, stem: &str) -> String {
    format!("{code}:{stem}")
}

/// A number for a shot. Two shots have the same one in a catalogue of a hundred million shots once in three thousand
/// catalogues; then the better of their lines is found.
fn shot_number(asset: &AssetId, start: u64) -> u64 {
    let digest = blake3::hash(shot_term(asset, start).as_bytes());
    let mut number = [0; 8];
    number.copy_from_slice(&digest.as_bytes()[..8]);
    u64::from_le_bytes(number)
}

/// The stems of a line as terms of the index.
fn stemmed(language: StemLanguage, line: &str) -> PreTokenizedString {
    let words = language.stems(line, Purpose::Line).into_iter();
    let tokens = words.flat_map(|word| {
        let position = word.position;
        let stems = word.stems.into_iter();
        stems.map(move |stem| Token {
            position,
            text: stem_term(language.code(), &stem),
            ..Token::default()
        })
    });
    PreTokenizedString {
        text: String::new(),
        tokens: tokens.collect(),
    }
}

/// The terms of a text with their places.
pub(super) fn terms(text: &str, purpose: Purpose) -> Vec<PlacedTerm> {
    let mut terms = Vec::new();
    analyser(purpose).token_stream(text).process(&mut |token| {
        terms.push(PlacedTerm {
            text: token.text.clone(),
            at: (token.offset_from, token.offset_to),
            position: token.position,
        });
    });
    terms
}

fn analyser(purpose: Purpose) -> TextAnalyzer {
    TextAnalyzer::builder(Words::new(purpose, Spelling::Folded))
        .filter(AsciiFoldingFilter)
        .build()
}

fn schema() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let stored = NumericOptions::default().set_stored();
    let folded = TextFieldIndexing::default()
        .set_tokenizer(FOLDED)
        .set_index_option(IndexRecordOption::WithFreqsAndPositions);
    let stems = TextFieldIndexing::default().set_index_option(IndexRecordOption::WithFreqs);
    let fields = Fields {
        asset: schema.add_text_field("asset", STRING | STORED),
        origin: schema.add_text_field("origin", STRING),
        shot: schema.add_text_field("shot", STRING),
        shot_start: schema.add_u64_field("shot_start", stored.clone()),
        shot_end: schema.add_u64_field("shot_end", stored.clone()),
        start: schema.add_u64_field("start", stored.clone()),
        end: schema.add_u64_field("end", stored.clone()),
        start_ms: schema.add_u64_field("start_ms", stored.clone()),
        end_ms: schema.add_u64_field("end_ms", stored),
        shot_number: schema.add_u64_field(SHOT_NUMBER, FAST),
        language: schema.add_text_field("language", STRING | STORED),
        stems: schema.add_text_field("stems", TextOptions::default().set_indexing_options(stems)),
        text: schema.add_text_field(
            "text",
            TextOptions::default()
                .set_indexing_options(folded)
                .set_stored(),
        ),
    };
    (schema.build(), fields)
}

#[cfg(test)]
pub(super) mod tests;
