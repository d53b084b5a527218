//! The problems that operations may answer, each as the OpenAPI document describes it. What any operation may answer
//! is added by [`super::openapi`].

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};

/// A response whose body is a [`super::error::Problem`].
pub(super) fn problem(description: &str) -> RefOr<Response> {
    let body = Content::new(Some(RefOr::Ref(Ref::from_schema_name("Problem"))));
    let response = ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", body)
        .build();
    RefOr::T(response)
}

/// Types that stand for a problem in the `responses` of an operation.
macro_rules! problems {
    ($($name:ident = $status:literal, $description:literal;)+) => {$(
        #[doc = concat!($status, ": ", $description, ".")]
        pub(super) enum $name {}

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                BTreeMap::from([($status.to_owned(), problem($description))])
            }
        }
    )+};
}

problems! {
    Refused = "4XX", "The request cannot be answered as it is";
    NoKey = "401", "The key is missing, unknown or revoked";
    NotFound = "404", "There is no such thing";
    NotThereYet = "404", "There is no such thing, or not yet";
    FormTooSlow = "408", "The form was too long in coming";
    ChangedMeanwhile = "409", "Somebody else changed it meanwhile: `changed-meanwhile`";
    LeaseLost = "409", "The lease is lost";
    BadReplacement = "409", "The replacement of the asset's file failed: `replacement-failed`";
    ModelInUse = "409", "Searches are answered by this model: `model-in-use`";
    SpaceNotReady = "409", "The vectors of this model are not complete: `space-not-ready`";
    NotReplaceable = "409", "Another asset has this file: `bytes-in-use`";
    NoSuchRange = "416", "There is no such range";
    PeopleOff = "409", "The sense of people is off: `people-off`; `PUT /v1/people/consent` turns it on";
    NotItsVectors = "422", "These cannot be the vectors of this run";
    TooManySearches = "429", "Too many searches at once";
    TooManyPictures = "429", "As many pictures as can be are under way; `retry-after` says when to come back";
    NotReady = "503", "Not ready";
    StoreAway = "503", "The store does not answer";
}
