//! Moves the catalogue of the settings to another database.

use std::fs::{File, TryLockError};

use anyhow::Context as _;
use secrecy::SecretString;

use crate::catalog::Catalog;
use crate::catalog::transfer::{TransferReporter, TransferredTable};
use crate::config::Config;
use crate::features::is_anyone_at_work;

/// Where a catalogue is moved to.
#[derive(Debug, Clone)]
pub enum CatalogDestination {
    /// The file in the data folder.
    File,
    /// A database of PostgreSQL, by its address.
    Database(SecretString),
}

/// `sqlite`, or an address. It may hold a password, so it is not checked here, where a message would repeat it.
impl From<String> for CatalogDestination {
    fn from(text: String) -> Self {
        match text.as_str() {
            "sqlite" => Self::File,
            _ => Self::Database(text.into()),
        }
    }
}

/// A catalogue that was moved.
#[derive(Debug, Clone)]
pub struct MovedCatalog {
    /// The file, or server and database, that it was copied from and that is as it was.
    pub from: String,
    /// The file, or server and database, that it was copied to.
    pub to: String,
    /// Its tables, by name.
    pub tables: Vec<TransferredTable>,
}

/// Copies the catalogue of the settings to another database, and compares the two. If it fails, or is dropped, nothing is
/// left in the other one.
///
/// # Errors
/// If another process works on one of the two, the other one is not empty, or one of them fails.
pub async fn move_catalog(
    config: &Config,
    to: &CatalogDestination,
    report: TransferReporter<'_>,
) -> anyhow::Result<MovedCatalog> {
    std::fs::create_dir_all(&config.data).with_context(|| {
        format!(
            "cannot create the data folder {}; choose another with --data",
            config.data.display()
        )
    })?;
    // Processes with this data folder. Those with other ones are found in the database.
    let _folder = hold_folder(config)?;
    let file = config.catalog_file();
    let (source, from) = match config.catalog.url() {
        Some(address) => {
            let source = Box::pin(Catalog::connect_to_move(address)).await?;
            let place = source.database().unwrap_or_default();
            (source, place)
        }
        None => {
            anyhow::ensure!(
                file.try_exists()
                    .with_context(|| format!("cannot read {}", file.display()))?,
                "there is no catalogue in {}; choose its folder with --data or RUSHES_DATA",
                config.data.display()
            );
            anyhow::ensure!(
                !matches!(to, CatalogDestination::File),
                "the catalogue is in {} already; catalog.url is not set",
                file.display()
            );
            (
                Box::pin(Catalog::open(&file)).await?,
                file.display().to_string(),
            )
        }
    };
    let (to, tables) = match to {
        CatalogDestination::File => {
            let tables = Box::pin(source.copy_to_file(&file, report)).await?;
            (file.display().to_string(), tables)
        }
        CatalogDestination::Database(address) => {
            let target = Box::pin(Catalog::connect_to_move(address))
                .await
                .context("the database of --to cannot be used")?;
            let tables = Box::pin(source.copy_to(&target, report)).await?;
            let place = target.database().unwrap_or_default();
            target.close().await;
            (place, tables)
        }
    };
    source.close().await;
    Ok(MovedCatalog { from, to, tables })
}

/// Holds the lock of the engine of the data folder, if nobody works there.
fn hold_folder(config: &Config) -> anyhow::Result<File> {
    let path = config.data.join("engine.lock");
    let file = File::create(&path)
        .with_context(|| format!("cannot write {}; check the data folder", path.display()))?;
    let is_free = match file.try_lock() {
        Ok(()) => !is_anyone_at_work(&config.data),
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
        }
    };
    anyhow::ensure!(
        is_free,
        "another process works on the data folder {}; stop `rushes serve`, `rushes work` and `rushes watch` there, and \
         try again",
        config.data.display()
    );
    Ok(file)
}
