"""The documentation is complete, up to date, and its examples run."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import maskconv
from maskconv import registry
from maskconv.cli import cli
from maskconv.plugin import LOSSES

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SOURCES = sorted((ROOT / "maskconv").rglob("*.py"))


def _generate():
    spec = importlib.util.spec_from_file_location("maskconv_docs_generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = _generate()


def blocks(page, name):
    return [m["argument"] or page.stem for m in generate.BLOCK.finditer(page.read_text()) if m["name"] == name]


def fences(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


# Complete and up to date.


def test_generated_parts_are_up_to_date():
    stale = [page.relative_to(ROOT).as_posix() for page in generate.stale()]
    assert not stale, "run: python docs/generate.py"


@pytest.mark.parametrize("name", registry.BUILT_IN)
def test_every_format_has_a_page(name):
    page = DOCS / "formats" / f"{name}.md"
    assert page.is_file()
    assert blocks(page, "options") == [name]
    if registry.by_name(name).writer is not None:
        assert blocks(page, "keeps") == [name]


def test_every_page_of_a_format_has_a_format():
    assert {page.stem for page in (DOCS / "formats").glob("*.md")} == set(registry.BUILT_IN)


def test_every_command_is_documented():
    assert blocks(DOCS / "cli.md", "help") == ["cli", *cli.commands]
    text = (DOCS / "cli.md").read_text()
    assert all(f"\n## {name}\n" in text for name in cli.commands)


def test_tables_stand_where_they_belong():
    assert blocks(ROOT / "README.md", "formats") and blocks(DOCS / "index.md", "formats")
    assert blocks(DOCS / "findings.md", "losses") and blocks(DOCS / "findings.md", "codes")
    assert blocks(DOCS / "errors.md", "errors")


def test_every_page_is_linked():
    text = (DOCS / "index.md").read_text()
    assert all(
        f"({page.relative_to(DOCS).as_posix()})" in text for page in DOCS.rglob("*.md") if page.name != "index.md"
    )


@pytest.mark.parametrize("page", generate.pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        assert link.startswith("https://") or (page.parent / link).exists(), link


def test_the_readme_has_exactly_two_set_up_commands():
    shell = "".join(fences(ROOT / "README.md", "sh"))
    commands = [line for line in shell.splitlines() if "pip install" in line]
    assert commands == [
        "pip install . && maskconv convert fixtures/cvat-mask/street.zip out.ndjson",
        'pip install -e ".[test]" && pytest',
    ]


# Every code is documented. A code is a string literal, so all literals of that form count unless named here.

KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+")
NO_CODES = {
    *("utf-8", "utf-8-sig", "latin-1", "utf-16", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"),
    *("centre-near", "centre-trunc"),  # pixel rules
    *("bounding-box", "raster-segmentation"),  # Labelbox's names of tools
    *("cvat-json", "labelbox-ontology"),  # what the command labelmap shows
    "opencv-python",
    *("link-local", "non-public", "maskconv-fetch", "maskconv-upload"),  # kinds of addresses, names of threads
    *("x-amz-security-token", "x-amz-signature", "x-goog-signature", "key-pair-id", "hash-algorithm"),  # signatures
    *registry.BUILT_IN,
}
PREFIXES = dict.fromkeys(  # these build f"labelmap-{code}"
    ("labelmap.py", "labelmap_check.py", "labelmap_fix.py", "labelmap_foreign.py", "labelmap_lines.py"), "labelmap-"
)


def codes_of(path):
    """(code, line) for every literal in a source that is or may be a Finding's or an error's code."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and KEBAB.fullmatch(node.value):
            yield node.value, node.lineno
        for value in code_expressions(node):
            yield from ((c.value, c.lineno) for c in ast.walk(value) if isinstance(c, ast.Constant) and c.value)


def code_expressions(node):
    """The expressions that stand where a code belongs."""
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func).rsplit(".", 1)[-1]
        if name in {"Finding", "Loss"} and node.args:
            yield node.args[0]
        if name == "_told":  # maskconv.terminal
            yield node.args[1]
        yield from (k.value for k in node.keywords if k.arg == "code")
    elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(ast.unparse(target) == "default_code" for target in targets):
            yield node.value


def all_codes():
    found = {}
    for path in SOURCES:
        prefix = PREFIXES.get(path.name, "")
        for code, line in codes_of(path):
            if code not in {prefix, *NO_CODES}:
                whole = code if code.startswith(prefix) else prefix + code
                found.setdefault(whole, f"{path.relative_to(ROOT).as_posix()}:{line}")
    return found


def documented():
    return {*generate.documented(), *(loss.code for loss in LOSSES.values())}


def test_every_code_is_documented():
    missing = {code: place for code, place in all_codes().items() if code not in documented()}
    assert not missing, "explain them in docs/findings.md or on the format's page, or name them in NO_CODES"


def test_every_documented_code_exists():
    assert not documented() - set(all_codes())


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_codes_are_not_put_together(path):
    """A code that is computed would escape the test above."""
    for node in ast.walk(ast.parse(path.read_text())):
        for value in code_expressions(node):
            if path.name not in PREFIXES:
                parts = [
                    n for n in ast.walk(value) if isinstance(n, (ast.JoinedStr, ast.BinOp, ast.Call, ast.Subscript))
                ]
                assert not parts, f"line {node.lineno}: {ast.unparse(value)}"


# Examples run.


def test_python_examples_run(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "fixtures", tmp_path / "fixtures")
    monkeypatch.chdir(tmp_path)
    names = {}
    for example in fences(DOCS / "python.md", "python"):
        exec(compile(example, "docs/python.md", "exec"), names)


@pytest.mark.parametrize("name", ["convert", "validate", "open_reader", "open_writer"])
def test_signatures_are_told(name):
    """They are generated, so they are whole."""
    assert name in blocks(DOCS / "python.md", "signature")
    for parameter in inspect.signature(getattr(maskconv, name)).parameters:
        assert parameter in generate.signature(DOCS, name)


def test_each_parameter_of_convert_is_explained():
    text = generate.BLOCK.sub("", (DOCS / "python.md").read_text())
    explained = set(re.findall(r"`(\w+)[`=]", text))
    assert set(inspect.signature(maskconv.convert).parameters) <= explained


def test_the_readme_example_runs(tmp_path, monkeypatch):
    shutil.copy(ROOT / "fixtures" / "cvat-mask" / "street.zip", tmp_path / "export.zip")
    monkeypatch.chdir(tmp_path)
    for example in fences(ROOT / "README.md", "python"):
        exec(compile(example, "README.md", "exec"), {})


# A plugin from a distribution of its own, as the page writes it.


def plugin_files():
    """The page's Python blocks by the file name in their first line."""
    code = fences(DOCS / "writing-a-format.md", "python")
    return {text.splitlines()[0].removeprefix("# "): text for text in code}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the plugin installed by pip from a wheel."""
    folder = tmp_path_factory.mktemp("plugin")
    wheel = folder / "maskconv_runlines-1.0-py3-none-any.whl"
    (entry_points,) = re.findall(r'"maskconv\.formats"\]\n(.*)', fences(DOCS / "writing-a-format.md", "toml")[0])
    info = "maskconv_runlines-1.0.dist-info"
    members = {
        "maskconv_runlines.py": plugin_files()["maskconv_runlines.py"],
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: maskconv-runlines\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[maskconv.formats]\n" + entry_points.replace('"', "") + "\n",
    }
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
        archive.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in [*members, f"{info}/RECORD"]))
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--target",
        folder / "site",
        wheel,
    ]
    subprocess.run([*pip, "--disable-pip-version-check"], check=True)
    return folder


def run_with(installed, *args):
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(installed / "site"), os.environ.get("PYTHONPATH", "")])}
    return subprocess.run(
        [sys.executable, *map(str, args)], env=env, cwd=installed, capture_output=True, text=True, check=False
    )


def test_the_plugin_is_short():
    lines = [line for line in plugin_files()["maskconv_runlines.py"].splitlines() if line.strip()]
    imports = [line for line in lines if line.startswith(("import ", "from ", "#"))]
    assert len(lines) - len(imports) < 60


def test_the_plugin_is_found_by_its_entry_point(installed):
    done = run_with(installed, "-m", "maskconv", "formats")
    assert done.returncode == 0 and "runlines" in done.stdout, done.stderr
    for source, target in ((ROOT / "fixtures/cvat-mask/street.zip", "a.runlines"), ("a.runlines", "b.mcv")):
        done = run_with(installed, "-m", "maskconv", "convert", source, target)
        assert done.returncode == 0, done.stderr


def test_the_plugin_keeps_the_contract(installed):
    (installed / "test_runlines.py").write_text(plugin_files()["test_runlines.py"])
    done = run_with(installed, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "test_runlines.py")
    assert done.returncode == 0 and " passed" in done.stdout, done.stdout + done.stderr
