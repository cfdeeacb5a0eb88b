"""Transcripts: each file of tests/commands is a session of a shell, run again and compared.

    $ maskconv convert a.mcv b.mcv
    a.mcv (mcv) -> b.mcv (mcv): 3 images, 5 instances, 0.00 s
    [exit 0]

Standard output and standard error stand together, in order. The session runs in an empty folder with copies of fixtures/
and of tests/commands/files/. Only times are normalised. MASKCONV_TRANSCRIPTS=write rewrites the expected output: look at
the difference before you commit it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
TRANSCRIPTS = sorted((HERE / "commands").glob("*.txt"))
TIME = re.compile(r"\b\d+\.\d\d s\b")


def session(text):
    """(command, expected output) pairs; lines before the first command are a comment."""
    comment, *parts = re.split(r"(?m)^\$ ", text)
    return comment, [part.split("\n", 1) for part in parts]


def run(command, folder):
    env = {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "NO_COLOR", "FORCE_COLOR"}}
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", "")])
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    return TIME.sub("0.00 s", done.stdout.decode()) + f"[exit {done.returncode}]\n"


@pytest.mark.skipif(shutil.which("bash") is None, reason="transcripts are sessions of bash")
@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript(path, tmp_path):
    shutil.copytree(HERE.parent / "fixtures", tmp_path / "fixtures")
    shutil.copytree(HERE / "commands" / "files", tmp_path, dirs_exist_ok=True)
    comment, steps = session(path.read_text(encoding="utf-8"))
    shown = [(command, run(command, tmp_path)) for command, _ in steps]
    text = comment + "\n".join(f"$ {command}\n{output}" for command, output in shown)
    assert "internal error" not in text and "Traceback" not in text
    if os.environ.get("MASKCONV_TRANSCRIPTS") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_there_are_transcripts():
    assert TRANSCRIPTS
