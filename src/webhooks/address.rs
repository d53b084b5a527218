//! Which addresses may be posted to: public ones, checked when the connection is made and not only when the webhook is,
//! since a name may come to mean another address (DNS rebinding).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use thiserror::Error;
use url::{Host, Url};

/// Longest address in characters.
const MAX_URL: usize = 2000;

/// Why nothing is posted to an address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AddressError {
    /// No web address.
    #[error("{0:?} is not an address that events can be posted to; write it as https://host/path")]
    Unusable(String),
    /// Of this machine or a private network.
    #[error(
        "{0} is not a public address; set server.webhook_private = true where events may go to private networks"
    )]
    Private(String),
}

/// Checks that an address can be posted to, as far as that is possible without resolving its name.
///
/// # Errors
/// [`AddressError`] if it cannot.
pub fn check(url: &str, allows_private: bool) -> Result<Url, AddressError> {
    let unusable = || AddressError::Unusable(url.chars().take(MAX_URL).collect());
    let parsed = Url::parse(url).map_err(|_not_a_url| unusable())?;
    let is_plain = matches!(parsed.scheme(), "http" | "https")
        && parsed.username().is_empty()
        && parsed.password().is_none();
    if url.len() > MAX_URL || !is_plain {
        return Err(unusable());
    }
    let is_private = match parsed.host() {
        None => return Err(unusable()),
        Some(Host::Ipv4(ip)) => !is_public(ip.into()),
        Some(Host::Ipv6(ip)) => !is_public(ip.into()),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
    };
    if is_private && !allows_private {
        return Err(AddressError::Private(
            parsed.host_str().unwrap_or_default().to_owned(),
        ));
    }
    Ok(parsed)
}

/// Looks names up, and leaves out addresses that are not public.
#[derive(Debug, Clone, Copy)]
pub(super) struct PublicResolver;

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(AddressError::Private(host).into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is reachable from everywhere (IANA's special-purpose registries).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let is_special = match (a, b, c) {
        // This network, private use, loopback, multicast and reserved.
        (0 | 10 | 127, _, _) | (224.., _, _) => true,
        // Carriers, link-local, private use.
        (100, 64..=127, _) | (169, 254, _) | (172, 16..=31, _) | (192, 168, _) => true,
        // Protocol assignments, documentation, relays, benchmarks.
        (192, 0, 0 | 2) | (192, 88, 99) | (198, 18..=19, _) | (198, 51, 100) | (203, 0, 113) => {
            true
        }
        _ => false,
    };
    !is_special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    let embedded = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // IPv4 in IPv6: mapped, translated, 6to4.
        [0, 0, 0, 0, 0, 0xFFFF, high, low] | [0x64, 0xFF9B, 0, 0, 0, 0, high, low] => {
            embedded(high, low)
        }
        [0x2002, high, low, ..] => embedded(high, low),
        // Protocol assignments with Teredo, documentation.
        [0x2001, 0..=0x1FF, ..] | [0x2001, 0xDB8, ..] | [0x3FFF, ..] => false,
        // Global unicast.
        [first, ..] => first & 0xE000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_posted_to() {
        for private in [
            "http://127.0.0.1/x",
            "http://localhost:8080/",
            "http://a.localhost/",
            "http://10.1.2.3/",
            "http://172.16.0.1/",
            "http://192.168.1.1/",
            "http://169.254.169.254/latest/meta-data",
            "http://100.64.0.1/",
            "http://0.0.0.0/",
            "http://[::1]/",
            "http://[fe80::1]/",
            "http://[fd00::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[64:ff9b::7f00:1]/",
            "http://[2002:7f00:1::]/",
            // Other spellings of 127.0.0.1.
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
        ] {
            assert!(
                matches!(check(private, false), Err(AddressError::Private(_))),
                "{private}"
            );
            assert!(check(private, true).is_ok(), "{private}");
        }
        for unusable in [
            "",
            "file:///etc/passwd",
            "ftp://host/",
            "https://",
            "https://user:pass@host/",
            "host/path",
        ] {
            assert!(
                matches!(check(unusable, true), Err(AddressError::Unusable(_))),
                "{unusable}"
            );
        }
        for public in [
            "https://hooks.example/rushes",
            "http://93.184.216.34/",
            "https://[2606:2800:220:1::1]/",
        ] {
            assert!(check(public, false).is_ok(), "{public}");
        }
    }
}
