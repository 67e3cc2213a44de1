"""The benches run and print what docs/benchmarks.md promises. How fast they are is no test's business."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
FIELDS = {
    "bench",
    "case",
    "database",
    "n",
    "seconds",
    "per_second",
    "limit",
    "ratio",
    "peak_rss_mb",
    "repeat",
    "spread",
}


def bench(*arguments: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Run the benches as a user does; return the cases, and the last line about the environment."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    *cases, environment = map(json.loads, done.stdout.splitlines())
    return cases, environment


@pytest.mark.parametrize(
    ("arguments", "cases", "database", "n"),
    [
        (("render", "--n", "50"), ["Renderer.render"], None, 50),
        (("stats", "--n", "200", "--database", "sqlite"), ["against_counters", "against_group_by"], "sqlite", 200),
        (("create", "--n", "60", "--database", "sqlite"), ["create_campaigns"], "sqlite", 60),
        (("webhooks", "--n", "30", "--database", "sqlite"), ["http", "receive_webhook"], "sqlite", 30),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_each_case_is_one_json_line_with_its_ratio_to_a_limit(
    arguments: tuple[str, ...], cases: list[str], database: str | None, n: int
):
    lines, _ = bench(*arguments, "--repeat", "1")
    assert [line["case"] for line in lines] == cases
    for line in lines:
        assert line.keys() >= FIELDS
        assert (line["bench"], line["database"], line["n"]) == (arguments[0], database, n)
        assert line["limit"].keys() == {"what", "per_second"}
        assert line["ratio"] == pytest.approx(line["per_second"] / line["limit"]["per_second"], rel=0.01)
        assert min(line["seconds"], line["per_second"], line["peak_rss_mb"]) > 0


def test_the_whole_path_is_measured_stage_by_stage():
    lines, _ = bench("whole", "--n", "40", "--database", "sqlite")
    assert [line["case"] for line in lines] == [f"latency_{ms}_ms_{w}_workers" for ms in (0, 50) for w in (1, 2, 4)]
    for line in lines:
        assert (line["n"], line["events"]) == (40, 120)
        assert list(line["stages"]) == ["create", "send", "ingest", "statistics"]
        assert all(stage["per_second"] > 0 and stage["peak_rss_mb"] > 0 for stage in line["stages"].values())
        assert line["seconds"] > 0


def test_a_page_is_measured_in_time_and_weight():
    (line,), _ = bench("dashboard", "--n", "400", "--database", "sqlite", "--case", "campaigns_held")
    assert (line["case"], line["n"]) == ("campaigns_held", 400)
    assert 0 < line["p50_ms"] <= line["p95_ms"]
    assert 0 < line["gzip_with_scripts"] < 60_000


def test_the_last_line_tells_the_machine_and_the_versions():
    _, environment = bench("render", "--n", "1", "--repeat", "1")
    assert environment["bench"] == "environment"
    assert environment["python"] == sys.version.split()[0]
    assert environment["cpus"] >= 1


def test_an_unknown_bench_is_refused_with_the_names_there_are():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "everything"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "webhooks" in done.stderr
