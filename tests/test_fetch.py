"""Fetching masks: every fault has its outcome, nothing hangs, the key stays with its host, a second run asks nobody."""

from __future__ import annotations

import io
import json
import multiprocessing
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial

import numpy as np
import pytest
import servers
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from servers import chunked, cut, drip, in_turn, redirect, reply, silent, slow, until_closed

from maskconv import DataError, OptionError, _fetch_address, _fetch_http, open_reader
from maskconv._fetch_address import refusal
from maskconv._fetch_cache import Cache
from maskconv._fetch_url import identity, parse, shown
from maskconv.cli import main
from maskconv.errors import SourceError
from maskconv.fetch import Fetcher, Limits
from maskconv.maskfiles import MaskFiles
from maskconv.plugin import Access

LOCAL = frozenset({"127.0.0.1", "localhost"})
QUICK = Limits(connect=2, silence=0.4, total=3, tries=3, first_pause=0.01, pause=2, connections=4)
KEY = "test-key-0123456789"
HOSTS = ("api.labelbox.com", "labelbox.com", "evil-labelbox.com", "labelbox.com.example", "other.example")


def png_of(seed=0):
    return encoded(np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8))


def encoded(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


MASK, OTHER = png_of(1), png_of(2)


@pytest.fixture
def server():
    with servers.serving() as made:
        yield made


@pytest.fixture(scope="session")
def contexts(tmp_path_factory):
    return servers.certificate(tmp_path_factory.mktemp("tls"), *HOSTS)


@pytest.fixture
def names(monkeypatch):
    """Names to addresses, as a resolver would tell them; the calls are counted."""
    known, calls = {}, []

    def resolve(host, port):
        calls.append(host)
        if host not in known:
            return real(host, port)
        found = known[host](len(calls)) if callable(known[host]) else known[host]
        return [(socket.AF_INET6 if ":" in a else socket.AF_INET, (a, port)) for a in found]

    real = _fetch_address.resolve
    monkeypatch.setattr(_fetch_address, "resolve", resolve)
    known["calls"] = calls
    return known


@pytest.fixture
def labelbox(contexts, names, monkeypatch):
    """A server that is all of HOSTS over https, and the key in the environment."""
    monkeypatch.setenv("LABELBOX_API_KEY", KEY + "\n")
    monkeypatch.setattr(_fetch_http, "tls", lambda: contexts[1])
    names.update({host: ["127.0.0.1"] for host in HOSTS})
    with servers.serving(contexts[0]) as made:
        yield made


def access(**facts):
    return Access(**{"fetch": True, "allow_hosts": LOCAL | set(HOSTS), **facts})


def fetch(url, limits=QUICK, **facts):
    """The bytes, within a time in which nothing hangs."""
    found = []

    def run():
        fetcher = Fetcher(access(**facts), limits)
        try:
            found.append(fetcher.read(url))
        except Exception as error:
            found.append(error)
        finally:
            fetcher.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(30)
    assert found, "it hangs"
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]


def refused(url, limits=QUICK, **facts):
    with pytest.raises(DataError) as caught:
        fetch(url, limits, **facts)
    assert "SECRET" not in str(caught.value) and KEY not in str(caught.value)
    return caught.value


# --- what is had ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        MASK,
        chunked(MASK[:50], MASK[50:]),
        until_closed(MASK),
        reply(200, MASK, Content_Type="text/html"),
        slow(0.2, MASK),
    ],
)
def test_a_mask(server, answer):
    server.routes["/a%20b/%C3%A9.png"] = answer
    assert fetch(server.url("/a b/é.png?x=1#part")) == MASK
    ((path, headers),) = server.asked
    assert path == "/a%20b/%C3%A9.png?x=1"
    assert headers["User-Agent"].startswith("maskconv/") and headers["Accept-Encoding"] == "identity"
    assert "Authorization" not in headers


def test_connections_are_kept_and_renewed(server):
    server.routes |= {f"/{i}.png": png_of(i) for i in range(12)}
    server.routes["/last.png"] = MASK
    fetcher = Fetcher(access(), Limits(connections=1, tries=1))
    try:
        assert [fetcher.read(server.url(f"/{i}.png")) for i in range(12)] == [png_of(i) for i in range(12)]
        assert server.connections == 1
        (kept,) = next(iter(fetcher._connections._idle.values()))
        kept.plain.shutdown(socket.SHUT_RDWR)  # as a server does that waited long enough
        assert fetcher.read(server.url("/last.png")) == MASK and server.connections == 2
    finally:
        fetcher.close()


def test_no_more_at_once_than_allowed(server):
    addresses = [f"/{i}.png" for i in range(40)]
    server.routes |= {path: slow(0.03, MASK) for path in addresses}
    fetcher = Fetcher(access(), QUICK)
    try:
        for path in addresses:
            fetcher.ahead(server.url(path))
        readers = [threading.Thread(target=fetcher.read, args=(server.url(path),)) for path in addresses]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(30)
        assert 1 < server.most <= QUICK.connections
        assert sorted(server.paths()) == sorted(addresses), "each was asked for once"
    finally:
        fetcher.close()


def test_coming_masks_are_fetched_while_a_reader_decodes(server, tmp_path):
    server.routes |= {f"/{i}.png": slow(0.05, MASK) for i in range(20)}
    files = MaskFiles(tmp_path, None, None, access())
    try:
        for unit in files.ahead(range(20), lambda i: [server.url(f"/{i}.png")]):
            assert files.read(server.url(f"/{unit}.png")) == (server.url(f"/{unit}.png"), MASK)
        assert server.most > 1 and len(server.asked) == 20
    finally:
        files.close()


def test_masks_that_are_never_read_do_not_stop_the_others(server):
    server.routes["/a.png"] = MASK
    fetcher = Fetcher(access(), QUICK)
    try:
        for i in range(600):
            fetcher.ahead(server.url(f"/a.png?i={i}"))
            if i % 100 == 99:
                fetcher.read(server.url(f"/a.png?i={i}"))
        assert len(fetcher._under_way) <= 256
    finally:
        fetcher.close()


# --- addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("127.0.0.1", "loopback"),
        ("127.8.9.10", "loopback"),
        ("10.1.2.3", "private"),
        ("172.16.0.1", "private"),
        ("192.168.1.1", "private"),
        ("169.254.169.254", "link-local"),
        ("100.64.0.1", "non-public"),
        ("0.0.0.0", "unspecified"),
        ("224.0.0.1", "multicast"),
        ("239.1.2.3", "multicast"),
        ("240.0.0.1", "private"),
        ("255.255.255.255", "private"),
        ("198.18.0.1", "private"),
        ("::1", "loopback"),
        ("::", "unspecified"),
        ("fe80::1%eth0", "link-local"),
        ("fc00::1", "private"),
        ("fec0::1", "reserved"),
        ("ff02::1", "multicast"),
        ("::ffff:127.0.0.1", "IPv4-mapped"),
        ("::ffff:8.8.8.8", "IPv4-mapped"),
        ("::127.0.0.1", "reserved"),
        ("64:ff9b::7f00:1", "loopback"),
        ("64:ff9b::a9fe:a9fe", "link-local"),
        ("64:ff9b:1::1", "reserved"),
        ("2002:7f00:1::", "tunnelled"),
        ("8.8.8.8", ""),
        ("2606:4700::1111", ""),
        ("64:ff9b::808:808", ""),
    ],
)
def test_what_is_no_public_address(address, kind):
    assert refusal(address) == kind


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]"])
def test_private_addresses_are_refused(server, host):
    server.routes["/a.png"] = MASK
    error = refused(server.url("/a.png?k=SECRET", host), allow_hosts=frozenset())
    assert error.code == "mask-host" and "--allow-host" in error.fix
    assert server.connections == 0


def test_names_of_private_addresses_are_refused(server, names):
    server.routes["/a.png"] = MASK
    names["innocent.example"] = ["127.0.0.1"]
    error = refused(server.url("/a.png", "innocent.example"))
    assert error.code == "mask-host" and "innocent.example has the loopback address 127.0.0.1" in error.message
    assert server.connections == 0
    assert fetch(server.url("/a.png", "innocent.example"), allow_hosts={"innocent.example"}) == MASK


def test_the_checked_address_is_the_one_connected_to(server, names, monkeypatch):
    """A name that means a public address when it is looked up first, and this machine afterwards, gains nothing."""
    names["rebinding.example"] = lambda count: ["192.0.2.1"] if count == 1 else ["127.0.0.1"]
    tried = []
    monkeypatch.setattr(_fetch_address, "refusal", lambda text: "" if text == "192.0.2.1" else refusal(text))

    def connected(family, address, timeout):
        tried.append(address[0])
        raise ConnectionRefusedError("not here")

    monkeypatch.setattr(_fetch_address, "_connected", connected)
    error = refused(server.url("/a.png", "rebinding.example"), Limits(tries=2, first_pause=0.01))
    assert tried == ["192.0.2.1"] and error.code == "mask-host"
    assert names["calls"] == ["rebinding.example"] * 2, "looked up once for each connection"
    assert server.connections == 0


def test_of_several_addresses_only_public_ones_are_used(names, monkeypatch):
    names["mixed.example"] = ["10.0.0.1", "93.184.216.34", "::1"]
    tried = []
    monkeypatch.setattr(
        _fetch_address, "_connected", lambda family, address, timeout: tried.append(address[0]) or "yes"
    )
    assert _fetch_address.connect("mixed.example", 80, frozenset(), lambda: 1.0) == "yes"
    assert tried == ["93.184.216.34"]


def test_the_next_address_is_tried_where_one_does_not_answer(server, names):
    names["two.example"] = ["127.0.0.9", "127.0.0.1"]  # nobody listens at the first
    server.routes["/a.png"] = MASK
    assert fetch(server.url("/a.png", "two.example"), allow_hosts={"TWO.example"}) == MASK


@pytest.mark.parametrize(
    "address",
    [
        "http://user:SECRET@127.0.0.1/a.png",
        "https://SECRET@labelbox.com/a.png",
        "http:///a.png",
        "http://[::1/a.png",
        "http://127.0.0.1:99999/a.png",
        "http://127.0.0.1\\@evil.example/a.png",
        "http://127.0.0.1/a\nHost: evil/a.png",
        "http://" + "a" * 9000,
        "ftp://127.0.0.1/a.png",
        "file:///etc/passwd",
        "gopher://127.0.0.1/_GET",
    ],
)
def test_what_is_no_address(address):
    assert refused(address).code == "mask-uri"


def test_addresses_are_shown_without_their_secrets():
    assert shown("https://u:SECRET@h.example:8/a/b.png?sig=SECRET#SECRET") == "https://h.example:8/a/b.png"
    assert parse("HTTPS://H.Example./a b?c d").text == "https://h.example/a%20b"
    assert len(shown("https://h.example/" + "a" * 500)) < 130 and "\x1b" not in shown("http://h/\x1b[31m")


ODD = st.text(alphabet=st.sampled_from("ab/:@?#[]%2e.\\ é\0\n\ud800&="), max_size=12)
BEGINNINGS = st.sampled_from(["", "http://", "https://", "s3://", "file:", "//", "C:\\", "HTTP:", "az:"])


@given(st.tuples(BEGINNINGS, ODD, ODD).map("".join))
@settings(max_examples=1500)
def test_any_address_is_read_or_told(tmp_path, address):
    files = MaskFiles(tmp_path, tmp_path, None)
    assert shown(address).isprintable() and identity(address) == identity(address)
    with suppress(DataError):
        assert parse(address).scheme in {"http", "https"}
    with pytest.raises(DataError) as caught:
        files.read(address)
    assert caught.value.code in {"mask-missing", "mask-uri"}


# --- faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (400, "mask-fetch", "400 Bad Request"),
        (401, "mask-fetch", "401 Unauthorized"),
        (403, "mask-fetch", "403 Forbidden"),
        (404, "mask-missing", "404 Not Found"),
        (410, "mask-missing", "410 Gone"),
        (204, "mask-fetch", "204 No Content"),
        (304, "mask-fetch", "304 Not Modified"),
    ],
)
def test_statuses_that_will_not_pass_are_not_tried_again(server, status, code, said):
    server.routes["/a.png"] = reply(status)
    error = refused(server.url("/a.png?sig=SECRET"))
    assert error.code == code and said in error.message and server.url("/a.png") in error.message
    assert "--from-mask-dir" in error.fix or "export it again" in error.fix
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_statuses_that_may_pass_are_tried_again(server, status):
    server.routes["/a.png"] = in_turn(reply(status), reply(status), reply(200, MASK))
    assert fetch(server.url("/a.png")) == MASK and len(server.asked) == 3
    server.routes["/b.png"] = reply(status)
    error = refused(server.url("/b.png"))
    assert f"the server answers {status}" in error.message and "(tries: 3)" in error.message
    assert server.counts["/b.png"] == 3


@pytest.mark.parametrize(
    "form", [lambda: "1", lambda: format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)]
)
def test_retry_after_is_kept(server, form):
    server.routes["/a.png"] = lambda handler, count: (
        reply(429, Retry_After=form()) if count == 1 else reply(200, MASK)
    )(handler, count)
    assert fetch(server.url("/a.png"), Limits(first_pause=0.01)) == MASK
    assert server.times[1] - server.times[0] >= 0.9


def test_retry_after_holds_for_all_masks_of_a_host(server):
    server.routes |= {"/a.png": in_turn(reply(429, Retry_After="1"), reply(200, MASK)), "/b.png": MASK}
    fetcher = Fetcher(access(), Limits(connections=2))
    try:
        fetcher.ahead(server.url("/a.png"))
        while not server.asked:
            time.sleep(0.01)
        time.sleep(0.2)
        assert fetcher.read(server.url("/b.png")) == fetcher.read(server.url("/a.png")) == MASK
        assert min(server.times[1:]) - server.times[0] >= 0.9
    finally:
        fetcher.close()


@pytest.mark.parametrize("value", ["3600", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_nobody_waits_for_an_hour(server, value):
    server.routes["/a.png"] = reply(503, Retry_After=value)
    assert "asks to wait" in refused(server.url("/a.png")).message and len(server.asked) == 1


def test_nonsense_in_retry_after_is_ignored(server):
    server.routes["/a.png"] = in_turn(reply(503, Retry_After="soon"), reply(503, Retry_After="-5"), reply(200, MASK))
    assert fetch(server.url("/a.png")) == MASK


BROKEN = {
    "cut": cut(MASK[:60], len(MASK)),
    "cut before the first byte": cut(b"", len(MASK)),
    "cut chunk": chunked(MASK[:60], end=False),
    "no end": until_closed(MASK[:60]),
    "no answer": lambda handler, count: setattr(handler, "close_connection", True),
    "no http": lambda handler, count: handler.put(b"SSH-2.0-OpenSSH_9.6\r\n"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_answers_are_tried_again(server, fault):
    server.routes["/a.png"] = in_turn(BROKEN[fault], reply(200, MASK))
    assert fetch(server.url("/a.png")) == MASK and len(server.asked) == 2
    server.routes["/b.png"] = BROKEN[fault]
    error = refused(server.url("/b.png"))
    assert error.code == "mask-fetch" and "(tries: 3)" in error.message


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (servers.HTML, "an HTML page came"),
        (b"\n <?xml version='1.0'?><Error/>", "XML came"),
        (b'{"error": "SECRET"}', "JSON came"),
        (b"\xff\xd8\xff\xe0 JFIF", "a JPEG came"),
        (b"GIF89a", "a GIF came"),
        (b"PK\3\4", "a zip came"),
        (b"\x1f\x8b\x08", "gzip data came"),
        (b"", "nothing came"),
        (b"\x89PN", "something else came"),
    ],
)
def test_what_is_no_png(server, body, kind):
    server.routes["/a.png"] = reply(200, body, Content_Type="image/png")
    error = refused(server.url("/a.png?t=SECRET"))
    assert error.code == "mask-not-png" and kind in error.message and len(server.asked) == 1


def test_huge_bodies_are_not_read(server):
    limits = Limits(size=1 << 20)
    server.routes["/declared.png"] = cut(MASK, 1 << 40)
    assert "1,099,511,627,776 bytes" in refused(server.url("/declared.png"), limits).message
    server.routes["/endless.png"] = chunked(MASK, *[b"\0" * (1 << 16)] * 4000)
    error = refused(server.url("/endless.png"), limits)
    assert error.code == "member-too-big" and "1,048,576" in error.message
    assert server.sent < 64 << 20 and len(server.asked) == 2


SLOW = {
    "body": drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + MASK[:8], b"x"),
    "chunks": drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n" + MASK[:8] + b"\r\n", b"1\r\nx\r\n"),
    "headers": drip(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    "one header": drip(b"HTTP/1.1 200 OK\r\nX: ", b"x"),
    "status": drip(b"HTTP/1.1 2", b"0"),
    "go on": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.parametrize("fault", SLOW)
def test_what_drips_ends_with_the_time_limit(server, fault):
    server.routes["/a.png"] = SLOW[fault]
    begin = time.monotonic()
    error = refused(server.url("/a.png"), Limits(silence=0.5, total=1.0, tries=2, first_pause=0.01))
    assert error.code in {"mask-fetch", "mask-not-png"} and time.monotonic() - begin < 10


def test_silence_is_tried_again_and_ends(server):
    server.routes["/a.png"] = in_turn(silent(3), reply(200, MASK))
    assert fetch(server.url("/a.png")) == MASK
    server.routes["/b.png"] = silent(3)
    assert "no answer from 127.0.0.1 for 0.4 seconds" in refused(server.url("/b.png")).message


def test_a_listener_that_never_speaks_ends_the_handshake():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        error = refused(f"https://127.0.0.1:{mute.getsockname()[1]}/a.png", Limits(connect=0.4, total=1, tries=2))
        assert error.code == "mask-fetch"


def test_nobody_listens(names):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    assert "Connection refused" in refused(f"http://127.0.0.1:{port}/a.png").message

    def unknown(_):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    names["nowhere.example"] = unknown
    assert "there is no host nowhere.example" in refused("http://nowhere.example/a.png").message


def test_proxies_are_not_used_and_named_where_that_matters(server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    server.routes["/a.png"] = MASK
    assert fetch(server.url("/a.png")) == MASK
    assert "proxies are not used" in refused("http://127.0.0.1:1/a.png").fix


def test_a_host_that_gives_nothing_is_left_alone_after_a_while(server):
    server.routes |= {f"/{i}.png": reply(503) for i in range(30)}
    fetcher = Fetcher(access(), Limits(tries=2, first_pause=0.001, connections=1))
    try:
        for i in range(30):
            with pytest.raises(DataError):
                fetcher.read(server.url(f"/{i}.png"))
        assert len(server.asked) == 20
        with pytest.raises(DataError, match="did not give 10 masks in a row, and is not asked again"):
            fetcher.read(server.url("/30.png"))
    finally:
        fetcher.close()


def test_a_mask_that_comes_is_a_new_beginning_for_its_host(server):
    server.routes |= {f"/{i}.png": MASK if i % 10 == 9 else reply(503) for i in range(40)}
    fetcher = Fetcher(access(), Limits(tries=1, connections=1))
    try:
        for i in range(40):
            with suppress(DataError):
                fetcher.read(server.url(f"/{i}.png"))
        assert len(server.asked) == 40
    finally:
        fetcher.close()


def test_closing_ends_what_is_under_way(server):
    server.routes["/a.png"] = drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + MASK[:8], b"x")
    fetcher = Fetcher(access(), Limits(total=60))
    fetcher.ahead(server.url("/a.png"))
    while not server.asked:
        time.sleep(0.01)
    time.sleep(0.1)
    begin = time.monotonic()
    fetcher.close()
    assert time.monotonic() - begin < 10 and not fetcher._cache.folder.exists()


# --- redirects --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(server, status):
    server.routes |= {
        "/a/b.png": redirect("../c.png?x=1", status),
        "/c.png": redirect(server.url("/d.png", "localhost")),
    }
    server.routes["/d.png"] = MASK
    assert fetch(server.url("/a/b.png")) == MASK
    assert server.paths() == ["/a/b.png", "/c.png?x=1", "/d.png"]


def test_redirects_in_a_circle_end(server):
    server.routes |= {"/a.png": redirect("/b.png"), "/b.png": redirect("/a.png")}
    assert "more than 5 redirects" in refused(server.url("/a.png")).message and len(server.asked) == 6


def test_redirects_to_private_addresses_are_refused(server, names):
    names["public.example"] = ["127.0.0.1"]  # stands for a host that may be asked
    names["inside.example"] = ["127.0.0.1"]
    allowed = {"public.example"}
    for target in (
        server.url("/secret"),
        server.url("/secret", "inside.example"),
        "http://169.254.169.254/latest/meta-data",
    ):
        server.routes["/a.png"] = redirect(target)
        error = refused(server.url("/a.png", "public.example"), allow_hosts=allowed)
        assert error.code == "mask-host", target
    assert set(server.paths()) == {"/a.png"}


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/a", "s3://bucket/a.png", "data:image/png;base64,AA"]
)
def test_redirects_to_what_is_not_http_are_refused(server, target):
    server.routes["/a.png"] = redirect(target)
    error = refused(server.url("/a.png"))
    assert error.code == "mask-host" and "not followed" in error.message


def test_redirects_with_a_user_name_are_refused(server):
    server.routes["/a.png"] = redirect(f"http://user:SECRET@127.0.0.1:{server.port}/b.png")
    assert refused(server.url("/a.png")).code == "mask-uri" and len(server.asked) == 1


def test_redirects_from_https_to_http_are_refused(labelbox, server):
    server.routes["/b.png"] = MASK
    labelbox.routes["/a.png"] = redirect(server.url("/b.png"))
    assert "not followed" in refused(labelbox.url("/a.png", "other.example")).message and not server.asked


def test_a_redirect_without_a_place_is_an_answer(server):
    server.routes["/a.png"] = reply(302)
    assert "302 Found" in refused(server.url("/a.png")).message


# --- the key ----------------------------------------------------------------------------------------------------------


def guarded(handler, count):
    """A mask for those who have the key."""
    ok = handler.headers.get("Authorization") == f"Bearer {KEY}"
    (reply(200, MASK) if ok else reply(401))(handler, count)


def test_the_key_opens_labelbox(labelbox, monkeypatch):
    labelbox.routes["/a.png"] = guarded
    for host in ("api.labelbox.com", "labelbox.com", "API.Labelbox.com"):
        assert fetch(labelbox.url("/a.png", host)) == MASK
    monkeypatch.setenv("LABELBOX_API_KEY", "wrong")
    assert "LABELBOX_API_KEY is not valid" in refused(labelbox.url("/a.png", "api.labelbox.com")).fix
    monkeypatch.delenv("LABELBOX_API_KEY")
    assert "environment variable LABELBOX_API_KEY" in refused(labelbox.url("/a.png", "api.labelbox.com")).fix


def test_the_key_goes_nowhere_else(labelbox, server, names):
    labelbox.routes["/a.png"] = server.routes["/a.png"] = MASK
    for host in ("evil-labelbox.com", "labelbox.com.example", "other.example", "127.0.0.1"):
        assert fetch(labelbox.url("/a.png", host)) == MASK
    assert fetch(server.url("/a.png", "api.labelbox.com")) == MASK  # http
    assert [key for _, key in labelbox.keys() + server.keys()] == [None] * 5


def test_the_key_over_http_is_not_sent_and_the_fix_says_so(server, names, monkeypatch):
    monkeypatch.setenv("LABELBOX_API_KEY", KEY)
    names["api.labelbox.com"] = ["127.0.0.1"]
    server.routes["/a.png"] = guarded
    assert "https only" in refused(server.url("/a.png", "api.labelbox.com")).fix
    assert server.keys() == [("api.labelbox.com", None)]


def test_the_key_does_not_travel_with_redirects(labelbox):
    there, back = labelbox.url("/there.png", "other.example"), labelbox.url("/back.png", "api.labelbox.com")
    labelbox.routes |= {"/a.png": redirect(there), "/there.png": redirect(back), "/back.png": MASK}
    assert fetch(labelbox.url("/a.png", "api.labelbox.com")) == MASK
    sent = [("api.labelbox.com", f"Bearer {KEY}"), ("other.example", None), ("api.labelbox.com", None)]
    assert labelbox.keys() == sent
    labelbox.asked.clear()
    labelbox.routes["/b.png"] = redirect("/back.png")
    assert fetch(labelbox.url("/b.png", "api.labelbox.com")) == MASK
    assert labelbox.keys() == [("api.labelbox.com", f"Bearer {KEY}")] * 2  # the same host


@pytest.mark.parametrize("key", ["a\r\nX-Other: 1", "two words", "schlüssel"])
def test_a_key_that_is_none(monkeypatch, key):
    monkeypatch.setenv("LABELBOX_API_KEY", key)
    with pytest.raises(OptionError, match="LABELBOX_API_KEY holds characters that no key has") as caught:
        Fetcher(access())
    assert key not in str(caught.value)


def test_certificates_are_checked(contexts):
    with servers.serving(contexts[0]) as strange:
        strange.routes["/a.png"] = MASK
        error = refused(strange.url("/a.png"))
        assert "its certificate is not valid" in error.message and not strange.asked


def test_the_certificate_is_that_of_the_host(labelbox, names):
    names["foreign.example"] = ["127.0.0.1"]
    error = refused(labelbox.url("/a.png", "foreign.example"), allow_hosts={"foreign.example"})
    assert "certificate is not valid" in error.message and not labelbox.asked


# --- the cache --------------------------------------------------------------------------------------------------------

AWS = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={0}&X-Amz-Date={0}&X-Amz-Expires=9&X-Amz-Signature={0}"
GOOGLE = "X-Goog-Algorithm=a&X-Goog-Credential={0}&X-Goog-Date={0}&X-Goog-SignedHeaders=host&X-Goog-Signature={0}"
AZURE = "sv=2022-11-02&st={0}&se={0}&sr=b&sp=r&sig={0}"


@pytest.mark.parametrize(
    "query",
    [
        AWS,
        GOOGLE,
        AZURE,
        "AWSAccessKeyId=a&Expires={0}&Signature={0}",
        "GoogleAccessId=a&Expires={0}&Signature={0}",
        "Key-Pair-Id=k&Expires={0}&Signature={0}",
        "Key-Pair-Id=k&Policy={0}&Signature={0}",
    ],
)
def test_a_signature_is_no_part_of_what_is_named(query):
    base = "https://h.example/a.png"
    assert identity(f"{base}?{query.format(1)}") == identity(f"{base}?{query.format(2)}") == base
    one, two = (identity(f"{base}?versionId={v}&{query.format(1)}") for v in "12")
    assert one != two and one == f"{base}?versionId=1"


@pytest.mark.parametrize(
    "query",
    [
        "Expires={0}",
        "Signature={0}",
        "sig={0}",
        "token={0}",
        "id={0}",
        "se={0}&sp=r",
        "X-Amz-Date={0}",
        "frame={0}",
        "{0}",
    ],
)
def test_any_other_query_is(query):
    base = "https://h.example/a.png"
    assert identity(f"{base}?{query.format(1)}") != identity(f"{base}?{query.format(2)}")
    assert identity(f"{base}?{query.format(1)}") != identity(base)


def test_identities(monkeypatch):
    assert identity("https://api.labelbox.com/a?token=1") == identity("https://api.labelbox.com/a?token=2")
    assert identity("https://h/a#1") == identity("https://h/a") != identity("http://h/a")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://one")
    one = identity("s3://b/a.png")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://two")
    assert identity("s3://b/a.png") != one


def test_a_second_run_asks_nobody(server, tmp_path):
    server.routes |= {"/a.png": MASK, "/b.png": OTHER}
    urls = [server.url("/a.png?" + AWS.format(1)), server.url("/b.png?v=1")]
    assert [fetch(url, cache=tmp_path / "new" / "cache") for url in urls] == [MASK, OTHER]
    server.routes.clear()
    urls[0] = server.url("/a.png?" + AWS.format(2))
    assert [fetch(url, cache=tmp_path / "new" / "cache") for url in urls] == [MASK, OTHER]
    assert len(server.asked) == 2
    assert refused(server.url("/b.png?v=2"), cache=tmp_path / "new" / "cache").code == "mask-missing"


def test_errors_are_not_kept(server, tmp_path):
    server.routes["/a.png"] = in_turn(reply(404), reply(200, servers.HTML), cut(MASK[:50], 999), reply(200, MASK))
    for _ in range(2):
        refused(server.url("/a.png"), cache=tmp_path)
    assert fetch(server.url("/a.png"), cache=tmp_path) == MASK
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".mask"]


@pytest.mark.parametrize(
    "damage",
    [lambda d: d[:-1], lambda d: d + b"x", lambda d: d[:200] + b"?" + d[201:], lambda d: b"", lambda d: b"x" * 40],
)
def test_a_damaged_file_is_fetched_again(server, tmp_path, damage):
    server.routes["/a.png"] = MASK
    assert fetch(server.url("/a.png"), cache=tmp_path) == MASK
    (file,) = tmp_path.rglob("*.mask")
    file.write_bytes(damage(file.read_bytes()))
    assert fetch(server.url("/a.png"), cache=tmp_path) == MASK and len(server.asked) == 2
    assert fetch(server.url("/a.png"), cache=tmp_path) == MASK and len(server.asked) == 2


def test_without_a_cache_nothing_stays(server, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    server.routes["/a.png"] = MASK
    fetcher = Fetcher(access(), QUICK)
    assert fetcher.read(server.url("/a.png")) == MASK
    assert not list(tmp_path.rglob("*.mask")), "read once, and gone"
    fetcher.close()
    assert not list(tmp_path.iterdir())


def test_a_cache_that_cannot_be(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SourceError, match="--cache") as caught:
        Fetcher(access(cache=tmp_path / "file" / "x"))
    assert caught.value.code == "cache-unusable" and not isinstance(caught.value, DataError)


def _hammer(folder, seeds):
    cache = Cache(folder)
    for seed in seeds:
        cache.store(str(seed % 5), [png_of(seed % 5)])
        assert cache.load(str((seed + 1) % 5)) in (None, png_of((seed + 1) % 5))


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is read cannot be replaced there")
def test_processes_share_a_cache(tmp_path):
    context = multiprocessing.get_context("spawn")
    runs = [context.Process(target=_hammer, args=(tmp_path, range(i, i + 150))) for i in range(3)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(60)
    assert [run.exitcode for run in runs] == [0, 0, 0]
    assert not list(tmp_path.rglob("*.part")) and Cache(tmp_path).load("3") == png_of(3)


# --- whole runs -------------------------------------------------------------------------------------------------------


def composite(*colors):
    array = np.zeros((6, 9, 3), np.uint8)
    for i, color in enumerate(colors):
        array[1:4, 2 * i : 2 * i + 2] = color
    return encoded(array)


def records(path, server, count=30, host="127.0.0.1"):
    """An import file of ``count`` images with two instances each, their composites on the server."""
    lines = []
    for i in range(count):
        colors = [[i + 1, 7, 9], [200, i + 1, 0]]
        server.routes[f"/m/{i}.png"] = server.routes.get(f"/m/{i}.png", composite(*colors))
        for n, color in enumerate(colors):
            mask = {"instanceURI": server.url(f"/m/{i}.png?token=SECRET", host), "colorRGB": color}
            uuid = f"00000000-0000-4000-8000-{i * 2 + n:012d}"
            lines.append({"uuid": uuid, "name": "car", "dataRow": {"globalKey": f"{i}.jpg"}, "mask": mask})
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    return path


def run(capsys, *args):
    with pytest.raises(SystemExit) as caught:
        main([str(arg) for arg in args])
    out, err = capsys.readouterr()
    assert "SECRET" not in out + err and KEY not in out + err
    return caught.value.code, out + err


@pytest.mark.parametrize("on_error", ["fail", "skip"])
@pytest.mark.parametrize("jobs", [1, 3])
def test_without_fetch_the_run_ends_at_once(server, tmp_path, capsys, on_error, jobs):
    source = records(tmp_path / "in.ndjson", server)
    code, said = run(capsys, "convert", source, tmp_path / "out.zip", "--on-error", on_error, "--jobs", jobs)
    assert code == 1 and said.count("on other machines") == 1 and "60 instances" in said and "--fetch" in said
    assert not server.asked and not (tmp_path / "out.zip").exists()
    code, said = run(capsys, "info", source)  # what it is can be told without its masks
    assert code == 0 and "60 instances" in said and not server.asked


@pytest.mark.parametrize("jobs", [1, 3])
def test_with_fetch(server, tmp_path, capsys, jobs):
    source, cache = records(tmp_path / "in.ndjson", server), tmp_path / "cache"
    fetching = ["--fetch", "--allow-host", "127.0.0.1", "--cache", cache, "--jobs", jobs]
    code, said = run(capsys, "convert", source, tmp_path / "one.mcv", *fetching)
    assert code == 0, said
    assert len(server.asked) == 30
    server.routes.clear()
    code, said = run(capsys, "convert", source, tmp_path / "two.mcv", *fetching)
    assert code == 0 and len(server.asked) == 30, "a second run asks nobody"
    assert (tmp_path / "one.mcv").read_bytes() == (tmp_path / "two.mcv").read_bytes()
    with open_reader(source, mask_dir=tmp_path) as images:
        assert not list(images)
    code, said = run(capsys, "validate", source, *fetching[:-2])
    assert code == 0, said
    code, said = run(capsys, "info", source, *fetching[:-2])
    assert code == 0 and "30" in said and len(server.asked) == 30


def test_masks_that_cannot_be_had_are_left_out_and_the_rest_kept(server, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)  # lines are not wrapped then
    server.routes |= {"/m/3.png": reply(404), "/m/5.png": reply(200, servers.HTML), "/m/7.png": reply(401)}
    source = records(tmp_path / "in.ndjson", server)
    fetching = ["--fetch", "--allow-host", "127.0.0.1"]
    code, said = run(capsys, "convert", source, tmp_path / "out.mcv", *fetching)
    assert code == 1 and not (tmp_path / "out.mcv").exists()
    for text in ("404 Not Found", "401 Unauthorized", "an HTML page came", server.url("/m/5.png"), "in.ndjson:7"):
        assert text in said
    code, said = run(capsys, "convert", source, tmp_path / "out.mcv", *fetching, "--on-error", "skip")
    assert code == 1
    with open_reader(tmp_path / "out.mcv") as images:
        assert sorted(int(image.name) for image in images) == [i for i in range(30) if i not in (3, 5, 7)]


def test_downloaded_masks_come_first(server, tmp_path):
    source = records(tmp_path / "in.ndjson", server, 4)
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "2.png").write_bytes(server.routes["/m/2.png"])
    with open_reader(source, mask_dir=tmp_path / "m", fetch=True, allow_hosts=["127.0.0.1"]) as images:
        assert len(list(images)) == 4
    assert "/m/2.png?token=SECRET" not in server.paths() and len(server.asked) == 3


def test_a_zip_of_masks(server, tmp_path):
    source = records(tmp_path / "in.ndjson", server, 4)
    with zipfile.ZipFile(tmp_path / "masks.zip", "w") as archive:
        for i in range(3):
            archive.writestr(f"deep/m/{i}.png" if i else "0.png", server.routes[f"/m/{i}.png"])
    with open_reader(source, mask_dir=tmp_path / "masks.zip") as images:
        assert [image.name for image in images] == ["0"]  # the tails of an address, not of a member
        assert [finding.code for finding in images.report.findings] == ["mask-missing"] * 3
    with open_reader(source, mask_dir=tmp_path / "masks.zip", mask_uri=server.url("/")) as images:
        assert not list(images)
    assert not server.asked
    with pytest.raises(OptionError, match="neither a folder nor a zip"):
        MaskFiles(tmp_path, source, None)


def test_labelbox_masks_with_the_key(labelbox, tmp_path, capsys):
    source = records(tmp_path / "in.ndjson", labelbox, 5, "api.labelbox.com")
    open_routes = dict(labelbox.routes)
    labelbox.routes |= {path: partial(_guarded, body) for path, body in open_routes.items()}
    code, said = run(capsys, "convert", source, tmp_path / "out.mcv", "--fetch", "--allow-host", "api.labelbox.com")
    assert code == 0, said
    assert set(labelbox.keys()) == {("api.labelbox.com", f"Bearer {KEY}")}


def _guarded(body, handler, count):
    ok = handler.headers.get("Authorization") == f"Bearer {KEY}"
    (reply(200, body) if ok else reply(401))(handler, count)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("jobs", ["1", "3"])
def test_ctrl_c_ends_a_run_that_waits(server, tmp_path, jobs):
    source = records(tmp_path / "in.ndjson", server)
    server.routes |= {f"/m/{i}.png": silent(25) for i in range(30)}
    command = [sys.executable, "-m", "maskconv", "convert", source, tmp_path / "out.mcv", "--jobs", jobs]
    process = subprocess.Popen([*command, "--fetch", "--allow-host", "127.0.0.1"], stderr=subprocess.DEVNULL)
    try:
        while not server.asked:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    finally:
        process.kill()


def test_options_that_need_fetch(tmp_path, capsys):
    (tmp_path / "in.ndjson").write_text("")
    code, said = run(capsys, "convert", tmp_path / "in.ndjson", tmp_path / "out.mcv", "--allow-host", "x")
    assert code == 2 and "--fetch" in said


def test_a_connection_that_is_cut_before_it_is_made_ends_at_once(server):
    server.routes["/m/0.png"] = silent(25)
    connections = _fetch_http.Connections(frozenset({"127.0.0.1"}), Limits())
    url = parse(server.url("/m/0.png"))
    connection = connections._take(url, _fetch_http.Clock(Limits()))
    connections.close()
    began = time.monotonic()
    with pytest.raises(ConnectionAbortedError):
        connection.request("GET", url.target)
    with pytest.raises(ConnectionAbortedError):
        connections._take(url, _fetch_http.Clock(Limits())).request("GET", url.target)
    assert time.monotonic() - began < 5
