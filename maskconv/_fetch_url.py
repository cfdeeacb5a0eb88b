"""Addresses of masks: taken apart, checked, shown without their secrets, and told apart for the cache."""

from __future__ import annotations

import os
from typing import NamedTuple
from urllib.parse import quote, urljoin, urlsplit

from maskconv.errors import DataError

__all__ = ["OBJECTS", "WEB", "Url", "identity", "is_labelbox", "is_remote", "parse", "scheme", "shown"]

WEB = frozenset({"http", "https"})
OBJECTS = frozenset({"s3", "gs", "az"})
_MAX = 8192
_PATH = "/%:@!$&'()*+,;=~-._"  # what a path may hold as it is, RFC 3986
_QUERY = _PATH + "?"
_AZURE = "se sp sr st spr sip ss srt si sdd ses skoid sktid skt ske sks skv saoid suoid scid"
_AT = (
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT",
    "AZURE_STORAGE_ACCOUNT_NAME",
    "AZURE_STORAGE_ENDPOINT",
)
# Parts of a query that sign it, by family; a family counts where all of its first set are there.
_SIGNED = (
    ({"awsaccesskeyid", "signature", "expires"}, {"x-amz-security-token"}),
    ({"googleaccessid", "signature", "expires"}, set[str]()),
    ({"key-pair-id", "signature"}, {"expires", "policy", "hash-algorithm"}),
    ({"sig", "sv"}, {*_AZURE.split()}),
)


class Url(NamedTuple):
    """An http(s) address, ready to be asked for: ``target`` is the quoted path with its query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def text(self) -> str:
        """Without the query."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == (443 if self.scheme == "https" else 80) else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.target.split('?', 1)[0]}"

    def joined(self, location: str) -> str:
        """Where a redirect from here leads."""
        query = self.target.partition("?")[2]
        return urljoin(f"{self.text}?{query}" if query else self.text, location)


def scheme(uri: str) -> str:
    return uri.split(":", 1)[0].lower() if ":" in uri else ""


def is_remote(uri: str) -> bool:
    """Whether an address is on another machine and of a kind that can be fetched."""
    return scheme(uri) in WEB | OBJECTS


def is_labelbox(host: str) -> bool:
    return host == "labelbox.com" or host.endswith(".labelbox.com")


def shown(uri: str) -> str:
    """An address for people: without user name, password, query and fragment, and not too long."""
    bare = uri.split("?", 1)[0].split("#", 1)[0]
    start, slashes, rest = bare.partition("://")
    if slashes:
        host, slash, path = rest.partition("/")
        bare = f"{start}://{host.rsplit('@', 1)[-1]}{slash}{path}"
    bare = "".join(c if c.isprintable() else "?" for c in bare)
    return bare if len(bare) <= 120 else f"{bare[:60]}...{bare[-50:]}"


def parse(uri: str) -> Url:
    """Take an http(s) address apart. Raises DataError where it is none, or holds a user name."""
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname or "", parts.port
        host = host if host.isascii() else host.encode("idna").decode()
        target = quote(parts.path or "/", safe=_PATH)
        target += f"?{quote(parts.query, safe=_QUERY)}" if parts.query else ""
    except ValueError as error:
        raise _bad(uri, "is no address") from error
    if len(uri) > _MAX or any(c <= " " or c in "\x7f\\" for c in uri.split("#", 1)[0].replace(" ", "")):
        raise _bad(uri, f"is no address: it has more than {_MAX:,} characters, a backslash or a control character")
    if "@" in parts.netloc:
        raise _bad(uri, "holds a user name or a password, which are not sent")
    if parts.scheme.lower() not in WEB or not host or any(c in host for c in " %/"):
        raise _bad(uri, "is no http or https address with a host")
    kind = parts.scheme.lower()
    return Url(kind, host.lower().rstrip("."), port if port is not None else 443 if kind == "https" else 80, target)


def _bad(uri: str, reason: str) -> DataError:
    return DataError(f"the mask's address {shown(uri)} {reason}", code="mask-uri", fix="correct the address")


def identity(uri: str) -> str:
    """What an address names: the address without what signs it, which changes while the mask does not.

    An object is named by its store's endpoint, too. Only whole families of signatures are left out (Amazon, Google, CloudFront, Azure; the token of Labelbox' own hosts);
    any other query may name another content and stays.
    """
    if scheme(uri) in OBJECTS:
        return "\n".join([uri, *(os.environ.get(name, "") for name in _AT)])
    address, _, query = uri.split("#", 1)[0].partition("?")
    fields = [field for field in query.split("&") if field]
    names = {_name(field) for field in fields}
    signing: set[str] = {name for name in names if name.startswith(("x-amz-", "x-goog-"))}
    if "x-amz-signature" not in names and "x-goog-signature" not in names:
        signing = set()
    for needed, more in _SIGNED:
        if needed <= names:
            signing |= needed | more
    host = address.partition("://")[2].split("/", 1)[0].rsplit("@", 1)[-1].split(":", 1)[0]
    if is_labelbox(host.lower()):
        signing.add("token")
    kept = [field for field in fields if _name(field) not in signing]
    return address + ("?" + "&".join(kept) if kept else "")


def _name(field: str) -> str:
    return field.split("=", 1)[0].lower()
