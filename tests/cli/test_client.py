"""The client against a real HTTP server on a Unix socket: answers, refusals, streams, silence."""

import asyncio
import json
import threading

import pytest
from aiohttp import web

from omnigate.cli.client import Client, Unreachable, segment
from omnigate.cli.failure import Failed

STOP = web.AppKey("stop", asyncio.Event)


async def echo(request: web.Request) -> web.Response:
    return web.json_response(
        {
            "method": request.method,
            "path": request.path_qs,
            "body": await request.text(),
            "key": request.headers.get("Idempotency-Key"),
        }
    )


async def refuse(request: web.Request) -> web.Response:
    problem = {
        "type": "about:blank",
        "title": "Unprocessable",
        "status": 422,
        "detail": "The message cannot be queued.",
        "errors": [{"path": "to", "message": "is missing"}],
    }
    return web.json_response(problem, status=422, content_type="application/problem+json")


async def junk(request: web.Request) -> web.Response:
    return web.Response(status=int(request.match_info["status"]), text="<html>")


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    await response.write(
        b": comment\n\nid: 1\ndata: {\ndata: }\n\nid: 2\r\ndata:x\r\n\r\ndata: cut"
    )
    return response


async def silence(request: web.Request) -> web.Response:
    await request.app[STOP].wait()
    return web.Response()


@pytest.fixture
def client(directory):
    """Serve in a thread of its own until the test is over."""
    socket = directory / "s"
    started, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        app = web.Application()
        app[STOP] = stop
        app.router.add_route("*", "/v1/echo", echo)
        app.router.add_get("/v1/refuse", refuse)
        app.router.add_get("/v1/junk/{status}", junk)
        app.router.add_get("/v1/stream", stream)
        app.router.add_get("/v1/silence", silence)
        runner = web.AppRunner(app, shutdown_timeout=0)
        await runner.setup()
        await web.UnixSite(runner, str(socket)).start()
        started.set()
        await stop.wait()
        await runner.cleanup()

    def run() -> None:
        loop.run_until_complete(serve())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(10)
    yield Client(socket)
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)


def test_a_call_carries_query_body_and_headers(client):
    answer = client.get("/v1/echo", conversation="cnv_1", cursor=None, text="ü&=")
    assert answer["path"] == "/v1/echo?conversation=cnv_1&text=%C3%BC%26%3D"
    answer = client.post("/v1/echo", {"text": "ü"}, {"Idempotency-Key": "k"})
    assert (json.loads(answer["body"]), answer["key"]) == ({"text": "ü"}, "k")
    assert client.delete("/v1/echo")["method"] == "DELETE"


def test_a_refusal_is_told_in_the_daemons_words(client):
    with pytest.raises(Failed) as caught:
        client.get("/v1/refuse")
    assert caught.value.what == "The daemon does not accept this:"
    assert caught.value.remedy == "to: is missing"


@pytest.mark.parametrize(("status", "said"), [(200, "is not JSON"), (500, "HTTP 500")])
def test_an_answer_that_makes_no_sense_is_said(client, status, said):
    with pytest.raises(Failed, match=said):
        client.get(f"/v1/junk/{status}")


def test_an_operator_is_told_where_it_says_why_nothing_can_be_done_just_now(client):
    with pytest.raises(Failed) as refused:
        client.get("/v1/junk/503")
    assert "omnigate doctor" in refused.value.remedy


def test_a_daemon_that_does_not_answer_is_not_waited_for_for_ever(client, directory):
    impatient = Client(directory / "s", timeout_seconds=0.5)
    with pytest.raises(Failed, match="did not answer within"):
        impatient.get("/v1/silence")


def test_a_stream_is_read_event_by_event(client):
    events = list(client.stream("/v1/stream"))
    assert [(event.id, event.data) for event in events] == [("1", "{\n}"), ("2", "x")]


def test_a_refused_stream_is_a_refusal(client):
    with pytest.raises(Failed, match="does not accept"):
        list(client.stream("/v1/refuse"))


def test_nobody_at_the_socket_is_found_out(directory):
    client = Client(directory / "nobody")
    assert not client.reachable()
    with pytest.raises(Unreachable):
        client.get("/v1/echo")


def test_a_socket_left_behind_by_a_dead_daemon_is_nobody(directory):
    import socket

    left = socket.socket(socket.AF_UNIX)
    left.bind(str(directory / "left"))
    left.close()
    assert not Client(directory / "left").reachable()


def test_a_path_too_long_for_the_system_is_said(directory):
    with pytest.raises(Failed, match="too long"):
        Client(directory / ("x" * 120))


def test_a_step_of_a_path_cannot_leave_its_place():
    assert segment("../a?b") == "..%2Fa%3Fb"
