//! From shots and spans of frames to a cut list: what editing programs need to know of each file.

use std::collections::HashMap;
use std::sync::Arc;

use rushes_workers::media::{MediaInfo, StreamDetails};
use rushes_workers::stages::{Feature, unpack_timeline};
use rushes_workers::storage::{Storage, Uri};
use rushes_workers::time::{Rate, Timecode, Timeline};

use super::{AudioTracks, CutList, ExportError, Marker, Pick, SourceFile};
use crate::catalog::assets::{self, Asset};
use crate::catalog::bins::Selection;
use crate::catalog::listing;
use crate::catalog::records::{ProbeRecord, ShotsRecord};
use crate::catalog::runs::{self, Run};
use crate::catalog::{AssetId, Catalog, CatalogError, ShotId};

/// How a cut list is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutListOptions {
    /// What to call it.
    pub name: String,
    /// Frames per second of the sequence; that of most picks if `None`.
    pub rate: Option<Rate>,
    /// Whether the sequence counts drop-frame timecode; as the first pick of that rate does if `None`.
    pub drop_frame: Option<bool>,
    /// Frames added before and after each pick, as far as its video goes.
    pub handles: u64,
}

/// A source file.
struct Source {
    file: SourceFile,
    /// Frames as the catalogue counts them.
    frames: u64,
}

/// The cut list of these selections, in their order.
///
/// # Errors
/// [`ExportError`] if there are none, or one is not within a video whose shots are known.
pub async fn gather(
    catalog: &Catalog,
    storage: &Storage,
    selections: &[Selection],
    options: &CutListOptions,
) -> Result<CutList, ExportError> {
    if selections.is_empty() {
        return Err(ExportError::Empty);
    }
    let mut sources: Vec<Source> = Vec::new();
    let mut known: HashMap<AssetId, usize> = HashMap::new();
    let mut picks = Vec::with_capacity(selections.len());
    for selection in selections {
        let index = match known.get(&selection.asset) {
            Some(&index) => index,
            None => {
                sources.push(load(catalog, storage, &selection.asset).await?);
                known.insert(selection.asset.clone(), sources.len() - 1);
                sources.len() - 1
            }
        };
        picks.push(pick(selection, index, &sources[index], options.handles)?);
    }
    let sources: Vec<SourceFile> = sources.into_iter().map(|source| source.file).collect();
    let rates = picks
        .iter()
        .map(|pick: &Pick| sources[pick.source].timecode);
    let rates: Vec<Timecode> = rates.collect();
    let rate = options.rate.unwrap_or_else(|| most_frequent(&rates));
    let counted = rates.iter().find(|timecode| timecode.rate == rate);
    let drop_frame = options
        .drop_frame
        .unwrap_or_else(|| counted.is_some_and(|timecode| timecode.drop_frame));
    if drop_frame && !rate.allows_drop_frame() {
        return Err(ExportError::NoDropFrame(rate));
    }
    Ok(CutList {
        name: options.name.clone(),
        rate,
        rate_is_requested: options.rate.is_some(),
        drop_frame,
        sources,
        picks,
    })
}

async fn load(catalog: &Catalog, storage: &Storage, id: &AssetId) -> Result<Source, ExportError> {
    let mut db = catalog.snapshot().await?;
    let mut asset = assets::get(&mut db, id).await?;
    if assets::is_gone(&asset.uri) {
        // A copy that was registered later, and deleted: the file that is there is the one to relink to.
        let places = listing::other_places(&mut db, &asset).await?;
        if let Some(there) = places.into_iter().find(|uri| !assets::is_gone(uri)) {
            asset.uri = there;
        }
    }
    let published = runs::published(&mut db, &asset.id).await?;
    drop(db);
    let of = |feature: Feature| published.iter().find(|run| run.feature == feature.as_str());
    let scan = of(Feature::Shots).and_then(|run| Some((&run.id, run.record::<ShotsRecord>()?)));
    let Some((shots_run, scan)) = scan else {
        return Err(ExportError::Catalog(CatalogError::NotFound {
            what: "shot",
            id: asset.id.to_string(),
        }));
    };
    let positions: Option<Arc<[u64]>> = if scan.variable {
        let packed = storage.get(&scan.timeline).await?;
        let timeline = unpack_timeline(&packed);
        let timeline = timeline.ok_or(CatalogError::Corrupt { what: "a timeline" })?;
        Some(
            (0..=timeline.frames())
                .map(|frame| conformed(&timeline, frame))
                .collect(),
        )
    } else {
        None
    };
    let media = of(Feature::Probe).and_then(Run::record::<ProbeRecord>);
    let media = media.map(|record| *record.info);
    let timecode = scan
        .start_timecode
        .as_deref()
        .and_then(|text| Timecode::starting_at(scan.rate, text).ok())
        .unwrap_or_else(|| Timecode::from_zero(scan.rate));
    let (url, path, file_name) = place(&asset, storage);
    let played = positions
        .as_deref()
        .and_then(|positions| positions.last().copied());
    Ok(Source {
        file: SourceFile {
            asset: asset.id.to_string(),
            shots_run: shots_run.clone(),
            title: asset.title,
            url,
            path,
            file_name,
            timecode,
            variable: scan.variable,
            frames: played.unwrap_or(scan.frames),
            positions,
            audio: media.as_ref().and_then(audio),
            size: media
                .as_ref()
                .and_then(MediaInfo::video)
                .map_or((0, 0), |(_, video)| {
                    (video.display_width, video.display_height)
                }),
        },
        frames: scan.frames,
    })
}

/// URL, path and file name of an asset.
fn place(asset: &Asset, storage: &Storage) -> (String, String, String) {
    let uri = match asset.uri.parse() {
        // An upload to a store on this machine is a file as well.
        Ok(Uri::Store(key)) => storage.file_of(&key).map_or(Uri::Store(key), Uri::File),
        Ok(uri) => uri,
        Err(_unreadable) => return (asset.uri.clone(), asset.uri.clone(), asset.uri.clone()),
    };
    let url = uri.to_string();
    let path = match &uri {
        Uri::File(path) => path.display().to_string(),
        Uri::S3 { .. } | Uri::Store(_) => url.clone(),
    };
    let file_name = path.rsplit('/').next().unwrap_or_default().to_owned();
    (url, path, file_name)
}

/// The first sound stream, with the channels of all.
fn audio(media: &MediaInfo) -> Option<AudioTracks> {
    let streams = media
        .streams
        .iter()
        .filter_map(|stream| match &stream.details {
            StreamDetails::Audio(audio) => Some(audio),
            StreamDetails::Video(_)
            | StreamDetails::Subtitle(_)
            | StreamDetails::AttachedPicture
            | StreamDetails::Other => None,
        });
    let mut streams = streams.filter(|audio| audio.channels > 0).peekable();
    let sample_rate = streams.peek()?.sample_rate;
    Some(AudioTracks {
        channels: streams.map(|audio| audio.channels).sum(),
        sample_rate,
    })
}

fn pick(
    selection: &Selection,
    index: usize,
    source: &Source,
    handles: u64,
) -> Result<Pick, ExportError> {
    let (start, end) = (selection.start, selection.end);
    if start >= end || end > source.frames {
        return Err(ExportError::Span {
            what: source.file.file_name.clone(),
            start,
            end,
            frames: source.frames,
        });
    }
    let first = start.saturating_sub(handles);
    let last = end.saturating_add(handles).min(source.frames);
    let (from, marked) = (
        shown_from(&source.file, first),
        shown_from(&source.file, start),
    );
    let mut markers = Vec::new();
    if let Some(query) = &selection.query {
        markers.push(Marker {
            frame: marked,
            name: "search".to_owned(),
            comment: found_by(query, selection),
        });
    }
    if let Some(line) = &selection.line {
        markers.push(Marker {
            frame: marked,
            name: "dialogue".to_owned(),
            comment: line.clone(),
        });
    }
    let shot = ShotId {
        asset: selection.asset.clone(),
        start,
        end,
    };
    Ok(Pick {
        source: index,
        start: from,
        // A frame that is shown for less than one of the nominal rate still has one.
        end: source
            .file
            .position(last)
            .max(from + 1)
            .min(source.file.frames),
        frames: (first, last),
        name: format!(
            "{} {}",
            source.file.title,
            source.file.timecode.label(marked)
        ),
        shot: Some(shot.to_string()),
        note: selection.note.clone(),
        markers,
    })
}

/// The query, with how alike it and the pick look and the fused score, which are different things.
fn found_by(query: &str, selection: &Selection) -> String {
    let mut comment = query.to_owned();
    for (name, digits, value) in [
        ("similarity", 3, selection.similarity),
        ("score", 4, selection.score),
    ] {
        if let Some(value) = value {
            comment += &format!(", {name} {value:.digits$}");
        }
    }
    comment
}

/// Where `frame` lies when the video is played at its nominal rate: its time from the beginning of the file, to the
/// nearest frame of that rate.
/// FFmpeg's `fps` filter and MLT conform variable rates so.
fn conformed(timeline: &Timeline, frame: u64) -> u64 {
    let units = i128::from(timeline.pts_of(frame)) - i128::from(timeline.origin_pts);
    let (base, rate) = (timeline.time_base, timeline.rate);
    let numerator = units.max(0) * i128::from(base.den()) * i128::from(rate.num());
    let denominator = i128::from(base.num()) * i128::from(rate.den());
    let nearest = (2 * numerator + denominator) / (2 * denominator);
    u64::try_from(nearest).unwrap_or(u64::MAX)
}

/// Where the first picture of a pick lies. Of two frames on one tick of the nominal rate some players show the earlier,
/// which is not of the pick; then it begins one later.
fn shown_from(file: &SourceFile, frame: u64) -> u64 {
    let at = file.position(frame);
    let is_shared = frame > 0 && file.position(frame - 1) == at;
    // The last frame may have no tick of its own.
    (at + u64::from(is_shared)).min(file.frames.saturating_sub(1))
}

/// The rate of most picks; of several with as many, the one that comes first.
fn most_frequent(timecodes: &[Timecode]) -> Rate {
    let mut counts: Vec<(Rate, usize)> = Vec::new();
    for timecode in timecodes {
        match counts.iter_mut().find(|(rate, _)| *rate == timecode.rate) {
            Some((_, count)) => *count += 1,
            None => counts.push((timecode.rate, 1)),
        }
    }
    let most = counts.iter().map(|(_, count)| *count).max();
    let first = counts.iter().find(|(_, count)| Some(*count) == most);
    first.map_or(Rate::MILLISECONDS, |(rate, _)| *rate)
}
