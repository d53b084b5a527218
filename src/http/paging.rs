//! Limits and tokens of lists that are read page by page.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rushes_models::ErrorKind;

use super::ApiError;

/// How many entries of a list to show: as many as requested, or `default`; at least one and at most `most`.
pub(super) fn checked_limit(
    requested: Option<u32>,
    default: u32,
    most: u32,
) -> Result<u32, ApiError> {
    let limit = requested.unwrap_or(default);
    if (1..=most).contains(&limit) {
        return Ok(limit);
    }
    let detail = format!("limit {limit} is not from 1 to {most}");
    Err(ApiError::new(ErrorKind::InvalidInput, "bad-limit", detail))
}

/// The token of the page after the entry of this rank.
pub(super) fn token(rank: i64) -> String {
    URL_SAFE_NO_PAD.encode(rank.to_be_bytes())
}

/// The rank in a token.
pub(super) fn read_token(token: &str) -> Result<i64, ApiError> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let rank = bytes.and_then(|bytes| bytes.try_into().ok().map(i64::from_be_bytes));
    rank.ok_or_else(|| {
        let detail = "`page` is `next` of the page before";
        ApiError::new(ErrorKind::InvalidInput, "bad-page-token", detail)
    })
}
