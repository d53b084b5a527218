//! Shot boundaries, on real films and on films made for the purpose.

use std::path::Path;

use rushes_workers::media::Bounds;
use rushes_workers::segment::{SegmentParams, ShotScan, segment};

use crate::clips::{Clips, material, open};

fn scan(path: &Path) -> ShotScan {
    let mut progress = |_done, _total| Ok(());
    segment(open(path), &SegmentParams::default(), &Bounds::default(), &mut progress).unwrap()
}

fn starts(scan: &ShotScan) -> Vec<u64> {
    scan.shots.iter().map(|shot| shot.start).collect()
}

#[test]
fn the_shots_of_a_street_film_begin_where_a_person_sees_them() {
    let Some(material) = material() else { return };
    let scan = scan(&material.join("video/bikes.mp4"));
    assert_eq!(scan.timeline.frames(), 250);
    assert_eq!(starts(&scan), [0, 30, 76, 137, 187, 242]);
}

#[test]
fn clips_joined_end_to_end_are_cut_where_they_were_joined() {
    let Some(material) = material() else { return };
    let clips = Clips::new();
    let mut names: Vec<_> = std::fs::read_dir(material.join("grid"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "mpg"))
        .collect();
    names.sort();
    let inputs: Vec<_> = names.iter().map(|path| format!("-i {}", path.display())).collect();
    let arguments = format!(
        "{} -filter_complex concat=n={}:v=1:a=0 -c:v libx264 -preset ultrafast",
        inputs.join(" "),
        names.len(),
    );
    let film = clips.make(&arguments, "joined.mp4");
    let joins: Vec<u64> = (0..names.len() as u64).map(|clip| clip * 75).collect();
    assert_eq!(starts(&scan(&film)), joins);
}

#[test]
fn fades_through_black_and_white_are_boundaries() {
    let Some(material) = material() else { return };
    let scan = scan(&material.join("video/fades.mp4"));
    eprintln!("{:#?}", scan.shots);
}
