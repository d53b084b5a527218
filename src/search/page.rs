//! Page tokens. They are opaque to callers and valid only with their own query.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{SearchError, SearchRequest, Subject};

/// The start of a page.
pub(super) struct Page {
    pub(super) offset: usize,
    query: [u8; 8],
}

impl Page {
    /// The page that a request asks for; the first by default.
    pub(super) fn read(request: &SearchRequest) -> Result<Self, SearchError> {
        let query = digest(request);
        let Some(token) = &request.page else {
            return Ok(Self { offset: 0, query });
        };
        let bytes = URL_SAFE_NO_PAD
            .decode(token)
            .map_err(|_not_base64| SearchError::Page)?;
        let (of, offset) = bytes.split_first_chunk::<8>().ok_or(SearchError::Page)?;
        let offset: [u8; 4] = offset.try_into().map_err(|_length| SearchError::Page)?;
        let offset = u32::from_le_bytes(offset) as usize;
        if *of != query {
            return Err(SearchError::Page);
        }
        Ok(Self { offset, query })
    }

    /// The token of the page that starts at `offset` in the fused list.
    pub(super) fn at(&self, offset: usize) -> String {
        let offset = u32::try_from(offset).unwrap_or(u32::MAX);
        let mut bytes = self.query.to_vec();
        bytes.extend_from_slice(&offset.to_le_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

/// A digest of everything that determines the results and their order.
fn digest(request: &SearchRequest) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    match &request.subject {
        Subject::Text(text) => hasher.update(b"text").update(text.as_bytes()),
        Subject::Shot(shot) => hasher.update(b"shot").update(shot.to_string().as_bytes()),
        Subject::Picture(picture) => hasher.update(b"picture").update(picture.as_raw()),
    };
    let rest = format!("{:?}{:?}", request.modalities, request.scope);
    hasher.update(rest.as_bytes());
    let mut short = [0; 8];
    short.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::Scope;

    fn request(text: &str, page: Option<String>) -> SearchRequest {
        SearchRequest {
            subject: Subject::Text(text.to_owned()),
            modalities: Vec::new(),
            scope: Scope::default(),
            limit: 10,
            page,
        }
    }

    #[test]
    fn a_token_leads_on_in_its_own_query_only() {
        let token = Page::read(&request("dog", None)).ok().unwrap().at(10);
        let page = Page::read(&request("dog", Some(token.clone())))
            .ok()
            .unwrap();
        assert_eq!(page.offset, 10);
        assert!(Page::read(&request("cat", Some(token))).is_err());
        assert!(Page::read(&request("dog", Some("bogus".to_owned()))).is_err());
    }
}
