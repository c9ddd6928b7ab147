//! Which addresses a request may go to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is to a server that must not be used to reach its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddressKind {
    Public,
    Loopback,
    /// Private, shared, unique local.
    Private,
    /// Link-local: where clouds put their metadata services.
    LinkLocal,
    /// Unspecified, multicast, broadcast, documentation, reserved: never a server.
    Unusable,
}

pub(crate) fn classify(address: IpAddr) -> AddressKind {
    match address {
        IpAddr::V4(v4) => classify_v4(v4),
        IpAddr::V6(v6) => match embedded_v4(v6) {
            Some(v4) => classify_v4(v4),
            None => classify_v6(v6),
        },
    }
}

fn classify_v4(address: Ipv4Addr) -> AddressKind {
    let [a, b, c, _] = address.octets();
    if address.is_loopback() {
        AddressKind::Loopback
    } else if address.is_link_local() {
        AddressKind::LinkLocal
    } else if address.is_private() || (a == 100 && (64..128).contains(&b)) {
        AddressKind::Private
    } else if a == 0
        || a >= 224
        || address.is_documentation()
        || (a, b, c) == (192, 0, 0)
        || (a == 198 && (18..20).contains(&b))
    {
        AddressKind::Unusable
    } else {
        AddressKind::Public
    }
}

fn classify_v6(address: Ipv6Addr) -> AddressKind {
    // The metadata address that one large cloud has in the unique local range.
    const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    let [first, second, ..] = address.segments();
    if address.is_loopback() {
        AddressKind::Loopback
    } else if address.is_unicast_link_local() || address == METADATA {
        AddressKind::LinkLocal
    } else if address.is_unique_local() || first & 0xffc0 == 0xfec0 {
        AddressKind::Private
    } else if address.is_unspecified()
        || address.is_multicast()
        || (first, second) == (0x2001, 0xdb8)
        || first == 0x0100
    {
        AddressKind::Unusable
    } else {
        AddressKind::Public
    }
}

/// IPv4 inside IPv6: mapped, compatible, NAT64, 6to4. The packet ends up at the IPv4 address.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(join(high, low))
        }
        [0x2002, high, low, ..] => Some(join(high, low)),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => Some(join(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_what_they_lead_to() {
        for (address, kind) in [
            ("8.8.8.8", AddressKind::Public),
            ("2606:4700::1", AddressKind::Public),
            ("127.0.0.1", AddressKind::Loopback),
            ("127.255.0.9", AddressKind::Loopback),
            ("::1", AddressKind::Loopback),
            ("::ffff:127.0.0.1", AddressKind::Loopback),
            ("64:ff9b::7f00:1", AddressKind::Loopback),
            ("2002:7f00:1::", AddressKind::Loopback),
            ("10.1.2.3", AddressKind::Private),
            ("172.31.0.1", AddressKind::Private),
            ("192.168.1.1", AddressKind::Private),
            ("100.64.0.1", AddressKind::Private),
            ("fd12::1", AddressKind::Private),
            ("::ffff:10.0.0.1", AddressKind::Private),
            ("169.254.169.254", AddressKind::LinkLocal),
            ("::ffff:169.254.169.254", AddressKind::LinkLocal),
            ("64:ff9b::a9fe:a9fe", AddressKind::LinkLocal),
            ("fe80::1", AddressKind::LinkLocal),
            ("fd00:ec2::254", AddressKind::LinkLocal),
            ("0.0.0.0", AddressKind::Unusable),
            ("::", AddressKind::Unusable),
            ("224.0.0.1", AddressKind::Unusable),
            ("255.255.255.255", AddressKind::Unusable),
            ("192.0.2.1", AddressKind::Unusable),
            ("198.18.0.1", AddressKind::Unusable),
            ("ff02::1", AddressKind::Unusable),
            ("2001:db8::1", AddressKind::Unusable),
        ] {
            assert_eq!(classify(address.parse().unwrap()), kind, "{address}");
        }
    }
}
