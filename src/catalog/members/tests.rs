//! Members, roles and their terms, in each database.

use super::*;
use crate::catalog::garbage;
use crate::catalog::redactions::{self, Stage};
use crate::catalog::testing::each_database;
use crate::catalog::{Catalog, CatalogError};

/// Longer than any test.
const LONG_MS: i64 = 600_000;
/// A member with this lease is dead at once.
const NONE_MS: i64 = -1;

async fn joined(catalog: &Catalog, name: &str, lease_ms: i64) -> bool {
    let mut tx = catalog.begin().await.unwrap();
    let company = join(&mut tx, (name, "{}"), lease_ms).await.unwrap();
    tx.commit().await.unwrap();
    company != Company::Living
}

async fn taken(catalog: &Catalog, role: Role, name: &str) -> Option<RoleTerm> {
    let mut tx = catalog.begin().await.unwrap();
    let term = take(&mut tx, role, name).await.unwrap();
    tx.commit().await.unwrap();
    term
}

async fn forgotten(catalog: &Catalog, name: &str) {
    let mut tx = catalog.begin().await.unwrap();
    forget(&mut tx, name).await.unwrap();
    tx.commit().await.unwrap();
}

/// Whether something can be written under a term.
async fn writes(catalog: &Catalog, term: RoleTerm) -> bool {
    let under = catalog.under(term);
    let alone = under.begin().await.map(drop);
    let beside = under.begin_beside().await.map(drop);
    match (alone, beside) {
        (Ok(()), Ok(())) => true,
        (Err(CatalogError::RoleLost(role)), Err(CatalogError::RoleLost(_))) => {
            assert_eq!(role, term.role().as_str());
            false
        }
        (alone, beside) => panic!("{alone:?} {beside:?}"),
    }
}

#[tokio::test]
async fn one_living_member_holds_a_role_and_the_next_one_begins_a_new_term() {
    each_database(async |catalog| {
        assert!(joined(&catalog, "local-a", LONG_MS).await);
        assert!(!joined(&catalog, "local-b", LONG_MS).await);
        let first = taken(&catalog, Role::Upkeep, "local-a").await.unwrap();
        assert_eq!(taken(&catalog, Role::Upkeep, "local-b").await, None);
        // Another role is another matter.
        let other = taken(&catalog, Role::Webhooks, "local-b").await.unwrap();
        assert!(writes(&catalog, first).await && writes(&catalog, other).await);
        // The first one falls silent.
        joined(&catalog, "local-a", NONE_MS).await;
        // Nobody has taken over, so nobody is disturbed.
        assert!(writes(&catalog, first).await);
        let second = taken(&catalog, Role::Upkeep, "local-b").await.unwrap();
        assert_ne!(first, second);
        assert!(!writes(&catalog, first).await);
        assert!(writes(&catalog, second).await && writes(&catalog, other).await);
        // It comes back, and finds the role taken.
        joined(&catalog, "local-a", LONG_MS).await;
        assert_eq!(taken(&catalog, Role::Upkeep, "local-a").await, None);
        assert!(!writes(&catalog, first).await);
    })
    .await;
}

#[tokio::test]
async fn only_one_that_lived_for_a_whole_lease_takes_others_for_dead() {
    each_database(async |catalog| {
        let judges = async |name| {
            let mut db = catalog.read().await.unwrap();
            may_judge(&mut db, name).await.unwrap()
        };
        let set = async |column: &str| {
            let mut tx = catalog.begin().await.unwrap();
            let sql = format!("UPDATE members SET {column} = 1");
            let set = database::query(sqlx::AssertSqlSafe(sql));
            set.execute(&mut tx).await.unwrap();
            tx.commit().await.unwrap();
        };
        assert!(!judges("local-a").await);
        joined(&catalog, "local-a", LONG_MS).await;
        joined(&catalog, "local-b", LONG_MS).await;
        assert!(!judges("local-a").await);
        // A lease later.
        set("judges").await;
        assert!(judges("local-a").await);
        // The database was away, so nobody could say that it lives.
        set("until").await;
        assert!(!judges("local-a").await);
        let mut tx = catalog.begin().await.unwrap();
        let company = join(&mut tx, ("local-c", "{}"), LONG_MS).await.unwrap();
        assert_eq!(company, Company::Silent);
        renew(&mut tx, "local-a", LONG_MS, None).await.unwrap();
        tx.commit().await.unwrap();
        assert!(!judges("local-a").await);
    })
    .await;
}

#[tokio::test]
async fn who_is_no_living_member_takes_no_role() {
    each_database(async |catalog| {
        assert_eq!(taken(&catalog, Role::Watches, "local-a").await, None);
        joined(&catalog, "local-a", NONE_MS).await;
        assert_eq!(taken(&catalog, Role::Watches, "local-a").await, None);
    })
    .await;
}

#[tokio::test]
async fn a_member_that_was_buried_hears_of_it_and_holds_nothing() {
    each_database(async |catalog| {
        joined(&catalog, "local-a", LONG_MS).await;
        let term = taken(&catalog, Role::Upkeep, "local-a").await.unwrap();
        let mut db = catalog.connection_of_its_own().await.unwrap();
        let renewed = renew(&mut db, "local-a", LONG_MS, Some(7)).await.unwrap();
        assert_eq!(renewed, Some(vec![term]));
        assert_eq!(least_followed(&mut db).await.unwrap(), Some(7));
        drop(db);
        joined(&catalog, "local-b", LONG_MS).await;
        let mut db = catalog.read().await.unwrap();
        // One without an index holds nobody up.
        assert_eq!(least_followed(&mut db).await.unwrap(), Some(7));
        renew(&mut db, "local-b", LONG_MS, Some(3)).await.unwrap();
        assert_eq!(least_followed(&mut db).await.unwrap(), Some(3));
        renew(&mut db, "local-b", NONE_MS, Some(3)).await.unwrap();
        // Nor does a dead one.
        assert_eq!(least_followed(&mut db).await.unwrap(), Some(7));
        let names = |members: Vec<StoredMember>| {
            let named = members.into_iter();
            named
                .map(|member| (member.name, member.is_alive))
                .collect::<Vec<_>>()
        };
        let expected = [("local-a".to_owned(), true), ("local-b".to_owned(), false)];
        assert_eq!(names(all(&mut db).await.unwrap()), expected);
        drop(db);

        forgotten(&catalog, "local-a").await;
        assert!(!writes(&catalog, term).await);
        let mut db = catalog.read().await.unwrap();
        assert_eq!(
            renew(&mut db, "local-a", LONG_MS, None).await.unwrap(),
            None
        );
        drop(db);
        joined(&catalog, "local-a", LONG_MS).await;
        let mut db = catalog.read().await.unwrap();
        let renewed = renew(&mut db, "local-a", LONG_MS, None).await.unwrap();
        assert_eq!(renewed, Some(Vec::new()));
        drop(db);
        let again = taken(&catalog, Role::Upkeep, "local-a").await.unwrap();
        assert!(writes(&catalog, again).await && !writes(&catalog, term).await);
    })
    .await;
}

/// Prefixes of uploads, keys of unfinished requests, and redactions being received.
async fn under_way(catalog: &Catalog) -> (Vec<String>, Vec<String>, i64) {
    let mut db = catalog.read().await.unwrap();
    let uploads = database::query_scalar("SELECT prefix FROM uploads ORDER BY prefix")
        .fetch_all(&mut db)
        .await
        .unwrap();
    let requests = database::query_scalar("SELECT key FROM idempotency ORDER BY key")
        .fetch_all(&mut db)
        .await
        .unwrap();
    let received =
        database::query_scalar("SELECT COUNT(*) FROM redactions WHERE stage = 'receiving'")
            .fetch_one(&mut db)
            .await
            .unwrap();
    (uploads, requests, received)
}

#[tokio::test]
async fn what_a_dead_member_had_under_way_is_given_up_and_no_more() {
    each_database(async |catalog| {
        joined(&catalog, "local-a", LONG_MS).await;
        joined(&catalog, "local-b", LONG_MS).await;
        let mut tx = catalog.begin().await.unwrap();
        for member in ["local-a", "local-b", "local-gone"] {
            uploads::begin(&mut tx, &format!("uploads/{member}"), Some(member))
                .await
                .unwrap();
            idempotency::begin(&mut tx, ("", member), "f", member)
                .await
                .unwrap();
            redactions::create(&mut tx, Stage::Receiving, "{}", "[]", None, member)
                .await
                .unwrap();
        }
        uploads::begin(&mut tx, "uploads/nobody", None)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        forgotten(&catalog, "local-a").await;
        let (uploads, requests, received) = under_way(&catalog).await;
        assert_eq!(
            uploads,
            ["uploads/local-b", "uploads/local-gone", "uploads/nobody"]
        );
        assert_eq!((requests.len(), received), (2, 2));
        let mut db = catalog.read().await.unwrap();
        assert_eq!(
            garbage::prefixes(&mut db).await.unwrap(),
            ["uploads/local-a"]
        );
        drop(db);
        let mut tx = catalog.begin().await.unwrap();
        clear_away(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        let left = under_way(&catalog).await;
        let of_b = (
            vec!["uploads/local-b".to_owned()],
            vec!["local-b".to_owned()],
            1,
        );
        assert_eq!(left, of_b);
    })
    .await;
}
