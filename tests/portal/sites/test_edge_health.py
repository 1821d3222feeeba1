"""Adding up what edges say of a site."""

from portal.sites.edge_health import put_together

REPORTS = [
    {
        "name": "a" * 16,
        "at_ms": 8_000,
        "front": "direct",
        "version": "0.1.0",
        "sites": {
            "7": {
                "eligible": 100,
                "injected": 90,
                "aborted": 2,
                "skipped": {"charset": 4, "fragment": 6},
                "breaker": "closed",
                "added_ms": {"p50": 0.1, "p95": 0.4},
                "ttfb_ms": {"p50": 10.0, "p95": 40.0},
            },
            "8": {"eligible": 5, "injected": 5},
        },
    },
    {
        "name": "b" * 16,
        "at_ms": 9_000,
        "front": "mitmproxy",
        "version": "0.1.0",
        "sites": {
            "7": {
                "eligible": 100,
                "injected": 60,
                "skipped": {"breaker": 40},
                "breaker": "half_open",
                "added_ms": {"p50": 0.3, "p95": 0.2},
            }
        },
    },
]


def test_reports_of_all_processes_are_added_up() -> None:
    health = put_together(REPORTS, 7, 10_000, {"breaker": "switched off"})
    assert (health.eligible, health.injected, health.aborted) == (200, 150, 2)
    assert health.injected_share == 0.75
    assert [(row.reason, row.meaning, row.count) for row in health.skipped] == [
        ("breaker", "switched off", 40),
        ("fragment", "", 6),
        ("charset", "", 4),
    ]
    assert health.skipped[0].share == 0.2
    assert health.added_ms == {"p50": 0.3, "p95": 0.4}
    assert health.ttfb_ms == {"p50": 10.0, "p95": 40.0}
    assert [(process.name, process.age_s) for process in health.processes] == [
        ("aaaaaaaa", 2),
        ("bbbbbbbb", 1),
    ]


def test_one_ill_process_makes_the_site_ill() -> None:
    assert put_together(REPORTS, 7, 10_000, {}).breaker == "half_open"
    assert put_together(REPORTS, 8, 10_000, {}).breaker == "closed"


def test_a_site_nobody_has_asked_for_has_no_figures() -> None:
    health = put_together(REPORTS, 99, 10_000, {})
    assert health.injected_share is None
    assert health.skipped == ()
    assert health.added_ms == {}
    assert len(health.processes) == 2
