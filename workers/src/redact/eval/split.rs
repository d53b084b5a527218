//! Training, validation and test parts that share no trip.

use std::collections::BTreeMap;

use super::super::RedactError;
use super::dataset::{Annotated, Dataset};

/// A part of a split dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DatasetPart {
    /// 70 %: to learn from.
    Train,
    /// 10 %: to choose by.
    Validation,
    /// 20 %: to judge by.
    Test,
}

impl DatasetPart {
    /// The name of its file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }

    /// Parts in the order in which trips are dealt, with their shares in tenths.
    const SHARES: [(Self, usize); 3] = [(Self::Train, 7), (Self::Validation, 1), (Self::Test, 2)];
}

/// Splits a dataset 70/10/20 by pictures, as nearly as whole trips allow: the pictures of one trip resemble each
/// other, and would make any measure too kind. Always the same for the same dataset.
///
/// # Errors
/// There are fewer than three trips.
pub fn split(dataset: &Dataset) -> Result<BTreeMap<DatasetPart, Dataset>, RedactError> {
    let mut trips: BTreeMap<String, Vec<&Annotated>> = BTreeMap::new();
    for picture in &dataset.pictures {
        trips.entry(trip(picture)).or_default().push(picture);
    }
    if trips.len() < 3 {
        return Err(RedactError::Settings(format!(
            "{} trips cannot be split in three; pictures of one folder, or with one name but for its digits, are one trip",
            trips.len()
        )));
    }
    // The largest trips first, each to the part that lacks most of its share.
    let mut trips: Vec<Vec<&Annotated>> = trips.into_values().collect();
    trips.sort_by_key(|trip| std::cmp::Reverse(trip.len()));
    let all = dataset.pictures.len();
    let mut parts: BTreeMap<DatasetPart, Dataset> = BTreeMap::new();
    for (part, _) in DatasetPart::SHARES {
        parts.insert(part, Dataset::default());
    }
    for trip in trips {
        let lacking = |(part, tenths): &(DatasetPart, usize)| {
            let has = parts.get(part).map_or(0, |set| set.pictures.len());
            (all * tenths).saturating_sub(10 * has)
        };
        let most = DatasetPart::SHARES
            .iter()
            .max_by_key(|share| lacking(share));
        let (part, _) = most.unwrap_or(&DatasetPart::SHARES[0]);
        if let Some(set) = parts.get_mut(part) {
            set.pictures.extend(trip.into_iter().cloned());
        }
    }
    Ok(parts)
}

/// The trip a picture is of: as annotated, or else its folder and its name without digits.
fn trip(picture: &Annotated) -> String {
    picture.trip.clone().unwrap_or_else(|| {
        let folder = picture.file.parent().unwrap_or(std::path::Path::new(""));
        let stem = picture
            .file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy();
        let name: String = stem.chars().filter(|c| !c.is_ascii_digit()).collect();
        format!("{}/{name}", folder.display())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(file: &str, trip: Option<&str>) -> Annotated {
        Annotated {
            file: file.into(),
            camera: super::super::super::settings::CameraChoice::Planar,
            truths: Vec::new(),
            trip: trip.map(str::to_owned),
        }
    }

    #[test]
    fn no_trip_is_in_two_parts_and_shares_are_about_right() {
        let pictures = (0..200)
            .map(|i| picture(&format!("p{i}.jpg"), Some(&format!("trip{}", i % 37))))
            .collect();
        let parts = split(&Dataset { pictures }).unwrap();
        let trips = |part| -> std::collections::BTreeSet<String> {
            parts[&part]
                .pictures
                .iter()
                .filter_map(|p| p.trip.clone())
                .collect()
        };
        let (train, validation, test) = (
            trips(DatasetPart::Train),
            trips(DatasetPart::Validation),
            trips(DatasetPart::Test),
        );
        assert!(
            train.is_disjoint(&test)
                && train.is_disjoint(&validation)
                && test.is_disjoint(&validation)
        );
        let size = |part| parts[&part].pictures.len();
        assert!(
            (130..=150).contains(&size(DatasetPart::Train)),
            "{}",
            size(DatasetPart::Train)
        );
        assert!((14..=26).contains(&size(DatasetPart::Validation)));
        assert!((34..=46).contains(&size(DatasetPart::Test)));
    }

    #[test]
    fn names_that_differ_in_digits_are_one_trip() {
        let pictures = vec![
            picture("a/1.jpg", None),
            picture("a/2.jpg", None),
            picture("b/1.jpg", None),
        ];
        assert!(split(&Dataset { pictures }).is_err());
    }
}
