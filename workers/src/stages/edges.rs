//! `edges`: how each shot begins and ends, so that match cuts can be found.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::context::{RunContext, Stage};
use crate::edges::ShotEdges;
use crate::error::StageError;
use crate::media::edge_frames;
use crate::proxy_name;

/// Longest side of the decoded frames in pixels. Descriptors are made of half of that.
const MAX_SIDE: u32 = 192;

/// Describe the first and the last frame of each shot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EdgesTask {
    /// The shots' proxies, in order.
    pub proxies: Vec<String>,
}

/// The output of an [`EdgesTask`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EdgesOutput {
    /// The edges of each shot, in order.
    #[serde(with = "packed")]
    #[schema(value_type = String)]
    pub edges: Vec<ShotEdges>,
}

impl std::fmt::Debug for EdgesOutput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EdgesOutput")
            .field("edges", &self.edges.len())
            .finish()
    }
}

impl Stage for EdgesTask {
    type Output = EdgesOutput;

    fn run(&self, run: &RunContext<'_>) -> Result<EdgesOutput, StageError> {
        let total = Some(self.proxies.len() as u64);
        let mut edges = Vec::with_capacity(self.proxies.len());
        for proxy in &self.proxies {
            if run.watch.stopped() {
                return Err(StageError::Cancelled);
            }
            let video = run.stages.get(proxy)?;
            proxy_name::verify(proxy, &video)?;
            let frames =
                edge_frames(Box::new(video), MAX_SIDE).map_err(StageError::media(proxy))?;
            edges.push(ShotEdges::of(&frames));
            run.watch.progress(edges.len() as u64, total);
        }
        Ok(EdgesOutput { edges })
    }
}

/// Edges in JSON: the bytes of all descriptors, of each shot the first frame's and the last one's, as Base64.
mod packed {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::edges::{EdgeDescriptor, ShotEdges};

    pub(super) fn serialize<S: Serializer>(
        edges: &[ShotEdges],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let of_shot = |edges: &ShotEdges| [edges.first.to_bytes(), edges.last.to_bytes()];
        let bytes: Vec<u8> = edges.iter().flat_map(of_shot).flatten().collect();
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<ShotEdges>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(D::Error::custom)?;
        let descriptors: Option<Vec<EdgeDescriptor>> = bytes
            .chunks(EdgeDescriptor::BYTES)
            .map(EdgeDescriptor::from_bytes)
            .collect();
        let descriptors = descriptors.unwrap_or_default();
        let (pairs, rest) = descriptors.as_chunks::<2>();
        if bytes.len() != pairs.len() * ShotEdges::BYTES || !rest.is_empty() {
            let detail = format!("{} bytes are no whole number of shots", bytes.len());
            return Err(D::Error::custom(detail));
        }
        let of_shot = |&[first, last]: &[EdgeDescriptor; 2]| ShotEdges { first, last };
        Ok(pairs.iter().map(of_shot).collect())
    }
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::*;
    use crate::edges::EdgeFrames;

    #[test]
    fn an_output_survives_the_way_and_half_a_shot_is_refused() {
        let frames = |level: u8| EdgeFrames {
            edge: RgbImage::from_fn(64, 36, |x, _| {
                image::Rgb([if x < 30 { level } else { 0 }; 3])
            }),
            inner: RgbImage::new(64, 36),
            seconds: 0.1,
        };
        let edges = vec![ShotEdges::of(&[frames(90), frames(200)]); 2];
        let output = EdgesOutput { edges };
        let json = serde_json::to_value(&output).unwrap();
        let back: EdgesOutput = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(back, output);
        let text = json["edges"].as_str().unwrap();
        let cut = serde_json::json!({ "edges": &text[..text.len() / 4] });
        assert!(serde_json::from_value::<EdgesOutput>(cut).is_err());
        let bad = serde_json::json!({ "edges": "!" });
        assert!(serde_json::from_value::<EdgesOutput>(bad).is_err());
    }
}
