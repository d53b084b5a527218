//! Membership over real servers of PostgreSQL.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{HeldRole, Membership, MembershipOptions};
use crate::catalog::testing::empty;
use crate::catalog::testing::postgres::{PostgresServer, installed, servers};
use crate::catalog::{Catalog, CatalogError, Role, members};

/// Longer than a test waits for anything.
const LONG: Duration = Duration::from_secs(600);

fn options(name: &str, lease: Duration) -> MembershipOptions {
    MembershipOptions {
        name: name.to_owned(),
        models: "{}".to_owned(),
        lease,
    }
}

async fn join(catalog: &Catalog, name: &str, lease: Duration) -> Membership {
    Membership::join(catalog, options(name, lease))
        .await
        .unwrap()
}

#[tokio::test]
async fn with_a_file_every_role_is_held_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = empty(&folder).await;
    let membership = join(&catalog, "local-a", LONG).await;
    assert!(membership.is_alone());
    let role = membership.role(Role::Upkeep).await.unwrap();
    let term = role.held().unwrap();
    assert_eq!(role.taken().await, term);
    catalog.under(term).begin().await.unwrap();
    let mut db = catalog.read().await.unwrap();
    assert_eq!(members::all(&mut db).await.unwrap(), []);
    membership.leave().await;
}

#[tokio::test]
async fn a_role_moves_when_its_holder_leaves() {
    for server in servers() {
        let catalog = Catalog::connect(&server.database().into()).await.unwrap();
        let one = join(&catalog, "local-1", LONG).await;
        // It looks often, because its lease is short.
        let two = join(&catalog, "local-2", Duration::from_secs(5)).await;
        assert!(one.is_alone() && !two.is_alone());
        let (of_one, of_two) = (
            one.role(Role::Watches).await.unwrap(),
            two.role(Role::Watches).await.unwrap(),
        );
        let first = of_one.held().unwrap();
        assert_eq!(of_two.held(), None);
        one.leave().await;
        let second = of_two.taken().await;
        assert_ne!(first, second);
        let refused = catalog.under(first).begin().await.unwrap_err();
        assert!(matches!(refused, CatalogError::RoleLost("watches")));
        two.leave().await;
    }
}

/// As if its process had been killed: nothing is renewed any more, and nothing is said.
#[tokio::test]
async fn a_role_moves_when_its_holder_falls_silent() {
    for server in servers() {
        let catalog = Catalog::connect(&server.database().into()).await.unwrap();
        let lease = Duration::from_secs(2);
        let one = join(&catalog, "local-1", lease).await;
        let of_one = one.role(Role::Upkeep).await.unwrap();
        let first = of_one.held().unwrap();
        drop(one);
        let two = join(&catalog, "local-2", lease).await;
        let of_two = two.role(Role::Upkeep).await.unwrap();
        let second = of_two.taken().await;
        assert_ne!(first, second);
        // The first one knows by its own clock, without a word from the database.
        of_one.lost(first).await;
        assert_eq!(of_one.held(), None);
        let refused = catalog.under(first).begin().await.unwrap_err();
        assert!(matches!(refused, CatalogError::RoleLost(_)));
        two.leave().await;
    }
}

#[tokio::test]
async fn a_member_that_was_taken_for_dead_joins_again() {
    for server in servers() {
        let catalog = Catalog::connect(&server.database().into()).await.unwrap();
        let one = join(&catalog, "local-1", Duration::from_secs(5)).await;
        let role = one.role(Role::Upkeep).await.unwrap();
        let first = role.held().unwrap();
        let mut tx = catalog.begin().await.unwrap();
        members::forget(&mut tx, "local-1").await.unwrap();
        tx.commit().await.unwrap();
        role.lost(first).await;
        let second = role.taken().await;
        assert_ne!(first, second);
        catalog.under(second).begin().await.unwrap();
        one.leave().await;
    }
}

/// Counts how often work begins and ends.
async fn count(
    role: &HeldRole,
    stop: &CancellationToken,
    say: &tokio::sync::mpsc::Sender<&'static str>,
) {
    role.while_held(stop, async |_term| {
        struct End<'a>(&'a tokio::sync::mpsc::Sender<&'static str>);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.try_send("end").ok();
            }
        }
        say.send("begin").await.ok();
        let _end = End(say);
        std::future::pending::<()>().await;
    })
    .await;
}

/// Also if the server does not say so: its machine may be gone.
#[tokio::test]
async fn who_loses_the_database_stops_its_work() {
    if servers().is_empty() {
        return;
    }
    for installation in installed() {
        let server = PostgresServer::start(&installation, &[]);
        let address = server.database();
        let catalog = Catalog::connect(&address.clone().into()).await.unwrap();
        let membership = join(&catalog, "local-1", Duration::from_secs(2)).await;
        let role = membership.role(Role::Webhooks).await.unwrap();
        let stop = CancellationToken::new();
        let (say, mut said) = tokio::sync::mpsc::channel(8);
        let (of_task, until) = (role.clone(), stop.clone());
        let works = tokio::spawn(async move { count(&of_task, &until, &say).await });
        assert_eq!(said.recv().await, Some("begin"));
        // A connection that breaks costs nothing.
        server.execute(
            &address,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()",
        );
        let term = role.taken().await;
        drop(server);
        role.lost(term).await;
        assert_eq!(role.held(), None);
        assert_eq!(said.recv().await, Some("end"));
        stop.cancel();
        works.await.unwrap();
        catalog.close().await;
    }
}
