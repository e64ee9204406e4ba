"""What was acknowledged survives the loss of power; daemons that do not sync are found out."""

from __future__ import annotations

import random
from collections import Counter

from proofs.power.cutting import cut_power
from proofs.power.order import told_too_early
from proofs.power.recording import UNSYNCED_FILES, WEAKENED

CUTS = 120


def new_seed() -> int:
    seed = random.SystemRandom().randrange(1_000_000)
    print("seed", seed)
    return seed


def test_power_lost_at_random_moments_costs_nothing_that_was_acknowledged(recorded, scratch):
    recording = recorded("")
    kinds = Counter(one.kind for one in recording.acknowledged)
    assert min(kinds["said"], kinds["sent"], kinds["uploaded"]) > 5, kinds
    assert recording.delivered > 0
    tally = cut_power(recording, scratch, CUTS, new_seed())
    assert (str(tally), tally.examples) == (f"cuts {CUTS} lost 0 corrupt 0", [])


def test_the_log_was_checkpointed_while_it_was_recorded(recorded):
    """Else the cuts would never meet the database file half written."""
    calls = [call for calls in recorded("").lives for call in calls]
    assert sum(call.name == "pwrite64" and call.about.endswith(".db") for call in calls) > 100


def test_a_daemon_that_syncs_at_checkpoints_only_is_found_out(recorded, scratch):
    """The sabotage twin: synchronous=NORMAL keeps the store sound, and forgets."""
    tally = cut_power(recorded(WEAKENED), scratch, CUTS // 2, new_seed())
    assert tally.cuts_that_lost > CUTS // 8
    assert tally.corrupt == 0


def test_a_daemon_that_does_not_sync_files_is_found_out(recorded, scratch):
    """The sabotage twin of the promise that a file is there if its row says so."""
    tally = cut_power(recorded(UNSYNCED_FILES), scratch, CUTS // 3, new_seed())
    assert tally.lost > 0
    assert tally.corrupt > 0


def test_every_success_is_told_after_the_sync_of_the_log_that_covers_it(recorded):
    recording = recorded("")
    assert len(recording.acknowledged) >= 300
    assert told_too_early(recording) == []


def test_a_daemon_that_tells_successes_before_the_sync_is_found_out(recorded):
    """The sabotage twin of the order of sync and answer."""
    recording = recorded(WEAKENED)
    assert len(told_too_early(recording)) > len(recording.acknowledged) // 2
