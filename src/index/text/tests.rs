//! Tests of the text index.

use std::sync::Arc;

use super::super::CueEntry;
use super::super::synonyms::Synonyms;
use super::*;

fn entry(lines: &[&str]) -> AssetEntry {
    let span = |at: usize| (at as u64 * 75, at as u64 * 75 + 75);
    AssetEntry {
        asset: AssetId::new(),
        shots: (0..lines.len()).map(span).collect(),
        vectors: Vec::new(),
        cues: lines
            .iter()
            .enumerate()
            .map(|(at, text)| CueEntry {
                frames: span(at),
                ms: span(at),
                text: (*text).to_owned(),
                language: None,
                origin: CueOrigin::default(),
            })
            .collect(),
    }
}

fn at(seq: i64) -> Position {
    Position {
        seq,
        mark: seq.to_string(),
    }
}

#[test]
fn the_line_that_says_it_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    let (index, position) = TextIndex::open(folder.path()).unwrap();
    assert_eq!(position.seq, 0);
    let video = entry(&[
        "bin blue at f two now",
        "lay blue by f one now",
        "set white at f nine",
    ]);
    index.replace(&video).unwrap();
    index.commit(&at(3)).unwrap();
    let hits = index
        .search(&"blue at F".into(), 10, None, Per::Line)
        .unwrap();
    assert_eq!((hits[0].shot.start, hits[0].shot.end), (0, 75));
    assert_eq!(hits[0].text, "bin blue at f two now");
    // Many people do not type accents.
    assert_eq!(
        index
            .search(&"blué".into(), 10, None, Per::Line)
            .unwrap()
            .len(),
        2
    );
    assert!(
        index
            .search(&"?!".into(), 10, None, Per::Line)
            .unwrap()
            .is_empty()
    );
    let elsewhere = ShotSet::from_assets([AssetId::new()]);
    assert!(
        index
            .search(&"blue".into(), 10, Some(&elsewhere), Per::Line)
            .unwrap()
            .is_empty()
    );
    let here = ShotSet::from_assets([video.asset.clone()]);
    assert_eq!(
        index
            .search(&"blue".into(), 10, Some(&here), Per::Line)
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn writing_without_spaces_is_found_by_any_part_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (index, _) = TextIndex::open(folder.path()).unwrap();
    let lines = [
        "我们昨天晚上在电影院看了一部很长的电影然后回家",
        "明日の朝、東京駅で待っています。",
        "우리는 내일 아침 학교에서 만나요.",
        "พรุ่งนี้เช้าเราจะไปกรุงเทพด้วยกัน",
        "ພວກເຮົາຈະໄປວຽງຈັນມື້ອື່ນ",
        "យើងនឹងទៅភ្នំពេញថ្ងៃស្អែក",
        "שָׁלוֹם לְכֻלָּם",
        "السَّلَامُ عَلَيْكُم",
        "He said 再见 and left the café in ＴＯＫＹＯ",
        "Превысокомногорассмотрительствующий господин",
    ];
    index.replace(&entry(&lines)).unwrap();
    index.commit(&at(1)).unwrap();
    for (query, line) in [
        ("电影", 0),
        ("影", 0),
        ("看了一部很长的电影", 0),
        (lines[0], 0),
        ("東京", 1),
        ("駅", 1),
        ("待って", 1),
        ("학교", 2),
        ("만나요", 2),
        ("กรุงเทพ", 3),
        ("ວຽງຈັນ", 4),
        ("ភ្នំពេញ", 5),
        ("שלום", 6),
        ("السلام عليكم", 7),
        ("再见", 8),
        ("said 再见", 8),
        ("cafe tokyo", 8),
        ("cafés", 8),
        ("превысокомногорассмотрительствующий", 9),
    ] {
        let hits = index.search(&query.into(), 10, None, Per::Line).unwrap();
        let found: Vec<u64> = hits.iter().map(|hit| hit.frames.0 / 75).collect();
        assert_eq!(found.first(), Some(&line), "{query}: {found:?}");
    }
    for query in ["北京", "影电", "大阪", "駅東"] {
        assert!(
            index
                .search(&query.into(), 10, None, Per::Line)
                .unwrap()
                .is_empty(),
            "{query}"
        );
    }
}

#[test]
fn a_phrase_without_spaces_comes_before_its_parts() {
    let folder = tempfile::tempdir().unwrap();
    let (index, _) = TextIndex::open(folder.path()).unwrap();
    let video = entry(&["京都大学生と東京で", "東京大学で学ぶ", "大学東京都"]);
    index.replace(&video).unwrap();
    index.commit(&at(1)).unwrap();
    let hits = index
        .search(&"東京大学".into(), 10, None, Per::Line)
        .unwrap();
    assert_eq!(hits[0].text, "東京大学で学ぶ");
}

#[test]
fn an_index_that_was_split_in_another_way_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut old = Schema::builder();
    for (_, field) in schema().0.fields() {
        let json = serde_json::to_string(field).unwrap();
        let json = json.replace(FOLDED, "dialogue");
        old.add_field(serde_json::from_str(&json).unwrap());
    }
    Index::create_in_dir(folder.path(), old.build()).unwrap();
    let error = TextIndex::open(folder.path()).err().unwrap();
    assert!(matches!(error, IndexError::Damaged { .. }), "{error}");
}

#[test]
fn replacing_and_reopening_keep_one_truth() {
    let folder = tempfile::tempdir().unwrap();
    let mut video = entry(&["merry christmas"]);
    {
        let (index, _) = TextIndex::open(folder.path()).unwrap();
        index.replace(&video).unwrap();
        index.commit(&at(1)).unwrap();
        video.cues[0].text = "happy new year".to_owned();
        index.replace(&video).unwrap();
        index.commit(&at(2)).unwrap();
    }
    let (index, position) = TextIndex::open(folder.path()).unwrap();
    assert_eq!(position, at(2));
    assert!(
        index
            .search(&"christmas".into(), 10, None, Per::Line)
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        index
            .search(&"new year".into(), 10, None, Per::Line)
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn a_scope_of_shots_is_part_of_the_query() {
    let folder = tempfile::tempdir().unwrap();
    let (index, _) = TextIndex::open(folder.path()).unwrap();
    let lines: Vec<String> = (0..50).map(|at| format!("go now, number {at}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let video = entry(&lines);
    index.replace(&video).unwrap();
    index.commit(&at(1)).unwrap();
    // One line is asked for, and it is none of the first ones.
    let scope = ShotSet::from_starts([(video.asset.clone(), 40 * 75)]);
    let hits = index
        .search(&"go now".into(), 1, Some(&scope), Per::Line)
        .unwrap();
    assert_eq!(hits.len(), 1);
    assert_eq!(hits[0].shot.start, 40 * 75);
    assert_eq!(index.lines(CueOrigin::Subtitles, Some(&scope)).unwrap(), 1);
    assert_eq!(index.lines(CueOrigin::Subtitles, None).unwrap(), 50);
    let all = ShotSet::from_assets([video.asset.clone()]);
    assert_eq!(index.all(&"go now".into(), &all).unwrap().len(), 50);
}

/// An index of an asset with these lines, each in its language.
fn indexed(lines: &[(&str, &str)]) -> (tempfile::TempDir, TextIndex) {
    let folder = tempfile::tempdir().unwrap();
    let (index, _) = TextIndex::open(folder.path()).unwrap();
    let texts: Vec<&str> = lines.iter().map(|&(_, text)| text).collect();
    let mut video = entry(&texts);
    for (cue, (language, _)) in video.cues.iter_mut().zip(lines) {
        cue.language = Some((*language).to_owned()).filter(|language| !language.is_empty());
    }
    index.replace(&video).unwrap();
    index.commit(&at(1)).unwrap();
    (folder, index)
}

/// The lines that are found, best first, with what is marked in brackets.
fn found(index: &TextIndex, wanted: &SpokenQuery) -> Vec<String> {
    let hits = index.search(wanted, 10, None, Per::Line).unwrap();
    hits.iter().map(marked).collect()
}

fn marked(hit: &CueHit) -> String {
    let mut shown = String::new();
    for (at, c) in hit.text.chars().enumerate() {
        let is = |edge: fn(&TextRange) -> usize| hit.marks.iter().any(|mark| edge(mark) == at);
        if is(|mark| mark.end) {
            shown.push(']');
        }
        if is(|mark| mark.start) {
            shown.push('[');
        }
        shown.push(c);
    }
    let length = hit.text.chars().count();
    if hit.marks.iter().any(|mark| mark.end == length) {
        shown.push(']');
    }
    shown
}

#[test]
fn words_are_stemmed_in_the_language_of_their_line() {
    let (_folder, index) = indexed(&[
        ("en", "the cars were binned"),
        ("de", "die Häuser brennen"),
        ("fr", "les chevaux courent"),
        ("", "cars of nobody knows where"),
        ("en", "he will die in the car"),
        ("pt-BR", "as crianças"),
    ]);
    let said = |words: &str| found(&index, &words.into());
    // Both forms are found, and the one that is written comes first.
    assert_eq!(
        said("car"),
        ["he will die in the [car]", "the [cars] were binned"]
    );
    assert_eq!(said("cars").len(), 3);
    assert_eq!(said("binning"), ["the cars were [binned]"]);
    assert_eq!(said("Haus"), ["die [Häuser] brennen"]);
    assert_eq!(said("hauser"), ["die [Häuser] brennen"]);
    assert_eq!(said("cheval"), ["les [chevaux] courent"]);
    assert_eq!(said("crianca"), ["as [crianças]"]);
    // A word is a stop word in its own language only.
    assert_eq!(
        said("die"),
        ["he will [die] in the car", "[die] Häuser brennen"]
    );
    assert_eq!(said("das Haus brennen"), ["die [Häuser] [brennen]"]);
    assert_eq!(
        said("will they be in the car"),
        ["he will die in the [car]", "the [cars] were binned"]
    );
}

#[test]
fn what_matches_is_marked() {
    let (_folder, index) = indexed(&[
        ("en", "Merry Christmas, everyone! A merry one."),
        ("", "我们昨天在电影院"),
        ("fr", "un café crème, s'il vous plaît"),
        ("en", "to be or not to be"),
    ]);
    let said = |words: &str| found(&index, &words.into());
    assert_eq!(
        said("MERRY christmases"),
        ["[Merry] [Christmas], everyone! A [merry] one."]
    );
    assert_eq!(said("电影院"), ["我们昨天在[电影院]"]);
    assert_eq!(said("creme"), ["un café [crème], s'il vous plaît"]);
    // A sentence of stop words is found and marked as it stands.
    assert_eq!(
        said("to be or not to be"),
        ["[to] [be] [or] [not] [to] [be]"]
    );
    let phrase = |phrase: &str| SpokenQuery {
        phrases: vec![phrase.to_owned()],
        ..SpokenQuery::default()
    };
    assert_eq!(
        found(&index, &phrase("a merry")),
        ["Merry Christmas, everyone! [A] [merry] one."]
    );
    // A phrase is not stemmed, and its typing errors are not forgiven.
    assert!(found(&index, &phrase("merry christmases")).is_empty());
    assert!(found(&index, &phrase("mery christmas")).is_empty());
}

#[test]
fn typing_errors_are_forgiven_where_the_word_is_not_said() {
    let (_folder, index) = indexed(&[
        ("en", "a merry christmas to you"),
        ("en", "the mary celeste"),
        ("en", "an astonishing elephant"),
        ("", "der Elefant"),
        ("", "电影院"),
    ]);
    let said = |words: &str| found(&index, &words.into());
    assert_eq!(said("chirstmas"), ["a merry [christmas] to you"]);
    assert_eq!(said("chrismtas mery").len(), 1);
    assert_eq!(said("astonisching"), ["an [astonishing] elephant"]);
    assert_eq!(said("elephent"), ["an astonishing [elephant]"]);
    // The word itself is said, so nothing else is meant.
    assert_eq!(said("merry"), ["a [merry] christmas to you"]);
    // Short words have too many neighbours, and so has unspaced writing.
    assert!(said("yuo").is_empty());
    assert!(said("电彩").is_empty());
    let strict = SpokenQuery {
        strict: true,
        .."chirstmas".into()
    };
    assert!(found(&index, &strict).is_empty());
    // Both words are said, but nowhere in this scope: then similar ones are tried.
    let hits = index.search(&"mary".into(), 10, None, Per::Line).unwrap();
    assert_eq!(hits.len(), 1);
    let first = ShotSet::from_starts([(hits[0].shot.asset.clone(), 0)]);
    let hits = index
        .search(&"marry".into(), 10, Some(&first), Per::Line)
        .unwrap();
    assert_eq!(marked(&hits[0]), "a [merry] christmas to you");
    let hits = index
        .search(&"mary".into(), 10, Some(&first), Per::Line)
        .unwrap();
    assert!(hits.is_empty(), "{hits:?}");
}

#[test]
fn synonyms_are_found_after_the_word_itself() {
    let (_folder, index) = indexed(&[
        ("en", "an automobile race"),
        ("en", "automobiles on the road"),
        ("en", "a car race"),
        ("en", "a motor car, no motor"),
        ("en", "the motor of a van"),
    ]);
    let table = [(
        "car".to_owned(),
        vec!["automobile".to_owned(), "motor of".to_owned()],
    )];
    let synonyms = Arc::new(Synonyms::new(&table.into_iter().collect()));
    let wanted = |words: &str, phrases: &[&str]| SpokenQuery {
        words: words.to_owned(),
        phrases: phrases.iter().map(|&phrase| phrase.to_owned()).collect(),
        synonyms: Arc::clone(&synonyms),
        ..SpokenQuery::default()
    };
    let said = found(&index, &wanted("car", &[]));
    assert_eq!(said.len(), 5, "{said:?}");
    assert!(
        said.iter().any(|line| line == "[automobiles] on the road"),
        "{said:?}"
    );
    assert!(
        said.iter().any(|line| line == "the [motor] [of] a van"),
        "{said:?}"
    );
    let race = found(&index, &wanted("car race", &[]));
    assert_eq!(race, ["a [car] [race]", "an [automobile] [race]"]);
    // Only in this direction, and not in phrases.
    assert_eq!(found(&index, &wanted("automobile", &[])).len(), 2);
    assert_eq!(
        found(&index, &wanted("", &["car race"])),
        ["a [car] [race]"]
    );
}

#[test]
fn one_long_take_does_not_hide_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let (index, _) = TextIndex::open(folder.path()).unwrap();
    // A shot with 500 matching lines, and three with one that is longer.
    let mut video = entry(&["go on"; 503]);
    video.shots = vec![
        (0, 500 * 75),
        (500 * 75, 501 * 75),
        (501 * 75, 502 * 75),
        (502 * 75, 503 * 75),
    ];
    for cue in &mut video.cues[500..] {
        cue.text = "go on, with many other words around it".to_owned();
    }
    index.replace(&video).unwrap();
    index.commit(&at(1)).unwrap();
    let hits = index.search(&"go on".into(), 400, None, Per::Shot).unwrap();
    let mut shots: Vec<u64> = hits.iter().map(|hit| hit.shot.start / 75).collect();
    assert_eq!(shots.len(), 4);
    assert_eq!((shots[0], hits[0].frames), (0, (0, 75)));
    shots.sort_unstable();
    assert_eq!(shots, [0, 500, 501, 502]);
    let two = index.search(&"go on".into(), 2, None, Per::Shot).unwrap();
    assert_eq!(two.len(), 2);
    let lines = index.search(&"go on".into(), 400, None, Per::Line).unwrap();
    assert_eq!(lines.len(), 400);
}

#[test]
fn a_phrase_is_found_as_it_stands_only() {
    let (_folder, index) = indexed(&[
        ("", "merry christmas, all"),
        ("", "a merry white christmas"),
        ("", "christmas"),
    ]);
    let count = |words: &str, phrases: &[&str], strict| {
        let wanted = SpokenQuery {
            words: words.to_owned(),
            phrases: phrases.iter().map(|&phrase| phrase.to_owned()).collect(),
            strict,
            ..SpokenQuery::default()
        };
        index.search(&wanted, 10, None, Per::Line).unwrap().len()
    };
    assert_eq!(count("merry christmas", &[], false), 2);
    assert_eq!(count("", &["merry christmas"], false), 1);
    assert_eq!(count("all", &["christmas"], false), 1);
    assert_eq!(count("", &["?!"], false), 0);
    assert_eq!(count("merry white snow", &[], false), 1);
    assert_eq!(count("merry white snow", &[], true), 0);
}

#[test]
fn lines_of_subtitles_and_lines_that_were_heard_are_found_apart() {
    let folder = tempfile::tempdir().unwrap();
    let (index, _) = TextIndex::open(folder.path()).unwrap();
    let asset = AssetId::new();
    let cue = |at: u64, origin| CueEntry {
        frames: (at, at + 10),
        ms: (at * 40, at * 40 + 400),
        text: "a red lantern".to_owned(),
        language: Some("en".to_owned()),
        origin,
    };
    let entry = AssetEntry {
        asset,
        shots: vec![(0, 10), (10, 20)],
        vectors: Vec::new(),
        cues: vec![cue(0, CueOrigin::Subtitles), cue(10, CueOrigin::Speech)],
    };
    index.replace(&entry).unwrap();
    index.commit(&Position::default()).unwrap();
    for (origin, start) in [(CueOrigin::Subtitles, 0), (CueOrigin::Speech, 10)] {
        let wanted = SpokenQuery {
            words: "lanterns".to_owned(),
            origin,
            ..SpokenQuery::default()
        };
        let found = index.search(&wanted, 9, None, Per::Shot).unwrap();
        let starts: Vec<u64> = found.iter().map(|hit| hit.shot.start).collect();
        assert_eq!(starts, [start]);
        assert_eq!(index.lines(origin, None).unwrap(), 1);
        let shots = ShotSet::from_starts([(entry.asset.clone(), 0)]);
        let there = u64::from(origin == CueOrigin::Subtitles);
        assert_eq!(index.lines(origin, Some(&shots)).unwrap(), there);
    }
}
