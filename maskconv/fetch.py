"""Fetching masks from other machines: only when asked, only from where it is allowed, politely, and once.

A few threads fetch for the whole run, whatever the number of workers. What came goes to a cache folder, from which it is
read: nothing of it stays in memory. Proxies of the environment are not used, for the address that is connected to could
then not be checked. See docs/masks-in-the-cloud.md.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPResponse

from maskconv import __version__
from maskconv._fetch_cache import Cache
from maskconv._fetch_http import Clock, Connections, Limits
from maskconv._fetch_reply import AgainError, body, failed, foreign, judge, network
from maskconv._fetch_url import OBJECTS, WEB, Url, identity, is_labelbox, parse, scheme, shown
from maskconv.errors import DataError, OptionError
from maskconv.plugin import Access

__all__ = ["Fetcher", "Limits"]

KEY = "LABELBOX_API_KEY"
_MOVED = frozenset({301, 302, 303, 307, 308})
_GIVE_UP = 10  # masks in a row that a host did not give for reasons that might have passed
_LOADS = 3  # a file that was damaged, or read by another thread, is fetched again
_PENDING = 256  # masks that may be fetched before they are asked for
_HEADERS = {"User-Agent": f"maskconv/{__version__}", "Accept": "image/png, */*;q=0.1", "Accept-Encoding": "identity"}


@dataclass
class _Host:
    """What was learned of a host: when it may be asked again, how many masks in a row it did not give."""

    resume: float = 0.0
    misses: int = 0


class Fetcher:
    """Masks by address: http, https, and object stores; safe to use from several threads.

    Raises OptionError where the environment's key is none, SourceError where the cache's folder cannot be used.
    """

    def __init__(self, access: Access, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._key = _key()
        self._cache = Cache(access.cache)
        self._connections = Connections(frozenset(host.lower() for host in access.allow_hosts), self.limits)
        self._hosts: dict[str, _Host] = {}
        self._under_way: dict[str, Future[None]] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._threads = ThreadPoolExecutor(self.limits.connections, thread_name_prefix="maskconv-fetch")

    def ahead(self, uri: str) -> None:
        """Begin to fetch a mask that will be read soon; not where many are waiting already."""
        with self._lock:
            if len(self._under_way) >= _PENDING:  # those that are done and were never read would block the others
                self._under_way = {name: future for name, future in self._under_way.items() if not future.done()}
            if len(self._under_way) >= _PENDING:
                return
        self._begin(uri, identity(uri))

    def read(self, uri: str) -> bytes:
        """A mask's bytes. Raises DataError where it cannot be had: its status, its address without the query."""
        name = identity(uri)
        for _ in range(_LOADS):
            future = self._begin(uri, name)
            try:
                future.result()
            finally:
                with self._lock:
                    self._under_way.pop(name, None)
            if (data := self._cache.load(name)) is not None:
                return data
        raise failed(shown(uri), "what is kept of it is damaged each time", "name another folder with --cache")

    def close(self) -> None:
        """End all fetching, and wait until that is done."""
        self._closed.set()
        self._connections.close()
        self._threads.shutdown(cancel_futures=True)
        self._connections.close()
        self._cache.close()

    def _begin(self, uri: str, name: str) -> Future[None]:
        with self._lock:
            if name not in self._under_way:
                self._under_way[name] = self._threads.submit(self._have, uri, name)
            return self._under_way[name]

    # --- in the fetching threads --------------------------------------------------------------------------------------

    def _have(self, uri: str, name: str) -> None:
        """Put a mask into the cache, if it is not there."""
        if self._cache.has(name):
            return
        if scheme(uri) in OBJECTS:
            self._cache.store(name, self._object(uri))
        elif scheme(uri) in WEB:
            self._persist(parse(uri), name)
        else:
            text = f"the mask {shown(uri)} is not fetched: only http, https, s3, gs and az addresses are"
            raise DataError(text, code="mask-uri", fix="correct the address")

    def _object(self, uri: str) -> Iterator[bytes]:
        from maskconv.cloud import read_object

        data = read_object(uri, self.limits.size)
        if not data.startswith(b"\x89PNG"):
            raise foreign(shown(uri), data[:1024])
        yield data

    def _persist(self, url: Url, name: str) -> None:
        """Try, wait, and try again."""
        clock, host = Clock(self.limits), self._host(url)
        if host.misses >= _GIVE_UP:
            raise failed(url.text, f"{url.host} did not give {host.misses} masks in a row, and is not asked again")
        for number in range(1, self.limits.tries + 1):
            try:
                self._wait(host.resume - time.monotonic(), clock, url)
                self._try(url, name, clock)
            except AgainError as error:
                pause = self._pause(number, error.after)
                if number == self.limits.tries or pause > self.limits.pause:
                    asked = f", which asks to wait {pause:.0f} seconds" if pause > self.limits.pause else ""
                    host.misses += 1
                    raise failed(url.text, f"{error}{asked} (tries: {number})") from error
                host.resume = max(host.resume, time.monotonic() + pause)
            else:
                host.misses = 0
                return

    def _host(self, url: Url) -> _Host:
        with self._lock:
            return self._hosts.setdefault(url.host, _Host())

    def _pause(self, number: int, asked: float | None) -> float:
        """Seconds until the next try: what the server asks for, else twice as long each time, and never all at once."""
        grown: float = self.limits.first_pause * 2.0 ** (number - 1) * random.uniform(0.5, 1.0)  # noqa: S311
        return max(grown, asked) if asked is not None else min(grown, self.limits.pause)

    def _wait(self, seconds: float, clock: Clock, url: Url) -> None:
        if seconds <= 0:
            return
        if time.monotonic() + seconds > clock.end:
            raise failed(url.text, f"{url.host} asks to wait beyond {self.limits.total:g} seconds")
        if self._closed.wait(seconds):
            raise failed(url.text, "the run is ending")

    def _try(self, url: Url, name: str, clock: Clock) -> None:
        """One try, through redirects: each leads to an address that is checked like the first; the key stays behind."""
        home = url.host
        for _ in range(self.limits.redirects + 1):
            if self._closed.is_set():
                raise failed(url.text, "the run is ending")
            trusted = url.scheme == "https" and is_labelbox(url.host) and url.host == home
            headers = _HEADERS | ({"Authorization": f"Bearer {self._key}"} if trusted and self._key else {})
            with ExitStack() as stack:
                with network(url, clock, self.limits):
                    response = stack.enter_context(self._connections.get(url, headers, clock))
                if response.status in _MOVED and response.getheader("Location"):
                    url = _next(url, response)
                    home = home if url.host == home else ""
                    continue
                judge(response, url, key=trusted and bool(self._key), labelbox=is_labelbox(url.host))
                self._cache.store(name, body(response, url, clock, self.limits))
                return
        raise failed(url.text, f"more than {self.limits.redirects} redirects", "correct the address")


def _next(url: Url, response: HTTPResponse) -> Url:
    """Where a redirect leads. Raises DataError where that must not be followed."""
    location = url.joined(response.getheader("Location") or "")
    if scheme(location) not in WEB or (url.scheme == "https" and scheme(location) == "http"):
        reason = f"it redirects to {shown(location)}, which is not followed"
        raise failed(url.text, reason, "correct the address", "mask-host")
    return parse(location)


def _key() -> str:
    """Labelbox' key. Raises OptionError where no key looks like it."""
    key = os.environ.get(KEY, "").strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        text = f"{KEY} holds characters that no key has"
        raise OptionError(text, code="option-value", fix="copy the key again")
    return key
