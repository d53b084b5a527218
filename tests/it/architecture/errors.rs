//! The rule of errors: `Display` says an error's own part, `source` returns its cause, and `with_causes` joins them.

use proc_macro2::{Delimiter, TokenTree};

use super::source::code;
use super::{LAYERS, root};

/// An error type or a variant of one: its format, and the fields it has.
#[derive(Debug)]
struct Shape {
    format: String,
    fields: String,
}

impl Shape {
    /// What is wrong with it.
    fn fault(&self) -> Option<&'static str> {
        let fields = &self.fields;
        let has_source = ["# [source]", "# [from]", " source :"]
            .iter()
            .any(|mark| fields.contains(mark));
        if self.format.contains("transparent") {
            return None;
        }
        let of_tuple = fields.contains("# [source]") || fields.contains("# [from]");
        let repeats = self.format.contains("{source") || (of_tuple && self.format.contains("{0"));
        if has_source && repeats {
            return Some("prints its source, which `with_causes` prints too");
        }
        let is_error = |word: &str| word.ends_with("Error") && word != "Error";
        let held = fields.find(['(', '{']).map_or("", |at| &fields[at..]);
        let holds_error = held
            .split(|letter: char| !letter.is_alphanumeric())
            .any(|word| is_error(word) || word == "Failure");
        if holds_error && !has_source {
            return Some("holds an error that is not its source");
        }
        None
    }
}

/// All shapes in a stream of tokens and in its groups.
fn shapes(tokens: &[TokenTree], found: &mut Vec<Shape>) {
    for (at, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else {
            continue;
        };
        let inside: Vec<TokenTree> = group.stream().into_iter().collect();
        if group.delimiter() == Delimiter::Bracket
            && let [TokenTree::Ident(name), TokenTree::Group(format)] = &inside[..]
            && name == "error"
        {
            found.push(Shape {
                format: format.stream().to_string(),
                fields: fields(&tokens[at + 1..]),
            });
        }
        shapes(&inside, found);
    }
}

/// The type or variant that follows its format.
fn fields(tokens: &[TokenTree]) -> String {
    let mut text = String::new();
    for token in tokens {
        if matches!(token, TokenTree::Punct(punct) if [',', ';'].contains(&punct.as_char())) {
            break;
        }
        text.push_str(&token.to_string());
        text.push(' ');
        if matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace) {
            break;
        }
    }
    // The documentation is an attribute too, and may name errors.
    let mut kept = String::new();
    for part in text.split("# [doc = ") {
        let rest = part.split_once("\"]").map_or(part, |(_, rest)| rest);
        kept.push_str(if kept.is_empty() { part } else { rest });
    }
    kept.replace("#[", "# [")
}

fn shapes_of(text: &str) -> Vec<Shape> {
    let tokens: Vec<TokenTree> = text
        .parse::<proc_macro2::TokenStream>()
        .unwrap()
        .into_iter()
        .collect();
    let mut found = Vec::new();
    shapes(&tokens, &mut found);
    found
}

#[test]
fn no_error_prints_its_source() {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for layers in &LAYERS {
        for file in code(&root().join(layers.folder)) {
            let mut found = Vec::new();
            shapes(file.tokens(), &mut found);
            seen += found.len();
            for shape in found {
                if let Some(fault) = shape.fault() {
                    wrong.push(format!("{}: {} {fault}", file.path.display(), shape.format));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(seen > 200, "only {seen} formats of errors were found");
}

#[test]
fn the_rule_of_errors_is_enforced() {
    let is_wrong = |variant: &str| {
        let found = shapes_of(&format!("enum E {{ {variant}, }}"));
        assert_eq!(found.len(), 1, "{variant}");
        found[0].fault().is_some()
    };
    for wrong in [
        r#"#[error("{name}: {source}")] A { name: String, source: io::Error }"#,
        r#"#[error("{name}: {source:?}")] A { name: String, #[source] source: Box<Self> }"#,
        r#"#[error("failed: {0}")] A(#[from] io::Error)"#,
        r#"#[error("failed: {0}")] A(#[source] io::Error)"#,
        r#"#[error("failed: {0}")] A(StoreError)"#,
        r#"#[error("failed: {why}")] A { why: StoreError }"#,
    ] {
        assert!(is_wrong(wrong), "{wrong}");
    }
    for right in [
        r#"#[error("{name}")] A { name: String, source: io::Error }"#,
        r#"#[error(transparent)] A(#[from] StoreError)"#,
        r#"#[error(transparent)] A(StoreError)"#,
        r#"#[error("{name}")] A { /** Of an IoError. */ name: String }"#,
        r#"#[error("failed")] A(#[source] StoreError)"#,
        r#"#[error("{0} is wrong")] A(String)"#,
    ] {
        assert!(!is_wrong(right), "{right}");
    }
}

/// Where an error is logged or put into a text, its causes belong there too.
#[test]
fn errors_are_printed_with_their_causes() {
    let mut wrong = Vec::new();
    for layers in &LAYERS {
        for file in code(&root().join(layers.folder)) {
            let text = std::fs::read_to_string(&file.path).unwrap();
            // A log's `%error`, and the form of `anyhow` that repeats the causes of some errors.
            for print in ["%error,", "%error)", "%failure,", "{error:#}"] {
                if text.contains(print) {
                    wrong.push(format!("{}: {print}", file.path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
