//! Tests of the settings.

use std::path::Path;

use secrecy::ExposeSecret as _;

use super::*;

fn load(file: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rushes.toml");
    std::fs::write(&path, file).unwrap();
    let flags = Flags {
        file: Some(path),
        ..Flags::default()
    };
    let environment = environment
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    Config::from_sources(&flags, environment)
}

#[test]
fn a_variable_overrides_the_file_and_a_flag_overrides_both() {
    let file = "data = '/a'\n[work]\nmedia = 3\nproxy_height = 360\n";
    let config = load(file, &[("RUSHES_WORK__MEDIA", "5"), ("RUSHES_DATA", "/b")]).unwrap();
    assert_eq!(config.work.media, 5);
    assert_eq!(config.work.proxy_height, 360);
    assert_eq!(config.data, Path::new("/b"));
    let flags = Flags {
        data: Some("/c".into()),
        ..Flags::default()
    };
    let environment = vec![("RUSHES_DATA".to_owned(), "/b".to_owned())];
    let config = Config::from_sources(&flags, environment).unwrap();
    assert_eq!(config.data, Path::new("/c"));
}

#[test]
fn every_problem_is_reported_at_once() {
    let file = "[work]\nmedai = 3\nproxy_height = 9\nframes_per_shot = 65\n[server]\nlisten = '0.0.0.0:80'\n[storage]\nurl = 5\n";
    let error = load(file, &[]).unwrap_err().to_string();
    for part in [
        "work.medai",
        "work.proxy_height",
        "work.frames_per_shot",
        "server.listen",
        "storage.url",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
}

#[test]
fn a_variable_with_one_underscore_too_few_is_told() {
    let error = load("", &[("RUSHES_STORAGE_URL", "s3://a")])
        .unwrap_err()
        .to_string();
    assert!(error.contains("RUSHES_STORAGE__URL"), "{error}");
}

#[test]
fn secrets_are_not_printed() {
    let secrets = [("AWS_SECRET_ACCESS_KEY", "hush"), ("RUSHES_KEY", "rk_hush")];
    let config = load("", &secrets).unwrap();
    assert_eq!(config.aws.settings().len(), 1);
    assert!(config.key.is_some());
    let error = load("", &[("RUSHES_KEY", "hush hush")]).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hush"), "{error}");
    assert!(!format!("{config:?}").contains("hush"));
}

#[test]
fn the_address_of_the_database_is_not_printed() {
    let address = "postgres://rushes:hush@db.example/rushes";
    let config = load("", &[("RUSHES_CATALOG__URL", address)]).unwrap();
    assert_eq!(config.catalog.url().unwrap().expose_secret(), address);
    assert!(!format!("{config:?}").contains("hush"));
    let none = load("[catalog]\nurl = ''\n", &[]).unwrap();
    assert!(none.catalog.url().is_none());
    // Even where the settings cannot be read.
    for file in [
        format!("[catalog]\nurl = {address}\n"),
        format!("[catalog]\nurl = ['{address}']\n"),
        format!("[catalog]\nurls = '{address}'\n"),
    ] {
        let error = load(&file, &[]).unwrap_err();
        let told = format!("{error:?} {}", rushes_models::with_causes(&error));
        assert!(!told.contains("hush"), "{told}");
        assert!(
            told.contains("catalog") || told.contains("rushes.toml"),
            "{told}"
        );
    }
}

#[test]
fn synonyms_are_a_table_of_words() {
    let config = load(
        "[search.synonyms]\ncar = ['automobile', 'motor car']\n",
        &[],
    )
    .unwrap();
    assert_eq!(config.search.synonyms["car"], ["automobile", "motor car"]);
    let variable = [("RUSHES_SEARCH__SYNONYMS__VAN", "['lorry']")];
    let config = load("", &variable).unwrap();
    assert_eq!(config.search.synonyms["van"], ["lorry"]);
    let file = "[search.synonyms]\n'ice cream' = ['gelato']\ncar = []\nvan = ['?']\nbus = 'coach'\n[search]\nsynonym = 1\n";
    let error = load(file, &[]).unwrap_err().to_string();
    for part in [
        "synonyms.ice cream",
        "synonyms.car",
        "synonyms.van",
        "synonyms.bus",
        "search.synonym",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
}
