//! What is read and rewritten without being written first, in both databases.

use crate::catalog::jobs::{self, JobFilter};
use crate::catalog::metadata::{Metadata, MetadataChange};
use crate::catalog::testing::{add, each_database};
use crate::catalog::{CatalogError, database, webhooks};

use super::Dialect;

#[tokio::test]
async fn lists_with_queries_inside_are_understood() {
    each_database(async |catalog| {
        let mut db = catalog.read().await.unwrap();
        let jobs = jobs::list(&mut db, &JobFilter::default(), 10).await;
        assert!(jobs.unwrap().is_empty());
        assert!(webhooks::due(&mut db, 10).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_others_still_see_is_not_scrubbed() {
    each_database(async |catalog| {
        if catalog.read().await.unwrap().dialect() == Dialect::Sqlite {
            return;
        }
        catalog.scrub().await.unwrap();
        // A reader has a state from before the next writer.
        let mut reader = catalog.snapshot().await.unwrap();
        let read = database::query_scalar::<i64>("SELECT COUNT(*) FROM titles");
        assert_eq!(read.fetch_one(&mut reader).await.unwrap(), 0);
        let mut tx = catalog.begin().await.unwrap();
        add(&mut tx, "film", 0, 1).await;
        tx.commit().await.unwrap();
        let scrubbed = catalog.scrub().await;
        assert!(
            matches!(scrubbed, Err(CatalogError::NotScrubbed)),
            "{scrubbed:?}"
        );
        drop(reader);
        catalog.scrub().await.unwrap();
    })
    .await;
}

#[test]
fn metadata_have_no_null_characters() {
    let change: MetadataChange = serde_json::from_str(r#"{"camera": "a\u0000b"}"#).unwrap();
    let refused = Metadata::default().changed(change);
    assert!(
        matches!(refused, Err(CatalogError::BadMetadata(_))),
        "{refused:?}"
    );
}
