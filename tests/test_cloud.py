"""Masks in object stores: uploaded while a run goes on, fetched back exactly, deleted when it fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zipfile
from datetime import timedelta
from urllib.parse import unquote
from urllib.request import urlopen

import pytest
import servers

import maskconv
from maskconv import ConversionError, DataError, MissingDependencyError, OptionError, cloud, open_reader
from maskconv.cloud import Bucket, Uploads
from maskconv.errors import TargetError
from maskconv.formats.labelbox_ndjson.options import WriteOptions
from maskconv.maskfiles import MaskFiles
from maskconv.plugin import Access
from tests.places import FIXTURES

pytest.importorskip("obstore")

STREET = FIXTURES / "cvat-mask" / "street.zip"
FETCH = Access(fetch=True)


@pytest.fixture(scope="module")
def service():
    with servers.s3() as client:
        yield client


@pytest.fixture
def s3(service):
    """The S3, its bucket empty."""
    yield service
    for name in objects(service):
        service.delete_object(Bucket="bucket", Key=name)


def objects(client):
    return sorted(item["Key"] for item in client.list_objects_v2(Bucket="bucket").get("Contents", []))


def uris(path):
    records = [json.loads(line) for line in path.read_text().splitlines()]
    return [record["mask"]["instanceURI"] for record in records if "mask" in record]


def same(path, other, **options):
    """Two sources hold the same annotated images: names, sizes, labels and every pixel."""
    with open_reader(path) as one, open_reader(other, fetch=True, **options) as two:
        found = [{i.name: (i.width, i.height, *shapes(i)) for i in each if i.annotations} for each in (one, two)]
    assert found[0] == found[1] and found[0]


def shapes(image):
    return [(annotation.label, annotation.shape) for annotation in image.annotations]


def convert(target, source=STREET, **write):
    return maskconv.convert(source, target, write={"mask_dir": "s3://bucket/a b/masks", **write}, overwrite=True)


# --- writing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", [1, 3])
def test_uploaded_and_fetched_back_exactly(s3, tmp_path, jobs):
    folder = tmp_path / "files.ndjson"
    maskconv.convert(STREET, folder, write={"masks": "files"})
    target = tmp_path / "out.ndjson"
    report = maskconv.convert(STREET, target, write={"mask_dir": "s3://bucket/a b/masks"}, jobs=jobs)
    names = [
        path.relative_to(tmp_path / "files_masks").as_posix() for path in (tmp_path / "files_masks").rglob("*.png")
    ]
    stored = {name.removeprefix("a b/masks/") for name in objects(s3)}
    assert {f"{name.rsplit('.', 2)[0]}.png" for name in stored} == set(names) and len(stored) == len(names)
    assert {unquote(uri) for uri in uris(target)} == {f"s3://bucket/{name}" for name in objects(s3)}
    assert "credentials" in next(f.message for f in report.findings if f.code == "labelbox-local-uri")
    assert not any(path.name.endswith("masks") for path in tmp_path.iterdir() if path.name != "files_masks")
    same(STREET, target)
    head = s3.head_object(Bucket="bucket", Key=objects(s3)[0])
    assert head["ContentType"] == "image/png"


def test_addresses_under_a_prefix_and_masks_read_from_a_bucket(s3, tmp_path):
    convert(tmp_path / "out.ndjson", mask_uri="https://cdn.example/m")
    names = {name.removeprefix("a b/masks/") for name in objects(s3)}
    assert {unquote(uri) for uri in uris(tmp_path / "out.ndjson")} == {
        f"https://cdn.example/m/{name}" for name in names
    }
    same(STREET, tmp_path / "out.ndjson", mask_dir="s3://bucket/a b/masks", mask_uri="https://cdn.example/m/")


def test_signed_addresses_need_no_credentials(s3, tmp_path, monkeypatch):
    report = convert(tmp_path / "out.ndjson", mask_sign="7d")
    assert report.next_steps[0] == "The masks' addresses are valid for 7 days: import before they run out."
    found = set(uris(tmp_path / "out.ndjson"))
    assert len(found) == len(objects(s3)) and all("X-Amz-Expires=604800&" in uri for uri in found)
    for uri in found:
        assert urlopen(uri).read().startswith(b"\x89PNG")
    same(STREET, tmp_path / "out.ndjson", allow_hosts=["127.0.0.1"], cache=tmp_path / "cache")
    kept = list((tmp_path / "cache").rglob("*.mask"))
    convert(tmp_path / "out.ndjson", mask_sign="1h")  # other signatures, the same masks
    assert set(uris(tmp_path / "out.ndjson")).isdisjoint(found)
    same(STREET, tmp_path / "out.ndjson", allow_hosts=["127.0.0.1"], cache=tmp_path / "cache")
    assert list((tmp_path / "cache").rglob("*.mask")) == kept


def test_standard_output_may_name_uploaded_masks(s3, tmp_path):
    command = [sys.executable, "-m", "maskconv", "convert", STREET, "-", "--to", "labelbox-ndjson"]
    done = subprocess.run([*command, "--to-mask-dir", "s3://bucket/m"], capture_output=True, check=True, text=True)
    (tmp_path / "out.ndjson").write_text(done.stdout)
    same(STREET, tmp_path / "out.ndjson")


def test_a_second_run_changes_nothing(s3, tmp_path):
    convert(tmp_path / "out.ndjson")
    before = stored(s3)
    text = (tmp_path / "out.ndjson").read_bytes()
    convert(tmp_path / "out.ndjson")
    assert stored(s3) == before and (tmp_path / "out.ndjson").read_bytes() == text


def test_what_is_there_already_is_neither_replaced_nor_deleted(s3, tmp_path):
    convert(tmp_path / "out.ndjson")
    mine, other = objects(s3)[0], objects(s3)[1]
    s3.delete_object(Bucket="bucket", Key=other)
    with pytest.raises(ConversionError):
        maskconv.convert([STREET, broken(tmp_path)], tmp_path / "x.ndjson", write={"mask_dir": "s3://bucket/a b/masks"})
    assert mine in objects(s3) and other not in objects(s3)
    s3.put_object(Bucket="bucket", Key=mine, Body=b"another file")
    with pytest.raises(TargetError, match="is there already, and another file") as caught:
        convert(tmp_path / "y.ndjson")
    assert caught.value.code == "upload-failed"
    assert s3.get_object(Bucket="bucket", Key=mine)["Body"].read() == b"another file"
    assert not (tmp_path / "y.ndjson").exists() and other not in objects(s3)


def broken(folder):
    """A CVAT export with one damaged mask."""
    path = folder / "broken.zip"
    with zipfile.ZipFile(STREET) as good, zipfile.ZipFile(path, "w") as bad:
        names = [name for name in good.namelist() if name.endswith(".png")]
        for name in good.namelist():
            data = good.read(name)
            bad.writestr(name.replace(".png", "-b.png"), data[:40] if name == names[-1] else data)
    return path


def test_a_run_that_fails_deletes_what_it_uploaded(s3, tmp_path):
    with pytest.raises(ConversionError):
        convert(tmp_path / "out.ndjson", [STREET, broken(tmp_path)])
    assert objects(s3) == [] and not (tmp_path / "out.ndjson").exists()
    report = maskconv.convert(
        [STREET, broken(tmp_path)], tmp_path / "out.ndjson", write={"mask_dir": "s3://bucket/m"}, on_error="skip"
    )
    assert report.failed and objects(s3) and (tmp_path / "out.ndjson").exists()


def test_an_upload_that_fails_ends_the_run(s3, tmp_path, monkeypatch):
    real, count = Bucket.put, []

    def failing(self, path, data):
        count.append(path)
        if len(count) == 3:
            raise TargetError("cannot be uploaded: 503", code="upload-failed")
        return real(self, path, data)

    monkeypatch.setattr(Bucket, "put", failing)
    with pytest.raises(TargetError, match="503"):
        convert(tmp_path / "out.ndjson")
    assert objects(s3) == [] and not (tmp_path / "out.ndjson").exists() and not list(tmp_path.glob(".*"))


def test_a_trial_run_uploads_nothing(s3, tmp_path):
    report = maskconv.convert(STREET, tmp_path / "out.ndjson", write={"mask_dir": "s3://bucket/m"}, dry_run=True)
    assert report.images_written and objects(s3) == [] and not list(tmp_path.iterdir())


def test_no_bucket(s3, tmp_path):
    with pytest.raises(TargetError, match=r"s3://nothing/m/.* cannot be uploaded: .*404 Not Found \(NoSuchBucket\)"):
        convert(tmp_path / "out.ndjson", mask_dir="s3://nothing/m")
    assert not list(tmp_path.iterdir())


# --- resuming ---------------------------------------------------------------------------------------------------------

RUN = """
import os, signal, sys, maskconv
from maskconv.cloud import Bucket
at, real, puts = int(sys.argv[3]), Bucket.put, []
def put(self, path, data):
    os.write(1, path.encode() + b"\\n")
    return real(self, path, data)
Bucket.put = put
def progress(images):
    if at and images >= at:
        os.kill(os.getpid(), getattr(signal, sys.argv[4]))
maskconv.convert(sys.argv[1], sys.argv[2], write={"mask_dir": "s3://bucket/m"}, resume=True, overwrite=True, progress=progress)
"""


def many(folder, *, damaged=False):
    """The fixture's scenes, many times over; the last mask may be damaged."""
    path = folder / "many.zip"
    with zipfile.ZipFile(STREET) as few, zipfile.ZipFile(path, "w") as out:
        out.writestr("labelmap.txt", few.read("labelmap.txt"))
        names = sorted(name for name in few.namelist() if name.endswith(".png"))
        for number in range(12):
            for name in names:
                kind, _, item = name.partition("/")
                cut = 40 if damaged and number == 11 and name == names[-1] else None
                out.writestr(f"{kind}/{number:02d}/{item}", few.read(name)[:cut])
    return path


def run(source, target, at, kind="SIGKILL"):
    command = [sys.executable, "-c", RUN, source, target, at, kind]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    return done.returncode, done.stdout.splitlines()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs POSIX signals")
@pytest.mark.parametrize("kind", ["SIGKILL", "SIGINT"])
def test_resuming_uploads_nothing_twice(s3, tmp_path, kind):
    source = many(tmp_path)
    status, first = run(source, tmp_path / "out.ndjson", 24, kind)
    assert status != 0 and not (tmp_path / "out.ndjson").exists()
    before = stored(s3)
    assert len(before) >= 8, "what is done stays"
    status, second = run(source, tmp_path / "out.ndjson", 0)
    assert status == 0
    after = stored(s3)
    assert {name: after[name] for name in before} == before, "none was written again"
    assert len(set(first) & set(second)) <= cloud.AT_ONCE + cloud.WAITING, "asked for again: only what was on its way"
    assert len(after) == len(set(first) | set(second)) == 72
    same(source, tmp_path / "out.ndjson")


def stored(client):
    """When each object was written."""
    return {item["Key"]: item["LastModified"] for item in client.list_objects_v2(Bucket="bucket").get("Contents", [])}


def test_a_resumed_run_that_fails_deletes_what_both_uploaded(s3, tmp_path):
    source = many(tmp_path, damaged=True)
    run(source, tmp_path / "out.ndjson", 24, "SIGINT")
    assert len(objects(s3)) >= 8
    status, _ = run(source, tmp_path / "out.ndjson", 0)
    assert status != 0 and objects(s3) == [] and not list(tmp_path.glob("*.ndjson"))


# --- buckets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x.png", "a b/é.png", "a%20b.png", "a#b?c=d&e.png", "..a/[1]*.png", "~'(c)!+.png"])
def test_names_are_kept(s3, name):
    bucket = Bucket.parse("s3://bucket/a b/m%20x")
    data = b"\x89PNG" + name.encode()
    assert bucket.put(name, data) and not bucket.put(name, data)
    assert objects(s3) == [f"a b/m%20x/{name}"]
    assert bucket.get(name, 100) == urlopen(bucket.sign(name, timedelta(hours=1))).read() == data
    bucket.delete([name])
    assert objects(s3) == []


@pytest.mark.parametrize(
    "url",
    [
        "s3://",
        "s3://b",
        "s3:///x",
        "s3://bu cket/x",
        "s3://bucket/../x",
        "s3://bucket/a?b",
        "s3://u@bucket/x",
        "s3:bucket/x",
    ],
)
def test_what_is_no_folder_of_a_bucket(url):
    with pytest.raises(OptionError, match="is no folder of an object store"):
        Bucket.parse(url)


def test_buckets():
    assert Bucket.parse("gs://bucket.name_1").url == "gs://bucket.name_1"
    assert Bucket.parse("az://container/a/b/").url == "az://container/a/b"


def test_reading_objects(s3, tmp_path):
    data = b"\x89PNG" + b"x" * 96
    s3.put_object(Bucket="bucket", Key="a b/é.png", Body=data)
    s3.put_object(Bucket="bucket", Key="a%20c.png", Body=data)
    s3.put_object(Bucket="bucket", Key="page.png", Body=servers.HTML)
    files = MaskFiles(tmp_path, None, None, FETCH)
    try:
        for uri in ("s3://bucket/a b/é.png", "s3://bucket/a%20b/%C3%A9.png", "s3://bucket/a%20c.png"):
            assert files.read(uri) == (uri, data)
        for uri, code in {
            "s3://bucket/none.png": "mask-missing",
            "s3://nothing/none.png": "mask-missing",
            "s3://bucket/page.png": "mask-not-png",
            "s3://bucket": "mask-uri",
            "s3://bucket/": "mask-uri",
        }.items():
            with pytest.raises(DataError) as caught:
                files.read(uri)
            assert caught.value.code == code, uri
    finally:
        files.close()
    with pytest.raises(DataError, match="has 100 bytes: more than the 99"):
        cloud.read_object("s3://bucket/a b/é.png", 99)


def test_a_folder_of_masks_in_a_bucket(s3, tmp_path):
    s3.put_object(Bucket="bucket", Key="m/deep/a.png", Body=b"\x89PNG")
    files = MaskFiles(tmp_path, "s3://bucket/m", None, FETCH)
    try:
        assert files.read("deep/a.png") == ("s3://bucket/m/deep/a.png", b"\x89PNG")
        assert files.read("/elsewhere/deep/a.png") == ("s3://bucket/m/deep/a.png", b"\x89PNG")
        with pytest.raises(DataError, match="is not there"):
            files.read("deep/b.png")
    finally:
        files.close()


def test_a_service_that_is_not_there(s3, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr(cloud, "_RETRY", {"max_retries": 1, "retry_timeout": timedelta(seconds=2)})
    with pytest.raises(DataError, match="cannot be fetched: Generic S3 error") as caught:
        cloud.read_object("s3://bucket/a.png", 99)
    assert "\n" not in str(caught.value) and "testing" not in str(caught.value)
    with pytest.raises(TargetError, match="cannot be uploaded"):
        Bucket("s3", "bucket").put("a.png", b"")


def test_http_is_only_spoken_where_it_is_allowed(s3, monkeypatch):
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    with pytest.raises(TargetError, match="cannot be uploaded"):
        Bucket("s3", "bucket").put("a.png", b"")


def test_azure_and_google_are_signed_too(monkeypatch, tmp_path):
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "c2VjcmV0")
    signed = Bucket.parse("az://container/m").sign("a b.png", timedelta(hours=1))
    assert signed.startswith("https://account.blob.core.windows.net/container/m/a%20b.png?") and "sig=" in signed
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_PATH", str(service_account(tmp_path)))
    signed = Bucket.parse("gs://bucket/m").sign("a b.png", timedelta(hours=1))
    assert signed.startswith("https://storage.googleapis.com/bucket/m/a%20b.png?") and "X-Goog-Signature=" in signed


def service_account(folder):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    facts = {"type": "service_account", "private_key_id": "1", "client_email": "a@b.example"}
    path = folder / "account.json"
    path.write_text(json.dumps(facts | {"private_key": key.private_bytes(*pem).decode()}))
    return path


def test_azure_without_an_account(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("AZURE_")]:
        monkeypatch.delenv(name)
    with pytest.raises(OptionError, match=r"az://container/m: .*Account must be specified"):
        convert(tmp_path / "out.ndjson", mask_dir="az://container/m")


def test_obstore_is_not_installed(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(MissingDependencyError, match="obstore") as caught:
        convert(tmp_path / "out.ndjson", mask_dir="gs://not-installed/m")
    assert caught.value.fix == "install it with: pip install 'maskconv[cloud]'"
    with pytest.raises(MissingDependencyError):
        MaskFiles(tmp_path, "gs://not-installed/m", None, FETCH)


def test_a_bounded_number_of_blobs_is_held(monkeypatch):
    import threading

    gate, running, most = threading.Event(), [], []

    def put(self, path, data):
        running.append(path)
        most.append(len(running))
        gate.wait(10)
        running.remove(path)
        return True

    monkeypatch.setattr(Bucket, "put", put)
    uploads = Uploads(Bucket("s3", "bucket"))
    feeder = threading.Thread(target=lambda: [uploads.put(f"{i}", b"") for i in range(50)], daemon=True)
    feeder.start()
    feeder.join(0.3)
    assert feeder.is_alive() and len(uploads._waiting) <= cloud.WAITING and max(most) <= cloud.AT_ONCE
    gate.set()
    feeder.join(10)
    uploads.finish()
    assert len(uploads._made) == 50
    uploads.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mask_sign": "8d", "mask_dir": "s3://bucket/m"}, "valid for 7 days at most"),
        ({"mask_sign": "0d", "mask_dir": "s3://bucket/m"}, "valid for 7 days at most"),
        ({"mask_sign": "soon", "mask_dir": "s3://bucket/m"}, "write a time as 7d, 12h or 90m"),
        ({"mask_sign": "1d", "mask_dir": "masks"}, "goes with a mask_dir in an object store"),
        ({"mask_sign": "1d"}, "goes with a mask_dir in an object store"),
        ({"mask_sign": "1d", "mask_dir": "s3://bucket/m", "mask_uri": "https://x/"}, "instead of mask_uri"),
        ({"masks": "png", "mask_dir": "s3://bucket/m"}, "are for masks=files"),
    ],
)
def test_options_that_do_not_fit(options, message):
    with pytest.raises(OptionError, match=message):
        WriteOptions.parse(options, "labelbox-ndjson", "write")


def test_times():
    spans = {
        "7d": timedelta(7),
        "12h": timedelta(hours=12),
        "90m": timedelta(minutes=90),
        "600s": timedelta(seconds=600),
    }
    for text, span in spans.items():
        assert WriteOptions(mask_sign=text, mask_dir="s3://bucket/m").mask_sign == span
    assert WriteOptions(mask_sign=timedelta(hours=1), mask_dir="s3://bucket/m").mask_sign == timedelta(hours=1)
