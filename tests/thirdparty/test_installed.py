"""A distribution of somebody else, installed and found as any other plugin is."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = Path(__file__).parent / "examplesms"
BLOCK = re.compile(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```\n", re.DOTALL)


def blocks() -> dict[str, str]:
    """Return the files that the guide shows."""
    guide = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    return dict(BLOCK.findall(guide))


def run(*command: str, path: Path, cwd: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": f"{path}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the example from its own pyproject.toml and install it into a folder of its own."""
    source = tmp_path_factory.mktemp("source") / "examplesms"
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__"))
    target = tmp_path_factory.mktemp("installed")
    options = (
        "--quiet --no-deps --no-index --no-build-isolation --disable-pip-version-check --target"
    )
    run("-m", "pip", "install", *options.split(), str(target), str(source), path=ROOT, cwd=source)
    return target


def test_the_host_finds_it_by_its_entry_point_and_imports_nothing_else(installed, tmp_path):
    program = (
        "import json, sys; from omnigate.plugins import load; "
        "found = load(['examplesms']); channel = found.channels['examplesms']; "
        "print(json.dumps([channel.__name__, channel.__module__, dict(found.broken), "
        "'omnigate_http' in sys.modules]))"
    )
    answer = json.loads(run("-c", program, path=installed, cwd=tmp_path))
    assert answer == ["ExampleSms", "omnigate_examplesms", {}, False]


def test_it_passes_the_kit_where_it_is_installed(installed, tmp_path):
    shutil.copy(EXAMPLE / "test_examplesms.py", tmp_path)
    output = run("-m", "pytest", "-q", "-p", "no:cacheprovider", ".", path=installed, cwd=tmp_path)
    assert re.search(r"\d\d passed", output)
    assert "failed" not in output
    assert "skipped" not in output


@pytest.mark.parametrize("name", ["omnigate_examplesms.py", "pyproject.toml", "test_examplesms.py"])
def test_the_guide_shows_the_example_as_it_is(name):
    assert blocks()[name] == (EXAMPLE / name).read_text(encoding="utf-8")


def test_the_backend_in_the_guide_keeps_what_every_backend_must_keep(tmp_path):
    (tmp_path / "omnigate_spool.py").write_text(blocks()["omnigate_spool.py"], encoding="utf-8")
    (tmp_path / "test_spool.py").write_text(SPOOL_TESTS, encoding="utf-8")
    output = run("-m", "pytest", "-q", "-p", "no:cacheprovider", ".", path=tmp_path, cwd=tmp_path)
    assert "7 passed" in output


def test_the_channel_in_the_guide_that_calls_keeps_what_every_such_channel_must_keep(tmp_path):
    for name in ("omnigate_ringo.py", "test_ringo.py"):
        (tmp_path / name).write_text(blocks()[name], encoding="utf-8")
    output = run("-m", "pytest", "-q", "-p", "no:cacheprovider", ".", path=tmp_path, cwd=tmp_path)
    assert re.search(r"\d\d passed", output)
    assert "failed" not in output
    assert "skipped" not in output


SPOOL_TESTS = """
import tempfile
from pathlib import Path

from omnigate_spool import Spool

from omnigate.testing import BackendConformance, sample_event


class TestSpool(BackendConformance):
    backend_class = Spool

    def config(self, receiver_url):
        return {"folder": tempfile.gettempdir()}

    async def test_an_event_that_comes_again_is_there_once(self, tmp_path, monkeypatch):
        monkeypatch.setattr(self, "config", lambda url: {"folder": str(tmp_path)}, raising=False)
        async with self.backend() as (backend, _):
            assert (await backend.check()).state == "up"
            for attempt in (1, 2):
                await backend.deliver(sample_event(7, attempt=attempt))
        (file,) = Path(tmp_path).iterdir()
        assert file.read_bytes() == sample_event(7).body
"""
