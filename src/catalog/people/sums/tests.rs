use super::*;
use crate::catalog::database;
use crate::catalog::people::tests::{
    delete, everybody, face, filmed, known, looked_at, merge, on, split,
};
use crate::catalog::people::{cluster_all, faces_of, find, store};
use crate::catalog::testing::each_database;

/// Fails if a sum that is kept is not that of the person's faces. Returns how many are kept.
async fn assert_right(db: &mut Connection) -> usize {
    let kept: Vec<SumRow> =
        database::query_as("SELECT person_id, faces, sum, squares FROM face_sums")
            .fetch_all(&mut *db)
            .await
            .unwrap();
    for row in &kept {
        let all: Vec<Vec<u8>> = database::query_scalar(
            "SELECT descriptor FROM faces WHERE person_id = $1 ORDER BY rowid",
        )
        .bind(&row.person_id)
        .fetch_all(&mut *db)
        .await
        .unwrap();
        let mut group = Group::new(None);
        for (at, bytes) in all.iter().enumerate() {
            group.add(at, &faces::descriptor(bytes).unwrap());
        }
        let (count, sum, squares) = group.sums();
        let (numbers, _) = row.sum.as_chunks::<8>();
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
        let mut pairs = numbers.iter().zip(sum);
        assert_eq!((row.faces, numbers.len()), (count, DESCRIPTOR));
        assert!(close(row.squares, squares), "{} {squares}", row.squares);
        assert!(pairs.all(|(kept, &sum)| close(f64::from_le_bytes(*kept), sum)));
    }
    kept.len()
}

#[tokio::test]
async fn the_sums_follow_whatever_is_done_to_faces() {
    each_database(async |catalog| {
        let mut tx = on(&catalog).await;
        let faces = [face(0, 0.0), face(1, 0.1), face(2, 5.0), face(3, 9.0)];
        let asset = filmed(&mut tx, "A", &faces).await;
        assert_eq!(assert_right(&mut tx).await, 3);
        filmed(&mut tx, "B", &[face(0, 0.05), face(1, 5.1)]).await;
        assert_eq!(assert_right(&mut tx).await, 3);
        let first = find(&mut tx, "Person 1", None).await.unwrap();
        let own = faces_of(&mut tx, &first.id, None, 9).await.unwrap();
        // What is moved takes the sums of both with it, and the next new face brings them back.
        split(&mut tx, "Person 1", &[own[0].id.clone()], Some("Berta"))
            .await
            .unwrap();
        assert_eq!(assert_right(&mut tx).await, 2);
        merge(&mut tx, "Person 2", &["Person 3".to_owned()])
            .await
            .unwrap();
        assert_eq!(assert_right(&mut tx).await, 0);
        filmed(&mut tx, "C", &[face(0, 20.0)]).await;
        assert_eq!(assert_right(&mut tx).await, 4);
        let run = looked_at(&mut tx, &asset, "2").await;
        store(&mut tx, (&asset, &run), &faces).await.unwrap();
        assert_right(&mut tx).await;
        database::query(
            "DELETE FROM runs WHERE feature = 'people' AND key = '1' AND asset_id = $1",
        )
        .bind(&asset)
        .execute(&mut tx)
        .await
        .unwrap();
        assert_right(&mut tx).await;
        delete(&mut tx, "Berta").await.unwrap();
        assert_right(&mut tx).await;
        tx.commit().await.unwrap();
        cluster_all(&catalog).await.unwrap();
        let mut tx = catalog.begin().await.unwrap();
        filmed(&mut tx, "D", &[face(0, 30.0)]).await;
        let people = everybody(&mut tx).await.len();
        assert_eq!(assert_right(&mut tx).await, people);
    })
    .await;
}

#[tokio::test]
async fn a_new_face_is_compared_with_people_and_no_other_face_is_read() {
    each_database(async |catalog| {
        let mut tx = on(&catalog).await;
        filmed(&mut tx, "A", &[face(0, 0.0), face(1, 5.0)]).await;
        // Reading one of these would fail.
        database::query("UPDATE faces SET descriptor = $1")
            .bind(vec![0_u8])
            .execute(&mut tx)
            .await
            .unwrap();
        filmed(&mut tx, "B", &[face(0, 0.1), face(1, 9.0)]).await;
        assert_eq!(
            everybody(&mut tx).await,
            known(&[("Person 1", 2), ("Person 2", 1), ("Person 3", 1)])
        );
        // Without its sum it is.
        database::query("DELETE FROM face_sums")
            .execute(&mut tx)
            .await
            .unwrap();
        let asset = crate::catalog::testing::add(&mut tx, "C", 0, 1).await;
        let run = looked_at(&mut tx, &asset, "1").await;
        let error = store(&mut tx, (&asset, &run), &[face(0, 0.1)])
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            faces::descriptor(&[0]).unwrap_err().to_string()
        );
    })
    .await;
}
