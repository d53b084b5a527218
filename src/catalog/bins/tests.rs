use super::*;
use crate::catalog::database;
use crate::catalog::testing::each_database;

#[tokio::test]
async fn one_owner_has_a_bounded_number_of_bins() {
    each_database(async |catalog| {

    let mut tx = catalog.begin().await.unwrap();
    let bins = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < $1)
                INSERT INTO bins (id, name, created_at, updated_at) SELECT 'id ' || n, 'bin ' || n, 0, 0 FROM n";
    database::query(bins)
        .bind(MOST_BINS - 1)
        .execute(&mut tx)
        .await
        .unwrap();
    create(&mut tx, "the last", None).await.unwrap();
    let refused = create(&mut tx, "one more", None).await.unwrap_err();
    assert_eq!(refused.code(), "too-many-bins");
    let last = find(&mut tx, "the last", None).await.unwrap();
    delete(&mut tx, &last.id).await.unwrap();
    create(&mut tx, "one more", None).await.unwrap();
    }).await;
}
