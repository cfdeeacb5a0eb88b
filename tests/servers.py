"""Servers on this machine: masks over http and https with every fault, and an S3."""

from __future__ import annotations

import datetime
import ipaddress
import logging
import os
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HTML = b"<!DOCTYPE html><html><body>Please log in</body></html>"


class MaskServer:
    """Answers each path by a function of (handler, how often it was asked), or with given bytes; notes what it was asked."""

    def __init__(self, context=None):
        self.routes, self.asked, self.times, self.counts = {}, [], [], {}
        self.connections = self.running = self.most = self.sent = 0
        self.lock = threading.Lock()
        self.httpd = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.httpd.daemon_threads = True
        self.httpd.handle_error = lambda *_: None
        if context is not None:
            self.httpd.socket = context.wrap_socket(self.httpd.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.httpd.server_address[1]
        self.scheme = "https" if context is not None else "http"
        threading.Thread(target=self.httpd.serve_forever, args=(0.02,), daemon=True).start()

    def url(self, path, host="127.0.0.1"):
        return f"{self.scheme}://{host}:{self.port}{path}"

    def close(self):
        self.httpd.shutdown()
        self.httpd.server_close()

    def paths(self):
        return [path for path, _ in self.asked]

    def keys(self):
        """Who got a key: (host, key) of each request."""
        return [(headers["Host"].split(":")[0], headers.get("Authorization")) for _, headers in self.asked]

    def _handler(server):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self):
                super().setup()
                with server.lock:
                    server.connections += 1

            def do_GET(self):
                with server.lock:
                    server.asked.append((self.path, dict(self.headers)))
                    server.times.append(time.monotonic())
                    count = server.counts[self.path] = server.counts.get(self.path, 0) + 1
                    server.running += 1
                    server.most = max(server.most, server.running)
                try:
                    route = server.routes.get(self.path, server.routes.get(self.path.split("?")[0]))
                    if route is None:
                        reply(404, b"no such mask")(self, count)
                    elif callable(route):
                        route(self, count)
                    else:
                        reply(200, route)(self, count)
                except OSError:
                    self.close_connection = True
                finally:
                    with server.lock:
                        server.running -= 1

            def put(self, data):
                self.wfile.write(data)
                with server.lock:
                    server.sent += len(data)

            def log_message(self, *_):
                pass

        return Handler


def reply(status, body=b"", **headers):
    """A whole answer; header names have _ for -."""

    def answer(handler, count):
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            if value is not None:
                handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.put(body)

    return answer


def in_turn(*answers):
    """The first answer, then the second, ...; the last one for ever."""
    return lambda handler, count: answers[min(count, len(answers)) - 1](handler, count)


def redirect(location, status=302):
    return reply(status, Location=location)


def cut(body, declared):
    """A body that ends before its declared length, and the connection with it."""

    def answer(handler, count):
        handler.send_response(200)
        handler.send_header("Content-Length", str(declared))
        handler.end_headers()
        handler.put(body)
        handler.close_connection = True

    return answer


def chunked(*chunks, end=True):
    def answer(handler, count):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for chunk in chunks:
            handler.put(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        handler.put(b"0\r\n\r\n" if end else b"")
        handler.close_connection = not end

    return answer


def until_closed(body):
    """No length: the end of the connection is the end of the body."""

    def answer(handler, count):
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.put(body)

    return answer


def drip(head, body, pause=0.05):
    """Byte after byte, never silent for long, for longer than anybody waits."""

    def answer(handler, count):
        handler.put(head)
        for _ in range(2000):
            handler.put(body)
            time.sleep(pause)

    return answer


def silent(seconds=30):
    def answer(handler, count):
        time.sleep(seconds)

    return answer


def slow(seconds, body):
    def answer(handler, count):
        time.sleep(seconds)
        reply(200, body)(handler, count)

    return answer


@contextmanager
def serving(context=None):
    server = MaskServer(context)
    try:
        yield server
    finally:
        server.close()


def certificate(folder, *names):
    """A certificate of its own for some names: (context of the server, context that trusts it, its file)."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "maskconv tests")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName(n) for n in names] + [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, file = serialization.Encoding.PEM, folder / "certificate.pem"
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(made.public_bytes(pem))
    (folder / "key.pem").write_bytes(private)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file, folder / "key.pem")
    return server, ssl.create_default_context(cafile=file), file


@contextmanager
def s3(**environment):
    """An S3 in this process: what its tools need stands in the environment. Gives a client of boto3."""
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    given = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": url,
        "AWS_ALLOW_HTTP": "true",
        **environment,
    }
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
        client.create_bucket(Bucket="bucket")
        yield client
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        with suppress(Exception):
            server.stop()
