//! `rushes shots`: the shots of videos without a catalogue.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use image::RgbImage;
use serde_json::{Value, json};

use crate::support::{Rushes, told, videos};

/// A video of four shots at 25 frames per second: a red set, a blue one, the red one again, and plain green.
/// They start at frames 0, 25, 55 and 80, and the video ends at 100.
fn four_shots(file: &Path) -> PathBuf {
    let set = |colour: &str, frames: u32, drawn: &str| {
        format!("color={colour}:s=320x180:r=25,trim=end_frame={frames}{drawn}")
    };
    // The middle of the picture stays the same.
    let left = ",drawbox=x=10:y=10:w=90:h=60:c=white:t=fill";
    let right = ",drawbox=x=210:y=100:w=70:h=70:c=yellow:t=fill";
    let graph = format!(
        "{}[a];{}[b];{}[c];{}[d];[a][b][c][d]concat=n=4,format=yuv420p[v]",
        set("0xA02020", 25, left),
        set("0x2020A0", 30, right),
        set("0xA02020", 25, left),
        set("0x20A020", 20, ""),
    );
    let args = ["-filter_complex", &graph, "-map", "[v]", "-c:v", "libx264"];
    videos::ffmpeg(&[&args[..], &["-crf", "10", file.to_str().unwrap()]].concat());
    file.to_owned()
}

/// The binary, and a folder for videos.
fn ready() -> (Rushes, PathBuf) {
    let rushes = Rushes::without_models();
    let folder = rushes.folder.path().join("videos");
    std::fs::create_dir(&folder).unwrap();
    (rushes, folder)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn json_says_where_each_shot_lies_and_which_are_alike() {
    let (rushes, folder) = ready();
    let video = four_shots(&folder.join("video.mp4"));
    let found = rushes.json(&["shots", text(&video), "--threads", "1"]);
    assert_eq!(found["file"], text(&video));
    assert_eq!(found["rate"], "25/1");
    assert_eq!(found["frames"], 100);
    let time = |frame: u64| {
        let (seconds, rest) = (frame / 25, frame % 25);
        json!({"frame": frame, "ms": frame * 40, "smpte": format!("00:00:{seconds:02}:{rest:02}")})
    };
    let shots = found["shots"].as_array().unwrap();
    let spans = [(0, 25), (25, 55), (55, 80), (80, 100)];
    assert_eq!(shots.len(), spans.len(), "{found:#}");
    for ((index, shot), (start, end)) in shots.iter().enumerate().zip(spans) {
        assert_eq!(shot["start"], time(start), "{index}");
        assert_eq!(shot["end"], time(end), "{index}");
        let kind = if index == 0 { "start" } else { "cut" };
        assert_eq!(shot["in"]["kind"], kind);
        assert_eq!(
            (&shot["in"]["start"], &shot["in"]["end"]),
            (&json!(start), &json!(start))
        );
        let confidence = shot["in"]["confidence"].as_f64().unwrap();
        assert!((0.5..=1.0).contains(&confidence), "{confidence}");
        // The red set returns; green is even, and resembles nothing.
        assert_eq!(shot.get("same_as"), (index == 2).then_some(&json!(0)));
    }
    let keys = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&found), ["file", "frames", "rate", "shots"]);
    assert_eq!(keys(&shots[0]), ["end", "in", "start"]);
    assert!(
        !rushes.data().try_exists().unwrap(),
        "a data folder was made"
    );
}

#[test]
fn csv_has_a_line_a_shot_and_quotes_names() {
    let (rushes, folder) = ready();
    let video = four_shots(&folder.join("a \"video\", cut.mp4"));
    let output = rushes.run(&["shots", text(&video), text(&video), "--csv"]);
    assert!(output.status.success(), "{}", told(&output));
    let csv = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    let header = "file,shot,start_frame,end_frame,start_ms,end_ms,start_tc,end_tc,kind,in_start,in_end,confidence,same_as";
    assert_eq!((lines.len(), lines[0]), (9, header));
    let quoted = format!("\"{}\"", text(&video).replace('"', "\"\""));
    let parts = |line: &str| -> Vec<String> {
        let rest = line
            .strip_prefix(&quoted)
            .unwrap_or_else(|| panic!("{line}"));
        rest.split(',').skip(1).map(str::to_owned).collect()
    };
    let third = parts(lines[3]);
    let known = [
        "2",
        "55",
        "80",
        "2200",
        "3200",
        "00:00:02:05",
        "00:00:03:05",
        "cut",
        "55",
        "55",
    ];
    assert_eq!(&third[..10], known);
    assert_eq!(third[11], "0");
    assert_eq!(parts(lines[8])[11], "", "green is like nothing");
}

/// The colour in the middle of a picture on a sheet, by row and column.
fn middle(sheet: &RgbImage, row: u32, column: u32) -> [u8; 3] {
    sheet
        .get_pixel(312 + column * 268 + 128, 48 + row * 156 + 72)
        .0
}

fn near(found: [u8; 3], wanted: [u8; 3]) -> bool {
    found.iter().zip(wanted).all(|(&a, b)| a.abs_diff(b) <= 12)
}

/// Whether anything is drawn between these pixels.
fn has_text(sheet: &RgbImage, (left, right): (u32, u32), (top, bottom): (u32, u32)) -> bool {
    (top..bottom).any(|y| (left..right).any(|x| sheet.get_pixel(x, y).0 == [230, 230, 232]))
}

#[test]
fn a_sheet_shows_three_frames_of_every_shot() {
    let (rushes, folder) = ready();
    let video = four_shots(&folder.join("video.mp4"));
    let file = folder.join("sheet.png");
    std::fs::write(&file, "what was there before").unwrap();
    let output = rushes.run(&["shots", text(&video), "--sheet", text(&file)]);
    assert!(output.status.success(), "{}", told(&output));
    assert!(
        told(&output).contains("contact sheet: "),
        "{}",
        told(&output)
    );
    let sheet = image::open(&file).unwrap().into_rgb8();
    assert_eq!(sheet.dimensions(), (1116, 672));
    let colours = [[160, 32, 32], [32, 32, 160], [160, 32, 32], [32, 160, 32]];
    for (row, colour) in (0..).zip(colours) {
        for column in 0..3 {
            let found = middle(&sheet, row, column);
            assert!(near(found, colour), "row {row}, column {column}: {found:?}");
        }
        let top = 48 + row * 156;
        // Number, timecode, frames and boundary; for the third shot, also what it resembles.
        let lines = if row == 2 { 5 } else { 4 };
        for line in 0..5 {
            let rows = (top + 26 * line.min(1) + 20 * line.saturating_sub(1), 15);
            let written = has_text(&sheet, (12, 300), (rows.0, rows.0 + rows.1));
            assert_eq!(written, line < lines, "row {row}, line {line}");
        }
    }
    // Only the video and the sheet remain.
    assert_eq!(names(&folder), ["sheet.png", "video.mp4"]);
}

#[test]
fn a_long_video_goes_on_in_further_sheets() {
    let (rushes, folder) = ready();
    let video = folder.join("video.mp4");
    // Sixty shots of eight frames, alternately lighter and darker.
    let graph = "color=gray:s=64x64:r=25:d=19.2,format=yuv420p,geq=lum='if(mod(floor(N/8),2),60,180)':cb=128:cr=128";
    videos::ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        graph,
        "-c:v",
        "libx264",
        "-qp",
        "0",
        text(&video),
    ]);
    let file = folder.join("out.png");
    let found = rushes.json(&["shots", text(&video), "--sheet", text(&file)]);
    assert_eq!(found["shots"].as_array().unwrap().len(), 60);
    assert_eq!(names(&folder), ["out.2.png", "out.png", "video.mp4"]);
    let second = image::open(folder.join("out.2.png")).unwrap().into_rgb8();
    assert_eq!(second.dimensions(), (1116, 48 + 10 * 156));
    // Shots 50 and 51 are its first rows. Luma of 16 to 235 becomes 0 to 255.
    let (light, dark) = ([191; 3], [51; 3]);
    assert!(
        near(middle(&second, 0, 0), light),
        "{:?}",
        middle(&second, 0, 0)
    );
    assert!(
        near(middle(&second, 1, 2), dark),
        "{:?}",
        middle(&second, 1, 2)
    );
}

#[test]
fn one_bad_video_does_not_stop_the_others() {
    let (rushes, folder) = ready();
    let video = four_shots(&folder.join("video.mp4"));
    let bad = folder.join("bad.mp4");
    std::fs::write(&bad, "this is no video").unwrap();
    let sheet = folder.join("out.png");
    let args = [
        "shots",
        text(&bad),
        text(&video),
        text(&video),
        "--sheet",
        text(&sheet),
    ];
    let (found, output) = rushes.json_any(&args);
    assert!(!output.status.success());
    let files: Vec<_> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|video| &video["file"])
        .collect();
    assert_eq!(files, [text(&video), text(&video)]);
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        words.contains("bad.mp4: this is not a video file"),
        "{words}"
    );
    let made = ["bad.mp4", "out-video-2.png", "out-video.png", "video.mp4"];
    assert_eq!(names(&folder), made);
}

#[test]
fn what_cannot_be_read_is_told_with_its_cause() {
    let (rushes, folder) = ready();
    let empty = folder.join("empty.mp4");
    std::fs::write(&empty, "").unwrap();
    let sound = folder.join("sound.mp4");
    videos::ffmpeg(&["-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac", text(&sound)]);
    let gone = folder.join("gone.mp4");
    for (input, part) in [
        (text(&gone), "gone.mp4: no such file; check the name"),
        (text(&empty), "empty.mp4: the file is empty"),
        (text(&sound), "sound.mp4: the file has no video stream"),
        (text(&folder), "not a regular file; name a file"),
        ("http://127.0.0.1/video.mp4", "use a path, file:// or s3://"),
    ] {
        let output = rushes.run(&["shots", input, "--json"]);
        let words = told(&output);
        assert_eq!(output.status.code(), Some(1), "{words}");
        assert!(words.contains(part), "{part}: {words}");
        assert!(output.stdout.is_empty(), "{words}");
    }
    let video = four_shots(&folder.join("video.mp4"));
    for (sheet, part) in [
        (video.clone(), "a name that ends in .png"),
        (folder.join("no/where.png"), "does not exist"),
    ] {
        let output = rushes.run(&["shots", text(&video), "--sheet", text(&sheet)]);
        assert!(!output.status.success());
        assert!(told(&output).contains(part), "{}", told(&output));
    }
    assert!(!rushes.data().try_exists().unwrap());
}

#[test]
fn a_video_of_one_frame_is_one_shot() {
    let (rushes, folder) = ready();
    let video = folder.join("frame.mp4");
    let still = "color=0xA02020:s=64x64:r=25,trim=end_frame=1";
    videos::ffmpeg(&["-f", "lavfi", "-i", still, "-c:v", "libx264", text(&video)]);
    let sheet = folder.join("frame.png");
    let found = rushes.json(&["shots", text(&video), "--sheet", text(&sheet)]);
    assert_eq!(found["frames"], 1);
    let shots = found["shots"].as_array().unwrap();
    assert_eq!(shots.len(), 1);
    assert_eq!(
        (&shots[0]["start"]["frame"], &shots[0]["end"]["frame"]),
        (&json!(0), &json!(1))
    );
    let sheet = image::open(&sheet).unwrap().into_rgb8();
    for column in 0..3 {
        let found = middle(&sheet, 0, column);
        assert!(near(found, [160, 32, 32]), "{column}: {found:?}");
    }
}

#[test]
fn damage_is_told_and_the_shots_are_given_all_the_same() {
    let (rushes, folder) = ready();
    let video = folder.join("video.ts");
    let made = "testsrc2=r=25:s=320x180:d=6";
    let coded = ["-f", "lavfi", "-i", made, "-c:v", "libx264", "-g", "25"];
    videos::ffmpeg(&[&coded[..], &[text(&video)]].concat());
    let mut bytes = std::fs::read(&video).unwrap();
    let middle = bytes.len() / 2;
    for byte in &mut bytes[middle..middle + 20_000] {
        *byte = byte.wrapping_mul(167).wrapping_add(13);
    }
    std::fs::write(&video, bytes).unwrap();
    // With several threads FFmpeg 5.1 may output a frame before it knows of its damage.
    let found = rushes.json(&["shots", text(&video), "--threads", "1"]);
    let spans = found["corrupt"].as_array().unwrap();
    assert!(!spans.is_empty());
    let frames = found["frames"].as_u64().unwrap();
    for span in spans {
        let at = |end: &str| span[end]["frame"].as_u64().unwrap();
        assert!(at("start") <= at("end") && at("end") <= frames, "{span:#}");
        assert!(span["start"]["smpte"].is_string() && span["start"]["ms"].is_u64());
    }
    let table = rushes.run(&["shots", text(&video), "--threads", "1"]);
    assert!(table.status.success(), "{}", told(&table));
    assert!(
        told(&table).contains("video.ts: damaged in "),
        "{}",
        told(&table)
    );
}

/// The first child of a process, once it has one.
fn child_of(parent: u32) -> rustix::process::Pid {
    let children = format!("/proc/{parent}/task");
    loop {
        let threads = std::fs::read_dir(&children).expect("the program is still at work");
        for thread in threads {
            let list = thread.unwrap().path().join("children");
            let list = std::fs::read_to_string(list).unwrap_or_default();
            let first = list.split_whitespace().next();
            let Some(id) = first.and_then(|id| id.parse().ok()) else {
                continue;
            };
            // Until then it is a copy of its parent that has not executed its own program yet.
            if command_line(id) != command_line(parent.cast_signed()) {
                return rustix::process::Pid::from_raw(id).unwrap();
            }
        }
        std::thread::yield_now();
    }
}

fn command_line(id: i32) -> Vec<u8> {
    std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default()
}

#[test]
fn interrupted_it_leaves_nothing_behind() {
    use rustix::process::{Pid, Signal, kill_process, test_kill_process};
    let (rushes, folder) = ready();
    let video = folder.join("video.mp4");
    let long = "testsrc2=s=1280x720:r=25:d=20";
    videos::ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        long,
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        text(&video),
    ]);
    let sheet = folder.join("sheet.png");
    let running = rushes
        .command(&["shots", text(&video), "--sheet", text(&sheet)])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let child = child_of(running.id());
    // It gets no further, so the signal arrives in the middle of the work.
    kill_process(child, Signal::STOP).unwrap();
    let program = Pid::from_raw(running.id().cast_signed()).unwrap();
    kill_process(program, Signal::INT).unwrap();
    let output = running.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(told(&output).contains("interrupted"), "{}", told(&output));
    assert!(test_kill_process(child).is_err(), "the child lives on");
    assert_eq!(names(&folder), ["video.mp4"]);
}

#[test]
fn the_catalogue_knows_which_shots_are_alike() {
    let Some(rushes) = Rushes::new() else { return };
    let video = four_shots(&rushes.folder.path().join("video.mp4"));
    let summary = rushes.ingest(&[&video]);
    let asset = summary["videos"][0]["asset"].as_str().unwrap();
    let same_as =
        |span: &str| rushes.json(&["show", &format!("{asset}.{span}")])["same_as"].clone();
    assert_eq!(same_as("55-80"), format!("{asset}.0-25"));
    assert_eq!(same_as("25-55"), Value::Null);
    assert_eq!(same_as("80-100"), Value::Null);
}
