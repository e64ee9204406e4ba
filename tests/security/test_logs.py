"""What is said when something goes wrong: where, never with what."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from omnigate import logs
from omnigate.store.engine import open_readers, open_writer


@pytest.fixture(autouse=True)
def _own_configuration() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_shows_no_local_variables(capsys, form):
    logs.configure("info", form)
    message = "what a customer said, " + "canary"
    try:
        raise RuntimeError("broken")
    except RuntimeError as error:
        structlog.get_logger().error("request failed", exc_info=error)
    said = capsys.readouterr().err
    assert "test_a_traceback_shows_no_local_variables" in said
    assert "canary" in message
    assert "canary" not in said.replace('"canary"', "")
    if form == "json":
        assert "locals" not in json.loads(said)["exception"][0]["frames"][0]


@pytest.mark.parametrize("readers", [False, True])
def test_an_error_of_the_database_quotes_no_parameters(tmp_path, readers):
    writer = open_writer(tmp_path / "store.db")
    with writer.begin() as connection:
        connection.execute(text("create table said (what text)"))
    engine = open_readers(tmp_path / "store.db", 1) if readers else writer
    with pytest.raises(SQLAlchemyError) as caught, engine.begin() as connection:
        connection.execute(text("insert into nowhere values (:what)"), {"what": "canary"})
    assert "canary" not in str(caught.value)
    engine.dispose()
    writer.dispose()
