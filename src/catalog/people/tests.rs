use rushes_models::{DESCRIPTOR, FaceDescriptor};

use super::*;
use crate::catalog::database::{self, Connection};
use crate::catalog::testing::{add, each_database, empty};
use crate::catalog::{AssetId, Catalog, RunId};

/// A face on a line: its distance from others is that of the numbers.
pub(super) fn face(shot: u64, at: f32) -> NewFace {
    let mut numbers = [0.0; DESCRIPTOR];
    numbers[0] = at;
    NewFace {
        shot,
        frame: shot * 50 + 10,
        place: [0.4, 0.2, 0.1, 0.25],
        path: vec![(shot * 50 + 10, [0.4, 0.2, 0.1, 0.25])],
        score: 0.9,
        expression: "happy",
        strength: 0.7,
        descriptor: FaceDescriptor(numbers),
        crop: vec![0xFF, 0xD8, 0xFF],
    }
}

/// A published asset of four shots with faces.
pub(super) async fn filmed(db: &mut Connection, title: &str, faces: &[NewFace]) -> AssetId {
    let asset = add(db, title, 0, 4).await;
    let run = looked_at(db, &asset, "1").await;
    store(db, (&asset, &run), faces).await.unwrap();
    asset
}

/// Publishes an empty run of `people` in place of the one before.
pub(super) async fn looked_at(db: &mut Connection, asset: &AssetId, key: &str) -> RunId {
    let run = RunId::new();
    for statement in [
        "INSERT INTO runs (id, asset_id, feature, key, params, queue, state, created_at, output)
         VALUES ($1, $2, 'people', $3, '{}', 'media', 'ready', 0, '{\"model\": \"faces@1\"}')",
        "INSERT INTO run_inputs SELECT $1, run_id FROM published WHERE asset_id = $2 AND feature = 'shots' AND $3 = $3",
        "INSERT INTO published SELECT $2, 'people', $1 WHERE $3 = $3
         ON CONFLICT (asset_id, feature) DO UPDATE SET run_id = excluded.run_id",
    ] {
        database::query(statement)
            .bind(&run)
            .bind(asset)
            .bind(key)
            .execute(&mut *db)
            .await
            .unwrap();
    }
    run
}

pub(super) async fn on(catalog: &Catalog) -> database::Transaction {
    let mut tx = catalog.begin().await.unwrap();
    turn_on(&mut tx, "the cast agreed", None).await.unwrap();
    tx
}

pub(super) async fn everybody(db: &mut Connection) -> Vec<(String, i64)> {
    let people = list(db, PeopleFilter::default(), (0, 100)).await.unwrap();
    people
        .into_iter()
        .map(|one| (one.label, one.shots))
        .collect()
}

pub(super) fn known(people: &[(&str, i64)]) -> Vec<(String, i64)> {
    people
        .iter()
        .map(|&(label, shots)| (label.to_owned(), shots))
        .collect()
}

/// The functions that change people, for somebody by name.
pub(super) async fn name(
    db: &mut Connection,
    who: &str,
    name: Option<&str>,
) -> Result<(), CatalogError> {
    let person = find(db, who, None).await?;
    super::name(db, &person, name).await
}

async fn hide(db: &mut Connection, who: &str, is_hidden: bool) -> Result<(), CatalogError> {
    let person = find(db, who, None).await?;
    super::hide(db, &person, is_hidden).await
}

pub(super) async fn merge(
    db: &mut Connection,
    who: &str,
    others: &[String],
) -> Result<(), CatalogError> {
    let person = find(db, who, None).await?;
    super::merge(db, &person, others, None).await
}

pub(super) async fn split(
    db: &mut Connection,
    who: &str,
    faces: &[FaceId],
    name: Option<&str>,
) -> Result<PersonId, CatalogError> {
    let person = find(db, who, None).await?;
    super::split(db, &person, faces, name).await
}

pub(super) async fn delete(db: &mut Connection, who: &str) -> Result<(), CatalogError> {
    let person = find(db, who, None).await?;
    super::delete(db, &person).await
}

#[tokio::test]
async fn nobody_is_listed_while_the_sense_is_off_and_it_needs_grounds() {
    each_database(async |catalog| {
        let mut tx = catalog.begin().await.unwrap();
        let error = list(&mut tx, PeopleFilter::default(), (0, 10))
            .await
            .unwrap_err();
        assert_eq!(error.code(), "people-off");
        assert!(error.to_string().contains("rushes people on"), "{error}");
        for bad in ["", "  ", &"x".repeat(1001)] {
            assert_eq!(
                turn_on(&mut tx, bad, None).await.unwrap_err().code(),
                "no-grounds"
            );
        }
        assert_eq!(consent(&mut tx).await.unwrap(), None);
        turn_on(&mut tx, " the cast agreed ", None).await.unwrap();
        let consent = consent(&mut tx).await.unwrap().unwrap();
        assert!(consent.is_on && consent.because == "the cast agreed" && consent.at > 0);
        assert_eq!(everybody(&mut tx).await, []);
    })
    .await;
}

#[tokio::test]
async fn new_faces_join_the_person_they_are_like() {
    each_database(async |catalog| {
        let mut tx = on(&catalog).await;
        filmed(&mut tx, "A", &[face(0, 0.0), face(1, 5.0), face(2, 0.1)]).await;
        filmed(&mut tx, "B", &[face(0, 0.2), face(3, 9.0)]).await;
        assert_eq!(
            everybody(&mut tx).await,
            known(&[("Person 1", 3), ("Person 2", 1), ("Person 3", 1)])
        );
        let first = find(&mut tx, "person 1", None).await.unwrap();
        assert_eq!((first.shots, first.titles), (3, 2));
        let faces = faces_of(&mut tx, &first.id, None, 10).await.unwrap();
        assert_eq!(faces.len(), 3);
        assert_eq!(
            crop(&mut tx, &faces[0].id, None).await.unwrap(),
            [0xFF, 0xD8, 0xFF]
        );
        // What a descriptor is made of is shown nowhere.
        let shown = serde_json::to_string(&faces).unwrap();
        assert!(!shown.contains("descriptor"), "{shown}");
    })
    .await;
}

#[tokio::test]
async fn who_may_see_some_titles_only_sees_the_people_in_them() {
    each_database(async |catalog| {
        let mut tx = on(&catalog).await;
        filmed(&mut tx, "A", &[face(0, 0.0), face(1, 0.0)]).await;
        filmed(&mut tx, "B", &[face(0, 0.1), face(1, 5.0)]).await;
        let b = crate::catalog::titles::find(&mut tx, "B", None)
            .await
            .unwrap();
        let within = Some(std::slice::from_ref(&b));
        let filter = PeopleFilter {
            within,
            ..PeopleFilter::default()
        };
        let seen = list(&mut tx, filter, (0, 10)).await.unwrap();
        assert_eq!(seen.iter().map(|one| one.shots).collect::<Vec<_>>(), [1, 1]);
        name(&mut tx, "Person 1", Some("Anna")).await.unwrap();
        let a = crate::catalog::titles::find(&mut tx, "A", None)
            .await
            .unwrap();
        let within = Some(std::slice::from_ref(&a));
        assert!(find(&mut tx, "Anna", within).await.is_ok());
        assert_eq!(
            find(&mut tx, "Person 2", within).await.unwrap_err().code(),
            "person-not-found"
        );
        let only_b = find(&mut tx, "Person 2", None).await.unwrap().face.unwrap();
        assert!(crop(&mut tx, &only_b, within).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn what_users_decide_outlasts_clustering() {
    each_database(async |catalog| {
        let mut tx = on(&catalog).await;
        filmed(
            &mut tx,
            "A",
            &[face(0, 0.0), face(1, 0.1), face(2, 5.0), face(3, 9.0)],
        )
        .await;
        name(&mut tx, "Person 1", Some("Anna")).await.unwrap();
        // The second face is somebody else's, and the far one is Anna too.
        let anna = find(&mut tx, "anna", None).await.unwrap();
        let faces = faces_of(&mut tx, &anna.id, None, 10).await.unwrap();
        let twin = split(
            &mut tx,
            "Anna",
            std::slice::from_ref(&faces[0].id),
            Some("Berta"),
        )
        .await
        .unwrap();
        merge(&mut tx, "Anna", &["Person 3".to_owned()])
            .await
            .unwrap();
        hide(&mut tx, "Person 2", true).await.unwrap();
        tx.commit().await.unwrap();
        let done = cluster_all(&catalog).await.unwrap();
        assert_eq!((done.faces, done.moved), (4, 0));
        let mut tx = catalog.begin().await.unwrap();
        assert_eq!(
            everybody(&mut tx).await,
            known(&[("Anna", 2), ("Berta", 1)])
        );
        assert_eq!(find(&mut tx, "Berta", None).await.unwrap().id, twin);
        let coverage = super::looked_at(&mut tx, None).await.unwrap();
        assert_eq!((coverage.ready, coverage.failed, coverage.total), (1, 0, 1));
        let hidden = PeopleFilter {
            hidden: true,
            ..PeopleFilter::default()
        };
        assert_eq!(list(&mut tx, hidden, (0, 10)).await.unwrap().len(), 3);
        // Mistakes are said.
        let other = |code: &str, error: CatalogError| assert_eq!(error.code(), code, "{error}");
        other(
            "two-names",
            merge(&mut tx, "Anna", &["Berta".to_owned()])
                .await
                .unwrap_err(),
        );
        let mut both = find(&mut tx, "Anna", None).await.unwrap();
        for (name, code) in [("Person 9", "bad-name"), ("consent", "bad-name")] {
            let berta = ["Berta".to_owned()];
            tx.mark().await.unwrap();
            let error = super::merge(&mut tx, &both, &berta, Some(name))
                .await
                .unwrap_err();
            tx.undo().await.unwrap();
            other(code, error);
        }
        tx.mark().await.unwrap();
        super::merge(&mut tx, &both, &["Berta".to_owned()], Some("Berta"))
            .await
            .unwrap();
        both = find(&mut tx, "Berta", None).await.unwrap();
        assert_eq!(
            (both.shots, find(&mut tx, "Anna", None).await.is_err()),
            (3, true)
        );
        tx.undo().await.unwrap();
        other(
            "name-in-use",
            name(&mut tx, "Berta", Some("ANNA")).await.unwrap_err(),
        );
        for bad in ["", "Person 7", "a\nb", "Consent", "cluster"] {
            other(
                "bad-name",
                name(&mut tx, "Berta", Some(bad)).await.unwrap_err(),
            );
        }
        other(
            "person-not-found",
            name(&mut tx, "Carla", None).await.unwrap_err(),
        );
        let all: Vec<FaceId> = faces_of(&mut tx, &twin, None, 9)
            .await
            .unwrap()
            .into_iter()
            .map(|f| f.id)
            .collect();
        other(
            "nothing-to-split",
            split(&mut tx, "Berta", &all, None).await.unwrap_err(),
        );
        other(
            "face-not-found",
            split(&mut tx, "Anna", &all, None).await.unwrap_err(),
        );
    })
    .await;
}

#[tokio::test]
async fn clustering_again_corrects_what_came_in_a_bad_order() {
    each_database(async |catalog| {
        let mut tx = on(&catalog).await;
        // The ends come first, and what is between them later.
        filmed(&mut tx, "A", &[face(0, 0.0), face(1, 0.55)]).await;
        filmed(
            &mut tx,
            "B",
            &[face(0, 0.28), face(1, 0.27), face(2, 0.29), face(3, 0.26)],
        )
        .await;
        assert_eq!(everybody(&mut tx).await.len(), 2);
        tx.commit().await.unwrap();
        let done = cluster_all(&catalog).await.unwrap();
        assert_eq!((done.people, done.moved), (1, 1));
        let mut tx = catalog.begin().await.unwrap();
        assert_eq!(everybody(&mut tx).await, known(&[("Person 2", 6)]));
    })
    .await;
}

#[tokio::test]
async fn a_person_who_was_deleted_does_not_come_back_when_the_file_is_looked_at_again() {
    each_database(async |catalog| {
        let mut tx = on(&catalog).await;
        let elsewhere = NewFace {
            place: [0.7, 0.2, 0.1, 0.25],
            path: vec![(10, [0.7, 0.2, 0.1, 0.25])],
            ..face(0, 5.0)
        };
        let faces = [face(0, 0.0), face(1, 0.0), elsewhere];
        let asset = filmed(&mut tx, "A", &faces).await;
        delete(&mut tx, "Person 1").await.unwrap();
        assert_eq!(everybody(&mut tx).await, known(&[("Person 2", 1)]));
        let run = looked_at(&mut tx, &asset, "2").await;
        store(&mut tx, (&asset, &run), &faces).await.unwrap();
        assert_eq!(everybody(&mut tx).await, known(&[("Person 2", 1)]));
        // Another file of the asset is looked at as a whole.
        database::query("UPDATE assets SET blake3 = 'other' WHERE id = $1")
            .bind(&asset)
            .execute(&mut tx)
            .await
            .unwrap();
        assert_eq!(untouched(&mut tx, &asset).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_run_in_place_of_another_keeps_people_and_their_names() {
    each_database(async |catalog| {
        let mut tx = on(&catalog).await;
        let faces = [face(0, 0.0), face(1, 5.0)];
        let asset = filmed(&mut tx, "A", &faces).await;
        name(&mut tx, "Person 1", Some("Anna")).await.unwrap();
        let run = looked_at(&mut tx, &asset, "2").await;
        store(&mut tx, (&asset, &run), &faces).await.unwrap();
        database::query("DELETE FROM runs WHERE feature = 'people' AND key = '1'")
            .execute(&mut tx)
            .await
            .unwrap();
        assert_eq!(
            everybody(&mut tx).await,
            known(&[("Anna", 1), ("Person 2", 1)])
        );
        // With the asset goes who has no name.
        database::query("DELETE FROM runs WHERE feature = 'people'")
            .execute(&mut tx)
            .await
            .unwrap();
        assert_eq!(everybody(&mut tx).await, known(&[("Anna", 0)]));
    })
    .await;
}

/// Whether the bytes are in a file of the folder.
fn holds(folder: &std::path::Path, wanted: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, wanted);
        }
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(wanted.len()).any(|window| window == wanted)
    })
}

/// A face whose bytes are like no others.
fn marked(shot: u64, at: f32) -> (NewFace, Vec<u8>, Vec<u8>) {
    let mut face = face(shot, at);
    for (n, number) in face.descriptor.0.iter_mut().enumerate().skip(1) {
        *number = at / 1000.0 + f32::from(u8::try_from(n).unwrap()) / 7919.0;
    }
    face.crop = (0..9000_u32)
        .flat_map(|n| ((n * 31) ^ u32::try_from(shot).unwrap()).to_le_bytes())
        .collect();
    let bytes: Vec<u8> = face.descriptor.0[40..60]
        .iter()
        .flat_map(|x| x.to_le_bytes())
        .collect();
    let crop = face.crop[20_000..20_064].to_vec();
    (face, bytes, crop)
}

/// The same numbers as a sum has them.
fn doubled(bytes: &[u8]) -> Vec<u8> {
    let (numbers, _) = bytes.as_chunks::<4>();
    let numbers = numbers
        .iter()
        .map(|four| f64::from(f32::from_le_bytes(*four)));
    numbers.flat_map(f64::to_le_bytes).collect()
}

#[tokio::test]
async fn no_file_holds_a_byte_of_a_face_once_the_sense_is_off_or_the_person_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = empty(&folder).await;
    let mut tx = on(&catalog).await;
    let (one, one_bytes, one_crop) = marked(0, 0.0);
    let (other, other_bytes, other_crop) = marked(1, 5.0);
    filmed(&mut tx, "A", &[one, other]).await;
    name(&mut tx, "Person 1", Some("Anastasia Unverwechselbar"))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    // The sum of one face is the face.
    let [one_sum, other_sum] = [&one_bytes, &other_bytes].map(|bytes| doubled(bytes));
    for bytes in [
        &one_bytes,
        &one_crop,
        &one_sum,
        &other_bytes,
        &other_crop,
        &other_sum,
    ] {
        assert!(
            holds(folder.path(), bytes),
            "the test looks for the wrong bytes"
        );
    }
    let mut tx = catalog.begin().await.unwrap();
    delete(&mut tx, "Anastasia Unverwechselbar").await.unwrap();
    tx.commit().await.unwrap();
    catalog.scrub().await.unwrap();
    for bytes in [&one_bytes[..], &one_crop, &one_sum, b"Unverwechselbar"] {
        assert!(!holds(folder.path(), bytes));
    }
    for bytes in [&other_bytes, &other_crop, &other_sum] {
        assert!(holds(folder.path(), bytes));
    }
    let mut tx = catalog.begin().await.unwrap();
    assert_eq!(turn_off(&mut tx, None).await.unwrap(), 1);
    tx.commit().await.unwrap();
    // A kill before the scrub: the next start of what writes does it, and what only reads does not rewrite the file.
    catalog.close().await;
    let catalog = Catalog::open(&folder.path().join("catalog.db"))
        .await
        .unwrap();
    assert!(holds(folder.path(), &other_crop));
    catalog.finish_scrub().await.unwrap();
    for bytes in [&other_bytes, &other_crop, &other_sum] {
        assert!(!holds(folder.path(), bytes));
    }
    let mut db = catalog.read().await.unwrap();
    assert_eq!(
        consent(&mut db).await.unwrap().unwrap().because,
        "the cast agreed"
    );
    assert_eq!(require(&mut db).await.unwrap_err().code(), "people-off");
    let left: i64 = database::query_scalar(
        "SELECT (SELECT COUNT(*) FROM faces) + (SELECT COUNT(*) FROM people)",
    )
    .fetch_one(&mut db)
    .await
    .unwrap();
    assert_eq!(left, 0);
}
