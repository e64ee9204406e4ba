"""The process that reads mails starts from what is shipped, wherever the daemon runs."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.plugins.email.desk import letter

ROOT = Path(__file__).parents[4]
READ = """
import asyncio, sys
import omnigate_email
from omnigate_email.reading.worker import Reader

async def main():
    reader = Reader()
    mail = await reader.read(sys.stdin.buffer.read())
    await reader.close()
    print(omnigate_email.__file__, mail.subject, mail.html, sep="\\n")

asyncio.run(main())
"""


def test_a_mail_is_read_out_of_the_wheel(tmp_path: Path) -> None:
    """Not out of the source tree, and not beside it."""
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    run(*build, "--directory", str(tmp_path), cwd=ROOT)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(installed)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    raw = letter(subject="Заказ 17", html="<p>Где <b>заказ</b>?</p>")
    said = run(sys.executable, "-c", READ, cwd=elsewhere, path=installed, given=raw)
    where, subject, html = said.strip().splitlines()
    assert Path(where).is_relative_to(installed)
    assert (subject, html) == ("Заказ 17", "<p>Где <b>заказ</b>?</p>")


def run(*command: str, cwd: Path, path: Path | None = None, given: bytes = b"") -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(path or ""), "PYTHONUTF8": "1"},
        input=given,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()
