"""What plugins say over their sessions, noted into the attempt that they say it for.

Outside of an attempt nothing is noted. Of a success the status is enough, unless all is to be kept.
"""

from __future__ import annotations

import time
from types import SimpleNamespace

import aiohttp
from aiohttp import (
    TraceRequestEndParams,
    TraceRequestExceptionParams,
    TraceResponseChunkReceivedParams,
)

from omnigate.transcript import NOTED_BY_CALLER, Exchange, current, excerpt, exchange_of, secrets_of


class _Listening(SimpleNamespace):
    """What is known of one request while it is under way."""

    def __init__(self, trace_request_ctx: object = None) -> None:
        super().__init__()
        self.transcript = None if trace_request_ctx == NOTED_BY_CALLER else current()
        self.began = time.monotonic()
        self.exchange: Exchange | None = None
        self.request: TraceRequestEndParams | None = None


def listener() -> aiohttp.TraceConfig:
    """Return what makes a session note its exchanges; more may be hung into it."""
    config = aiohttp.TraceConfig(trace_config_ctx_factory=_Listening)
    config.on_request_end.append(_answered)
    config.on_request_exception.append(_failed)
    config.on_response_chunk_received.append(_read)
    return config


async def _answered(
    session: aiohttp.ClientSession, heard: SimpleNamespace, params: TraceRequestEndParams
) -> None:
    transcript = heard.transcript
    if transcript is None or not transcript.wants(params.response.status):
        return
    heard.request = params
    heard.exchange = exchange_of(
        params.method,
        params.url,
        params.headers,
        seconds=time.monotonic() - heard.began,
        status=params.response.status,
        answer_headers=params.response.headers,
    )
    transcript.note(heard.exchange)


async def _read(
    session: aiohttp.ClientSession, heard: SimpleNamespace, params: TraceResponseChunkReceivedParams
) -> None:
    """Take the body over: the client tells of it once, when it has read all."""
    if heard.exchange is not None and heard.request is not None and params.chunk:
        secrets = secrets_of(heard.request.url, heard.request.headers)
        heard.exchange.response_body = excerpt(params.chunk, secrets)


async def _failed(
    session: aiohttp.ClientSession, heard: SimpleNamespace, params: TraceRequestExceptionParams
) -> None:
    if heard.transcript is None or not heard.transcript.wants(None):
        return
    error = params.exception
    heard.transcript.note(
        exchange_of(
            params.method,
            params.url,
            params.headers,
            seconds=time.monotonic() - heard.began,
            error=str(error) or type(error).__name__,
        )
    )
