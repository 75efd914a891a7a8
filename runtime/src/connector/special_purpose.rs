//! Addresses that are not for hosts of the public Internet: IANA's registries (RFC 6890 and RFC 8190), and multicast.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Addresses with a purpose of their own.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) network: IpNet,
    /// What it is called in the registry.
    pub(super) name: &'static str,
}

/// Multicast (RFC 5771, RFC 4291) has registries of its own.
pub(super) const MULTICAST: [Block; 2] =
    [v4([224, 0, 0, 0], 4, "Multicast"), v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "Multicast")];

/// All blocks of the registries, in their order, whether they say "globally reachable" or not: what they are reachable as
/// is the anycast of a protocol, and no host that a policy could mean.
pub(super) const SPECIAL_PURPOSE: [Block; 51] = [
    v4([0, 0, 0, 0], 8, "\"This network\""),
    v4([0, 0, 0, 0], 32, "\"This host on this network\""),
    v4([10, 0, 0, 0], 8, "Private-Use"),
    v4([100, 64, 0, 0], 10, "Shared Address Space"),
    v4([127, 0, 0, 0], 8, "Loopback"),
    v4([169, 254, 0, 0], 16, "Link Local"),
    v4([172, 16, 0, 0], 12, "Private-Use"),
    v4([192, 0, 0, 0], 24, "IETF Protocol Assignments"),
    v4([192, 0, 0, 0], 29, "IPv4 Service Continuity Prefix"),
    v4([192, 0, 0, 8], 32, "IPv4 dummy address"),
    v4([192, 0, 0, 9], 32, "Port Control Protocol Anycast"),
    v4([192, 0, 0, 10], 32, "Traversal Using Relays around NAT Anycast"),
    v4([192, 0, 0, 170], 32, "NAT64/DNS64 Discovery"),
    v4([192, 0, 0, 171], 32, "NAT64/DNS64 Discovery"),
    v4([192, 0, 2, 0], 24, "Documentation (TEST-NET-1)"),
    v4([192, 31, 196, 0], 24, "AS112-v4"),
    v4([192, 52, 193, 0], 24, "AMT"),
    v4([192, 88, 99, 0], 24, "Deprecated (6to4 Relay Anycast)"),
    v4([192, 88, 99, 2], 32, "6a44-relay anycast address"),
    v4([192, 168, 0, 0], 16, "Private-Use"),
    v4([192, 175, 48, 0], 24, "Direct Delegation AS112 Service"),
    v4([198, 18, 0, 0], 15, "Benchmarking"),
    v4([198, 51, 100, 0], 24, "Documentation (TEST-NET-2)"),
    v4([203, 0, 113, 0], 24, "Documentation (TEST-NET-3)"),
    v4([240, 0, 0, 0], 4, "Reserved"),
    v4([255, 255, 255, 255], 32, "Limited Broadcast"),
    v6([0, 0, 0, 0, 0, 0, 0, 0x1], 128, "Loopback Address"),
    v6([0, 0, 0, 0, 0, 0, 0, 0], 128, "Unspecified Address"),
    v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96, "IPv4-mapped Address"),
    v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96, "IPv4-IPv6 Translat."),
    v6([0x64, 0xff9b, 0x1, 0, 0, 0, 0, 0], 48, "IPv4-IPv6 Translat."),
    v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64, "Discard-Only Address Block"),
    v6([0x100, 0, 0, 0x1, 0, 0, 0, 0], 64, "Dummy IPv6 Prefix"),
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "IETF Protocol Assignments"),
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, "TEREDO"),
    v6([0x2001, 0x1, 0, 0, 0, 0, 0, 0x1], 128, "Port Control Protocol Anycast"),
    v6([0x2001, 0x1, 0, 0, 0, 0, 0, 0x2], 128, "Traversal Using Relays around NAT Anycast"),
    v6([0x2001, 0x1, 0, 0, 0, 0, 0, 0x3], 128, "DNS-SD Service Registration Protocol Anycast"),
    v6([0x2001, 0x2, 0, 0, 0, 0, 0, 0], 48, "Benchmarking"),
    v6([0x2001, 0x3, 0, 0, 0, 0, 0, 0], 32, "AMT"),
    v6([0x2001, 0x4, 0x112, 0, 0, 0, 0, 0], 48, "AS112-v6"),
    v6([0x2001, 0x10, 0, 0, 0, 0, 0, 0], 28, "Deprecated (previously ORCHID)"),
    v6([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28, "ORCHIDv2"),
    v6([0x2001, 0x30, 0, 0, 0, 0, 0, 0], 28, "Drone Remote ID Protocol Entity Tags (DETs) Prefix"),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "Documentation"),
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "6to4"),
    v6([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48, "Direct Delegation AS112 Service"),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "Documentation"),
    v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16, "Segment Routing (SRv6) SIDs"),
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "Unique-Local"),
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "Link-Local Unicast"),
];

const fn v4([a, b, c, d]: [u8; 4], prefix: u8, name: &'static str) -> Block {
    Block { network: IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)), name }
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], prefix: u8, name: &'static str) -> Block {
    Block { network: IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)), name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_the_registries_say() {
        let files = [
            include_str!("iana/ipv4-special-purpose-2026-07-18.csv"),
            include_str!("iana/ipv6-special-purpose-2026-07-18.csv"),
        ];
        let mut registered = Vec::new();
        for file in files {
            for row in csv::Reader::from_reader(file.as_bytes()).records() {
                let row = row.unwrap();
                for block in row[0].split(", ") {
                    // `192.0.0.0/24 [2]` has a footnote.
                    let network: IpNet = block.split(' ').next().unwrap().parse().unwrap();
                    registered.push((network, row[1].to_owned()));
                }
            }
        }
        let table: Vec<_> = SPECIAL_PURPOSE.iter().map(|block| (block.network, block.name.to_owned())).collect();
        assert_eq!(table, registered);
    }
}
