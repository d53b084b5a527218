use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;
use crate::catalog::database;
use crate::catalog::people::tests::{everybody, face, filmed, known, name, on};
use crate::catalog::people::{find, turn_off};
use crate::catalog::testing::{add, empty};
use crate::catalog::titles;

/// A clustering that stands still until it is released, once for each time it is tried.
struct Halted {
    begun: Receiver<()>,
    release_sender: Sender<()>,
    tries: Arc<AtomicU32>,
    ends: tokio::task::JoinHandle<Result<Clustered, CatalogError>>,
}

impl Halted {
    fn of(catalog: &Catalog) -> Self {
        let (begins, begun) = channel();
        let (release_sender, waits) = channel::<()>();
        let waits = Arc::new(std::sync::Mutex::new(waits));
        let tries = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&tries);
        let join = move |groups| {
            counted.fetch_add(1, Ordering::SeqCst);
            begins.send(()).unwrap();
            waits.lock().unwrap().recv().unwrap();
            joined(groups)
        };
        let catalog = catalog.clone();
        let ends = tokio::spawn(async move { cluster_by(&catalog, join).await });
        Self {
            begun,
            release_sender,
            tries,
            ends,
        }
    }

    /// Waits until faces are compared.
    fn compares(self) -> Self {
        tokio::task::block_in_place(|| self.begun.recv()).unwrap();
        self
    }

    fn release(&self) {
        self.release_sender.send(()).unwrap();
    }

    /// How often it was tried, and what was done.
    async fn ends(self) -> (u32, Result<Clustered, CatalogError>) {
        let done = self.ends.await.unwrap();
        (self.tries.load(Ordering::SeqCst), done)
    }
}

/// Two people who turn out to be one when all of their faces are compared, of whom the second has most.
async fn one_as_two(catalog: &Catalog) {
    let mut tx = on(catalog).await;
    filmed(&mut tx, "A", &[face(0, 0.0), face(1, 0.55)]).await;
    let middle = [face(0, 0.28), face(1, 0.27), face(2, 0.29), face(3, 0.26)];
    filmed(&mut tx, "B", &middle).await;
    assert_eq!(everybody(&mut tx).await.len(), 2);
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn others_write_while_faces_are_compared_and_new_faces_stay_with_whom_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = empty(&folder).await;
    one_as_two(&catalog).await;
    let halted = Halted::of(&catalog).compares();
    let mut tx = catalog.begin().await.unwrap();
    let title = titles::find(&mut tx, "A", None).await.unwrap();
    titles::rename(&mut tx, &title, "Winter").await.unwrap();
    add(&mut tx, "C", 0, 1).await;
    // Somebody who is like nobody.
    filmed(&mut tx, "D", &[face(0, 9.0)]).await;
    tx.commit().await.unwrap();
    halted.release();
    let (tries, done) = halted.ends().await;
    let done = done.unwrap();
    assert_eq!((tries, done.faces, done.people, done.moved), (1, 6, 1, 1));
    let mut tx = catalog.begin().await.unwrap();
    assert!(titles::find(&mut tx, "Winter", None).await.is_ok());
    assert_eq!(
        everybody(&mut tx).await,
        known(&[("Person 2", 6), ("Person 3", 1)])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_named_while_faces_are_compared_keeps_the_name_and_the_faces() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = empty(&folder).await;
    one_as_two(&catalog).await;
    let halted = Halted::of(&catalog).compares();
    let mut tx = catalog.begin().await.unwrap();
    name(&mut tx, "Person 1", Some("Anna")).await.unwrap();
    name(&mut tx, "Person 2", Some("Berta")).await.unwrap();
    tx.commit().await.unwrap();
    halted.release();
    // What was found is of no use any more, so the faces are compared again.
    let halted = halted.compares();
    halted.release();
    let (tries, done) = halted.ends().await;
    let done = done.unwrap();
    assert_eq!((tries, done.people, done.moved), (2, 2, 0));
    let mut tx = catalog.begin().await.unwrap();
    assert_eq!(
        everybody(&mut tx).await,
        known(&[("Berta", 5), ("Anna", 1)])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sense_that_is_turned_off_meanwhile_stays_off_and_endless_changes_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = empty(&folder).await;
    one_as_two(&catalog).await;
    let halted = Halted::of(&catalog);
    let mut halted = halted.compares();
    for at in 0..MOST_TRIES {
        let mut tx = catalog.begin().await.unwrap();
        let person = find(&mut tx, "Person 2", None).await.unwrap();
        // Each time another face is known to be hers.
        database::query(
            "UPDATE faces SET is_pinned = TRUE WHERE id IN
             (SELECT id FROM faces WHERE person_id = $1 AND NOT is_pinned LIMIT 1)",
        )
        .bind(&person.id)
        .execute(&mut tx)
        .await
        .unwrap();
        database::query("UPDATE faces SET is_pinned = FALSE WHERE is_pinned AND $1 % 2 = 1")
            .bind(at)
            .execute(&mut tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        halted.release();
        if at + 1 < MOST_TRIES {
            halted = halted.compares();
        }
    }
    let (tries, done) = halted.ends().await;
    assert_eq!(tries, MOST_TRIES);
    assert_eq!(done.unwrap_err().code(), "changed-meanwhile");

    let halted = Halted::of(&catalog).compares();
    let mut tx = catalog.begin().await.unwrap();
    turn_off(&mut tx, None).await.unwrap();
    tx.commit().await.unwrap();
    halted.release();
    let (_, done) = halted.ends().await;
    assert_eq!(done.unwrap_err().code(), "people-off");
    let mut db = catalog.read().await.unwrap();
    let left: i64 = database::query_scalar("SELECT COUNT(*) FROM people")
        .fetch_one(&mut db)
        .await
        .unwrap();
    assert_eq!(left, 0);
}
