//! Converts the text of a cue to plain words.

use quick_xml::escape::resolve_html5_entity;

/// Longest tag in bytes. Without a limit, a line of brackets would be slow.
const MAX_TAG: usize = 200;

/// Longest name of a character reference in bytes, without `&` and `;`.
const MAX_ENTITY: usize = 32;

/// The tags of SubRip and WebVTT, and HTML tags that occur in subtitle files.
const TAGS: &[&str] = &[
    "b", "i", "u", "s", "c", "v", "lang", "ruby", "rt", "rp", "font", "br", "p", "span", "div",
    "em", "strong", "strike", "del", "ins", "big", "small", "sub", "sup", "tt", "center", "body",
    "html", "sync", "a",
];

/// The words of a SubRip or WebVTT cue, without tags (`<i>`, `<v Anna>`, `{\an8}`) and blank lines, with
/// character references (`&amp;`) resolved. Text that only resembles a tag (`<3`, `{her name}`) is kept.
pub(crate) fn plain(lines: &[&str]) -> String {
    let mut text = String::new();
    for line in lines {
        let bare = without_tags(line);
        for part in resolved(&bare).split('\n') {
            push_line(&mut text, part);
        }
    }
    text
}

/// Adds a line unless it is blank.
pub(super) fn push_line(text: &mut String, line: &str) {
    let line = line.trim_matches(|c: char| c.is_whitespace() || c.is_control());
    if !line.is_empty() {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(line);
    }
}

fn without_tags(line: &str) -> String {
    let mut bare = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(open) = rest.find(['<', '{']) {
        let (before, tag) = rest.split_at(open);
        bare.push_str(before);
        let (length, shown) = if tag.starts_with('<') {
            (angle_tag(tag), "\n")
        } else {
            (override_block(tag), "")
        };
        if let Some(length) = length {
            if tag[1..].trim_start_matches('/').get(..2) == Some("br") {
                bare.push_str(shown);
            }
            rest = &tag[length..];
        } else {
            bare.push_str(&tag[..1]);
            rest = &tag[1..];
        }
    }
    bare.push_str(rest);
    bare
}

/// The length from the bracket at the start of `text` to its counterpart, inclusive.
fn bracketed(text: &str, close: u8) -> Option<usize> {
    let end = text.bytes().take(MAX_TAG).position(|byte| byte == close)?;
    Some(end + 1)
}

/// The length of the tag at the start of `text`: a known tag, or a WebVTT timestamp.
fn angle_tag(text: &str) -> Option<usize> {
    let length = bracketed(text, b'>')?;
    let inner = &text[1..length - 1];
    let inner = inner.strip_prefix('/').unwrap_or(inner);
    let timestamp = inner.contains(':')
        && inner
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.'));
    let name = inner
        .split(|c: char| !c.is_ascii_alphanumeric())
        .next()
        .unwrap_or_default();
    let known = TAGS.iter().any(|tag| tag.eq_ignore_ascii_case(name));
    (timestamp || known).then_some(length)
}

/// The length of the override codes with which `text` begins: `{\an8}`, or `{y:i}` of `MicroDVD`.
fn override_block(text: &str) -> Option<usize> {
    let code = text[1..].starts_with('\\')
        || text.as_bytes().get(2) == Some(&b':')
            && matches!(
                text.as_bytes().get(1),
                Some(b'C' | b'c' | b'F' | b'f' | b'o' | b'P' | b'S' | b's' | b'Y' | b'y')
            );
    code.then(|| bracketed(text, b'}')).flatten()
}

/// Resolves HTML character references; anything else stays.
fn resolved(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, reference) = rest.split_at(at);
        out.push_str(before);
        let end = reference
            .bytes()
            .take(MAX_ENTITY + 2)
            .position(|byte| byte == b';');
        let name = end.map(|end| &reference[1..end]);
        if let (Some(end), Some(letters)) = (end, name.and_then(entity)) {
            out.push_str(&letters);
            rest = &reference[end + 1..];
        } else {
            out.push('&');
            rest = &reference[1..];
        }
    }
    out.push_str(rest);
    out
}

/// The character of a reference, by name or number.
pub(super) fn entity(name: &str) -> Option<String> {
    let Some(number) = name.strip_prefix('#') else {
        // These two control the writing direction and are not letters.
        return match name {
            "lrm" | "rlm" => Some(String::new()),
            "nbsp" => Some(" ".to_owned()),
            name => resolve_html5_entity(name).map(str::to_owned),
        };
    };
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => number.parse().ok()?,
    };
    char::from_u32(code).map(String::from)
}

/// The words of the text of an ASS event: override blocks and drawings go, `\N` and `\n` end a line.
///
/// In a file of ASS everything in braces is markup or a comment. Of text that a decoder has turned into
/// an event (`native` is false), braces without a backslash belong to the words.
pub(crate) fn ass(text: &str, native: bool) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut drawing = false;
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let after = &rest[letter.len_utf8()..];
        let escaped = after.chars().next();
        let mut shown = |letter: char| {
            if !drawing {
                plain.push(letter);
            }
        };
        rest = after;
        match (letter, escaped) {
            // An override block; an unclosed one is ordinary text.
            ('{', next) if native || next == Some('\\') => match after.find('}') {
                Some(end) => {
                    if let Some(mode) = drawing_mode(&after[..end]) {
                        drawing = mode;
                    }
                    rest = &after[end + 1..];
                }
                None => shown('{'),
            },
            ('\\', Some(code @ ('N' | 'n' | 'h' | '{' | '}'))) => {
                shown(match code {
                    'h' => ' ',
                    '{' | '}' => code,
                    _ => '\n',
                });
                rest = &after[1..];
            }
            ('\r', _) => {}
            (letter, _) => shown(letter),
        }
    }
    let mut lines = String::new();
    for line in plain.split('\n') {
        push_line(&mut lines, line);
    }
    lines
}

/// Whether a block of overrides turns drawing on or off: `\p` and a number.
fn drawing_mode(block: &str) -> Option<bool> {
    let mut codes = block.rsplit('\\').filter_map(|code| {
        let number = code.strip_prefix('p')?.trim();
        number.parse::<u32>().ok()
    });
    codes.next().map(|scale| scale > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_goes_and_words_stay() {
        for (line, words) in [
            ("<i>Hello</i> {\\an8}there", "Hello there"),
            ("<v Anna>1 < 2 &amp; 3", "1 < 2 & 3"),
            ("<c.yellow.bg_blue>x</c> <00:01.500>y", "x y"),
            ("<FONT color=\"#ffffff\">z</FONT>", "z"),
            ("I <3 you", "I <3 you"),
            ("5 > 4", "5 > 4"),
            ("<laughs> no", "<laughs> no"),
            ("{her name} is {Y:i}Eve", "{her name} is Eve"),
            ("a <", "a <"),
            ("{b", "{b"),
            ("one<br/>two", "one\ntwo"),
            (
                "&lt;i&gt; &#39;x&#x27; &eacute;&nbsp;&hellip;&lrm;",
                "<i> 'x' é …",
            ),
            ("AT&T &c; &unknown; & &;", "AT&T &c; &unknown; & &;"),
        ] {
            assert_eq!(plain(&[line]), words, "{line}");
        }
        assert_eq!(plain(&["a", " ", "b"]), "a\nb");
    }

    #[test]
    fn an_event_is_its_words() {
        for (text, native, words) in [
            (
                r"{\i1}Hello,{\i0} world\N- and\hyou ",
                true,
                "Hello, world\n- and you",
            ),
            (r"{\an7\p1}m 0 0 l 100 0{\p0}shown", true, "shown"),
            (r"{\pos(1,2)\pbo3}kept", true, "kept"),
            ("a {comment}b", true, "a b"),
            ("a {b} c", false, "a {b} c"),
            (r"\{b\} c\d", false, r"{b} c\d"),
            ("a { b", true, "a { b"),
        ] {
            assert_eq!(ass(text, native), words, "{text}");
        }
    }
}
