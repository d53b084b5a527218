//! Thousands of damaged files, each made from a valid one.

use super::*;

/// Deterministic pseudo-random numbers (splitmix64, Steele et al. 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % (limit.max(1) as u64)).unwrap()
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }
}

const WORDS: &[&str] = &[
    "hello",
    "größe",
    "<i>now</i>",
    "{\\an8}here",
    "電影",
    "5 > 4",
    "<3",
    "&amp;",
    "42",
    "a\u{301}",
    "—",
    "",
];

fn valid(format: usize, random: &mut Random) -> String {
    let clock = |at: usize, mark: &str| {
        format!("00:{:02}:{:02}{mark}{:03}", at / 60, at % 60, at * 7 % 1000)
    };
    let mut file = match format {
        0 => String::new(),
        1 => "WEBVTT\n\nNOTE made\n\n".to_owned(),
        2 => "[Script Info]\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n".to_owned(),
        _ => "<?xml version=\"1.0\"?>\n<tt xmlns=\"http://www.w3.org/ns/ttml\"><body><div>\n".to_owned(),
    };
    for at in 1..=2 + random.below(6) {
        let words = format!("{} {}", random.one_of(WORDS), random.one_of(WORDS));
        file += &match format {
            0 => format!(
                "{at}\n{} --> {}\n{words}\n\n",
                clock(at, ","),
                clock(at + 1, ",")
            ),
            1 => format!(
                "{} --> {} align:start\n{words}\n\n",
                clock(at, "."),
                clock(at + 1, ".")
            ),
            2 => format!("Dialogue: 0,0:00:{at:02}.00,0:00:{at:02}.90,Default,,0,0,0,,{words}\n"),
            _ => format!("<p begin=\"{at}s\" dur=\"1s\">hello<br/><span>x &amp; y</span></p>\n"),
        };
    }
    if format == 3 {
        file += "</div></body></tt>\n";
    }
    file
}

const SCRAPS: &[&str] = &[
    "-->",
    "\n",
    "\r",
    "\n\n",
    "\u{feff}",
    "\0",
    "\u{1a}",
    "<",
    ">",
    "{",
    "}",
    "{\\p1",
    "&#x110000;",
    "&",
    "00:",
    "99999999999999999999",
    "-",
    "WEBVTT",
    "NOTE",
    "Dialogue:",
    ",",
    "</p>",
    "<tt",
    "<![CDATA[",
    "\u{fffd}",
    "\u{2028}",
];

fn mutate(file: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(file.len() + 1);
    let end = (at + random.below(40)).min(file.len());
    match random.below(7) {
        0 => drop(file.drain(at..end)),
        1 => drop(file.splice(at..at, random.one_of(SCRAPS).bytes())),
        2 => {
            let piece = file[at..end].to_vec();
            let to = random.below(file.len() + 1);
            drop(file.splice(to..to, piece));
        }
        3 => {
            if let Some(byte) = file.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        4 => file.truncate(at),
        5 => {
            if let Some(byte) = file.get_mut(at) {
                *byte = random.next().to_le_bytes()[0];
            }
        }
        _ => {
            let utf_16: Vec<u8> = String::from_utf8_lossy(file)
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect();
            // Rarely, because it hides the effects of the other mutations.
            if random.below(20) == 0 {
                *file = utf_16;
            }
        }
    }
}

#[test]
fn ten_thousand_damaged_files_are_read_without_a_panic() {
    let mut random = Random(20_260_101);
    let (mut read, mut refused) = (0, 0);
    for round in 0..10_000 {
        let mut file = valid(round % 4, &mut random).into_bytes();
        for _ in 0..1 + random.below(8) {
            mutate(&mut file, &mut random);
        }
        match parse(&file) {
            Ok(found) => {
                read += 1;
                assert!(found.cues.is_sorted_by_key(|cue| cue.start_ms));
                let sound = |cue: &TimedText| cue.end_ms > cue.start_ms && !cue.text.is_empty();
                assert!(
                    found.cues.iter().all(sound),
                    "{:?}",
                    String::from_utf8_lossy(&file)
                );
            }
            Err(_) => refused += 1,
        }
    }
    // The mutations must neither spare all files nor ruin them all.
    assert!(
        read > 5_000 && refused > 50,
        "{read} read, {refused} refused"
    );
}
