//! Tests of queries.

use super::*;

fn with(kind: PartKind, weight: f64) -> Query {
    Query::from(QueryPart {
        weight,
        ..QueryPart::new(kind)
    })
}

#[test]
fn each_fault_of_a_query_has_a_code() {
    let vector = |values: &[f32]| PartKind::Vector {
        vector: values.into(),
        space: None,
    };
    let text = || QueryPart::text("x").kind;
    let span = PartKind::Span {
        asset: AssetId::new(),
        from_ms: 5,
        to_ms: 5,
    };
    for (query, code) in [
        (Query::default(), "empty-query"),
        (Query::from(QueryPart::text("  ")), "empty-query"),
        (with(text(), -1.0), "all-negative"),
        (with(text(), f64::NAN), "bad-weight"),
        (with(text(), 0.0), "bad-weight"),
        (with(text(), 1e9), "bad-weight"),
        (with(vector(&[1.0, f32::NAN]), 1.0), "vector-not-finite"),
        (with(vector(&[0.0, 0.0]), 1.0), "vector-zero"),
        (with(vector(&[]), 1.0), "vector-zero"),
        (with(span, 1.0), "bad-span"),
        (Query::from(QueryPart::text(&"x".repeat(2001))), "too-long"),
    ] {
        assert_eq!(query.check().unwrap_err().code(), code, "{query:?}");
    }
    let many = Query {
        parts: vec![QueryPart::text("x"); 17],
        ..Query::default()
    };
    assert_eq!(many.check().unwrap_err().code(), "too-many-parts");
}

#[test]
fn a_modality_that_has_nothing_to_look_for_is_named() {
    let vector = PartKind::Vector {
        vector: [1.0].as_slice().into(),
        space: None,
    };
    let query = with(vector, 1.0);
    let senses = query.senses().unwrap();
    assert_eq!(senses.len(), 1);
    assert_eq!(senses[0].modality, Modality::Visual);
    let spoken = query.within(&[Modality::Dialogue]);
    assert_eq!(spoken.senses().unwrap_err().code(), "nothing-for-modality");
}
