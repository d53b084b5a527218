//! A catalogue of videos whose shots have given vectors.

use rushes::catalog::assets::{NewAsset, register};
use rushes::catalog::database;
use rushes::catalog::records::ShotsRecord;
use rushes::catalog::results::{self, ShotRow};
use rushes::catalog::{AssetId, Catalog, note_change, runs};
use rushes::features::{Settings, request};
use rushes_models::{ModelStore, space_of};
use rushes_workers::segment::DetectorKind;
use rushes_workers::storage::Locator;

/// Shots of a video, of 50 frames each.
pub(crate) const SHOTS: usize = 100;
pub(crate) const SPACE: &str = "lite@0.1.0";

/// Videos of [`SHOTS`] shots each, but for the last, in the order of the vectors. Their names start with
/// `name`.
pub(crate) async fn fill(
    name: &str,

    catalog: &Catalog,
    mut rows: impl Iterator<Item = Vec<f32>>,
) -> Vec<AssetId> {
    let settings = Settings {
        model: "lite".to_owned(),
        space: space_of(&ModelStore::new("models".into()), "lite").unwrap(),
        sentences: None,
        speech: None,
        reader: None,
        sound: false,
        tagger: None,
        faces: None,
        detector: DetectorKind::default(),
        proxy_height: 480,
        frames_per_shot: 4,
        frame_vectors: false,
    };
    let shots: Vec<ShotRow> = (0..SHOTS as u64)
        .map(|at| ShotRow {
            frames: (at * 50, at * 50 + 50),
            ms: (at * 2000, at * 2000 + 2000),
            boundary: "cut".to_owned(),
            boundary_frames: (at * 50, at * 50),
            confidence: 1.0,
            same_as: None,
        })
        .collect();
    assert_eq!(settings.space.id, SPACE);
    let scan = ShotsRecord {
        timeline: "timeline".to_owned(),
        frames: 50 * SHOTS as u64,
        rate: "25".parse().unwrap(),
        variable: false,
        start_timecode: None,
        warnings: Vec::new(),
    };
    let scan = serde_json::to_string(&scan).unwrap();
    let mut assets = Vec::new();
    for video in 0.. {
        let rows: Vec<Vec<f32>> = rows.by_ref().take(SHOTS).collect();
        if rows.is_empty() {
            break;
        }
        let locator = Locator {
            uri: format!("file:///{name}{video}.mp4"),
            version: None,
            size: 1,
        };
        let mut tx = catalog.begin().await.unwrap();
        let new = NewAsset {
            locator: &locator,
            title: &format!("{name} {video}"),
            sidecars: &[],
        };
        let (asset, _) = register(&mut tx, new).await.unwrap();
        request(&mut tx, &asset, &settings).await.unwrap();
        for run in runs::wanted(&mut tx, &asset).await.unwrap() {
            let output = match run.feature.as_str() {
                "shots" => {
                    let stored = results::store_shots(&mut tx, &run.id, &shots[..rows.len()]).await;
                    stored.unwrap();
                    scan.clone()
                }
                "embeddings/lite" => {
                    let stored = results::store_vectors(&mut tx, &run.id, &rows).await;
                    stored.unwrap();
                    format!("{{\"space\": \"{SPACE}\"}}")
                }
                _ => "{}".to_owned(),
            };
            database::query("UPDATE runs SET state = 'ready', output = $1 WHERE id = $2")
                .bind(output)
                .bind(&run.id)
                .execute(&mut tx)
                .await
                .unwrap();
        }
        assert!(results::publish_if_settled(&mut tx, &asset).await.unwrap());
        note_change(&mut tx, &asset).await.unwrap();
        tx.commit().await.unwrap();
        assets.push(asset);
    }
    assets
}
