"""Networks that are nobody's on the internet, or that only the machine itself should ask."""

from __future__ import annotations

from ipaddress import ip_network

from claude_gateway.settings import Network

# From IANA's registries of special-purpose addresses.
PRIVATE: tuple[Network, ...] = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT, and a cloud's metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's host, though its address is public
        "169.254.0.0/16",  # link-local, and most clouds' metadata
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocols, and a cloud's metadata
        "192.0.2.0/24",  # documentation, as 198.51.100.0 and 203.0.113.0
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "::/96",  # unspecified, loopback, and IPv4 as it was once written
        "::ffff:0:0:0/96",  # IPv4, translated
        "64:ff9b:1::/48",  # IPv4, translated by somebody's own rules
        "100::/64",  # discarded
        "2001::/23",  # protocols, tunnels among them
        "2001:db8::/32",  # documentation, as 3fff::
        "2002::/16",  # 6to4
        "3fff::/20",
        "5f00::/16",  # segment routing
        "fc00::/7",  # unique local, and clouds' metadata
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local
        "ff00::/8",  # multicast
    )
)
