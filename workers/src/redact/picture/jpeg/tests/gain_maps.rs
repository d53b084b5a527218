//! Ultra HDR (Android's format, ISO 21496-1): a map of gains behind the picture.

use super::super::super::hidden::{HiddenAction, HiddenKind};
use super::{Recipe, contains, make, open, paint, recipes};

const HEAD: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

fn packet(inner: &str) -> Vec<u8> {
    let text = format!(
        "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\
         {inner}</rdf:RDF></x:xmpmeta>"
    );
    [HEAD, text.as_bytes()].concat()
}

fn gain_map() -> Vec<u8> {
    let xmp = packet(
        "<rdf:Description xmlns:hdrgm=\"http://ns.adobe.com/hdr-gain-map/1.0/\" \
         hdrgm:Version=\"1.0\" hdrgm:GainMapMax=\"2.5\"/>",
    );
    let recipe = Recipe {
        size: (37, 26),
        ..recipes()[10]
    };
    make(&recipe, &[(0xE1, xmp)])
}

fn primary(length: usize) -> Vec<(u8, Vec<u8>)> {
    let xmp = packet(&format!(
        "<rdf:Description xmlns:hdrgm=\"http://ns.adobe.com/hdr-gain-map/1.0/\" \
         xmlns:Container=\"http://ns.google.com/photos/1.0/container/\" \
         xmlns:Item=\"http://ns.google.com/photos/1.0/container/item/\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
         hdrgm:Version=\"1.0\" dc:format=\"image/jpeg\"><Container:Directory><rdf:Seq>\
         <rdf:li><Container:Item Item:Semantic=\"Primary\" Item:Mime=\"image/jpeg\"/></rdf:li>\
         <rdf:li><Container:Item Item:Semantic=\"GainMap\" Item:Mime=\"image/jpeg\" \
         Item:Length=\"{length}\"/></rdf:li></rdf:Seq></Container:Directory>\
         <dc:title>A title</dc:title></rdf:Description>"
    ));
    vec![
        (0xE1, xmp),
        (0xE2, b"urn:iso:std:iso:ts:21496:-1\0\0\0\0\0".to_vec()),
        (0xE2, [&b"MPF\0MM\0*"[..], &[0; 70]].concat()),
    ]
}

fn ultra_hdr() -> (Vec<u8>, Vec<u8>) {
    let map = gain_map();
    let mut bytes = make(&recipes()[3], &primary(map.len()));
    bytes.extend_from_slice(&map);
    (bytes, map)
}

#[test]
fn a_picture_with_a_gain_map_stays_where_nothing_is_hidden() {
    let (bytes, map) = ultra_hdr();
    let finished = open(&bytes).finish().unwrap();
    assert!(finished.bytes == bytes);
    assert_eq!(finished.hidden.len(), 1);
    assert_eq!(finished.hidden[0].kind, HiddenKind::GainMap);
    assert_eq!(finished.hidden[0].action, HiddenAction::Kept);
    assert_eq!(finished.hidden[0].bytes, map.len() as u64);
}

#[test]
fn where_something_is_hidden_the_map_and_its_promise_go() {
    let (bytes, map) = ultra_hdr();
    let mut editor = open(&bytes);
    paint(&mut editor, (30, 30, 9, 9), 10.0);
    let finished = editor.finish().unwrap();
    let kinds: Vec<_> = finished.hidden.iter().map(|h| (h.kind, h.action)).collect();
    let gone = HiddenAction::Removed;
    assert_eq!(
        kinds,
        [
            (HiddenKind::GainMap, gone),
            (HiddenKind::Mpf, gone),
            (HiddenKind::GainMap, gone)
        ]
    );
    assert!(!contains(&finished.bytes, &map[map.len() - 60..]));
    for word in [
        &b"hdrgm"[..],
        b"hdr-gain-map",
        b"GainMap",
        b"MPF\0",
        b"21496",
    ] {
        assert!(!contains(&finished.bytes, word), "{word:?}");
    }
    assert!(contains(
        &finished.bytes,
        b"dc:format=\"image/jpeg\"><dc:title>A title</dc:title>"
    ));
    assert!(open(&finished.bytes).finish().unwrap().hidden.is_empty());
}

#[test]
fn what_is_no_clean_gain_map_goes() {
    let (bytes, map) = ultra_hdr();
    let other = make(&recipes()[10], &[]);
    let preview = make(&recipes()[10], &[(0xE3, other.clone())]);
    let large = make(&recipes()[3], &[(0xE1, gain_map_xmp())]);
    let larger = make(
        &Recipe {
            size: (80, 80),
            ..recipes()[3]
        },
        &[(0xE1, gain_map_xmp())],
    );
    // A map of the size of the picture is sound.
    let plain = &bytes[..bytes.len() - map.len()];
    let file = |trailer: &[u8]| [plain, trailer].concat();
    assert_eq!(open(&file(&large)).finish().unwrap().bytes, file(&large));
    for trailer in [
        [&map[..], &other].concat(),
        [&map[..], b"behind"].concat(),
        other,
        preview,
        larger,
        map[..map.len() - 9].to_vec(),
    ] {
        let finished = open(&file(&trailer)).finish().unwrap();
        assert!(!contains(&finished.bytes, &trailer[trailer.len() - 5..]));
        assert!(!contains(&finished.bytes, b"GainMap"));
        assert!(finished.bytes.ends_with(&plain[plain.len() - 60..]));
    }
    // No index: nobody would look for it.
    let mut segments = primary(map.len());
    segments.pop();
    let bytes = [make(&recipes()[3], &segments), map].concat();
    assert!(open(&bytes).finish().unwrap().bytes.len() < bytes.len());
}

fn gain_map_xmp() -> Vec<u8> {
    packet(
        "<rdf:Description xmlns:hdrgm=\"http://ns.adobe.com/hdr-gain-map/1.0/\" hdrgm:Version=\"1.0\"/>",
    )
}
