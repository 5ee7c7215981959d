"""The table and the chart of the benchmark on simulated hosts."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.hosts.chart import chart
from bench.hosts.measure import Measured
from bench.hosts.results import MIB, Operation, Results, Subject, table

NO_OP = Operation.NOTHING_CHANGES


@pytest.fixture
def results() -> Results:
    made = Results(facts={"machine": "2 cores"})
    for nodes, ours, series in ((4, (3.0, 2.0, 4.0), 6.0), (48, (25.0,), 50.0), (200, (139.0,), 400.0)):
        for seconds in ours:
            made.add(nodes, NO_OP, Subject.OURS, Measured(seconds, 2 * seconds, 100 * MIB, 90 * MIB, 9.0))
        made.add(nodes, NO_OP, Subject.SERIES, Measured(series, series, 50 * MIB, 40 * MIB, 9.0))
    made.add(4, Operation.CREATION, Subject.OURS, Measured(20.0, 30.0, 100 * MIB, 90 * MIB, 9.0))
    return made


def test_table_has_medians_ratios_processor_time_and_memory(results: Results) -> None:
    lines = table(results).splitlines()
    assert "| 4 | no-op with drift check | Plumbline | 3 | 3.0 | - | 6.0 | 9.0 | 100 | 90 |" in lines
    assert "| 4 | no-op with drift check | Ansible, the series' role | 1 | 6.0 | 0.50 | 6.0 | 9.0 | 50 | 40 |" in lines
    assert "- machine: 2 cores" in lines


def test_table_leaves_out_what_was_not_measured(results: Results) -> None:
    printed = table(results)
    assert str(Subject.SAME) not in printed
    assert "| 48 | first creation" not in printed


def test_table_has_the_cost_per_further_node_and_its_growth(results: Results) -> None:
    lines = table(results).splitlines()
    assert "| no-op with drift check | Plumbline | 4, 48 | 0.500 | - |" in lines
    assert "| no-op with drift check | Plumbline | 48, 200 | 0.750 | 1.50 |" in lines


def test_ratio_is_none_without_both_measurements(results: Results) -> None:
    assert results.ratio(4, NO_OP, Subject.SERIES) == 0.5
    assert results.ratio(4, NO_OP, Subject.FLOOR) is None
    assert results.ratio(4, Operation.CREATION, Subject.SERIES) is None


def test_results_are_the_same_after_saving(results: Results, tmp_path: Path) -> None:
    results.save(tmp_path / "measured.json")
    assert Results.load(tmp_path / "measured.json") == results


def test_chart_is_a_picture_for_light_and_dark_pages_with_every_median(results: Results) -> None:
    drawn = chart(results)
    texts = {one.text for one in ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")}
    assert {"3", "25", "139", "6", "50", "400", "20", "4", "48", "200", *Operation} <= texts
    assert "not measured" in texts, "the panel of changes of one file"
    assert {Subject.OURS, Subject.SERIES} <= texts and Subject.SAME not in texts
    assert "prefers-color-scheme:dark" in drawn


def test_chart_of_one_size_has_points_and_no_curve() -> None:
    results = Results()
    results.add(4, NO_OP, Subject.OURS, Measured(3.0, 2.0, 1, 1, 1.0))
    drawn = chart(results)
    ElementTree.fromstring(drawn)
    assert 'class="line"' not in drawn
