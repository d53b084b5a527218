//! The faces of people: what is stored of each, and who is seen in a shot.

use rushes_models::{DESCRIPTOR, FaceDescriptor};
use rushes_workers::stages::UntouchedFace;
use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;

use super::{assign, consent, in_json};
use crate::catalog::database::{self, Connection};
use crate::catalog::{AssetId, CatalogError, FaceId, PersonId, RunId, ShotId, TitleId};

/// A face to store.
#[derive(Debug, Clone, PartialEq)]
pub struct NewFace {
    /// Rank of its shot.
    pub shot: u64,
    /// The frame that shows it best.
    pub frame: u64,
    /// Left, top, width and height then, as shares of the picture.
    pub place: [f32; 4],
    /// Where it was seen: frames and places.
    pub path: Vec<(u64, [f32; 4])>,
    /// Score of the detector, 0 to 1.
    pub score: f32,
    /// The likeliest expression.
    pub expression: &'static str,
    /// One less the probability of a neutral expression.
    pub strength: f32,
    /// What distinguishes it from others.
    pub descriptor: FaceDescriptor,
    /// A small JPEG.
    pub crop: Vec<u8>,
}

/// A face as listed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CatalogFace {
    /// Id.
    #[schema(value_type = String)]
    pub id: FaceId,
    /// Its shot.
    #[schema(value_type = String)]
    pub shot: ShotId,
    /// The frame that shows it best.
    pub frame: i64,
    /// Left, top, width and height then, as shares of the picture.
    #[schema(example = json!([0.4, 0.2, 0.1, 0.25]))]
    pub place: [f64; 4],
    /// Its largest height as a share of that of the picture.
    pub size: f64,
    /// The likeliest expression, as a hint: a talking mouth may look surprised.
    #[schema(example = "happy")]
    pub expression: String,
    /// One less the probability of a neutral expression, 0 to 1.
    pub strength: f64,
    /// Whether a user said whose face it is.
    pub is_pinned: bool,
}

#[derive(FromRow)]
struct FaceRow {
    id: FaceId,
    asset_id: AssetId,
    start_frame: i64,
    end_frame: i64,
    frame: i64,
    left: f64,
    top: f64,
    width: f64,
    height: f64,
    size: f64,
    expression: String,
    strength: f64,
    is_pinned: bool,
}

impl From<FaceRow> for CatalogFace {
    fn from(row: FaceRow) -> Self {
        Self {
            id: row.id,
            shot: ShotId {
                asset: row.asset_id,
                start: row.start_frame.cast_unsigned(),
                end: row.end_frame.cast_unsigned(),
            },
            frame: row.frame,
            place: [row.left, row.top, row.width, row.height],
            size: row.size,
            expression: row.expression,
            strength: row.strength,
            is_pinned: row.is_pinned,
        }
    }
}

/// A person in a shot.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PersonInShot {
    /// Who.
    #[schema(value_type = String)]
    pub person: PersonId,
    /// The name, or a number such as `Person 12`.
    #[schema(example = "Anna")]
    pub label: String,
    /// The frame that shows the person best.
    pub frame: i64,
    /// Left, top, width and height of the face then, as shares of the picture.
    #[schema(example = json!([0.4, 0.2, 0.1, 0.25]))]
    pub place: [f64; 4],
    /// The largest height of the face as a share of that of the picture.
    pub size: f64,
    /// The likeliest expression, as a hint.
    #[schema(example = "happy")]
    pub expression: String,
}

/// Stores the faces of a run and says whose they are. Faces that are to be left alone are not stored.
///
/// # Errors
/// If the database fails.
pub async fn store(
    db: &mut Connection,
    (asset, run): (&AssetId, &RunId),
    faces: &[NewFace],
) -> Result<(), CatalogError> {
    let untouched = untouched(db, asset).await?;
    for face in faces {
        if untouched
            .iter()
            .any(|one| one.covers(face.frame, face.place))
        {
            continue;
        }
        let bytes: Vec<u8> = face
            .descriptor
            .0
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        let [left, top, width, height] = face.place;
        let heights = face.path.iter().map(|(_, place)| place[3]);
        let path = serde_json::json!(face.path).to_string();
        database::query(
            r#"INSERT INTO faces (id, run_id, shot, frame, "left", top, width, height, size, score, expression, strength,
                                  path, descriptor, crop)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"#,
        )
        .bind(FaceId::new())
        .bind(run)
        .bind(face.shot.cast_signed())
        .bind(face.frame.cast_signed())
        .bind(left)
        .bind(top)
        .bind(width)
        .bind(height)
        .bind(heights.fold(height, f32::max))
        .bind(face.score)
        .bind(face.expression)
        .bind(face.strength)
        .bind(path)
        .bind(bytes)
        .bind(&face.crop)
        .execute(&mut *db)
        .await?;
    }
    assign::assign_new(db, run).await
}

/// A stored descriptor.
pub(super) fn descriptor(bytes: &[u8]) -> Result<FaceDescriptor, CatalogError> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    let numbers: Vec<f32> = numbers
        .iter()
        .map(|four| f32::from_le_bytes(*four))
        .collect();
    let numbers: Option<[f32; DESCRIPTOR]> = numbers.try_into().ok().filter(|_| rest.is_empty());
    numbers.map(FaceDescriptor).ok_or(CatalogError::Corrupt {
        what: "the description of a face",
    })
}

/// The faces of an asset's file that must not be described, because their people were deleted.
///
/// # Errors
/// If the database fails.
pub async fn untouched(
    db: &mut Connection,
    asset: &AssetId,
) -> Result<Vec<UntouchedFace>, CatalogError> {
    let rows: Vec<(i64, i64, String)> = database::query_as(
        "SELECT u.start_frame, u.end_frame, u.path FROM untouched_faces u JOIN assets a ON a.id = u.asset_id
          WHERE a.id = $1 AND u.blake3 = COALESCE(a.blake3, '')",
    )
    .bind(asset)
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|(start, end, path)| {
            let path = serde_json::from_str(&path).map_err(|_damaged| CatalogError::Corrupt {
                what: "the place of a face",
            })?;
            Ok(UntouchedFace {
                start: start.cast_unsigned(),
                end: end.cast_unsigned(),
                path,
            })
        })
        .collect()
}

/// The published faces of a person, the largest first; up to `most` of them.
///
/// # Errors
/// If the database fails.
pub async fn faces_of(
    db: &mut Connection,
    person: &PersonId,
    within: Option<&[TitleId]>,
    most: u32,
) -> Result<Vec<CatalogFace>, CatalogError> {
    let rows: Vec<FaceRow> = database::query_as(
        r#"SELECT f.id, d.asset_id, s.start_frame, s.end_frame, f.frame, f."left", f.top, f.width, f.height, f.size,
                  f.expression, f.strength, f.is_pinned
             FROM faces f JOIN published d ON d.run_id = f.run_id JOIN assets a ON a.id = d.asset_id
             JOIN published e ON e.asset_id = d.asset_id AND e.feature = 'shots'
             JOIN shots s ON s.run_id = e.run_id AND s.ordinal = f.shot
            WHERE f.person_id = $1 AND ($2 IS NULL OR a.title_id IN (SELECT value FROM json_each($2)))
            ORDER BY f.size * f.score DESC, f.id LIMIT $3"#,
    )
    .bind(person)
    .bind(in_json(within))
    .bind(most)
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(CatalogFace::from).collect())
}

/// The picture of a published face, as JPEG.
///
/// # Errors
/// [`CatalogError::PeopleOff`], [`CatalogError::NotFound`] if there is none in the titles `within`.
pub async fn crop(
    db: &mut Connection,
    face: &FaceId,
    within: Option<&[TitleId]>,
) -> Result<Vec<u8>, CatalogError> {
    consent::require(db).await?;
    let found: Option<Vec<u8>> = database::query_scalar(
        "SELECT f.crop FROM faces f JOIN published d ON d.run_id = f.run_id JOIN assets a ON a.id = d.asset_id
          WHERE f.id = $1 AND ($2 IS NULL OR a.title_id IN (SELECT value FROM json_each($2)))",
    )
    .bind(face)
    .bind(in_json(within))
    .fetch_optional(db)
    .await?;
    found.ok_or_else(|| CatalogError::NotFound {
        what: "face",
        id: face.to_string(),
    })
}

#[derive(FromRow)]
struct SeenRow {
    at: i64,
    person: PersonId,
    label: String,
    frame: i64,
    left: f64,
    top: f64,
    width: f64,
    height: f64,
    size: f64,
    expression: String,
}

/// Who is seen in each of these shots, the largest face first. Hidden people are left out.
///
/// # Errors
/// If the database fails.
pub async fn seen_in(
    db: &mut Connection,
    shots: &[ShotId],
) -> Result<Vec<Vec<PersonInShot>>, CatalogError> {
    let wanted: Vec<_> = shots.iter().map(|id| (&id.asset, id.start)).collect();
    let rows: Vec<SeenRow> = database::query_as(
        r#"SELECT CAST(q.key AS BIGINT) AS at, p.id AS person, COALESCE(p.name, 'Person ' || p.number) AS label, f.frame, f."left", f.top,
                  f.width, f.height, f.size, f.expression
             FROM json_each($1) q
             JOIN published e ON e.asset_id = q.value ->> 0 AND e.feature = 'shots'
             JOIN shots s ON s.run_id = e.run_id AND s.start_frame = CAST(q.value ->> 1 AS BIGINT)
             JOIN published d ON d.asset_id = e.asset_id AND d.feature = 'people'
             JOIN faces f ON f.run_id = d.run_id AND f.shot = s.ordinal
             JOIN people p ON p.id = f.person_id AND NOT p.is_hidden
            ORDER BY f.size DESC, f.id"#,
    )
    .bind(serde_json::json!(wanted).to_string())
    .fetch_all(db)
    .await?;
    let mut seen = vec![Vec::new(); shots.len()];
    for row in rows {
        let place = usize::try_from(row.at).ok().and_then(|at| seen.get_mut(at));
        if let Some(place) = place {
            place.push(PersonInShot {
                person: row.person,
                label: row.label,
                frame: row.frame,
                place: [row.left, row.top, row.width, row.height],
                size: row.size,
                expression: row.expression,
            });
        }
    }
    Ok(seen)
}
