"""Models are built when they are first used: also where several threads come at once."""

from __future__ import annotations

import subprocess
import sys

FIRST_USE = """
import sys
import threading
from pydantic import ValidationError
from omnigate.model.event import Envelope, EventConversation, Message
from omnigate.model.inbound import InboundMessage
from omnigate.model.outbound import OutboundMessage

sys.setswitchinterval(1e-6)
models = [Envelope, EventConversation, Message, InboundMessage, OutboundMessage]
assert not Envelope.__pydantic_complete__, "built at import: every command pays for it"
begin, wrong = threading.Barrier(8), []

def use(first):
    begin.wait()
    for model in models[first:] + models[:first]:
        try:
            model.model_validate({"nonsense": 1})
            wrong.append(f"{model.__name__} takes nonsense")
        except ValidationError:
            pass
        except BaseException as error:
            wrong.append(f"{model.__name__}: {error!r}")

threads = [threading.Thread(target=use, args=(number % 5,)) for number in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
sys.exit("; ".join(wrong) or 0)
"""


def test_models_are_built_at_their_first_use_by_however_many_threads():
    done = subprocess.run(
        [sys.executable, "-c", FIRST_USE], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
