//! Taking properties out of an XMP packet while every other byte stays as it is.

use std::ops::Range;

use quick_xml::Reader;
use quick_xml::events::Event;

/// Levels of a packet; real ones have a dozen.
const MAX_DEPTH: usize = 64;
/// Namespaces that are declared; each is compared with every property.
const MAX_NAMESPACES: usize = 256;

/// A packet that cannot be parsed to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// A parsed packet.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    nodes: Vec<Node<'a>>,
    /// Prefixes and what they stand for, wherever they are declared.
    namespaces: Vec<(&'a str, &'a str)>,
}

#[derive(Debug)]
struct Node<'a> {
    kind: Kind<'a>,
    range: Range<usize>,
    parent: Option<usize>,
    /// One past the last node within it.
    last: usize,
}

#[derive(Debug)]
enum Kind<'a> {
    Element {
        name: &'a str,
        attributes: Vec<Attribute<'a>>,
    },
    Text(&'a str),
}

#[derive(Debug)]
struct Attribute<'a> {
    name: &'a str,
    value: &'a str,
    /// With the white space before it.
    range: Range<usize>,
}

/// A property: an element or an attribute.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    document: &'a Document<'a>,
    prefix: &'a str,
    pub(crate) local: &'a str,
    /// The element it is in.
    parent: Option<usize>,
    /// Its place among the nodes, if it is an element, and its value if it is an attribute.
    node: Option<usize>,
    value: &'a str,
}

impl<'a> Subject<'a> {
    /// Whether its name is of this namespace.
    pub(crate) fn is_in(&self, namespace: &str) -> bool {
        self.document
            .namespaces
            .iter()
            .any(|(prefix, uri)| *prefix == self.prefix && *uri == namespace)
    }

    /// Whether it is the declaration of this namespace.
    pub(crate) fn declares(&self, namespace: &str) -> bool {
        self.prefix == "xmlns" && self.value == namespace
    }

    /// Whether an element of this local name is around it.
    pub(crate) fn is_within(&self, local: &str) -> bool {
        let mut next = self.parent;
        while let Some(index) = next {
            let node = &self.document.nodes[index];
            if let Kind::Element { name, .. } = &node.kind
                && split(name).1 == local
            {
                return true;
            }
            next = node.parent;
        }
        false
    }

    /// Its text: the value of an attribute, or all pieces of text in an element, of attributes
    /// within it as well.
    pub(crate) fn texts(&self) -> Vec<&'a str> {
        let Some(index) = self.node else {
            return vec![self.value];
        };
        let nodes = &self.document.nodes;
        let mut found = Vec::new();
        for node in &nodes[index..nodes[index].last] {
            match &node.kind {
                Kind::Element { attributes, .. } => {
                    found.extend(attributes.iter().map(|attribute| attribute.value));
                }
                Kind::Text(text) => found.push(text),
            }
        }
        found
    }
}

fn split(name: &str) -> (&str, &str) {
    name.split_once(':').unwrap_or(("", name))
}

impl<'a> Document<'a> {
    /// Parses a packet.
    pub(crate) fn read(packet: &'a [u8]) -> Result<Self, Unreadable> {
        let text = std::str::from_utf8(packet).map_err(|_not_utf8| Unreadable)?;
        let mut document = Self {
            nodes: Vec::new(),
            namespaces: Vec::new(),
        };
        let mut reader = Reader::from_reader(packet);
        reader.config_mut().check_end_names = false;
        let mut open: Vec<usize> = Vec::new();
        // Where the last event but text ended.
        let mut text_from = 0;
        loop {
            let start = position(&reader)?;
            let event = reader.read_event().map_err(|_damaged| Unreadable)?;
            let end = position(&reader)?;
            if matches!(event, Event::Text(_) | Event::GeneralRef(_)) {
                continue;
            }
            let raw = text.get(text_from..start).ok_or(Unreadable)?;
            if !raw.trim().is_empty() {
                document.push(Kind::Text(raw), text_from..start, &open);
            }
            text_from = end;
            match event {
                Event::Start(_) | Event::Empty(_) => {
                    let tag = text.get(start..end).ok_or(Unreadable)?;
                    let element = document.element(tag, start).ok_or(Unreadable)?;
                    let index = document.push(element, start..end, &open);
                    if matches!(event, Event::Start(_)) {
                        open.push(index);
                    }
                    if open.len() > MAX_DEPTH {
                        return Err(Unreadable);
                    }
                }
                Event::End(_) => {
                    let index = open.pop().ok_or(Unreadable)?;
                    let last = document.nodes.len();
                    document.nodes[index].range.end = end;
                    document.nodes[index].last = last;
                }
                Event::Eof => break,
                // Definitions of entities would spell properties in other words.
                Event::DocType(_) => return Err(Unreadable),
                Event::CData(_)
                | Event::Comment(_)
                | Event::Decl(_)
                | Event::PI(_)
                | Event::Text(_)
                | Event::GeneralRef(_) => {}
            }
        }
        if open.is_empty() {
            Ok(document)
        } else {
            Err(Unreadable)
        }
    }

    fn push(&mut self, kind: Kind<'a>, range: Range<usize>, open: &[usize]) -> usize {
        self.nodes.push(Node {
            kind,
            range,
            parent: open.last().copied(),
            last: self.nodes.len() + 1,
        });
        self.nodes.len() - 1
    }

    /// Reads a tag, which stands at `start` of the packet.
    fn element(&mut self, tag: &'a str, start: usize) -> Option<Kind<'a>> {
        let inner = tag.strip_prefix('<')?.strip_suffix('>')?;
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        let name_end = inner
            .find(|c: char| c.is_ascii_whitespace())
            .unwrap_or(inner.len());
        let mut attributes = Vec::new();
        let mut at = name_end;
        loop {
            let rest = inner.get(at..)?;
            let trimmed = rest.trim_start();
            if trimmed.is_empty() {
                break;
            }
            let equals = trimmed.find('=')?;
            let after = trimmed.get(equals + 1..)?.trim_start();
            let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            let value = after.get(1..)?.split(quote).next()?;
            let end = inner.len() - after.len() + value.len() + 2;
            let name = trimmed.get(..equals)?.trim_end();
            if let Some(prefix) = name.strip_prefix("xmlns:")
                && self.namespaces.len() < MAX_NAMESPACES
            {
                self.namespaces.push((prefix, value));
            }
            attributes.push(Attribute {
                name,
                value,
                range: start + 1 + at..start + 1 + end,
            });
            at = end;
        }
        Some(Kind::Element {
            name: inner.get(..name_end)?,
            attributes,
        })
    }

    /// Asks of every property whether it is `wanted`, outer ones first and not within wanted ones;
    /// hands back the bytes of those that are.
    pub(crate) fn find(&self, wanted: &mut dyn FnMut(&Subject<'_>) -> bool) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut index = 0;
        while let Some(node) = self.nodes.get(index) {
            let Kind::Element { name, attributes } = &node.kind else {
                index += 1;
                continue;
            };
            let (prefix, local) = split(name);
            let subject = Subject {
                document: self,
                prefix,
                local,
                parent: node.parent,
                node: Some(index),
                value: "",
            };
            if wanted(&subject) {
                found.push(node.range.clone());
                index = node.last;
                continue;
            }
            for attribute in attributes {
                let (prefix, local) = split(attribute.name);
                let subject = Subject {
                    document: self,
                    prefix,
                    local,
                    parent: Some(index),
                    node: None,
                    value: attribute.value,
                };
                if wanted(&subject) {
                    found.push(attribute.range.clone());
                }
            }
            index += 1;
        }
        found
    }
}

fn position(reader: &Reader<&[u8]>) -> Result<usize, Unreadable> {
    usize::try_from(reader.buffer_position()).map_err(|_too_long| Unreadable)
}

/// A packet without these ranges, which are in order and apart.
pub(crate) fn without(packet: &[u8], ranges: &[Range<usize>]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(packet.len());
    let mut from = 0;
    for range in ranges {
        kept.extend_from_slice(&packet[from..range.start]);
        from = range.end;
    }
    kept.extend_from_slice(&packet[from..]);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: &str = "<?xpacket begin='' id='x'?><x:xmpmeta xmlns:x='adobe:ns:meta/'>\
        <r:li xmlns:a='urn:a' a:One=\"1 &gt; 0\"\n  a:Two='2'/><!-- c --><a:Three>Jane &amp; Joe</a:Three>\
        </x:xmpmeta><?xpacket end='w'?>";

    #[test]
    fn properties_are_found_with_their_bytes() {
        let document = Document::read(PACKET.as_bytes()).unwrap();
        let mut texts = Vec::new();
        let ranges = document.find(&mut |subject| {
            let wanted = subject.is_in("urn:a") && subject.local != "Two";
            if wanted {
                texts.extend(subject.texts().into_iter().map(str::to_owned));
            }
            wanted
        });
        assert_eq!(texts, ["1 &gt; 0", "Jane &amp; Joe"]);
        let rest = String::from_utf8(without(PACKET.as_bytes(), &ranges)).unwrap();
        let expected = PACKET
            .replace(" a:One=\"1 &gt; 0\"", "")
            .replace("<a:Three>Jane &amp; Joe</a:Three>", "");
        assert_eq!(rest, expected);
    }

    #[test]
    fn damaged_packets_are_not_edited() {
        for damaged in [
            "<a><b></a>",
            "<a b=c/>",
            "</a>",
            "<!DOCTYPE a [<!ENTITY n 'Jane'>]><a/>",
            "<a",
        ] {
            assert!(Document::read(damaged.as_bytes()).is_err(), "{damaged}");
        }
        assert!(Document::read(&"<a>".repeat(5000).into_bytes()).is_err());
    }
}
