//! Signatures of messages: HMAC-SHA256 over id, time and body (Standard Webhooks, "Signature scheme").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::catalog::CatalogError;

/// What every secret begins with.
const PREFIX: &str = "whsec_";
/// Random bytes of a secret: 256 bits.
const BYTES: usize = 32;

/// A new secret.
///
/// # Errors
/// If the system gives no random numbers.
pub fn new_secret() -> Result<String, CatalogError> {
    let mut random = [0_u8; BYTES];
    getrandom::fill(&mut random).map_err(|error| CatalogError::Random(error.to_string()))?;
    Ok(format!("{PREFIX}{}", STANDARD.encode(random)))
}

/// The value of `webhook-signature`; `None` if the secret is damaged.
pub(super) fn signature(secret: &str, id: &str, seconds: i64, body: &str) -> Option<String> {
    let key = STANDARD.decode(secret.strip_prefix(PREFIX)?).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    Some(format!(
        "v1,{}",
        STANDARD.encode(mac.finalize().into_bytes())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_depends_on_all_that_is_signed() {
        let secret = new_secret().unwrap();
        let signed = signature(&secret, "a", 1, "{}").unwrap();
        assert!(
            signed.starts_with("v1,") && signed.len() == 3 + 44,
            "{signed}"
        );
        assert_eq!(signature(&secret, "a", 1, "{}").unwrap(), signed);
        for other in [
            signature(&new_secret().unwrap(), "a", 1, "{}"),
            signature(&secret, "b", 1, "{}"),
            signature(&secret, "a", 2, "{}"),
            signature(&secret, "a", 1, "{} "),
        ] {
            assert_ne!(other.unwrap(), signed);
        }
        assert_eq!(signature("no secret", "a", 1, "{}"), None);
    }
}
