"""What an attack is made of before it begins: drawn from the seed, complete, and never on somebody's own data."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from orchestrator import errors
from orchestrator.cli.chaos import command, plan
from orchestrator.cli.chaos.plan import BY_NAME, FAMILIES, INGESTING, LOOPS, SENDING, Attack
from orchestrator.cli.output import Output
from orchestrator.repository import OutreachRepository
from orchestrator.sandbox import Faults
from tests.samples import TENANT, facade, item

LEASE = 4.5


def attack(**changed: object) -> Attack:
    return Attack(**{"kills": 40, "campaigns": 100, "seed": 3, "families": tuple(FAMILIES), **changed})


def test_the_seed_decides_every_strike_and_all_of_the_weather():
    assert plan.drawn(attack(), LEASE) == plan.drawn(attack(), LEASE) != plan.drawn(attack(seed=4), LEASE)
    first, again, other = (list(islice(plan.weather(attack(seed=seed)), 20)) for seed in (3, 3, 4))
    assert first == again != other


@pytest.mark.parametrize("kills", [0, 1, 16, 200])
def test_as_many_are_killed_as_were_asked_for(kills: int):
    drawn = plan.drawn(attack(kills=kills), LEASE)
    assert sum(strike.kind != "drain" for strike in drawn.workers + drawn.service) == kills


def test_every_step_is_struck_once_before_any_is_a_second_time():
    drawn = plan.drawn(attack(kills=len(SENDING) + len(LOOPS) + len(INGESTING) + 2), LEASE)
    assert {strike.step for strike in drawn.workers} - {""} == {*SENDING, *LOOPS}
    assert {strike.step for strike in drawn.service} - {""} == set(INGESTING)


def test_who_is_stopped_stands_still_for_longer_than_a_lease():
    stops = [strike.stop_for for strike in plan.drawn(attack(kills=200), LEASE).workers if strike.stop_at]
    assert stops
    assert min(stops) > LEASE


def test_every_fault_is_one_the_sandbox_can_throw():
    faults = Faults(seed=1)
    thrown = set()
    for phase in islice(plan.weather(attack(families=(*FAMILIES, *BY_NAME))), 200):
        faults.set(**phase.knobs)
        thrown.update(phase.families)
    assert thrown == {*FAMILIES, *BY_NAME}


def test_faults_are_named_alone_or_together():
    assert command.families_of("all") == tuple(FAMILIES)
    assert command.families_of("none") == ()
    assert command.families_of("hang, bad-signatures") == ("hang", "bad-signatures")
    assert command.families_of("all,bad-signatures") == (*FAMILIES, "bad-signatures")
    with pytest.raises(errors.ValidationError, match="unknown: earthquake"):
        command.families_of("hang,earthquake")


def test_a_database_with_campaigns_of_ones_own_is_left_alone(repository: OutreachRepository, dsn: str, tmp_path: Path):
    with facade(repository) as (orchestrator, _):
        (created,) = orchestrator.create_campaigns(TENANT, [item()])
        assert created.campaign
        with pytest.raises(errors.InvalidState, match="holds 1 campaigns of yours"):
            command.run(attack(keep=tmp_path), [dsn], Output(quiet=True))
        assert orchestrator.get_campaign(created.campaign.id, TENANT) == created.campaign
