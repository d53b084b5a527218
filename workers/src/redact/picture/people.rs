//! Who is in a picture, as XMP says it: regions of faces (Metadata Working Group, Microsoft, `ACDSee`)
//! and the people of IPTC.

use super::edit::{Document, Subject};

const REGIONS: &str = "http://www.metadataworkinggroup.com/schemas/regions/";
const ACDSEE_REGIONS: &str = "http://ns.acdsee.com/regions/";
const IPTC_EXTENSION: &str = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/";
/// Names that only properties of people have, whatever their prefix.
const PERSON: [&str; 7] = [
    "PersonDisplayName",
    "RegionPersonDisplayName",
    "PersonInImage",
    "PersonInImageWDetails",
    "PersonEmailDigest",
    "PersonLiveIdCID",
    "PersonSourceID",
];
/// What a packet that cannot be parsed holds if it names people.
pub(crate) const MARKS: [&str; 4] = [
    "PersonDisplayName",
    "PersonInImage",
    "metadataworkinggroup.com/schemas/regions",
    "ns.acdsee.com/regions",
];

/// Whether a property names a person.
pub(crate) fn is_name(subject: &Subject<'_>) -> bool {
    PERSON.contains(&subject.local)
        || (subject.is_in(REGIONS) && matches!(subject.local, "Name" | "Description"))
        || (subject.is_in(ACDSEE_REGIONS) && subject.local == "Name")
        || (subject.is_in(IPTC_EXTENSION)
            && subject.local == "Name"
            && subject.is_within("ImageRegion"))
}

/// The names in a packet, as its markup spells them.
pub(crate) fn names(packet: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let Ok(document) = Document::read(packet) else {
        return found;
    };
    document.find(&mut |subject| {
        let named = is_name(subject);
        if named {
            for text in subject.texts() {
                let text = text.trim();
                // A shorter one would be found within other words.
                if text.chars().count() > 1 && !found.iter().any(|name| name == text) {
                    found.push(text.to_owned());
                }
            }
        }
        named
    });
    found
}

/// Whether a keyword is one of these names, alone or as the last of a path such as `People/Jane`.
pub(crate) fn is_keyword(text: &str, names: &[String]) -> bool {
    let text = text.trim();
    names.iter().any(|name| {
        text.strip_suffix(name.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.ends_with(['/', '|', '\\']))
    })
}
