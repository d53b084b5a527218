//! Writing XML: elements with attributes and text, escaped.

use std::fmt::Display;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::ExportError;

/// An element with its attributes and what is in it.
#[derive(Debug)]
pub(super) struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    text: Option<String>,
    children: Vec<Self>,
}

impl Element {
    pub(super) const fn new(name: &'static str) -> Self {
        Self {
            name,
            attributes: Vec::new(),
            text: None,
            children: Vec::new(),
        }
    }

    /// An element that holds text alone.
    pub(super) fn text(name: &'static str, text: impl Display) -> Self {
        Self {
            text: Some(format!("{text}")),
            ..Self::new(name)
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.attributes.push((name, format!("{value}")));
        self
    }

    pub(super) fn holding(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children);
        self
    }

    fn write(&self, writer: &mut Writer<Vec<u8>>) -> std::io::Result<()> {
        let mut element = writer.create_element(self.name);
        for (name, value) in &self.attributes {
            element = element.with_attribute((*name, legal(value).as_str()));
        }
        if let Some(text) = &self.text {
            element.write_text_content(BytesText::new(&legal(text)))?;
        } else if self.children.is_empty() {
            element.write_empty()?;
        } else {
            element.write_inner_content(|writer| {
                self.children
                    .iter()
                    .try_for_each(|child| child.write(writer))
            })?;
        }
        Ok(())
    }
}

/// A whole document; `doctype` is the name that `<!DOCTYPE …>` gives.
pub(super) fn document(doctype: &str, root: &Element) -> Result<Vec<u8>, ExportError> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    writer.write_event(Event::DocType(BytesText::from_escaped(doctype)))?;
    root.write(&mut writer)?;
    let mut text = writer.into_inner();
    text.push(b'\n');
    Ok(text)
}

/// Text without the characters that XML 1.0 has no notation for.
fn legal(text: &str) -> String {
    text.chars()
        .filter(|&c| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..))
        .collect()
}
