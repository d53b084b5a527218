use proptest::prelude::*;

use super::{parse, write};
use crate::catalog::filter::{Filter, FilterOp};
use crate::catalog::metadata::MetadataValue;
use crate::catalog::{AssetId, ShotId};
use crate::search::query::{
    Collapse, GroupBy, Operator, OtherOnly, PartKind, Query, QueryPart, SortBy, WeightedModality,
};
use crate::search::recall::Modality;

fn text(words: &str, phrases: &[&str], modality: Option<Modality>, weight: f64) -> QueryPart {
    QueryPart {
        kind: PartKind::Text {
            words: words.to_owned(),
            phrases: phrases.iter().map(|&phrase| phrase.to_owned()).collect(),
        },
        modality,
        weight,
    }
}

fn filter(name: &str, op: FilterOp, values: &[&str]) -> Filter {
    let values = values
        .iter()
        .map(|&value| MetadataValue::Text(value.to_owned()));
    Filter::new(name, op, values.collect()).unwrap()
}

#[test]
fn a_text_says_a_whole_query() {
    let said = "car exploding -night title:\"Big Buck Bunny\" \"merry christmas\" in:dialogue len:<4s tag:hero \
                date:>2026-01-01 group:asset sort:time";
    let query = parse(said).unwrap();
    assert_eq!(
        query.parts,
        [
            text("car exploding", &["merry christmas"], None, 1.0),
            text("night", &[], None, -0.5),
        ]
    );
    assert_eq!(
        query.filters,
        [
            filter("title", FilterOp::Eq, &["Big Buck Bunny"]),
            filter("len", FilterOp::Lt, &["4s"]),
            filter("tag", FilterOp::Eq, &["hero"]),
            filter("date", FilterOp::Gt, &["2026-01-01"]),
        ]
    );
    let dialogue = WeightedModality {
        modality: Modality::Dialogue,
        weight: 1.0,
    };
    assert_eq!(query.modalities, [dialogue]);
    assert_eq!((query.group_by, query.sort), (GroupBy::Asset, SortBy::Time));
    assert_eq!(parse(&write(&query).unwrap()).unwrap(), query);
}

#[test]
fn parts_have_signs_weights_and_modalities() {
    let query = parse("seen:car^2 said:\"go\" -(night street)^0.25 (rain) match:all").unwrap();
    assert_eq!(
        query.parts,
        [
            text("car", &[], Some(Modality::Visual), 2.0),
            text("", &["go"], Some(Modality::Dialogue), 1.0),
            text("night street", &[], None, -0.25),
            text("rain", &[], None, 1.0),
        ]
    );
    assert_eq!(query.operator, Operator::All);
    let shot = ShotId {
        asset: AssetId::new(),
        start: 30,
        end: 76,
    };
    let query = parse(&format!("like:{shot} -like:{}@1.5s..2s^3", shot.asset)).unwrap();
    assert_eq!(query.parts[0].kind, PartKind::Shot(shot.clone()));
    let span = PartKind::Span {
        asset: shot.asset,
        from_ms: 1500,
        to_ms: 2000,
    };
    assert_eq!((&query.parts[1].kind, query.parts[1].weight), (&span, -3.0));
    let query =
        parse("collapse:similar=0.9,alternating facet:title,tag in:visual^2,dialogue").unwrap();
    let collapse = Collapse {
        similar: Some(0.9),
        alternating: true,
    };
    assert_eq!((query.collapse, query.facets.len()), (collapse, 2));
}

#[test]
fn filters_have_lists_ranges_and_types() {
    let values = |said: &str| {
        let query = parse(said).unwrap();
        let filter = &query.filters[0];
        (filter.op(), filter.values().to_vec())
    };
    let text = |text: &str| MetadataValue::Text(text.to_owned());
    assert_eq!(
        values("-tag:a,\"b, c\""),
        (FilterOp::Not, vec![text("a"), text("b, c")])
    );
    let range = parse("len:2s..4s").unwrap();
    assert_eq!(
        range.filters,
        [
            filter("len", FilterOp::Gte, &["2s"]),
            filter("len", FilterOp::Lte, &["4s"])
        ]
    );
    for (said, value) in [
        ("metadata.season:2", MetadataValue::Number(2.0)),
        ("metadata.season:\"2\"", text("2")),
        ("metadata.cleared:true", MetadataValue::Flag(true)),
        ("title:2012", text("2012")),
        ("rate:24000/1001", text("24000/1001")),
        ("height:1080", MetadataValue::Number(1080.0)),
    ] {
        assert_eq!(values(said), (FilterOp::Eq, vec![value]), "{said}");
    }
}

#[test]
fn what_only_looks_like_syntax_is_text() {
    for (said, words) in [
        ("12:30 train", "12:30 train"),
        ("Star Wars: a film", "Star Wars: a film"),
        ("rock - paper", "rock - paper"),
        ("^_^ smile", "^_^ smile"),
        ("a\\:b \\-c", "a:b -c"),
        ("well-known", "well-known"),
        ("\u{0}a\u{7}b", "a b"),
        (
            "\u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{1f600}",
            "\u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{1f600}",
        ),
    ] {
        let query = parse(said).unwrap();
        assert_eq!(query.parts, [text(words, &[], None, 1.0)], "{said}");
        assert_eq!(parse(&write(&query).unwrap()).unwrap(), query, "{said}");
    }
    assert_eq!(
        parse("\u{201c}merry christmas\u{201d}").unwrap().parts,
        [text("", &["merry christmas"], None, 1.0)]
    );
}

#[test]
fn a_mistake_is_shown_where_it_is() {
    for (said, at, code, part) in [
        ("car tilte:x", 4, "unknown-field", "did you mean `title`?"),
        ("say \"merry", 4, "bad-query", "not closed"),
        ("a (b c", 2, "bad-query", "not closed"),
        ("a ) b", 2, "bad-query", "closes nothing"),
        ("a \"\" b", 2, "bad-query", "nothing between"),
        ("len:4", 4, "bad-filter-value", "a number with a unit"),
        (
            "a len:>5s len:<4s",
            14,
            "contradictory-filter",
            "exclude everything",
        ),
        ("-len:<4s", 0, "bad-query", "cannot be excluded"),
        ("title:<a", 6, "bad-operator", "has no order"),
        ("sort:size", 5, "bad-query", "`relevance`, `time`, `date`"),
        ("sort:time sort:date", 10, "bad-query", "given twice"),
        ("in:smell", 3, "bad-query", "`visual`, `dialogue`"),
        ("car^0", 3, "bad-weight", "above 0"),
        ("red car^abc night", 7, "bad-weight", "write \\^"),
        ("(red car^) night", 8, "bad-weight", "write \\^"),
        ("car siad:go", 4, "unknown-field", "did you mean `said`?"),
        ("srot:time", 0, "unknown-field", "did you mean `sort`?"),
        ("tilte:x", 0, "unknown-field", "did you mean `title`?"),
        ("car^1.2.3", 3, "bad-weight", "above 0"),
        ("like:nothing", 5, "bad-query", "id of a shot"),
        ("tag:a,", 6, "bad-query", "a value is missing"),
        ("car title: Day", 10, "bad-query", "without a space"),
        ("said: \"go\"", 5, "bad-query", "without a space"),
        ("sort:", 5, "bad-query", "without a space"),
        ("tag:\"a\"b", 7, "bad-query", "a space is missing"),
        ("a \\", 2, "bad-query", "backslash"),
        ("\u{1f600} \u{5e9} x:y", 4, "unknown-field", "`title`"),
    ] {
        let error = parse(said).unwrap_err();
        assert_eq!((error.at, error.code), (at, code), "{said}: {error}");
        let shown = error.to_string();
        assert!(shown.contains(part), "{shown}");
        let lines: Vec<&str> = shown.lines().collect();
        let caret = lines
            .last()
            .unwrap()
            .chars()
            .position(|c| c == '^')
            .unwrap();
        let pointed = lines[lines.len() - 2].chars().nth(caret);
        assert_eq!(pointed, said.chars().nth(at), "{shown}");
    }
    assert_eq!(parse(&"x".repeat(9000)).unwrap_err().code, "too-long");
}

fn word() -> impl Strategy<Value = String> {
    "[^\\s\\pC]{1,8}".prop_filter("a lone dash is written with a backslash", |word| {
        !word.is_empty()
    })
}

fn texts() -> impl Strategy<Value = PartKind> {
    let phrase = "[^\\pC]{0,6}[^\\s\\pC][^\\pC]{0,6}";
    (
        prop::collection::vec(word(), 0..4),
        prop::collection::vec(phrase, 0..3),
    )
        .prop_filter("nothing to look for", |(words, phrases)| {
            !words.is_empty() || !phrases.is_empty()
        })
        .prop_map(|(words, phrases)| PartKind::Text {
            words: words.join(" "),
            phrases,
        })
}

fn weights() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(1.0),
        Just(-0.5),
        (1_u32..10_000).prop_map(|n| f64::from(n) / 100.0),
        (1_u32..10_000).prop_map(|n| f64::from(n) / -100.0),
    ]
}

fn parts() -> impl Strategy<Value = QueryPart> {
    let modality = prop::option::of(prop::sample::select(Modality::ALL));
    let said = (texts(), modality, weights()).prop_map(|(kind, modality, weight)| QueryPart {
        kind,
        modality,
        weight,
    });
    let shot =
        (0_u64..1000, 1_u64..1000, weights()).prop_map(|(start, length, weight)| QueryPart {
            weight,
            ..QueryPart::new(PartKind::Shot(ShotId {
                asset: AssetId::new(),
                start,
                end: start + length,
            }))
        });
    let span = (0_u64..100_000, 1_u64..100_000, weights()).prop_map(|(from_ms, length, weight)| {
        QueryPart {
            weight,
            ..QueryPart::new(PartKind::Span {
                asset: AssetId::new(),
                from_ms,
                to_ms: from_ms + length,
            })
        }
    });
    prop_oneof![4 => said, 1 => shot, 1 => span]
}

fn filters() -> impl Strategy<Value = Filter> {
    let text = "[^\\pC]{0,5}[^\\s\\pC][^\\pC]{0,5}".prop_map(MetadataValue::Text);
    let number =
        (-1_000_000_i32..1_000_000).prop_map(|n| MetadataValue::Number(f64::from(n) / 8.0));
    let any = prop_oneof![
        text.clone(),
        number.clone(),
        any::<bool>().prop_map(MetadataValue::Flag)
    ];
    let of = |name: &'static str, op: FilterOp| {
        move |values: Vec<MetadataValue>| Filter::new(name, op, values).unwrap()
    };
    prop_oneof![
        prop::collection::vec(text.clone(), 2..4).prop_map(of("tag", FilterOp::In)),
        prop::collection::vec(text.clone(), 2..4).prop_map(of("tag", FilterOp::Not)),
        prop::collection::vec(text, 1..2).prop_map(of("tag", FilterOp::Ne)),
        prop::collection::vec(any, 1..2).prop_map(of("metadata.a-b.c", FilterOp::Ne)),
        prop::collection::vec(number, 1..2).prop_map(of("size", FilterOp::Gt)),
    ]
}

proptest! {
    #[test]
    fn what_is_written_reads_back_as_the_same_query(
        parts in prop::collection::vec(parts(), 0..4),
        filters in prop::collection::vec(filters(), 0..3),
        sort in prop::sample::select(vec![
            SortBy::Relevance, SortBy::Time, SortBy::Date, SortBy::Earliest, SortBy::Loudest,
            SortBy::Quietest,
        ]),
        group_by in prop::sample::select(vec![GroupBy::Shot, GroupBy::Asset, GroupBy::Title]),
        other in prop::sample::select(vec![None, Some(OtherOnly::Titles), Some(OtherOnly::Assets)]),
        all in any::<bool>(),
        similar in prop::option::of((1_u16..=100).prop_map(|n| f32::from(n) / 100.0)),
    ) {
        let query = Query {
            parts,
            filters,
            sort,
            group_by,
            operator: if all { Operator::All } else { Operator::Any },
            collapse: Collapse { similar, alternating: all },
            modalities: if all {
                vec![WeightedModality { modality: Modality::Visual, weight: 1.5 }]
            } else {
                Vec::new()
            },
            facets: Vec::new(),
            other,
        };
        let said = write(&query).unwrap();
        let read = parse(&said).map_err(|error| TestCaseError::fail(format!("{said}: {error}")))?;
        prop_assert_eq!(read, query, "{}", said);
    }

    #[test]
    fn no_text_makes_it_fail(said in any::<String>()) {
        if let Err(error) = parse(&said) {
            prop_assert!(error.at <= said.chars().count());
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
