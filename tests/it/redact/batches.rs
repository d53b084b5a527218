//! Folders: what is done, what is left, and what a kill or a full disk leaves.

use super::*;
use crate::support::videos::ffmpeg;

#[test]
fn an_old_output_does_not_stand_for_a_picture_that_now_fails() {
    let Some(bench) = Bench::new() else { return };
    let good = jpeg(3);
    bench.original("a.jpg", &good);
    assert!(bench.run(&[]).status.success());
    bench.original("a.jpg", &good[..good.len() / 2]);
    assert!(!bench.run(&["--resume"]).status.success());
    assert_eq!(bench.outputs(), [""; 0]);
}

#[test]
fn a_class_without_a_model_is_refused_before_anything_is_written() {
    let Some(bench) = Bench::new() else { return };
    bench.original("a.jpg", &jpeg(4));
    let rushes = &bench.rushes;
    let empty = rushes.folder.path().join("no-models");
    std::fs::create_dir(&empty).unwrap();
    let args = [
        "redact",
        bench.originals.to_str().unwrap(),
        "-o",
        bench.out.to_str().unwrap(),
    ];
    let output = rushes
        .command(&args)
        .env("RUSHES_MODELS", &empty)
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(
        told(&output).contains("rushes models pull"),
        "{}",
        told(&output)
    );
    let plates = bench.run(&["--classes", "plate", "--detector", "centerface"]);
    assert!(!plates.status.success());
    assert!(
        told(&plates).contains("rushes models pull plates"),
        "{}",
        told(&plates)
    );
    assert_eq!(bench.outputs(), [""; 0]);
}

#[test]
fn what_was_done_is_not_done_again_and_what_changed_is() {
    let Some(bench) = Bench::new() else { return };
    for i in 0..4 {
        bench.original(&format!("{i}.jpg"), &jpeg(i));
    }
    assert_eq!(summary(&bench.run(&[]))["redacted"], 4);
    bench.original("2.jpg", &jpeg(99));
    std::fs::write(bench.out.join("3.jpg"), b"somebody else's").unwrap();
    let again = summary(&bench.run(&["--resume"]));
    assert_eq!(
        (&again["resumed"], &again["redacted"]),
        (&2.into(), &2.into())
    );
    let other = summary(&bench.run(&["--resume", "--margin", "0.3"]));
    assert_eq!(other["redacted"], 4, "other settings make another output");
}

#[test]
fn one_file_named_twice_is_one_and_two_of_one_name_are_told() {
    let Some(bench) = Bench::new() else { return };
    let first = bench.original("a/x.jpg", &jpeg(5));
    let second = bench.original("b/x.jpg", &jpeg(6));
    let (first, second) = (first.to_str().unwrap(), second.to_str().unwrap());
    let output = bench.run_on(Path::new(first), &[first]);
    assert_eq!(summary(&output)["redacted"], 1, "{}", told(&output));
    let output = bench.run_on(Path::new(first), &[second]);
    assert!(!output.status.success());
    assert!(
        line(&output, "b/x.jpg")["error"]
            .as_str()
            .unwrap()
            .contains("two folders")
    );
    // Below their folder they have names of their own.
    let output = bench.run(&["--recursive"]);
    assert_eq!(summary(&output)["redacted"], 2, "{}", told(&output));
    assert!(bench.out.join("a/x.jpg").is_file() && bench.out.join("b/x.jpg").is_file());
}

#[test]
fn an_original_is_never_written_over() {
    let Some(bench) = Bench::new() else { return };
    let bytes = jpeg(7);
    bench.original("a.jpg", &bytes);
    let folder = bench.originals.to_str().unwrap().to_owned();
    let output = bench
        .rushes
        .run(&["redact", &folder, "-o", &folder, "--classes", "face"]);
    assert!(!output.status.success());
    assert!(
        told(&output).contains("written over the original"),
        "{}",
        told(&output)
    );
    assert_eq!(std::fs::read(bench.originals.join("a.jpg")).unwrap(), bytes);
}

#[test]
fn a_video_that_is_redacted_to_where_it_lies_stays() {
    let Some(bench) = Bench::new() else { return };
    let video = bench.originals.join("a.mp4");
    let source = ["-f", "lavfi", "-i", "testsrc2=r=10:s=320x240:d=1"];
    ffmpeg(&[&source[..], &[video.to_str().unwrap()]].concat());
    assert_eq!(summary(&bench.run(&[]))["redacted"], 1);
    // Its record lies beside it, which says that it was made from a file of its own name.
    let redacted = bench.out.join("a.mp4");
    let before = std::fs::read(&redacted).unwrap();
    let output = bench.run_on(&redacted, &[]);
    assert!(!output.status.success());
    let error = line(&output, "a.mp4")["error"].as_str().unwrap().to_owned();
    assert!(error.contains("written over the original"), "{error}");
    assert_eq!(std::fs::read(&redacted).unwrap(), before);
}

#[test]
fn among_ten_thousand_files_every_picture_is_found() {
    let Some(bench) = Bench::new() else { return };
    for i in 0..10_000 {
        if i % 500 == 0 {
            bench.original(
                &format!("{i:05}.jpg"),
                &encoded(&pattern(32, 24, i), ImageFormat::Jpeg),
            );
        } else {
            bench.original(&format!("{i:05}.txt"), b"a note");
        }
    }
    let output = bench.run(&[]);
    let summary = summary(&output);
    assert_eq!(
        (&summary["redacted"], &summary["skipped"]),
        (&20.into(), &9980.into())
    );
}

#[test]
fn a_batch_killed_in_the_middle_leaves_nothing_half_written_and_goes_on() {
    let Some(bench) = Bench::new() else { return };
    const PICTURES: u32 = 40;
    for i in 0..PICTURES {
        bench.original(
            &format!("{i:02}.jpg"),
            &encoded(&pattern(800, 600, i), ImageFormat::Jpeg),
        );
    }
    let folder = bench.originals.to_str().unwrap();
    let args = [
        "redact",
        folder,
        "-o",
        bench.out.to_str().unwrap(),
        "--classes",
        "face",
    ];
    let mut child = bench
        .rushes
        .command(&args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Killed while at work: as soon as some are there, and not all.
    while bench.outputs().len() < 9 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let pictures: Vec<String> = bench
        .outputs()
        .into_iter()
        .filter(|name| name.ends_with(".jpg"))
        .collect();
    for name in &pictures {
        let record = bench.record(name);
        let bytes = std::fs::metadata(bench.out.join(name)).unwrap().len();
        assert_eq!(record["output"]["bytes"], bytes, "{name}");
        pixels(&bench.out.join(name));
    }
    let done = summary(&bench.run(&["--resume"]));
    assert_eq!(
        done["redacted"].as_u64().unwrap() + done["resumed"].as_u64().unwrap(),
        u64::from(PICTURES)
    );
    assert!(done["resumed"].as_u64().unwrap() >= pictures.len() as u64 - 1);
    assert!(
        bench.outputs().iter().all(|name| !name.starts_with('.')),
        "what lay aside is gone"
    );
}

#[test]
fn a_full_disk_is_told_and_leaves_no_output() {
    let Some(bench) = Bench::new() else { return };
    let Some(_disk) = SmallDisk::mount(&bench.out) else {
        return;
    };
    let large = encoded(&pattern(900, 700, 1), ImageFormat::Png);
    assert!(large.len() > 64 << 10);
    bench.original("large.png", &large);
    let output = bench.run(&[]);
    assert!(!output.status.success());
    let line = line(&output, "large.png");
    assert!(
        line["error"].as_str().unwrap().contains("No space left"),
        "{line}"
    );
    assert_eq!(bench.outputs(), [""; 0]);
}

#[test]
fn an_output_folder_that_cannot_be_made_is_told() {
    let Some(bench) = Bench::new() else { return };
    bench.original("a.jpg", &jpeg(1));
    std::fs::write(&bench.out, b"a file").unwrap();
    let output = bench.run(&[]);
    assert!(!output.status.success());
    assert!(
        told(&output).contains("make the folder"),
        "{}",
        told(&output)
    );
}

#[test]
fn files_that_others_made_are_not_written_over() {
    let Some(bench) = Bench::new() else { return };
    bench.original("a.jpg", &jpeg(1));
    std::fs::create_dir(&bench.out).unwrap();
    let theirs = jpeg(2);
    std::fs::write(bench.out.join("a.jpg"), &theirs).unwrap();
    let output = bench.run(&[]);
    assert!(!output.status.success());
    assert!(
        line(&output, "a.jpg")["error"]
            .as_str()
            .unwrap()
            .contains("not made by a redaction")
    );
    assert_eq!(std::fs::read(bench.out.join("a.jpg")).unwrap(), theirs);
}

#[test]
fn a_run_with_other_views_or_another_camera_is_not_taken_for_done() {
    let Some(bench) = Bench::new() else { return };
    bench.original("a.jpg", &jpeg(1));
    assert_eq!(summary(&bench.run(&["--layout", "whole"]))["redacted"], 1);
    assert_eq!(
        summary(&bench.run(&["--layout", "whole", "--resume"]))["resumed"],
        1
    );
    assert_eq!(summary(&bench.run(&["--resume"]))["redacted"], 1);
    assert_eq!(
        summary(&bench.run(&["--resume", "--camera", "planar"]))["redacted"],
        1
    );
    assert_eq!(
        summary(&bench.run(&["--resume", "--camera", "planar"]))["resumed"],
        1
    );
}
