"""The examples of docs/api.md: those in Python as one program, and its lines of curl."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import cast

import httpx
import pytest

from pipeline.model import DocumentId
from tests.api_server import Served
from tests.matter import fill

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
CURL = re.findall(r"^    (curl .*)\n\n((?:    .*\n|\n(?=    \w+: ))+)", PAGE, re.MULTILINE)
ADDRESS = "http://127.0.0.1:8000"


@pytest.fixture
def folder(api: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the examples run: a matter behind the API, a key, and files to upload."""
    fill(api.store)
    for name, value in {"NLP_PIPELINE_API": api.url, "KEY": api.key()}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    for name in ("letter.txt", "letter.pdf"):
        Path(name).write_text("Ada Lovelace thanks the mill.", encoding="utf-8")
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_those_in_python_run_one_after_the_other(api: Served, capsys: pytest.CaptureFixture[str]) -> None:
    names = dict[str, object]()
    said = []
    for code in PYTHON:
        exec(compile(code, "docs/api.md", "exec"), names)
        said.append(capsys.readouterr().out)
        if len(said) == 1:  # nobody works here
            api.store.cancel([DocumentId(str(names["document"]))])
    cast("httpx.Client", names["api"]).close()
    assert said[1] == "cancelled, 0 %\n"
    assert "in/letter.txt, page 2: Mr. Babbage paid" in said[2]
    assert "Ada Lovelace CO_OCCURS_WITH Charles Babbage" in said[3]


@pytest.mark.skipif(shutil.which("curl") is None and "CI" not in os.environ, reason="curl is not installed")
@pytest.mark.parametrize(("command", "answer"), CURL, ids=[each[0].rpartition("/")[2] for each in CURL])
def test_those_of_curl_answer_with_what_the_page_shows(command: str, answer: str, api: Served, folder: Path) -> None:
    assert ADDRESS in command
    line = command.replace(ADDRESS, api.url).replace("/api/events", "/api/events?limit=1")
    said = subprocess.run(["sh", "-c", line], cwd=folder, capture_output=True, text=True, timeout=60, check=True).stdout
    if answer.lstrip().startswith("{"):
        assert list(json.loads(said)) == re.findall(r'"(\w+)":', answer)
    else:
        assert re.findall(r"^(\w+):", said, re.MULTILINE) == re.findall(r"^ {4}(\w+):", answer, re.MULTILINE)
