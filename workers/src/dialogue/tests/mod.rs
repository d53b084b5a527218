use super::*;

mod encodings;
mod mutations;

#[test]
fn lines_end_in_three_ways() {
    assert_eq!(lines("a\nb\r\nc\rd"), ["a", "b", "c", "d"]);
    assert_eq!(lines("a\n\r\n"), ["a", ""]);
    assert!(lines("").is_empty());
}

#[test]
fn prose_is_no_subtitle_file_and_an_empty_file_has_no_cues() {
    assert_eq!(parse(b"Dear diary,\n"), Err(DialogueError::NotSubtitles));
    for empty in [&b""[..], b"\n\n", b"\xef\xbb\xbf", b"WEBVTT\n"] {
        assert_eq!(parse(empty), Ok(Subtitles::default()));
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        drop(parse(&bytes));
    }

    #[test]
    fn no_text_around_an_arrow_makes_it_panic(a in "\\PC*", b in "\\PC*") {
        drop(parse(format!("WEBVTT\n\n{a} --> {b}\nx\n").as_bytes()));
        drop(parse(format!("1\n{a} --> {b}\nx\n").as_bytes()));
        drop(parse(format!("[Events]\nDialogue: {a},0:00:01.00,{b}").as_bytes()));
        drop(parse(format!("<tt><p begin=\"{a}\" end='1s'>{b}").as_bytes()));
        drop(plain_text(&[&a, &b]));
        drop((ass_text(&a, true), ass_text(&b, false)));
    }
}
