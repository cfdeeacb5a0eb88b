"""What a server answered, judged: a PNG as it comes, another try, or the reason why there is none."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime

from maskconv._fetch_http import Clock, Limits
from maskconv._fetch_url import Url
from maskconv.errors import DataError

__all__ = ["SERVE", "AgainError", "body", "judge", "network"]

SERVE = "or download it and name its folder with --from-mask-dir"
_AGAIN = frozenset({408, 425, 429, *range(500, 600)})
_PNG = b"\x89PNG\r\n\x1a\n"
_CHUNK = 1 << 16
_KINDS = {
    b"\xff\xd8\xff": "a JPEG",
    b"GIF8": "a GIF",
    b"RIFF": "a WebP",
    b"PK\3\4": "a zip",
    b"\x1f\x8b": "gzip data",
    b"{": "JSON",
    b"[": "JSON",
}


class AgainError(Exception):
    """A try that failed for a reason that may pass; ``after`` is how long the server asks to wait, in seconds."""

    def __init__(self, text: str, after: float | None = None) -> None:
        super().__init__(text)
        self.after = after


@contextmanager
def network(url: Url, clock: Clock, limits: Limits) -> Iterator[None]:
    """What can go wrong on the way: AgainError where it may pass, else DataError."""
    try:
        yield
    except TimeoutError as error:
        if clock.end <= time.monotonic():
            raise failed(url.text, f"took longer than {limits.total:g} seconds") from error
        raise AgainError(f"no answer from {url.host} for {limits.silence:g} seconds") from error
    except ssl.SSLCertVerificationError as error:
        fix = f"do not trust it, {SERVE}"
        raise failed(url.text, f"its certificate is not valid ({error.verify_message})", fix) from error
    except socket.gaierror as error:
        if error.errno != socket.EAI_AGAIN:
            raise failed(url.text, f"there is no host {url.host}", "check the address") from error
        raise AgainError(f"the name {url.host} cannot be looked up now") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise AgainError(f"the connection to {url.host} failed: {reason}") from error


def failed(place: str, reason: str, fix: str = "", code: str = "mask-fetch") -> DataError:
    return DataError(f"the mask {place} cannot be fetched: {reason}", code=code, fix=fix or _hint())


def _hint() -> str:
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")):
        return f"proxies are not used: run it where the address can be reached, {SERVE}"
    return f"try again later, {SERVE}"


def judge(response: http.client.HTTPResponse, url: Url, *, key: bool, labelbox: bool) -> None:
    """Raises AgainError for a status that may pass, DataError for any other but 200; ``key`` was sent or not."""
    status = response.status
    if status == 200:
        return
    reason = f"{status} {http.client.responses.get(status, '')}".strip()
    if status in _AGAIN:
        raise AgainError(f"the server answers {reason}", _after(response.getheader("Retry-After")))
    if status in (404, 410):
        raise failed(url.text, reason, "export it again, for masks are deleted after a while", "mask-missing")
    if status in (401, 403):
        raise failed(url.text, reason, _credentials(url, key=key, labelbox=labelbox))
    raise failed(url.text, reason)


def _credentials(url: Url, *, key: bool, labelbox: bool) -> str:
    if labelbox and url.scheme == "http":
        return "the key is sent over https only: correct the address"
    if key:
        return "LABELBOX_API_KEY is not valid for it: check the key"
    if labelbox:
        return "put Labelbox' API key into the environment variable LABELBOX_API_KEY"
    return f"the address may have run out: export it again, {SERVE}"


def _after(value: str | None) -> float | None:
    """``Retry-After``: seconds, or a date."""
    if not value:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def body(response: http.client.HTTPResponse, url: Url, clock: Clock, limits: Limits) -> Iterator[bytes]:
    """A PNG's bytes as they come. Raises DataError where it is none or too large, AgainError where it is cut off."""
    declared = response.length
    if declared is not None and declared > limits.size:
        raise _too_big(url, f"{declared:,} bytes", limits)
    size, tail = 0, b""
    while chunk := _read(response, url, clock, limits):
        if not size and not chunk.startswith(_PNG):
            raise foreign(url.text, chunk)
        size += len(chunk)
        if size > limits.size:
            raise _too_big(url, "more", limits)
        tail = (tail + chunk)[-_CHUNK:]
        yield chunk
    if declared is not None and size < declared:
        raise AgainError(f"the answer ended after {size:,} of {declared:,} bytes")
    if not size:
        raise foreign(url.text, b"")
    if declared is None and b"IEND" not in tail:
        raise AgainError(f"the PNG ended too early, after {size:,} bytes")


def _read(response: http.client.HTTPResponse, url: Url, clock: Clock, limits: Limits) -> bytes:
    with network(url, clock, limits):
        return response.read(_CHUNK)


def _too_big(url: Url, size: str, limits: Limits) -> DataError:
    text = f"the mask {url.text} has {size}: more than the {limits.size:,} bytes that are fetched"
    return DataError(text, code="member-too-big", fix=f"no mask should be that large, {SERVE}")


def foreign(place: str, start: bytes) -> DataError:
    """What came instead of a PNG."""
    text = start[:1024].lstrip().lower()
    kind = next((kind for mark, kind in _KINDS.items() if start.lstrip().startswith(mark)), "something else")
    if text.startswith(b"<"):
        kind = "an HTML page" if b"<html" in text or b"<!doctype html" in text else "XML"
    kind = kind if start else "nothing"
    fix = f"it may be an error or a login page: look at the address, {SERVE}"
    return DataError(f"the mask {place} is no PNG: {kind} came", code="mask-not-png", fix=fix)
