use secrecy::ExposeSecret as _;

use super::*;
use crate::catalog::Catalog;
use crate::catalog::testing::each_database;

async fn catalog(folder: &std::path::Path) -> Catalog {
    Catalog::open(&folder.join("catalog.db")).await.unwrap()
}

#[tokio::test]
async fn a_secret_opens_its_key_until_it_is_revoked() {
    each_database(async |catalog| {
        let mut tx = catalog.begin().await.unwrap();
        let (key, secret) = create(&mut tx, "gpu-1", &Grant::of(KeyScope::Work))
            .await
            .unwrap();
        let secret = secret.expose_secret();
        assert!(secret.starts_with("rk_") && secret.len() == 3 + 2 * BYTES);
        let found = find(&mut tx, secret).await.unwrap().unwrap();
        assert_eq!(found, key);
        assert!(is_use_to_be_noted(&found));
        note_use(&mut tx, &key.id).await.unwrap();
        let found = find(&mut tx, secret).await.unwrap().unwrap();
        assert!(!is_use_to_be_noted(&found));
        let nearly = &secret[..secret.len() - 1];
        assert_eq!(find(&mut tx, nearly).await.unwrap(), None);
        assert_eq!(find(&mut tx, "").await.unwrap(), None);
        revoke(&mut tx, "gpu-1").await.unwrap();
        assert_eq!(find(&mut tx, secret).await.unwrap(), None);
        assert!(revoke(&mut tx, "gpu-1").await.is_err());
        // The name is free again, for another secret.
        let (_, other) = create(&mut tx, "gpu-1", &Grant::of(KeyScope::Work))
            .await
            .unwrap();
        assert_ne!(other.expose_secret(), secret);
        assert_eq!(list(&mut tx).await.unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn names_are_plain_and_used_once() {
    each_database(async |catalog| {
        let mut tx = catalog.begin().await.unwrap();
        for bad in ["", "a/b", "a b", "é", &"x".repeat(65)] {
            let error = create(&mut tx, bad, &Grant::of(KeyScope::Work))
                .await
                .unwrap_err();
            assert!(matches!(error, CatalogError::BadName(_)), "{error}");
        }
        create(&mut tx, "a", &Grant::of(KeyScope::Work))
            .await
            .unwrap();
        let error = create(&mut tx, "a", &Grant::of(KeyScope::Work))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("rushes key revoke a"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn the_secret_is_neither_kept_nor_printed() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = catalog(folder.path()).await;
    let mut tx = catalog.begin().await.unwrap();
    let made = create(&mut tx, "a", &Grant::of(KeyScope::Work))
        .await
        .unwrap();
    assert!(!format!("{made:?}").contains("rk_"));
    tx.commit().await.unwrap();
    catalog.close().await;
    let file = std::fs::read(folder.path().join("catalog.db")).unwrap();
    let secret = made.1.expose_secret().as_bytes();
    assert!(!file.windows(secret.len()).any(|window| window == secret));
}

#[tokio::test]
async fn a_grant_ends_when_it_says_and_where_it_says() {
    each_database(async |catalog| {
        let mut tx = catalog.begin().await.unwrap();
        let expired = Grant {
            expires_at: Some(now_ms() - 1),
            ..Grant::of(KeyScope::Read)
        };
        let (_, secret) = create(&mut tx, "old", &expired).await.unwrap();
        assert_eq!(find(&mut tx, secret.expose_secret()).await.unwrap(), None);
        assert!(!any_for_people(&mut tx).await.unwrap());

        let some = Grant {
            titles: Some(Vec::new()),
            ..Grant::of(KeyScope::Read)
        };
        let (key, secret) = create(&mut tx, "some", &some).await.unwrap();
        assert_eq!(titles(&mut tx, &key).await.unwrap(), Some(Vec::new()));
        assert!(any_for_people(&mut tx).await.unwrap());
        for scope in [KeyScope::Redact, KeyScope::Work, KeyScope::Admin] {
            let wide = Grant {
                titles: Some(Vec::new()),
                ..Grant::of(scope)
            };
            assert!(matches!(
                create(&mut tx, "wide", &wide).await,
                Err(CatalogError::WideGrant)
            ));
        }

        let (rotated, newer) = rotate(&mut tx, "some").await.unwrap();
        assert_eq!(find(&mut tx, secret.expose_secret()).await.unwrap(), None);
        let found = find(&mut tx, newer.expose_secret()).await.unwrap();
        assert_eq!((&found, &rotated.id), (&Some(rotated.clone()), &key.id));
        assert!(is_valid(&mut tx, &rotated).await.unwrap());
        assert!(!is_valid(&mut tx, &key).await.unwrap());
    })
    .await;
}

#[test]
fn scopes_include_what_they_say() {
    let scopes = KeyScopes::from("write,unheard-of,redact".to_owned());
    assert!(scopes.include(KeyScope::Read) && scopes.include(KeyScope::Redact));
    assert!(!scopes.include(KeyScope::Work) && !scopes.include(KeyScope::Admin));
    assert!(!KeyScopes::from("unheard-of".to_owned()).include(KeyScope::Read));
    assert!(KeyScopes::from("admin".to_owned()).include(KeyScope::Work));
}
