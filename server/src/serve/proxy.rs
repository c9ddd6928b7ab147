//! What a reverse proxy says about the client, believed only from trusted addresses.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use realmkeep_oidc::transport::Secure;

use crate::config::ProxyHeaders;

/// Headers in which proxies speak; none of them gets past this module.
const HEADERS: [HeaderName; 9] = [
    CLIENT_CERT,
    HeaderName::from_static("client-cert-chain"),
    HeaderName::from_static("forwarded"),
    FORWARDED_FOR,
    FORWARDED_PROTO,
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-prefix"),
    HeaderName::from_static("x-real-ip"),
];
/// RFC 9440 section 2.2.
const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Which proxies are believed, and in which headers.
#[derive(Debug, Default)]
pub struct Proxy {
    pub headers: Option<ProxyHeaders>,
    pub trusted: Vec<IpNet>,
}

/// One hop of a `Forwarded` header (RFC 7239 §4).
#[derive(Debug, Default, PartialEq)]
struct Hop {
    address: Option<IpAddr>,
    proto: Option<String>,
}

impl Proxy {
    /// The address of the client and whether it speaks TLS; takes the proxies' headers out.
    pub fn client(
        &self,
        peer: SocketAddr,
        secure: Secure,
        headers: &mut HeaderMap,
    ) -> (SocketAddr, Secure) {
        let said = match self.headers {
            Some(kind) if self.trusts(peer.ip()) => self.said(kind, headers),
            _ => None,
        };
        for name in &HEADERS {
            headers.remove(name);
        }
        let Some(hop) = said else {
            return (peer, secure);
        };
        (
            hop.address.map_or(peer, |ip| SocketAddr::new(ip, 0)),
            hop.proto.map_or(secure, |proto| Secure(proto == "https")),
        )
    }

    /// Whether a proxy says that it has passed the request on; ask before [`Self::client`] takes the
    /// headers out.
    pub fn has_passed(headers: &HeaderMap) -> bool {
        HEADERS.iter().any(|name| headers.contains_key(name))
    }

    /// The certificate that a trusted proxy's client proved to own, DER; ask before [`Self::client`]
    /// takes the headers out.
    pub fn certificate(&self, peer: SocketAddr, headers: &HeaderMap) -> Option<Vec<u8>> {
        if self.headers.is_none() || !self.trusts(peer.ip()) {
            return None;
        }
        let mut values = headers.get_all(CLIENT_CERT).iter();
        let value = values.next()?;
        if values.next().is_some() {
            return None;
        }
        // A byte sequence (RFC 9651 section 3.3.5).
        let text = value.to_str().ok()?.trim();
        let encoded = text.strip_prefix(':')?.strip_suffix(':')?;
        STANDARD.decode(encoded).ok()
    }

    fn trusts(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.trusted.iter().any(|net| net.contains(&ip))
    }

    /// Each proxy appends at the end, so the client is the last one that is no trusted proxy;
    /// what stands before it may be invented.
    fn said(&self, kind: ProxyHeaders, headers: &HeaderMap) -> Option<Hop> {
        let hops = match kind {
            ProxyHeaders::Forwarded => list(headers, "forwarded")
                .iter()
                .map(|element| forwarded_hop(element))
                .collect(),
            ProxyHeaders::Xforwarded => xforwarded_hops(headers),
        };
        let mut client = None;
        for hop in hops.into_iter().rev() {
            let proxy = hop.address.is_some_and(|ip| self.trusts(ip));
            client = Some(hop);
            if !proxy {
                break;
            }
        }
        client
    }
}

fn xforwarded_hops(headers: &HeaderMap) -> Vec<Hop> {
    let protos = list(headers, FORWARDED_PROTO.as_str());
    let addresses = list(headers, FORWARDED_FOR.as_str());
    // Proxies add one value each, or set one for all.
    let all = match protos.as_slice() {
        [one] => Some(one.clone()),
        _ => None,
    };
    if addresses.is_empty() {
        return vec![Hop {
            address: None,
            proto: protos.last().cloned(),
        }];
    }
    addresses
        .iter()
        .enumerate()
        .map(|(i, address)| Hop {
            address: node(address),
            proto: all.clone().or_else(|| protos.get(i).cloned()),
        })
        .collect()
}

fn forwarded_hop(element: &str) -> Hop {
    let mut hop = Hop::default();
    for pair in element.split(';') {
        let Some((name, value)) = pair.split_once('=') else {
            continue;
        };
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "for" => hop.address = node(value),
            "proto" => hop.proto = Some(value.to_ascii_lowercase()),
            _ => {}
        }
    }
    hop
}

/// An address with or without a port; None for names that hide it.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = || text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|a| a.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    bare().or_else(with_port).or_else(bracketed)
}

/// The elements of a list header, over all its lines.
fn list(headers: &HeaderMap, name: &str) -> Vec<String> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(|element| element.trim().to_owned())
        .filter(|element| !element.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(
        headers: Option<ProxyHeaders>,
        peer: &str,
        lines: &[(&'static str, &str)],
    ) -> (String, bool) {
        let proxy = Proxy {
            headers,
            trusted: vec!["10.0.0.0/8".parse().unwrap()],
        };
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(*name, value.parse().unwrap());
        }
        let (client, secure) = proxy.client(peer.parse().unwrap(), Secure(false), &mut map);
        assert!(map.is_empty(), "{map:?}");
        (client.ip().to_string(), secure.0)
    }

    #[test]
    fn certificates_come_from_trusted_proxies() {
        let ask = |headers, peer: &str, values: &[&str]| {
            let proxy = Proxy {
                headers,
                trusted: vec!["10.0.0.0/8".parse().unwrap()],
            };
            let mut map = HeaderMap::new();
            for value in values {
                map.append("client-cert", value.parse().unwrap());
            }
            let peer = peer.parse().unwrap();
            let found = proxy.certificate(peer, &map);
            proxy.client(peer, Secure(true), &mut map);
            assert!(map.is_empty(), "{map:?}");
            found
        };
        let kind = Some(ProxyHeaders::Forwarded);
        assert_eq!(ask(kind, "10.0.0.1:1", &[":AQID:"]), Some(vec![1, 2, 3]));
        assert_eq!(ask(kind, "192.0.2.1:1", &[":AQID:"]), None);
        assert_eq!(ask(None, "10.0.0.1:1", &[":AQID:"]), None);
        for values in [&["AQID"][..], &[":%:"], &[":AQID:", ":AQID:"], &[]] {
            assert_eq!(ask(kind, "10.0.0.1:1", values), None, "{values:?}");
        }
    }

    #[test]
    fn nobody_is_believed_by_default() {
        let lines = [
            ("x-forwarded-for", "1.1.1.1"),
            ("forwarded", "for=1.1.1.1"),
            ("x-forwarded-proto", "https"),
        ];
        assert_eq!(ask(None, "10.0.0.1:1", &lines), ("10.0.0.1".into(), false));
        let kind = Some(ProxyHeaders::Xforwarded);
        assert_eq!(
            ask(kind, "192.0.2.1:1", &lines),
            ("192.0.2.1".into(), false)
        );
    }

    #[test]
    fn the_last_address_that_is_no_proxy_is_the_client() {
        let kind = Some(ProxyHeaders::Xforwarded);
        let lines = [
            ("x-forwarded-for", "6.6.6.6, 1.1.1.1, 10.2.2.2"),
            ("x-forwarded-proto", "https"),
        ];
        assert_eq!(ask(kind, "10.0.0.1:1", &lines), ("1.1.1.1".into(), true));
        let kind = Some(ProxyHeaders::Forwarded);
        let lines = [
            (
                "forwarded",
                "for=6.6.6.6, for=\"[2001:db8::1]:80\";proto=https",
            ),
            ("x-forwarded-for", "7.7.7.7"),
        ];
        assert_eq!(
            ask(kind, "10.0.0.1:1", &lines),
            ("2001:db8::1".into(), true)
        );
        let lines = [("forwarded", "for=_hidden;proto=https")];
        assert_eq!(ask(kind, "10.0.0.1:1", &lines), ("10.0.0.1".into(), true));
    }
}
