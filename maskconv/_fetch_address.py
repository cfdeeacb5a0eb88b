"""Which addresses may be connected to, and connecting to just those.

A host's name is resolved once, each address is checked, and the connection is made to the checked address itself: a name
that means another machine a moment later (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

from maskconv.errors import DataError

__all__ = ["connect", "refusal", "resolve"]

Address = IPv4Address | IPv6Address
_UNICAST = IPv6Network("2000::/3")  # all that is handed out for the public internet
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address


def refusal(text: str) -> str:
    """What is not public about an address, in words; empty where nothing is."""
    address = ip_address(text.split("%", 1)[0])
    kinds = _kinds(address)
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return refusal(str(IPv4Address(int(address) & 0xFFFFFFFF)))
        kinds = {"IPv4-mapped": address.ipv4_mapped is not None, **kinds, "reserved": address not in _UNICAST}
        kinds["tunnelled"] = address.sixtofour is not None or address.teredo is not None
    return next((kind for kind, holds in kinds.items() if holds), "")


def _kinds(address: Address) -> dict[str, bool]:
    return {
        "unspecified": address.is_unspecified,
        "loopback": address.is_loopback,
        "link-local": address.is_link_local,
        "multicast": address.is_multicast,
        "private": address.is_private,
        "non-public": not address.is_global,
        "reserved": address.is_reserved,
    }


def resolve(host: str, port: int) -> list[tuple[int, Any]]:
    """The addresses of a host as (family, socket address), once each. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def connect(host: str, port: int, allowed: frozenset[str], left: Callable[[], float]) -> socket.socket:
    """A connection to the first address of ``host`` that takes one; only hosts ``allowed`` by name may be non-public.

    ``left`` says how many seconds one more step may take. Raises DataError where no address may be connected to, OSError.
    """
    trusted = host.lower() in allowed
    refused = ""
    failed: OSError | None = None
    for family, address in resolve(host, port):
        if not trusted and (reason := refusal(address[0])):
            refused = f"{host} has the {reason} address {address[0]}"
            continue
        try:
            return _connected(family, address, left())
        except OSError as error:
            failed = error
    if failed is not None:
        raise failed
    if refused:
        fix = f"if it is a machine of yours that may be asked, name it: --allow-host {host}"
        raise DataError(f"nothing is fetched from there: {refused}", code="mask-host", fix=fix)
    raise OSError(f"{host} has no address")


def _connected(family: int, address: Any, timeout: float) -> socket.socket:
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout)
        connection.connect(address)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        connection.close()
        raise
    return connection
