"""Asking a channel what became of a call, and what its answer means."""

from __future__ import annotations

from typing import Literal, NamedTuple

import structlog

from omnigate.calling import CallChannel
from omnigate.errors import (
    CredentialsRejected,
    DestinationUnavailable,
    NotReady,
    Overloaded,
    Refused,
    RetryLater,
    StoreError,
    Uncertain,
)
from omnigate.flow.inbox import Inbox
from omnigate.flow.patience import within
from omnigate.model.call import Call, CallUpdate
from omnigate.store.threads import ChannelKey

log = structlog.get_logger("calls")


class Heard(NamedTuple):
    """What came of asking."""

    came: Literal["told", "never begun", "forgotten", "refused", "cannot tell", "not now"]
    """``told``: and that is stored; ``forgotten``: the platform had it once; ``not now``: ask again."""
    why: str = ""
    code: str = ""
    """Of a refusal."""


async def ask(channel: CallChannel, key: ChannelKey, inbox: Inbox, call: Call) -> Heard:
    """Ask what became of an attempt and store what is told; a plugin may answer anything."""
    try:
        update: object = await within(channel.capabilities.send_seconds, channel.follow_up, call)
        if update is None and call.provider_ids:
            return Heard("forgotten", "the platform took it, and does not know of it any more")
        if update is None:
            return Heard("never begun", "the platform does not know of it")
        if not isinstance(update, CallUpdate) or update.call != call.id:
            raise TypeError(f"follow_up returned {update!r:.200}")
        await inbox.put(key, [update])
    except Uncertain as error:
        return Heard("cannot tell", str(error))
    except Refused as error:
        return Heard("refused", str(error), error.code)
    except (
        StoreError,
        Overloaded,
        RetryLater,
        DestinationUnavailable,
        NotReady,
        CredentialsRejected,
    ) as error:
        log.info("what became of a call is asked again", call=call.id, reason=str(error))
        return Heard("not now", str(error))
    except Exception as error:
        log.exception("plugin raised", channel=key.name, call=call.id)
        return Heard("not now", f"{type(error).__name__}: {error}")
    return Heard("told")
