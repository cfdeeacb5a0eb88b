"""Object stores (Amazon S3, Google Cloud Storage, Azure Blob Storage) by way of obstore, the extra ``cloud``.

Credentials, regions and endpoints come from the environment variables that these services' own tools use, as obstore
reads them: AWS_*, GOOGLE_*, AZURE_STORAGE_*.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote

from maskconv.errors import DataError, MissingDependencyError, OptionError, TargetError
from maskconv.store import unsafe

__all__ = ["SIGNED_AT_MOST", "Bucket", "Uploads", "read_object"]

SIGNED_AT_MOST = timedelta(days=7)  # what Amazon and Google allow; we ask no more of Azure
AT_ONCE = 8  # uploads
WAITING = 16  # blobs that are held until they are uploaded
_URL = re.compile(r"(s3|gs|az)://([A-Za-z0-9][A-Za-z0-9._-]{1,221}[A-Za-z0-9])(?:/(.*))?", re.DOTALL)
_ENVIRONMENT = {"s3": "AWS_", "gs": "GOOGLE_", "az": "AZURE_"}
_CLIENT = {"timeout": timedelta(seconds=120), "connect_timeout": timedelta(seconds=10)}
_RETRY = {"max_retries": 5, "retry_timeout": timedelta(seconds=120)}
_CODE = re.compile(r"<Code>(\w+)</Code>")


class Bucket(NamedTuple):
    """A folder of an object store: its scheme, bucket (Azure: container) and prefix. Paths in it have ``/``."""

    scheme: str
    name: str
    prefix: str = ""

    @classmethod
    def parse(cls, url: str) -> Bucket:
        """``s3://bucket/a/folder``, ``gs://...``, ``az://container/...``. Raises OptionError."""
        found = _URL.fullmatch(url)
        prefix = (found[3] or "").strip("/") if found else ""
        if found is None or any(c in prefix for c in "?#\\") or unsafe(prefix) or "//" in prefix:
            text = f"{url!r} is no folder of an object store"
            raise OptionError(text, code="option-value", fix="write it as s3://bucket/folder, gs://... or az://...")
        return cls(found[1], found[2], prefix)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.name}" + (f"/{self.prefix}" if self.prefix else "")

    def put(self, path: str, data: bytes) -> bool:
        """Store a PNG under a path that nothing has; False where there is one of its size. Raises TargetError."""
        obstore = _obstore()
        options: dict[str, Any] = {
            "mode": "create",
            "use_multipart": False,
            "attributes": {"Content-Type": "image/png"},
        }
        with _failing(f"{self.url}/{path} cannot be uploaded"):
            try:
                obstore.put(self._store(), self._key(path), data, **options)
            except obstore.exceptions.AlreadyExistsError:
                there = obstore.head(self._store(), self._key(path))["size"]
            else:
                return True
        if there != len(data):
            text = f"{self.url}/{path} is there already, and another file: it has {there:,} bytes, not {len(data):,}"
            raise TargetError(text, code="upload-failed", fix="choose another folder")
        return False

    def delete(self, paths: Sequence[str]) -> None:
        """Raises TargetError."""
        with _failing(f"{self.url}: what was uploaded cannot be deleted"):
            _obstore().delete(self._store(), [self._key(path) for path in paths])

    def sign(self, path: str, valid: timedelta) -> str:
        """An address under which everybody may get a file for some time. Raises TargetError."""
        with _failing(f"an address of {self.url}/{path} cannot be signed"):
            signed: str = _obstore().sign(self._store(), "GET", self._key(path), valid)
        return signed

    def get(self, path: str, limit: int) -> bytes:
        """A file's bytes. Raises FileNotFoundError, DataError where it is larger than ``limit`` bytes or cannot be had."""
        try:
            found = _obstore().get(self._store(), self._key(path))
            size = found.meta["size"]
            data = bytes(found.bytes()) if size <= limit else b""
        except FileNotFoundError:
            raise
        except _errors() as error:
            text = f"the mask {self.url}/{path} cannot be fetched: {_reason(error)}"
            raise DataError(text, code="mask-fetch", fix="check the store's credentials and endpoint") from error
        if size > limit:
            text = f"the mask {self.url}/{path} has {size:,} bytes: more than the {limit:,} bytes that are fetched"
            raise DataError(text, code="member-too-big", fix="no mask should be that large")
        return data

    def _key(self, path: str) -> str:
        return f"{self.prefix}/{path}" if self.prefix else path

    def _store(self) -> Any:
        return _store(self.scheme, self.name, _environment(self.scheme))

    def check(self) -> None:
        """That obstore is there and knows how to reach the store. Raises MissingDependencyError, OptionError."""
        try:
            self._store()
        except _errors() as error:
            fix = "see which environment variables it needs in the documentation, 'Masks in the cloud'"
            raise OptionError(f"{self.url}: {_reason(error)}", code="option-value", fix=fix) from error


def _obstore() -> Any:
    try:
        import obstore
    except ImportError as error:
        text = "object stores need the package obstore, which is not installed"
        raise MissingDependencyError(text, fix="install it with: pip install 'maskconv[cloud]'") from error
    return obstore


def _errors() -> tuple[type[Exception], ...]:
    return (_obstore().exceptions.BaseError, OSError, ValueError)


def _environment(scheme: str) -> tuple[tuple[str, str], ...]:
    """What obstore reads of the environment."""
    family = _ENVIRONMENT[scheme]
    return tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith(family)))


@lru_cache(maxsize=16)
def _store(scheme: str, bucket: str, environment: tuple[tuple[str, str], ...]) -> Any:
    """A client, kept for as long as the environment is the same."""
    _obstore()
    from obstore.store import AzureStore, GCSStore, S3Store

    http = dict(environment).get(f"{_ENVIRONMENT[scheme]}ALLOW_HTTP", "").lower() in {"1", "true"}
    kinds: dict[str, Callable[..., Any]] = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}
    return kinds[scheme](bucket, client_options=_CLIENT | {"allow_http": http}, retry_config=_RETRY)


@contextmanager
def _failing(what: str) -> Iterator[None]:
    try:
        yield
    except _errors() as error:
        fix = "check the store's name, credentials and endpoint"
        raise TargetError(f"{what}: {_reason(error)}", code="upload-failed", fix=fix) from error


def _reason(error: Exception) -> str:
    """The store's answer in one line, without the document that came with it."""
    text = str(error)
    code = _CODE.search(text)
    line = text.split("\n", 1)[0].split(": <", 1)[0].strip()
    return f"{line[:300]} ({code[1]})" if code else line[:300]


def read_object(uri: str, limit: int) -> bytes:
    """The bytes of an object by its address, whose path may be quoted or not. Raises DataError."""
    found = _URL.fullmatch(uri)
    if found is None or not found[3]:
        text = f"the mask's address {uri[:120]!r} names no object"
        raise DataError(text, code="mask-uri", fix="correct the address")
    bucket = Bucket(found[1], found[2])
    for path in dict.fromkeys((unquote(found[3]), found[3])):
        try:
            return bucket.get(path, limit)
        except FileNotFoundError:
            continue
    text = f"the mask {uri[:200]} is not there"
    raise DataError(text, code="mask-missing", fix="check the bucket and the path")


class Uploads:
    """Blobs on their way into a bucket: some at once, a bounded number held; ``undo`` deletes what it made."""

    def __init__(self, bucket: Bucket, made: Sequence[str] = ()) -> None:
        self._bucket = bucket
        self._made = list(made)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="maskconv-upload")
        self._waiting: list[Future[bool]] = []

    def put(self, path: str, data: bytes) -> Future[bool]:
        """Begin an upload: the result is whether a new object was made. Raises TargetError if an earlier one failed."""
        self._settle(WAITING - 1)
        self._waiting.append(self._threads.submit(self._put, path, data))
        return self._waiting[-1]

    def _put(self, path: str, data: bytes) -> bool:
        made = self._bucket.put(path, data)
        if made:
            self._made.append(path)
        return made

    def _settle(self, left: int) -> None:
        while len(self._waiting) > left:
            self._waiting.pop(0).result()

    def finish(self) -> None:
        """Wait for all of them. Raises TargetError."""
        self._settle(0)

    def close(self) -> None:
        """Take no more; those under way end first."""
        self._threads.shutdown(cancel_futures=True)

    def undo(self) -> None:
        """Delete what was made. Raises TargetError."""
        self.close()
        if self._made:
            self._bucket.delete(self._made)
