//! Any bytes as a subtitle file: whatever the parsers make of them must be cues in order of time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rushes_workers::dialogue::parse;

fuzz_target!(|bytes: &[u8]| {
    let mut prefixed = Vec::with_capacity(bytes.len() + 32);
    for head in [&b""[..], b"WEBVTT\n\n", b"[Events]\nDialogue: ", b"<tt><p begin=\"1s\">"] {
        prefixed.clear();
        prefixed.extend_from_slice(head);
        prefixed.extend_from_slice(bytes);
        if let Ok(found) = parse(&prefixed) {
            assert!(found.cues.is_sorted_by_key(|cue| cue.start_ms));
            assert!(found.cues.iter().all(|cue| cue.end_ms > cue.start_ms && !cue.text.is_empty()));
        }
    }
});
