//! Searches in JSON, as HTTP takes them and the tools of assistants build them.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use super::{
    Collapse, GroupBy, MOST_PARTS, Operator, OtherOnly, PartKind, Query, QueryPart, SIMILAR, Scope,
    SearchRequest, SortBy, WeightedModality,
};
use crate::catalog::filter::{CountedField, Filter, FilterOp};
use crate::catalog::metadata::MetadataValue;
use crate::catalog::{AssetId, ShotId};
use crate::search::SearchError;
use crate::search::clip::MOST_CLIP_BYTES;
use crate::search::picture::read_sent_picture;
use crate::search::recall::Modality;

/// Longest side of a picture that is kept, in pixels.
const LONGEST_SIDE: u32 = 1024;

/// Hits on a page if the request does not say.
const LIMIT: usize = 20;
/// Pictures that are decoded at the same time, because each takes memory.
static DECODING: Semaphore = Semaphore::const_new(4);

/// A search: one of `q`, `text`, `shot` and `parts`; `q` may have `parts` beside it. Without any, the shots that `filters`, `titles` and `assets` leave are
/// listed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchBody {
    /// The query as text, as in a search box. What it can say is in the documentation; it can be combined with
    /// `parts` for what text cannot say, such as pictures, and with `titles`, `assets`, `facets`, `limit`, `page` and
    /// `explain`.
    #[schema(example = "car -night tag:hero len:<4s")]
    pub q: Option<String>,
    /// What is to be seen or said.
    #[schema(example = "a man riding a bicycle")]
    pub text: Option<String>,
    /// Shots like this one, by id.
    pub shot: Option<String>,
    /// Several things to look for at once, with weights.
    #[serde(default)]
    pub parts: Vec<PartBody>,
    /// By which senses; all if absent.
    #[serde(default)]
    pub modalities: Vec<Modality>,
    /// How much the ranks of each modality count; 1 if absent.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({"dialogue": 2.0}))]
    pub weights: BTreeMap<Modality, f64>,
    /// `any`: a shot is found if one modality finds it; `all`: if every modality finds it at the same time.
    #[serde(default)]
    pub operator: Operator,
    /// Only in these titles, by id or name.
    #[serde(default)]
    pub titles: Vec<String>,
    /// Only in these assets.
    #[serde(default)]
    pub assets: Vec<String>,
    /// Only shots that fulfil all of these conditions, by field.
    #[serde(default)]
    pub filters: BTreeMap<String, ConditionsBody>,
    /// One hit for each shot, asset or title.
    #[serde(default)]
    pub group_by: GroupBy,
    /// Which similar shots become one hit.
    #[serde(default)]
    pub collapse: CollapseBody,
    /// The order of the hits.
    #[serde(default)]
    pub sort: SortBy,
    /// Leaves out the assets, or the titles, of the shots and the times that the query is to be like.
    pub other: Option<OtherOnly>,
    /// Fields whose values are counted among the candidates.
    #[serde(default)]
    pub facets: Vec<String>,
    /// Hits on a page, 1 to 200; 20 if absent.
    pub limit: Option<usize>,
    /// `next` of the answer before, with the same query.
    pub page: Option<String>,
    /// The model to search by sight with, if not the one that is active. Its vectors must be complete.
    pub model: Option<String>,
    /// Whether the answer says how it came about.
    #[serde(default)]
    pub explain: bool,
}

/// One thing to look for: text with or without phrases, a shot, a time span of an asset, a picture, a clip or a vector.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PartBody {
    /// What is to be seen or said.
    text: Option<String>,
    /// Phrases that dialogue must contain as they stand.
    #[serde(default)]
    phrases: Vec<String>,
    /// A shot, by id.
    shot: Option<String>,
    /// An asset, with `from_ms` and `to_ms`.
    asset: Option<String>,
    /// Start in milliseconds.
    from_ms: Option<u64>,
    /// End in milliseconds, exclusive.
    to_ms: Option<u64>,
    /// A picture file in Base64: JPEG, PNG, WebP or TIFF.
    picture: Option<String>,
    /// A video file in Base64, up to 16 MB and two minutes: shots like the mean of its shots. It is not kept.
    clip: Option<String>,
    /// A vector in the space that is searched. It is normalised.
    vector: Option<Vec<f32>>,
    /// The space of the vector, to be checked.
    space: Option<String>,
    /// The only modality that this part is for.
    modality: Option<Modality>,
    /// How much it counts, -100 to 100 but not 0; 1 if absent. Shots are to be unlike what has a negative weight.
    weight: Option<f64>,
}

/// Conditions on one field; all must be fulfilled.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConditionsBody {
    /// Equal.
    eq: Option<MetadataValue>,
    /// Not equal, or without a value.
    ne: Option<MetadataValue>,
    /// Equal to one of these.
    r#in: Option<Vec<MetadataValue>>,
    /// Equal to none of these, or without a value.
    not: Option<Vec<MetadataValue>>,
    /// Greater.
    gt: Option<MetadataValue>,
    /// Greater or equal.
    gte: Option<MetadataValue>,
    /// Less.
    lt: Option<MetadataValue>,
    /// Less or equal.
    lte: Option<MetadataValue>,
}

/// Which similar shots become one hit.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CollapseBody {
    /// Shots whose vectors have at least this cosine similarity, such as 0.95; none if absent.
    similar: Option<f32>,
    /// Shots of one place that alternate with those of another, as in a dialogue.
    #[serde(default)]
    alternating: bool,
}

impl SearchBody {
    /// The search that it asks for.
    ///
    /// # Errors
    /// If it asks for nothing or for two things, or something in it is invalid.
    pub async fn into_request(self) -> Result<SearchRequest, SearchError> {
        let assets = self.assets.iter().map(|id| id.parse::<AssetId>());
        let scope = Scope {
            titles: self.titles.clone(),
            assets: assets.collect::<Result<_, _>>()?,
            within: None,
        };
        let (limit, page, explain) = (self.limit.unwrap_or(LIMIT), self.page.clone(), self.explain);
        let model = self.model.clone();
        Ok(SearchRequest {
            query: self.query().await?,
            scope,
            model,
            limit,
            page,
            explain,
            asker: None,
        })
    }

    async fn query(self) -> Result<Query, SearchError> {
        let facets = self.facets.iter().map(|name| CountedField::named(name));
        let facets = facets.collect::<Result<Vec<_>, _>>();
        let facets = facets.map_err(SearchError::Facet)?;
        if let Some(q) = &self.q {
            if let Some(other) = self.beside_q() {
                return Err(bad(format!(
                    "`q` and `{other}` cannot be used together; write it in the query"
                )));
            }
            let mut query = Query::parse(q)?;
            for facet in facets {
                if !query.facets.contains(&facet) {
                    query.facets.push(facet);
                }
            }
            if query.parts.len() + self.parts.len() > MOST_PARTS {
                return Err(SearchError::TooManyParts(MOST_PARTS));
            }
            query.parts.extend(read_parts(self.parts).await?);
            return Ok(query);
        }
        let listed = &self.modalities;
        if let Some(other) = self
            .weights
            .keys()
            .find(|one| !listed.is_empty() && !listed.contains(one))
        {
            return Err(bad(format!(
                "`weights.{}` is for a modality that is not searched",
                other.name()
            )));
        }
        let weights = self.weights;
        let weighted = |modality: Modality| WeightedModality {
            modality,
            weight: weights.get(&modality).copied().unwrap_or(1.0),
        };
        let modalities = listed.iter().copied().map(weighted).collect();
        let mut filters = Vec::new();
        for (field, conditions) in self.filters {
            conditions.add(&field, &mut filters)?;
        }
        let has_scope = !filters.is_empty() || !self.titles.is_empty() || !self.assets.is_empty();
        let parts = match (self.text, self.shot, self.parts) {
            (Some(text), None, none) if none.is_empty() => vec![QueryPart::text(&text)],
            (None, Some(shot), none) if none.is_empty() => {
                vec![QueryPart::new(PartKind::Shot(shot.parse::<ShotId>()?))]
            }
            (None, None, bodies) if bodies.len() > MOST_PARTS => {
                // Before pictures are decoded, which takes memory.
                return Err(SearchError::TooManyParts(MOST_PARTS));
            }
            (None, None, bodies) if !bodies.is_empty() => read_parts(bodies).await?,
            // A list of the shots in scope.
            (None, None, _) if has_scope => Vec::new(),
            (None, None, _) => {
                return Err(bad(
                    "give one of `q`, `text`, `shot` and `parts`, or `filters`, `titles` or `assets` to list their shots"
                        .to_owned(),
                ));
            }
            _ => {
                return Err(bad(
                    "give one of `q`, `text`, `shot` and `parts`; only `q` may have `parts` beside it"
                        .to_owned()
                ));
            }
        };
        let mut query = Query {
            parts,
            modalities,
            operator: self.operator,
            filters,
            group_by: self.group_by,
            collapse: Collapse {
                similar: self.collapse.similar,
                alternating: self.collapse.alternating,
            },
            sort: self.sort,
            facets,
            other: self.other,
        };
        if let Some(modality) = weights.keys().next()
            && query.parts.is_empty()
        {
            return Err(SearchError::NothingFor(modality.name()));
        }
        if query.modalities.is_empty() && !weights.is_empty() {
            // Weights alone leave no modality out.
            let senses = query.senses()?;
            query.modalities = senses
                .iter()
                .map(|sense| weighted(sense.modality))
                .collect();
        }
        Ok(query)
    }

    /// A field that says what the text of `q` says.
    fn beside_q(&self) -> Option<&'static str> {
        [
            ("text", self.text.is_some()),
            ("shot", self.shot.is_some()),
            ("modalities", !self.modalities.is_empty()),
            ("weights", !self.weights.is_empty()),
            ("operator", self.operator != Operator::default()),
            ("filters", !self.filters.is_empty()),
            ("group_by", self.group_by != GroupBy::default()),
            (
                "collapse",
                self.collapse.similar.is_some() || self.collapse.alternating,
            ),
            ("sort", self.sort != SortBy::default()),
            ("other", self.other.is_some()),
        ]
        .into_iter()
        .find_map(|(name, is_given)| is_given.then_some(name))
    }
}

async fn read_parts(bodies: Vec<PartBody>) -> Result<Vec<QueryPart>, SearchError> {
    let mut parts = Vec::with_capacity(bodies.len());
    for (at, body) in bodies.into_iter().enumerate() {
        parts.push(body.part(at).await?);
    }
    Ok(parts)
}

impl PartBody {
    async fn part(self, at: usize) -> Result<QueryPart, SearchError> {
        let wrong = |why: &str| bad(format!("`parts[{at}]` {why}"));
        let has_text = self.text.is_some() || !self.phrases.is_empty();
        let kinds = [
            has_text,
            self.shot.is_some(),
            self.asset.is_some(),
            self.picture.is_some(),
            self.clip.is_some(),
            self.vector.is_some(),
        ];
        if kinds.iter().filter(|&&is_given| is_given).count() != 1 {
            return Err(wrong(
                "must be exactly one of text, shot, asset, picture, clip and vector",
            ));
        }
        if self.asset.is_none() && (self.from_ms.is_some() || self.to_ms.is_some()) {
            return Err(wrong("has a time, which only an `asset` can have"));
        }
        if self.vector.is_none() && self.space.is_some() {
            return Err(wrong("has a space, which only a `vector` can have"));
        }
        let kind = if let Some(shot) = self.shot {
            PartKind::Shot(shot.parse()?)
        } else if let Some(asset) = self.asset {
            let (Some(from_ms), Some(to_ms)) = (self.from_ms, self.to_ms) else {
                return Err(wrong("needs `from_ms` and `to_ms` with its `asset`"));
            };
            PartKind::Span {
                asset: asset.parse()?,
                from_ms,
                to_ms,
            }
        } else if let Some(picture) = self.picture {
            PartKind::Picture(Arc::new(decoded(at, picture).await?))
        } else if let Some(clip) = self.clip {
            PartKind::Clip(clip_bytes(&clip)?)
        } else if let Some(vector) = self.vector {
            PartKind::Vector {
                vector: vector.into(),
                space: self.space,
            }
        } else {
            PartKind::Text {
                words: self.text.unwrap_or_default(),
                phrases: self
                    .phrases
                    .into_iter()
                    .filter(|phrase| !phrase.trim().is_empty())
                    .collect(),
            }
        };
        Ok(QueryPart {
            kind,
            modality: self.modality,
            weight: self.weight.unwrap_or(1.0),
        })
    }
}

/// The bytes of a clip as sent.
fn clip_bytes(base64: &str) -> Result<Bytes, SearchError> {
    let most = MOST_CLIP_BYTES as u64;
    // Before it is decoded: four characters are three bytes.
    if base64.len() / 4 * 3 > MOST_CLIP_BYTES + 3 {
        return Err(SearchError::ClipTooLarge(most));
    }
    let bytes = STANDARD
        .decode(base64.as_bytes())
        .map_err(|error| SearchError::Clip(format!("not Base64: {error}")))?;
    if bytes.len() > MOST_CLIP_BYTES {
        return Err(SearchError::ClipTooLarge(most));
    }
    Ok(bytes.into())
}

async fn decoded(at: usize, picture: String) -> Result<image::RgbImage, SearchError> {
    let _place = DECODING
        .acquire()
        .await
        .map_err(|_closed| SearchError::Died)?;
    let decode = move || {
        let name = format!("parts[{at}].picture");
        match STANDARD.decode(picture.as_bytes()) {
            Ok(bytes) => read_sent_picture(&bytes, &name).map(small),
            Err(error) => Err(SearchError::Picture {
                name,
                cause: format!("not Base64: {error}"),
            }),
        }
    };
    tokio::task::spawn_blocking(decode)
        .await
        .map_err(|_join| SearchError::Died)?
}

/// The picture, scaled down if it is large: encoders look at a few hundred pixels, and searches that wait hold memory.
fn small(picture: image::RgbImage) -> image::RgbImage {
    let (width, height) = picture.dimensions();
    let longest = width.max(height);
    if longest <= LONGEST_SIDE {
        return picture;
    }
    let scaled = |side: u32| {
        let side = u64::from(side) * u64::from(LONGEST_SIDE) / u64::from(longest);
        u32::try_from(side).unwrap_or(LONGEST_SIDE).max(1)
    };
    image::imageops::thumbnail(&picture, scaled(width), scaled(height))
}

impl ConditionsBody {
    fn add(self, field: &str, filters: &mut Vec<Filter>) -> Result<(), SearchError> {
        let one = |value: Option<MetadataValue>| value.map(|value| vec![value]);
        let conditions = [
            (FilterOp::Eq, one(self.eq)),
            (FilterOp::Ne, one(self.ne)),
            (FilterOp::In, self.r#in),
            (FilterOp::Not, self.not),
            (FilterOp::Gt, one(self.gt)),
            (FilterOp::Gte, one(self.gte)),
            (FilterOp::Lt, one(self.lt)),
            (FilterOp::Lte, one(self.lte)),
        ];
        let before = filters.len();
        for (op, values) in conditions {
            if let Some(values) = values {
                filters.push(Filter::new(field, op, values)?);
            }
        }
        if filters.len() == before {
            // The name is checked first, because a wrong one is the more likely mistake.
            crate::catalog::filter::kind_of(field)?;
            let ops = FilterOp::ALL
                .map(|op| format!("`{}`", op.name()))
                .join(", ");
            return Err(bad(format!(
                "`filters.{field}` has no condition; use one of {ops}"
            )));
        }
        Ok(())
    }
}

impl Collapse {
    /// Near-duplicates by the usual threshold.
    #[must_use]
    pub const fn similar() -> Self {
        Self {
            similar: Some(SIMILAR),
            alternating: false,
        }
    }
}

fn bad(why: String) -> SearchError {
    SearchError::Body(why)
}
