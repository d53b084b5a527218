//! Cut lists for editing programs: shots leave rushes as EDL, OTIO, FCPXML, FCP7 XML, ALE, CSV and JSON, as contact sheets,
//! and as media.
//!
//! One file per format, each an implementation of [`ExportFormat`] over the same [`CutList`]. A format is added with one
//! file and one line in [`FORMATS`].
//!
//! All positions are counted in frames, never in seconds: timecode at 24000/1001 follows the frame count, so a list
//! does not drift from its media however long it is.

mod ale;
mod bundle;
mod csv;
mod cutlist;
mod cuts;
mod edl;
mod error;
mod fcp7;
mod fcpxml;
mod gather;
mod json;
mod names;
mod otio;
mod save;
mod sheet;
mod xml;

pub use bundle::Bundle;
pub use cutlist::{AudioTracks, CutList, Marker, Pick, RecordSpan, SourceFile};
pub use error::ExportError;
pub use gather::{CutListOptions, gather};
pub use names::plain_file_name;
pub use save::save;
pub use sheet::SheetKind;

use std::fs::File;
use std::io::{Seek as _, Write as _};

use rushes_workers::sandbox::Sandbox;
use rushes_workers::storage::Storage;

use crate::catalog::database::Connection;
use crate::catalog::{AssetId, Catalog, runs};

/// A finished export.
#[derive(Debug)]
pub enum ExportFile {
    /// The text.
    Text(Vec<u8>),
    /// Pictures or an archive: an unnamed temporary file, at its beginning.
    Media(File),
}

/// What exports with pictures are made from.
#[derive(Debug, Clone)]
pub struct ExportSources {
    /// The catalogue.
    pub catalog: Catalog,
    /// Videos and derived objects.
    pub storage: Storage,
    /// The sandbox that decodes and encodes originals.
    pub sandbox: Sandbox,
}

/// Writes a cut list as `kind`.
///
/// # Errors
/// [`ExportError`] if the list has something that the format cannot carry, or the store or the disk fails.
pub async fn export(
    kind: ExportKind,
    list: &CutList,
    sources: &ExportSources,
) -> Result<ExportFile, ExportError> {
    match kind {
        ExportKind::Text(format) => Ok(ExportFile::Text(format.write(list)?)),
        ExportKind::Sheet(kind) => {
            let bytes = sheet::write(kind, list, sources).await?;
            let written = away(move || {
                let mut file = tempfile::tempfile()?;
                file.write_all(&bytes)?;
                file.rewind()?;
                Ok(file)
            });
            Ok(ExportFile::Media(written.await?))
        }
        ExportKind::Bundle(bundle) => {
            let file = tempfile::tempfile()?;
            let file = bundle::write(bundle, list, sources, file).await?;
            Ok(ExportFile::Media(file))
        }
    }
}

/// Does blocking work away from the async threads.
async fn away<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ExportError> + Send + 'static,
) -> Result<T, ExportError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(std::io::Error::other)?
}

/// The asset of a source, if its published shots are those that the list was made of. `db` has to be a snapshot, so that
/// what is read next is of the same shots.
async fn unchanged(db: &mut Connection, source: &SourceFile) -> Result<AssetId, ExportError> {
    let id: AssetId = source.asset.parse()?;
    let published = runs::published(db, &id).await?;
    if published.iter().any(|run| run.id == source.shots_run) {
        return Ok(id);
    }
    Err(ExportError::Changed {
        file: source.file_name.clone(),
    })
}

/// A format that is written as one text file.
pub trait ExportFormat: Sync {
    /// Its name on the command line and in requests: `edl`.
    fn name(&self) -> &'static str;

    /// What it is for, in a few words.
    fn purpose(&self) -> &'static str;

    /// The extension of its files.
    fn extension(&self) -> &'static str;

    /// The media type of its files.
    fn media_type(&self) -> &'static str;

    /// Writes a cut list.
    ///
    /// # Errors
    /// [`ExportError`] if the list has something that the format cannot carry.
    fn write(&self, list: &CutList) -> Result<Vec<u8>, ExportError>;
}

/// All text formats.
pub const FORMATS: [&dyn ExportFormat; 7] = [
    &otio::Otio,
    &fcpxml::FcpXml,
    &fcp7::Fcp7Xml,
    &edl::Edl,
    &ale::Ale,
    &csv::Csv,
    &json::Json,
];

/// What can be requested: a text format, or a bundle with media.
#[derive(Clone, Copy)]
pub enum ExportKind {
    /// One text file.
    Text(&'static dyn ExportFormat),
    /// A contact sheet.
    Sheet(SheetKind),
    /// An archive with media of the picks.
    Bundle(Bundle),
}

impl ExportKind {
    /// All kinds, text formats first.
    pub fn all() -> impl Iterator<Item = Self> {
        let texts = FORMATS.into_iter().map(Self::Text);
        let sheets = SheetKind::ALL.into_iter().map(Self::Sheet);
        let bundles = Bundle::ALL.into_iter().map(Self::Bundle);
        texts.chain(sheets).chain(bundles)
    }

    /// The kind of this name.
    ///
    /// # Errors
    /// [`ExportError::NoSuchFormat`] names those that there are.
    pub fn named(name: &str) -> Result<Self, ExportError> {
        Self::all()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| ExportError::NoSuchFormat {
                name: name.to_owned(),
                known: Self::all().map(Self::name).collect::<Vec<_>>().join(", "),
            })
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text(format) => format.name(),
            Self::Sheet(sheet) => sheet.name(),
            Self::Bundle(bundle) => bundle.name(),
        }
    }

    /// What it is for, in a few words.
    #[must_use]
    pub fn purpose(self) -> &'static str {
        match self {
            Self::Text(format) => format.purpose(),
            Self::Sheet(sheet) => sheet.purpose(),
            Self::Bundle(bundle) => bundle.purpose(),
        }
    }

    /// The extension of its files.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Text(format) => format.extension(),
            Self::Sheet(sheet) => sheet.name(),
            Self::Bundle(bundle) => bundle.extension(),
        }
    }

    /// The media type of its files.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Text(format) => format.media_type(),
            Self::Sheet(sheet) => sheet.media_type(),
            Self::Bundle(_) => "application/zip",
        }
    }
}

impl std::fmt::Debug for ExportKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
