"""What was acknowledged survives the loss of power, at a thousand moments; and sabotage is found out.

usage: python -m proofs.power [--cuts N] [--answers N] [--seed N]

Runs the real daemon under load, records what it asks of its disk and what it answers (strace), cuts
the power at random moments of that recording, opens what is left as the daemon would and looks for
everything that had been acknowledged by then. Then the same with a daemon that does not sync its log
at each commit (synchronous=NORMAL), and with one that does not sync its files: both must lose something.

The last line is ``cuts <n> lost <n> corrupt <n>``; the exit code is 0 if nothing was lost or corrupt,
no success was told before its sync, and both sabotaged daemons were found out.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from proofs.power.cutting import Tally, cut_power
from proofs.power.order import told_too_early
from proofs.power.recording import UNSYNCED_FILES, WEAKENED, record

MEMORY: Final = Path("/dev/shm")


def main() -> int:
    """Run the proof; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=1000)
    parser.add_argument("--answers", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    options = parser.parse_args()
    if shutil.which("strace") is None:
        print("strace was not found.\n  Install it: apt-get install strace", file=sys.stderr)
        return 2
    print(f"seed {options.seed}")
    sound, early = _round("as it is", "", options)
    weakened, unsynced = (
        _round(name, sabotage, options)
        for name, sabotage in (
            ("synchronous=NORMAL", WEAKENED),
            ("files not synced", UNSYNCED_FILES),
        )
    )
    found_out = bool(weakened[0].lost and weakened[1] and unsynced[0].lost)
    if not found_out:
        print("a sabotaged daemon lost nothing: the proof proves nothing", file=sys.stderr)
    print(sound)
    return 0 if found_out and not (sound.lost or sound.corrupt or early) else 1


def _round(name: str, sabotage: str, options: argparse.Namespace) -> tuple[Tally, int]:
    """Record one daemon and cut its power; return what that cost and how many answers were early."""
    images = MEMORY if MEMORY.is_dir() else None
    with (
        tempfile.TemporaryDirectory(prefix="omnigate-power-") as folder,
        tempfile.TemporaryDirectory(prefix="omnigate-power-", dir=images) as scratch,
    ):
        recording = record(
            Path(folder), answers=options.answers, seed=options.seed, sabotage=sabotage
        )
        early = len(told_too_early(recording))
        calls = sum(map(len, recording.lives))
        print(
            f"{name}: {len(recording.acknowledged)} acknowledged, {recording.delivered} delivered,"
            f" {calls} calls; told before its sync: {early}",
            flush=True,
        )
        tally = cut_power(recording, Path(scratch), options.cuts, options.seed)
    print(f"{name}: {tally} (cuts that lost something: {tally.cuts_that_lost})", flush=True)
    for example in tally.examples:
        print(f"  {example}")
    return tally, early


if __name__ == "__main__":
    sys.exit(main())
