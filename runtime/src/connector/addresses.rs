//! Which addresses may be connected to: every one that a name has is looked at, and what stands inside it too.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{IpNet, Ipv6Net};

use super::failure::Failure;
use super::special_purpose::{MULTICAST, SPECIAL_PURPOSE};

/// The most addresses of one name that are looked at.
const ADDRESSES_MAX: usize = 64;

/// What IANA has given out of IPv6 for hosts: what is elsewhere is no public address, whether it is listed or not.
const GLOBAL_UNICAST: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// An IPv4 address behind a translator (RFC 6052): it is what the address inside is.
const TRANSLATED: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);
/// The same in a network of one's own (RFC 8215).
const TRANSLATED_LOCALLY: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48);
const SIX_TO_FOUR: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16);
const TEREDO: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32);
const COMPATIBLE: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 96);

/// An address that may be connected to. Nothing else is ever.
// INVARIANT: made by `all` and `granted` alone, after the address was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checked(SocketAddr);

impl Checked {
    pub(super) fn address(self) -> SocketAddr {
        self.0
    }
}

/// All addresses of a host, if every one of them is public, or in a network that the grant names.
///
/// One that is neither refuses all: a name that has a public address and a private one is no choice, but a trap.
pub(super) fn all(found: &[IpAddr], port: u16, granted: &[IpNet]) -> Result<Vec<Checked>, Failure> {
    if found.is_empty() {
        return Err(Failure::NoAddress);
    }
    if found.len() > ADDRESSES_MAX {
        return Err(Failure::Addresses { most: ADDRESSES_MAX });
    }
    let check = |address: &IpAddr| match purpose(*address, granted) {
        None => Ok(Checked(SocketAddr::new(address.to_canonical(), port))),
        Some(purpose) => Err(Failure::Address { address: *address, purpose }),
    };
    found.iter().map(check).collect()
}

/// An address and port that a grant names itself.
pub(super) fn granted(address: SocketAddr, granted: &[SocketAddr]) -> Option<Checked> {
    let address = SocketAddr::new(address.ip().to_canonical(), address.port());
    granted.contains(&address).then_some(Checked(address))
}

/// What an address is for, where it is neither public nor in a network of the grant; `None` where it may be reached.
fn purpose(address: IpAddr, granted: &[IpNet]) -> Option<&'static str> {
    let address = address.to_canonical();
    let is_granted = granted.iter().any(|network| network.contains(&address));
    let own = if is_granted { None } else { special_purpose(address) };
    own.or_else(|| inside(address).into_iter().flatten().find_map(|inside| purpose(inside.into(), granted)))
}

/// What a single address is for; `None` where it is public, by itself.
fn special_purpose(address: IpAddr) -> Option<&'static str> {
    let is_elsewhere = match address {
        IpAddr::V6(address) if TRANSLATED.contains(&address) => return None,
        IpAddr::V6(address) => !GLOBAL_UNICAST.contains(&address),
        IpAddr::V4(_) => false,
    };
    let listed = SPECIAL_PURPOSE.iter().chain(&MULTICAST).find(|block| block.network.contains(&address));
    listed.map(|block| block.name).or(is_elsewhere.then_some("not assigned to hosts"))
}

/// The IPv4 addresses that an IPv6 address leads to, by whichever translation or tunnel.
fn inside(address: IpAddr) -> [Option<Ipv4Addr>; 3] {
    let IpAddr::V6(address) = address else { return [None; 3] };
    let [_, _, a, b, c, d, e, f, i, j, k, l, o, p, q, r] = address.octets();
    let last = Ipv4Addr::new(o, p, q, r);
    let is_plain = address.is_loopback() || address.is_unspecified();
    // Also the interface identifiers of ISATAP (RFC 5214), which any prefix can have.
    let ends_with_it = [TRANSLATED, TRANSLATED_LOCALLY].iter().any(|network| network.contains(&address))
        || (COMPATIBLE.contains(&address) && !is_plain)
        || matches!([i, j, k, l], [0 | 2, 0, 0x5e, 0xfe]);
    let is_teredo = TEREDO.contains(&address);
    [
        if ends_with_it { Some(last) } else { is_teredo.then(|| Ipv4Addr::from_bits(!last.to_bits())) },
        is_teredo.then(|| Ipv4Addr::new(c, d, e, f)),
        SIX_TO_FOUR.contains(&address).then(|| Ipv4Addr::new(a, b, c, d)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may_reach(address: &str, granted: &[&str]) -> bool {
        let granted: Vec<IpNet> = granted.iter().map(|network| network.parse().unwrap()).collect();
        all(&[address.parse().unwrap()], 80, &granted).is_ok()
    }

    /// Case 103: the first and the last address of every block, and multicast.
    #[test]
    fn case_103_no_address_with_a_purpose_of_its_own_is_reached() {
        for block in SPECIAL_PURPOSE.iter().chain(&MULTICAST) {
            let is_translated = block.network == IpNet::V6(TRANSLATED);
            for address in [block.network.network(), block.network.broadcast()] {
                assert!(!may_reach(&address.to_string(), &[]), "{address} of {block:?}");
                // `64:ff9b::` is what is inside it, which is 0.0.0.0 and 255.255.255.255 here.
                let granted = block.network.to_string();
                if !is_translated
                    && inside(address).iter().all(Option::is_none)
                    && !address.to_string().contains("ffff:")
                {
                    assert!(may_reach(&address.to_string(), &[granted.as_str()]), "{address} of {block:?}");
                }
            }
        }
        for address in [
            "127.0.0.1",
            "127.255.255.255",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.100.100.200",
            "192.0.0.192",
            "198.19.0.1",
            "224.0.0.1",
            "239.255.255.255",
            "255.255.255.255",
            "::1",
            "::",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
            "::2",
            "1::",
        ] {
            assert!(!may_reach(address, &[]), "{address}");
        }
        for address in [
            "8.8.8.8",
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "192.0.1.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00::1",
        ] {
            assert!(may_reach(address, &[]), "{address}");
        }
    }

    /// Case 103: an IPv4 address inside is looked at, and granted on its own.
    #[test]
    fn case_103_an_address_inside_another_is_looked_at_too() {
        for address in [
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::7f00:1",
            "64:ff9b:1::8.8.8.8",
            "2002:7f00:1::",
            "2002:0808:0808::1",
            "2001:0:808:808::f5ff:fffe",
            "::127.0.0.1",
            "::8.8.8.8",
            "2606:4700::5efe:127.0.0.1",
            "2606:4700::200:5efe:10.0.0.1",
            "2606:4700::5efe:169.254.169.254",
        ] {
            assert!(!may_reach(address, &[]), "{address}");
        }
        for address in ["::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2606:4700::5efe:8.8.8.8"] {
            assert!(may_reach(address, &[]), "{address}");
        }
        // Who grants the tunnel has not granted what is behind it.
        assert!(!may_reach("2002:7f00:1::", &["2002::/16"]));
        assert!(!may_reach("2002:7f00:1::", &["127.0.0.0/8"]));
        assert!(may_reach("2002:7f00:1::", &["2002::/16", "127.0.0.0/8"]));
        assert!(may_reach("2002:0808:0808::1", &["2002::/16"]));
        assert!(!may_reach("64:ff9b::10.0.0.1", &["64:ff9b::/96"]));
        assert!(may_reach("64:ff9b::10.0.0.1", &["10.0.0.0/8"]));
        assert!(!may_reach("2001:0:a00:1::f5ff:fffe", &["2001::/32"]));
        assert!(may_reach("::ffff:10.0.0.1", &["10.0.0.0/8"]));
        assert!(!may_reach("::ffff:10.0.0.1", &["::/0"]));
        assert!(may_reach("::1", &["::1/128"]));
    }

    #[test]
    fn one_private_address_refuses_all() {
        let found = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        assert!(all(&found(&["8.8.8.8", "2606:4700::1"]), 80, &[]).is_ok());
        for mixed in [&["8.8.8.8", "10.0.0.1"][..], &["10.0.0.1", "8.8.8.8"], &["8.8.8.8", "::1"], &[]] {
            assert!(all(&found(mixed), 80, &[]).is_err(), "{mixed:?}");
        }
        assert!(all(&vec![IpAddr::from([8, 8, 8, 8]); ADDRESSES_MAX + 1], 80, &[]).is_err());
    }

    #[test]
    fn an_address_for_tcp_is_granted_with_its_port() {
        let grants: Vec<SocketAddr> = ["10.1.2.3:5432", "[::1]:80"].map(|text| text.parse().unwrap()).into();
        let is_granted = |text: &str| granted(text.parse().unwrap(), &grants).is_some();
        for text in ["10.1.2.3:5432", "[::ffff:10.1.2.3]:5432", "[::1]:80", "[::1%3]:80"] {
            assert!(is_granted(text), "{text}");
        }
        for text in ["10.1.2.3:5433", "10.1.2.4:5432", "8.8.8.8:5432", "[::2]:80", "0.0.0.0:5432"] {
            assert!(!is_granted(text), "{text}");
        }
    }
}
