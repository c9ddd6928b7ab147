//! How a request came here, and whether its realm takes it so (`sslRequired`).

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use http::Extensions;
use realmkeep_store::Realm;

/// Whether the request came over TLS, to us or to a trusted proxy; an extension of each request.
#[derive(Clone, Copy, Debug)]
pub struct Secure(pub bool);

/// Some proxy has passed the request on, whether it is believed or not; an extension of those requests.
#[derive(Clone, Copy, Debug)]
pub struct Proxied;

/// How a request came here. Without a word from the listener: from somewhere, in the clear.
#[derive(Clone, Copy, Debug)]
pub struct Transport {
    secure: bool,
    client: Option<IpAddr>,
}

impl Transport {
    pub fn of(extensions: &Extensions) -> Self {
        Self {
            secure: extensions.get::<Secure>().is_some_and(|s| s.0),
            client: extensions
                .get::<ConnectInfo<SocketAddr>>()
                .map(|ConnectInfo(address)| address.ip().to_canonical()),
        }
    }

    /// Whether the realm takes it: with `all` TLS only, with `external` also what comes from a
    /// private address (002:290).
    pub fn suits(self, realm: &Realm) -> bool {
        let mode = realm.settings.ssl_required.as_deref().unwrap_or("external");
        self.secure
            || mode.eq_ignore_ascii_case("none")
            || (!mode.eq_ignore_ascii_case("all") && self.client.is_some_and(is_private))
    }
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::is_private;

    #[test]
    fn addresses_that_are_private() {
        for private in [
            "127.0.0.1",
            "10.255.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.1.1",
            "::1",
            "fe80::1",
            "fd00::1",
        ] {
            assert!(is_private(private.parse().unwrap()), "{private}");
        }
        for public in [
            "172.32.0.1",
            "11.0.0.1",
            "192.169.0.1",
            "2001:db8::1",
            "0.0.0.0",
        ] {
            assert!(!is_private(public.parse().unwrap()), "{public}");
        }
    }
}
