//! How much room is left on the disk of the data folder.

use std::io;
use std::path::Path;

use serde::Serialize;
use utoipa::ToSchema;

/// Free space below which an ingest soon stops, in bytes.
const LITTLE: u64 = 2 * 1024 * 1024 * 1024;

/// The room on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct DiskSpace {
    /// Bytes that rushes can still write.
    pub free_bytes: u64,
    /// Size of the disk, in bytes.
    pub total_bytes: u64,
    /// Whether an ingest will soon stop for lack of room.
    pub is_low: bool,
}

impl DiskSpace {
    /// The room on the disk of a folder, which need not exist yet.
    ///
    /// # Errors
    /// If the disk cannot be asked.
    pub fn of(folder: &Path) -> io::Result<Self> {
        // The nearest folder that exists is on the same disk.
        let there = folder
            .ancestors()
            .find(|ancestor| ancestor.try_exists().unwrap_or(false))
            .unwrap_or(folder);
        let stat = rustix::fs::statvfs(there)?;
        let free_bytes = stat.f_bavail.saturating_mul(stat.f_frsize);
        Ok(Self {
            free_bytes,
            total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
            is_low: free_bytes < LITTLE,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_does_not_exist_yet_is_on_the_disk_of_its_nearest_ancestor() {
        let folder = tempfile::tempdir().unwrap();
        let there = DiskSpace::of(folder.path()).unwrap();
        let below = DiskSpace::of(&folder.path().join("not/yet")).unwrap();
        assert_eq!(there.total_bytes, below.total_bytes);
        assert!(there.free_bytes <= there.total_bytes);
    }
}
