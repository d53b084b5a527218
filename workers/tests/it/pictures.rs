//! Sampled frames and thumbnails.

use rushes_workers::media::{ThumbnailAt, sample_frames, thumbnail};

use crate::clips::{Clips, open};

/// Green while its second half lasts, red before.
fn red_then_green(clips: &Clips) -> std::path::PathBuf {
    clips.make(
        "-f lavfi -i color=red:r=25:s=320x180:d=1 -f lavfi -i color=lime:r=25:s=320x180:d=1 \
         -filter_complex concat=n=2 -c:v libx264",
        "two.mp4",
    )
}

#[test]
fn frames_are_sampled_evenly_in_time() {
    let clips = Clips::new();
    let film = red_then_green(&clips);
    let pictures = sample_frames(open(&film), 8, 64).unwrap();
    assert_eq!(pictures.len(), 8);
    for (index, picture) in pictures.iter().enumerate() {
        assert_eq!(picture.dimensions(), (64, 36));
        let [red, green, blue] = picture.get_pixel(32, 18).0;
        let is_red = red > 200 && green < 60;
        let is_green = green > 200 && red < 60;
        assert!(
            blue < 60 && if index < 4 { is_red } else { is_green },
            "{index}: {red} {green}"
        );
    }
}

#[test]
fn a_clip_of_one_frame_gives_as_many_pictures_as_asked_for() {
    let clips = Clips::new();
    let film = clips.make(
        "-f lavfi -i testsrc2=r=25:s=320x180:d=0.04 -c:v libx264",
        "one.mp4",
    );
    assert_eq!(sample_frames(open(&film), 8, 224).unwrap().len(), 8);
    assert_eq!(sample_frames(open(&film), 0, 224).unwrap().len(), 0);
}

#[test]
fn a_turned_picture_is_set_upright() {
    let clips = Clips::new();
    // White on top, black below: once turned, one side is white and the other black.
    let half = "-f lavfi -i color=white:r=25:s=320x180:d=1,drawbox=c=black:t=fill:y=90:h=90";
    let mut found = Vec::new();
    for degrees in ["90", "270"] {
        let film = clips.make_turned(&format!("{half} -c:v libx264"), degrees, "turned.mp4");
        let shown = clips.make(&format!("-i {} -frames:v 1", film.display()), "shown.png");
        let shown = image::open(shown).unwrap().to_rgb8();
        let picture = &sample_frames(open(&film), 1, 320).unwrap()[0];
        assert_eq!(picture.dimensions(), (180, 320));
        let is_white = |image: &image::RgbImage, x| image.get_pixel(x, 160).0[0] > 128;
        let sides = |image| (is_white(image, 20), is_white(image, 160));
        assert_eq!(sides(picture), sides(&shown), "{degrees}");
        found.push(sides(picture));
    }
    assert!(found.contains(&(true, false)) && found.contains(&(false, true)));
}

#[test]
fn a_thumbnail_shows_the_middle_with_square_pixels() {
    let clips = Clips::new();
    let film = clips.make(
        "-f lavfi -i testsrc2=r=25:s=320x180:d=1,setsar=2/1 -c:v libx264",
        "wide.mp4",
    );
    let jpeg = thumbnail(open(&film), ThumbnailAt::Middle, 320).unwrap();
    let picture = image::load_from_memory(&jpeg).unwrap();
    assert_eq!((picture.width(), picture.height()), (320, 90));
    let start = thumbnail(open(&film), ThumbnailAt::Start, 320).unwrap();
    assert_ne!(start, jpeg);
}
