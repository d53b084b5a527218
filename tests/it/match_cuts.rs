//! Match cuts: a disc that continues across a cut.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::http::{Server, problem};
use crate::support::{Rushes, told, videos};
use rushes::catalog::database;

/// A shot of 50 frames, 320 × 180 pixels, in which a disc moves.
struct Disc {
    name: &'static str,
    /// Where it is in the first frame, in pixels.
    from: (i32, i32),
    /// How far it moves per frame.
    step: (i32, i32),
    /// Grey levels of the disc and of the ground.
    levels: (u8, u8),
}

impl Disc {
    fn made(&self, rushes: &Rushes) -> PathBuf {
        let file = rushes.folder.path().join(format!("{}.mp4", self.name));
        let ((x, y), (across, down), (disc, ground)) = (self.from, self.step, self.levels);
        let inside = format!("lt(hypot(X-{x}-{across}*N,Y-{y}-{down}*N),36)");
        // The ground is not quite even, and no two files are the same.
        let picture = format!("lum='if({inside},{disc},{ground}+mod(X+2*Y,9))':cb=128:cr=128");
        let graph = format!("nullsrc=size=320x180:rate=25,format=yuv420p,geq={picture}");
        let output = file.to_str().unwrap();
        videos::ffmpeg(&[
            "-filter_complex",
            &graph,
            "-frames:v",
            "50",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            output,
        ]);
        file
    }
}

/// The shot that is cut from: its disc comes from the left, and is at 207, 90 in the last frame.
const CUT_FROM: Disc = Disc {
    name: "from",
    from: (60, 90),
    step: (3, 0),
    levels: (220, 40),
};

/// From the best match to the worst.
const CANDIDATES: [Disc; 6] = [
    Disc {
        name: "goes-on",
        from: (210, 90),
        step: (2, 0),
        levels: (180, 60),
    },
    Disc {
        name: "beside",
        from: (196, 96),
        step: (3, 0),
        levels: (220, 30),
    },
    Disc {
        name: "stays",
        from: (210, 90),
        step: (0, 0),
        levels: (210, 50),
    },
    Disc {
        name: "comes-back",
        from: (210, 90),
        step: (-3, 0),
        levels: (220, 45),
    },
    Disc {
        name: "elsewhere",
        from: (80, 90),
        step: (3, 0),
        levels: (220, 35),
    },
    Disc {
        name: "dark",
        from: (210, 90),
        step: (3, 0),
        levels: (16, 235),
    },
];

fn ingest(rushes: &Rushes, disc: &Disc) -> String {
    let summary = rushes.ingest(&[&disc.made(rushes)]);
    assert_eq!(summary["videos"][0]["state"], "ready", "{summary:#}");
    let asset = summary["videos"][0]["asset"].as_str().unwrap();
    format!("{asset}.0-50")
}

fn titles(found: &Value) -> Vec<&str> {
    let hits = found["hits"].as_array().unwrap().iter();
    hits.map(|hit| hit["title"].as_str().unwrap()).collect()
}

/// Makes the catalogue one of a version that did not describe edges.
fn forget_edges(rushes: &Rushes) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let catalog = rushes.catalog().await;
        let mut tx = catalog.begin().await.unwrap();
        database::query("DELETE FROM runs WHERE feature = 'edges'")
            .execute(&mut tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        catalog.close().await;
    });
}

#[test]
fn a_disc_that_continues_across_the_cut_is_found_first() {
    let Some(rushes) = Rushes::new() else { return };
    let shot = ingest(&rushes, &CUT_FROM);
    let others: Vec<String> = CANDIDATES
        .iter()
        .map(|disc| ingest(&rushes, disc))
        .collect();
    let found = rushes.json(&["match-cuts", &shot]);
    let names: Vec<&str> = CANDIDATES.iter().map(|disc| disc.name).collect();
    // A disc elsewhere, and a dark one on bright ground, have no more in common with this one than any other picture.
    assert_eq!(titles(&found), names[..4], "{found:#}");
    assert_eq!(found["coverage"], json!({"ready": 7, "total": 7}));
    let evidence = |title: &str, field: &str| {
        let hits = found["hits"].as_array().unwrap();
        let hit = hits.iter().find(|hit| hit["title"] == title).unwrap();
        hit["evidence"][field].as_f64().unwrap()
    };
    let best = &found["hits"][0];
    assert_eq!(best["shot"], others[0]);
    assert_eq!(best["start"]["frame"], 0);
    assert!(evidence("goes-on", "composition") > 0.9, "{found:#}");
    assert!(evidence("goes-on", "motion") > 0.6, "{found:#}");
    assert!(evidence("stays", "motion") < 0.3, "{found:#}");
    assert!(evidence("comes-back", "motion") < 0.2, "{found:#}");
    assert!(evidence("beside", "composition") < 0.95, "{found:#}");
    for hit in found["hits"].as_array().unwrap() {
        let number = |of: &Value| of.as_f64().unwrap();
        let (composition, motion) = (
            number(&hit["evidence"]["composition"]),
            number(&hit["evidence"]["motion"]),
        );
        let expected = composition * (1.0 + motion) / 2.0;
        assert!((number(&hit["score"]) - expected).abs() < 1e-6, "{hit:#}");
    }

    // Within any scope the ranks are those of the whole.
    let some = [
        "match-cuts",
        &shot,
        "--title",
        "comes-back",
        "--title",
        "stays",
    ];
    assert_eq!(titles(&rushes.json(&some)), ["stays", "comes-back"]);
    let filter = ["match-cuts", &shot, "len:>1s -title:goes-on", "-n", "2"];
    assert_eq!(titles(&rushes.json(&filter)), ["beside", "stays"]);
    // A shot is no match for itself, and `--other-assets` leaves out the rest of its file.
    let back = rushes.json(&["match-cuts", &others[2], "--other-assets", "-n", "20"]);
    assert!(!titles(&back).contains(&"stays"), "{back:#}");
    assert_eq!(titles(&back)[0], "goes-on", "{back:#}");

    let server = Server::start(&rushes, &[]);
    let path = format!("/v1/shots/{shot}/match-cuts");
    let whole = server.json(&format!("{path}?limit=12"));
    assert_eq!(whole["hits"], found["hits"]);
    let part = server.json(&format!("{path}?q=title:stays,elsewhere&limit=1"));
    assert_eq!(titles(&part), ["stays"]);
    // A key for some titles sees matches in those only, and cuts from those only.
    let args = ["key", "create", "agency", "--scope", "read"];
    let args = [&args[..], &["--title", "from", "--title", "stays"]].concat();
    let key = rushes.json(&args)["secret"].as_str().unwrap().to_owned();
    let ask = |path: &str| server.get(path).bearer_auth(&key).send().unwrap();
    let seen: Value = ask(&path).json().unwrap();
    assert_eq!(titles(&seen), ["stays"]);
    assert_eq!(seen["coverage"]["total"], 2);
    let hidden = ask(&format!("/v1/shots/{}/match-cuts", others[0]));
    assert_eq!(problem(hidden), (404, "shot-not-found".to_owned()));
}

#[test]
fn what_cannot_be_cut_from_is_said() {
    let Some(rushes) = Rushes::new() else { return };
    let shot = ingest(&rushes, &CUT_FROM);
    let black = rushes.folder.path().join("black.mp4");
    let source = "color=black:size=320x180:rate=25:duration=2";
    videos::ffmpeg(&["-f", "lavfi", "-i", source, black.to_str().unwrap()]);
    let summary = rushes.ingest(&[&black]);
    let black = summary["videos"][0]["asset"].as_str().unwrap();
    // Nothing continues an even picture.
    let found = rushes.json(&["match-cuts", &format!("{black}.0-50")]);
    assert_eq!(found["hits"], json!([]), "{found:#}");
    let plain = rushes.run(&["match-cuts", &format!("{black}.0-50")]);
    assert!(told(&plain).contains("no shot continues this one"));

    let server = Server::start(&rushes, &[]);
    let refused = |path: &str| problem(server.get(path).send().unwrap());
    let of = |shot: &str| format!("/v1/shots/{shot}/match-cuts");
    let (asset, _) = shot.split_once('.').unwrap();
    for (path, refusal) in [
        (of("nonsense"), (400, "bad-id")),
        (of(&format!("{asset}.0-49")), (404, "shot-not-found")),
        (
            of("01K00000000000000000000000.0-50"),
            (404, "shot-not-found"),
        ),
        (of(&shot) + "?limit=0", (400, "invalid-input")),
        (of(&shot) + "?limit=201", (400, "invalid-input")),
        (of(&shot) + "?q=a%20car", (400, "bad-request")),
        (of(&shot) + "?q=tilte:x", (400, "unknown-field")),
        (of(&shot) + "?q=title:nowhere", (404, "title-not-found")),
        (of(&shot) + "?from=1", (400, "bad-request")),
    ] {
        assert_eq!(refused(&path), (refusal.0, refusal.1.to_owned()), "{path}");
    }
    drop(server);
    // A file that an earlier version ingested.
    forget_edges(&rushes);
    let early = rushes.run(&["match-cuts", &shot]);
    assert!(!early.status.success());
    assert!(
        told(&early).contains("ingest the file again"),
        "{}",
        told(&early)
    );
    let server = Server::start(&rushes, &[]);
    let early = problem(server.get(&of(&shot)).send().unwrap());
    assert_eq!(early, (503, "not-made-yet".to_owned()));
    drop(server);
    rushes.ingest(&[&rushes.folder.path().join("from.mp4")]);
    let found = rushes.json(&["match-cuts", &shot]);
    assert_eq!(found["coverage"], json!({"ready": 1, "total": 2}));
}
