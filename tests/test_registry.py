"""Which formats there are: built-in ones, plugins from distributions of their own, and which of them a path is."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

import maskconv
from maskconv import registry
from maskconv.errors import FormatError, SourceError, UnknownFormatError
from maskconv.plugin import Format

PACKAGE = Path(maskconv.__file__).parent
PLUGIN = Path(__file__).parent / "plugin"


def put(path: Path, data: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


# -- the table -------------------------------------------------------------------------------------------------------


def test_built_in_formats() -> None:
    assert [f.name for f in registry.formats()][: len(registry.BUILT_IN)] == list(registry.BUILT_IN)
    assert set(registry.DEFAULTS.values()) <= set(registry.BUILT_IN)
    for name in registry.BUILT_IN:
        assert registry.by_name(name).name == name
    for suffix, name in registry.DEFAULTS.items():
        assert registry.by_target(Path("x" + suffix.upper())).name == name
        assert registry.by_name(name).writer is not None


def test_unknown_name() -> None:
    with pytest.raises(UnknownFormatError) as caught:
        registry.by_name("mvc")
    assert str(caught.value).startswith("there is no format 'mvc' (did you mean 'mcv'?); the formats are cvat-mask, ")


@pytest.mark.parametrize("name", ["out", "-", "out.png", ".zip", "zip"])
def test_target_that_names_no_format(name: str) -> None:
    with pytest.raises(FormatError, match=r"known suffixes: \.zip, .*; name it: --to cvat-mask \| "):
        registry.by_target(Path(name))


def test_no_format_is_named_outside_its_own_file() -> None:
    """Not in any string of the package but in the registry's own two tables."""
    for path in PACKAGE.rglob("*.py"):
        module = path.relative_to(PACKAGE.parent).with_suffix("").as_posix().replace("/", ".")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value in registry.BUILT_IN:
                home = registry.BUILT_IN[node.value].partition(":")[0]
                own = module == home or module.startswith(home + ".") or module.removesuffix(".__init__") == home
                keyword = node.value.isidentifier() and node.value != "mcv"  # a common word: "labelmap"
                assert own or module == "maskconv.registry" or keyword, f"{path}:{node.lineno} names {node.value}"


def test_no_format_is_imported_by_another_module() -> None:
    for path in PACKAGE.glob("*.py"):
        assert "maskconv.formats" not in re.sub(r'"[^"\n]*"', "", path.read_text(encoding="utf-8")), path


# -- public names, imports -------------------------------------------------------------------------------------------


def modules() -> dict[str, Path]:
    names = {
        p.relative_to(PACKAGE.parent).with_suffix("").as_posix().replace("/", "."): p for p in PACKAGE.rglob("*.py")
    }
    return {name.removesuffix(".__init__"): path for name, path in names.items()}


@pytest.mark.parametrize("name", sorted(set(modules()) - {"maskconv.__main__"}))
def test_all_names_exist(name: str) -> None:
    import importlib

    module = importlib.import_module(name)
    names = getattr(module, "__all__", [])
    assert len(set(names)) == len(names)
    assert all(hasattr(module, public) for public in names)


def test_public_names() -> None:
    assert all(getattr(maskconv, name) is not None for name in maskconv.__all__)
    assert set(maskconv.__all__) <= set(dir(maskconv))
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    typed = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("maskconv.")
        for alias in node.names
    }
    assert typed | {"__version__"} == set(maskconv.__all__), "what type checkers see is what there is"
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        maskconv.no_such_name


def test_no_import_circles() -> None:
    """At the top of modules; what is imported inside functions or for type checkers may point back."""
    known = modules()
    needs = {name: {n for n in _imports(path) if n in known and n != name} for name, path in known.items()}
    order: list[str] = []

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way[way.index(name) :], name))
        if name not in order:
            for other in sorted(needs[name]):
                visit(other, (*way, name))
            order.append(name)

    for name in known:
        visit(name, ())


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
            if not all(f"{node.module}.{alias.name}" in modules() for alias in node.names):
                found.add(node.module)
    return found


# -- what a path is --------------------------------------------------------------------------------------------------


def test_missing_source(tmp_path: Path) -> None:
    for path in (tmp_path / "no", tmp_path / ("x" * 300), Path("nul\0")):
        with pytest.raises(SourceError, match="there is no such file or folder; check the path") as caught:
            registry.probe(path)
        assert caught.value.code == "source-missing"


def test_source_that_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    put(tmp_path / "x.mcv", "{}")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        with pytest.raises(SourceError, match=r"cannot be read \(Permission denied\); check its permissions"):
            registry.probe(tmp_path / "x.mcv")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty file"),
        (b"\x89PNG\r\n\x1a\n", "PNG picture"),
        (b"\xff\xd8\xff", "JPEG picture"),
        (b"<?xml", "XML or HTML file"),
        (b"%PDF-1", "PDF"),
        (b"PKZIP is no zip", "file"),
        (b'{"b": 1, "a": 2}', "JSON file (its keys are a, b)"),
        (b"whatever\n\0", "file"),
    ],
)
def test_none_recognises_it(tmp_path: Path, data: bytes, words: str) -> None:
    path = put(tmp_path / "x.bin", data)
    with pytest.raises(FormatError) as caught:
        registry.sniff(path)
    assert str(caught.value).startswith(
        f"{path}: no format recognises this {words}; if you know better, name it: --from "
    )
    assert caught.value.candidates == ()


def test_none_recognises_the_folder(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no format recognises this empty folder"):
        registry.sniff(tmp_path)
    for name in "abcdefgh":
        put(tmp_path / name / "x.txt", "")
    with pytest.raises(FormatError, match=r"this folder \(it holds \.txt in a, b, c, d, e, f \.\.\.\)"):
        registry.sniff(tmp_path)


@pytest.mark.parametrize(
    ("names", "held"),
    [
        (("a.jpg", "b.TXT"), ".jpg, .txt"),
        (("a.jpg", "sub/b.txt"), ".jpg, .txt, also in sub"),
        (("x/a", "y/b.csv"), ".csv, files without a suffix in x, y"),
    ],
)
def test_what_an_unknown_folder_holds(tmp_path: Path, names: tuple[str, ...], held: str) -> None:
    for name in names:
        put(tmp_path / "in" / name, "")
    with pytest.raises(FormatError) as caught:
        registry.sniff(tmp_path / "in")
    assert caught.value.message == f"no format recognises this folder (it holds {held})"
    assert caught.value.fix.startswith("if you know better, name it: --from ")


def test_what_can_be_done_with_pictures(tmp_path: Path) -> None:
    def fix(path: Path) -> str:
        with pytest.raises(FormatError) as caught:
            registry.sniff(path)
        return caught.value.fix

    predict = "to annotate pictures: maskconv predict {} TARGET --model WEIGHTS"
    masks = "if they are masks: --from mask-data with --from-label NAME, --from-colors FILE or --from-files suffix"
    path = put(tmp_path / "in" / "a.jpg", b"\xff\xd8\xff").parent
    assert fix(path) == predict.format(path)
    picture = put(path / "sub" / "b.PNG", b"\x89PNG\r\n\x1a\n")
    assert fix(path) == f"{masks}; {predict.format(path)}"
    assert fix(picture) == f"{masks}; {predict.format(picture)}"
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.writestr("b.png", b"")
    assert fix(tmp_path / "in.zip") == masks


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"info": {}, "images": [{"id": 1}], "annotations": [], "categories": []}', "COCO"),
        ('{"info": {}, "licenses": [], "images": [' + '{"file_name": "a.jpg"},' * 50_000, "COCO"),
        ('{"version": "5.0", "shapes": [{"label": "car"}], "imagePath": "a.jpg", "imageData": null}', "LabelMe"),
    ],
    ids=["COCO", "long COCO", "LabelMe"],
)
def test_json_of_others(tmp_path: Path, text: str, name: str) -> None:
    path = put(tmp_path / "a.json", text)
    with pytest.raises(
        FormatError, match=f"a.json: this is a {name} file, which maskconv does not read; export it again"
    ):
        registry.sniff(path)


def test_zip_that_is_damaged(tmp_path: Path) -> None:
    for data in (b"PK\3\4", b"PK\5\6" + b"\xff" * 18, b"PK\5\6"):
        with pytest.raises(SourceError, match="is a zip that cannot be opened") as caught:
            registry.probe(put(tmp_path / "x.zip", data))
        assert caught.value.code == "zip-corrupt"


def test_several_recognise_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(registry.by_name("mcv"), name="other")
    monkeypatch.setattr(registry, "_plugins", lambda: {"other": other})
    path = put(tmp_path / "x.mcv", '{"maskconv":1,"labels":[]}\n')
    with pytest.raises(FormatError) as caught:
        registry.sniff(path)
    assert str(caught.value) == f"{path}: this could be mcv or other; say which: --from FORMAT"
    assert caught.value.code == "format-ambiguous"
    assert caught.value.candidates == ("mcv", "other")


def test_plugin_whose_sniffer_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> bool:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(registry, "_plugins", lambda: {"bad": Format("bad", "Bad", (), sniff=fail)})
    path = put(tmp_path / "x.mcv", '{"maskconv":1,"labels":[]}\n')
    with pytest.warns(RuntimeWarning, match="'bad' is skipped: its sniffer failed: oops"):
        assert registry.sniff(path).name == "mcv"


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ('{"a": 1, "b": {"c": [{"d": 2}]}, "e": "f"}', {"a", "b", "e"}),
        ('[{"a": {"x": 1}, "b": 2}, {"c": 3}]', {"a", "b"}),
        ('{"a": 1}\n{"b": 2}\n', {"a"}),
        ('{"a": 1}{"b": 2}', {"a"}),
        ('{"a": 1, "b": [1, 2, {"c"', {"a", "b"}),
        ('{"a": "x: {\\"y\\": 1}", "b\\"q": 1, "c": "\\\\"}', {"a", 'b\\"q', "c"}),
        ('{"a" : 1,\n\t"b"\n:\n2}', {"a", "b"}),
        ('\ufeff \n{"a": 1}', {"a"}),
        ('{"a": ["b", "c"], "d": "e"}', {"a", "d"}),
        ('{"ünï": 1}', {"ünï"}),
        ('{"a": 1, "unfinished', {"a"}),
        ("{}", set()),
        ("[]", set()),
        ("[1, 2]", set()),
        ("", set()),
        ('"a": 1', set()),
        ("a: {b: 1}", set()),
        ('{"a": "' + "x" * (1 << 20) + '", "b": 1}', {"a"}),
        ("[" * 100_000, set()),
        ('{"a":' * 50_000, {"a"}),
    ],
)
def test_keys_of_json(tmp_path: Path, text: str, keys: set[str]) -> None:
    assert registry.probe(put(tmp_path / "x.json", text)).keys == keys


def test_keys_agree_with_a_real_parser(tmp_path: Path) -> None:
    value = {"k" + str(i): {"inner": [1, "}", {"deep": "]"}]} for i in range(50)}
    for indent in (None, 2):
        assert registry.probe(put(tmp_path / "x.json", json.dumps(value, indent=indent))).keys == set(value)


def test_entries_of_folder_and_zip_are_alike(tmp_path: Path) -> None:
    names = ["a/b/c.PNG", "a/b/d.png", "a/list.txt", "README", "a/.hidden"]
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in names:
            put(tmp_path / "folder" / name, "")
            archive.writestr(name, "")
    folder, zipped = registry.probe(tmp_path / "folder"), registry.probe(tmp_path / "x.zip")
    assert folder.entries == zipped.entries == {("a/b", ".png"), ("a", ".txt"), ("", ""), ("a", "")}
    assert (folder.kind, zipped.kind) == ("folder", "zip")
    assert (zipped.suffix, zipped.head[:2]) == (".zip", b"PK")


# -- plugins ---------------------------------------------------------------------------------------------------------


def wheel(folder: Path, name: str, code: str, points: dict[str, str]) -> Path:
    """A wheel put together by hand, so that installing it needs neither a network nor a build tool."""
    info = f"{name}-1.0.dist-info"
    members = {
        f"{name}.py": code,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[maskconv.formats]\n" + "".join(f"{k} = {v}\n" for k, v in points.items()),
    }
    members[f"{info}/RECORD"] = "".join(f"{member},,\n" for member in [*members, f"{info}/RECORD"])
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in members.items():
            archive.writestr(member, text)
    return path


def install(site: Path, *wheels: Path) -> None:
    quiet = ["--quiet", "--disable-pip-version-check", "--root-user-action", "ignore", "--no-compile"]
    command = [sys.executable, "-m", "pip", "install", *quiet, "--no-index", "--no-deps", "--target", site, *wheels]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)


def python(site: Path, *args: str | Path, **more: object) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH", "")]))
    env = os.environ | {"PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, *map(str, args)], env=env, capture_output=True, text=True, check=False, **more
    )  # type: ignore[call-overload, no-any-return]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the plugin distribution of tests/plugin is installed."""
    facts = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"]
    folder = tmp_path_factory.mktemp("site")
    code = (PLUGIN / "maskconv_box_csv.py").read_text()
    install(folder / "in", wheel(folder, "maskconv_box_csv", code, facts["entry-points"][registry.GROUP]))
    return folder / "in"


def test_plugin_is_a_format_like_others(site: Path, tmp_path: Path) -> None:
    done = python(site, "-m", "maskconv", "formats", "--json")
    assert "box-csv" in done.stdout, done.stderr
    assert "box-csv" in python(site, "-m", "maskconv", "formats", "box-csv").stdout
    source = put(
        tmp_path / "a.mcv",
        '{"maskconv":1,"labels":[{"name":"cat"}]}\n'
        '{"name":"a","width":9,"height":9,"annotations":[{"label":"cat","shape":{"x":1.0,"y":2.0,"width":3.0,"height":4.0}}]}\n',
    )
    for args in ((source, tmp_path / "b.csv"), (tmp_path / "b.csv", tmp_path / "c.mcv")):
        done = python(site, "-W", "error", "-m", "maskconv", "convert", *args)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "b.csv").read_text().splitlines()[1] == "a,9,9,cat,1.0,2.0,3.0,4.0"
    assert (tmp_path / "c.mcv").read_text() == source.read_text()


def test_plugin_keeps_the_contract(site: Path) -> None:
    done = python(
        site,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-W",
        "error",
        PLUGIN / "contract_box_csv.py",
        "-c",
        os.devnull,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_plugins_that_are_skipped(tmp_path: Path) -> None:
    """Broken, duplicate and shadowing ones warn, and the others work."""
    make = "from maskconv.plugin import Format\ndef make(name): return Format(name, 'Plugin', ('.zip', '.plug'), sniff=lambda p: False)\n"
    wheels = {
        "aaa_fine": (make + "A = make('fine')\nB = make('fine')", {"fine": "aaa_fine:A", "fine2": "aaa_fine:B"}),
        "bbb_shadow": (make + "A = make('mcv')", {"mcv": "bbb_shadow:A"}),
        "ccc_broken": (
            "raise RuntimeError('broken at import')",
            {"broken": "ccc_broken:A", "absent": "no_such_module:A"},
        ),
        "ddd_other": ("A = 'no format'", {"other": "ddd_other:A", "missing": "ddd_other:B"}),
    }
    install(tmp_path / "in", *(wheel(tmp_path, name, *facts) for name, facts in wheels.items()))
    code = (
        "import warnings, json; from pathlib import Path; from maskconv import registry\n"
        "with warnings.catch_warnings(record=True) as found:\n"
        "    warnings.simplefilter('always')\n"
        "    names = registry.names()\n"
        "    registry.names()\n"
        "plain = registry.by_name('mcv').title, registry.by_target(Path('x.zip')).name\n"
        "print(json.dumps([names, [str(w.message) for w in found], plain]))"
    )
    done = python(tmp_path / "in", "-c", code)
    names, warned, plain = json.loads(done.stdout or done.stderr)
    assert names == sorted([*registry.BUILT_IN, "fine"])
    assert plain == ["maskconv's own JSON lines", "cvat-mask"], "defaults are never changed by a plugin"
    assert warned == [
        "the format plugin 'absent' is skipped: it cannot be loaded: No module named 'no_such_module'",
        "the format plugin 'broken' is skipped: it cannot be loaded: broken at import",
        "the format plugin 'fine2' is skipped: there are two formats named 'fine'",
        "the format plugin 'mcv' is skipped: 'mcv' is a built-in format",
        "the format plugin 'missing' is skipped: it cannot be loaded: module 'ddd_other' has no attribute 'B'",
        "the format plugin 'other' is skipped: ddd_other:A is no maskconv.plugin.Format",
    ]
