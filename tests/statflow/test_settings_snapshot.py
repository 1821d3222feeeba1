"""No setting changes for people unseen."""

from statflow.settings import SETTINGS
from statflow.settings_snapshot import (
    DEPRECATIONS,
    announced,
    read_snapshot,
    render_snapshot,
    snapshot_of,
    unannounced,
)

KEPT = {"STATFLOW_A": {"default": "1", "unit": "count"}, "STATFLOW_B": {"default": "", "unit": ""}}


def test_the_snapshot_is_what_the_settings_are() -> None:
    """After a change on purpose: ``make docs``, and what goes is named in deprecations.md."""
    now = snapshot_of(SETTINGS)
    assert unannounced(read_snapshot(), now, announced(DEPRECATIONS.read_text())) == []
    assert read_snapshot() == now


def test_what_goes_or_changes_has_to_be_announced() -> None:
    now = {"STATFLOW_A": {"default": "2", "unit": "count"}}
    told = unannounced(KEPT, now, set())
    assert [problem.split()[0] for problem in told] == ["STATFLOW_A", "STATFLOW_B"]
    assert "is gone" in told[1]
    assert unannounced(KEPT, now, {"STATFLOW_A", "STATFLOW_B"}) == []
    assert unannounced(KEPT, KEPT | {"STATFLOW_C": {"default": "", "unit": ""}}, set()) == []


def test_only_the_table_announces() -> None:
    page = "Some `STATFLOW_A`.\n\n| what | kind |\n| --- | --- |\n| `STATFLOW_B` | setting |\n"
    assert announced(page) == {"STATFLOW_B"}


def test_it_is_written_the_same_however_it_is_ordered() -> None:
    assert render_snapshot(KEPT) == render_snapshot(dict(reversed(KEPT.items())))
