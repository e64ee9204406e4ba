"""The benchmark of parsing measures every platform's channel, and says when one is too slow."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from omnigate_telegram import Telegram

import omnigate

BENCH = Path(__file__).parents[2] / "bench" / "parsing.py"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    spec = importlib.util.spec_from_file_location("bench_parsing", BENCH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr("sys.argv", ["parsing.py", "300"])
    return module


def test_each_channel_has_its_rate(bench: Any, capsys: pytest.CaptureFixture[str]) -> None:
    bench.main()
    first = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert first == ["telegram", "vk", "promised"]


def test_a_channel_that_is_too_slow_is_found_out(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse = Telegram.parse

    def slow(self: Telegram, request: omnigate.Request) -> Sequence[omnigate.Inbound]:
        until = time.process_time() + 0.0005
        while time.process_time() < until:
            pass
        return parse(self, request)

    monkeypatch.setattr(Telegram, "parse", slow)
    assert bench.main() == 1
