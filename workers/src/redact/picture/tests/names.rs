//! Names of people in metadata, of all formats.

use super::super::packet::{self, Packet};
use super::super::rules::Rules;
use super::super::{Editor, HiddenKind, PictureLimits, Rect};
use super::{Format, files, with_chunk, with_tag};

/// A packet as photo managers write it: regions in both forms, people of IPTC, keywords.
const PACKET: &str = "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\
<rdf:Description rdf:about=\"\" xmlns:mwg-rs=\"http://www.metadataworkinggroup.com/schemas/regions/\" \
xmlns:MP=\"http://ns.microsoft.com/photo/1.2/\" xmlns:MPReg=\"http://ns.microsoft.com/photo/1.2/t/Region#\" \
xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
xmlns:digiKam=\"http://www.digikam.org/ns/1.0/\" xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\" xmp:Rating=\"3\">\
<mwg-rs:Regions rdf:parseType=\"Resource\"><mwg-rs:RegionList><rdf:Bag>\
<rdf:li><rdf:Description mwg-rs:Name=\"Jane Doe\" mwg-rs:Type=\"Face\"/></rdf:li>\
<rdf:li rdf:parseType=\"Resource\"><mwg-rs:Name>J&#xF6;rg</mwg-rs:Name><mwg-rs:Type>Face</mwg-rs:Type></rdf:li>\
</rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>\
<MP:RegionInfo><rdf:li MPReg:Rectangle=\"0.1, 0.2, 0.3, 0.4\" MPReg:PersonDisplayName=\"Jane Doe\"/></MP:RegionInfo>\
<Iptc4xmpExt:PersonInImage><rdf:Bag><rdf:li>Jane Doe</rdf:li></rdf:Bag></Iptc4xmpExt:PersonInImage>\
<dc:subject><rdf:Bag><rdf:li>Jane Doe</rdf:li><rdf:li>beach</rdf:li></rdf:Bag></dc:subject>\
<digiKam:TagsList><rdf:Seq><rdf:li>People/Jane Doe</rdf:li><rdf:li>Places/Rhein</rdf:li></rdf:Seq></digiKam:TagsList>\
<dc:title>Summer</dc:title></rdf:Description></rdf:RDF></x:xmpmeta>";

/// What stays of it.
fn unnamed() -> String {
    let mut rest = PACKET.to_owned();
    for name in [
        " mwg-rs:Name=\"Jane Doe\"",
        "<mwg-rs:Name>J&#xF6;rg</mwg-rs:Name>",
        " MPReg:PersonDisplayName=\"Jane Doe\"",
        "<Iptc4xmpExt:PersonInImage><rdf:Bag><rdf:li>Jane Doe</rdf:li></rdf:Bag></Iptc4xmpExt:PersonInImage>",
        "<rdf:li>Jane Doe</rdf:li>",
        "<rdf:li>People/Jane Doe</rdf:li>",
    ] {
        assert!(rest.contains(name), "{name}");
        rest = rest.replacen(name, "", 1);
    }
    rest
}

fn clean(packet: &[u8], forget: bool) -> Packet {
    let mut rules = Rules::new(true);
    if forget {
        rules = rules.forgetting(Some(packet));
    }
    packet::clean(packet, &rules, false, &mut Vec::new())
}

#[test]
fn names_go_and_the_rest_of_the_packet_stays() {
    let Packet::Changed(rest) = clean(PACKET.as_bytes(), true) else {
        panic!("nothing was taken out");
    };
    assert_eq!(String::from_utf8(rest).unwrap(), unnamed());
    assert_eq!(clean(PACKET.as_bytes(), false), Packet::Same);
    assert_eq!(clean(unnamed().as_bytes(), true), Packet::Same);
}

#[test]
fn a_packet_that_cannot_be_parsed_goes_where_it_may_name_somebody() {
    let damaged = PACKET.replace("</rdf:RDF>", "<rdf:RDF");
    assert_eq!(clean(damaged.as_bytes(), true), Packet::Gone);
    let wide: Vec<u8> = PACKET.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(clean(&wide, true), Packet::Gone);
    assert_eq!(clean(b"<x:xmpmeta", true), Packet::Same);
    // Another prefix for the same namespace.
    let other = PACKET.replace("mwg-rs", "r");
    let Packet::Changed(rest) = clean(other.as_bytes(), true) else {
        panic!("nothing was taken out");
    };
    assert!(!String::from_utf8(rest).unwrap().contains("Jane"));
}

/// One file of each format with the packet in it.
fn named() -> Vec<(Format, Vec<u8>)> {
    let all = files();
    let png = &all.iter().find(|f| f.0 == Format::Png).unwrap().2;
    let itxt = [b"XML:com.adobe.xmp\0\0\0\0\0", PACKET.as_bytes()].concat();
    let webp = &all.iter().find(|f| f.0 == Format::WebP).unwrap().2;
    let length = u32::try_from(PACKET.len()).unwrap().to_le_bytes();
    let mut webp = [webp, &b"XMP "[..], &length, PACKET.as_bytes()].concat();
    webp.resize(webp.len().next_multiple_of(2), 0);
    let riff = u32::try_from(webp.len() - 8).unwrap();
    webp[4..8].copy_from_slice(&riff.to_le_bytes());
    vec![
        (Format::Png, with_chunk(png, *b"iTXt", &itxt)),
        (Format::WebP, webp),
        (Format::Tiff, with_tag(700, 1, PACKET.as_bytes())),
    ]
}

#[test]
fn every_format_loses_its_names_only_where_they_are_to_be_forgotten() {
    for (format, bytes) in named() {
        for forget in [true, false] {
            let mut editor = Editor::open(bytes.clone(), &PictureLimits::default()).unwrap();
            let spot = Rect {
                x: 1,
                y: 1,
                width: 2,
                height: 2,
            };
            editor.write(0, spot, &[9.0; 4], &[true; 4]).unwrap();
            if forget {
                editor.forget_names();
            }
            let finished = editor.finish().unwrap();
            let text = String::from_utf8_lossy(&finished.bytes);
            assert_eq!(text.contains("Jane"), !forget, "{format:?}");
            let told = finished
                .hidden
                .iter()
                .any(|copy| copy.kind == HiddenKind::PersonName);
            assert_eq!(told, forget, "{format:?}");
            assert!(text.contains("<dc:title>Summer</dc:title>"), "{format:?}");
        }
    }
}

/// A note of a maker with settings and, by Panasonic's tag, faces with names.
fn note() -> Vec<u8> {
    let mut note = b"Panasonic\0\0\0".to_vec();
    note.extend(2_u16.to_le_bytes());
    // Offsets count from the TIFF header, before which the note stands at 26 bytes.
    let values = 26 + u32::try_from(note.len()).unwrap() + 2 * 12 + 4;
    for (tag, length, at) in [(0x0051_u16, 16_u32, values), (0x0061, 148, values + 16)] {
        note.extend(tag.to_le_bytes());
        note.extend(7_u16.to_le_bytes());
        note.extend(length.to_le_bytes());
        note.extend(at.to_le_bytes());
    }
    note.extend([0; 4]);
    note.extend(b"LUMIX G VARIO 14");
    let mut faces = vec![1, 0, 0, 0];
    faces.extend(b"Jane Doe");
    faces.resize(148, 0);
    note.extend(faces);
    note
}

#[test]
fn notes_of_makers_lose_names_and_keep_settings() {
    let note = note();
    let mut block = b"II*\0\x08\0\0\0\x01\0".to_vec();
    block.extend(0x927C_u16.to_le_bytes());
    block.extend(7_u16.to_le_bytes());
    block.extend(u32::try_from(note.len()).unwrap().to_le_bytes());
    block.extend(26_u32.to_le_bytes());
    block.extend([0; 4]);
    block.extend(&note);
    let all = files();
    let png = &all.iter().find(|f| f.0 == Format::Png).unwrap().2;
    let bytes = with_chunk(png, *b"eXIf", &block);
    for forget in [true, false] {
        let mut editor = Editor::open(bytes.clone(), &PictureLimits::default()).unwrap();
        let spot = Rect {
            x: 1,
            y: 1,
            width: 1,
            height: 1,
        };
        editor.write(0, spot, &[9.0], &[true]).unwrap();
        if forget {
            editor.forget_names();
        }
        let finished = editor.finish().unwrap();
        let text = String::from_utf8_lossy(&finished.bytes);
        assert!(text.contains("LUMIX G VARIO 14"));
        assert_eq!(text.contains("Jane Doe"), !forget);
    }
}
