"""Settings every test shares."""

import os

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.support.databases"]

settings.register_profile(
    "statflow", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("statflow")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where nobody looks on, ask a browser's test twice before it is called failed.

    A browser on a busy machine has hiccups of its own. Only these are asked again, and the summary
    counts each (``rerun``): one that is seen there more than once has a cause to look for.
    """
    if os.environ.get("CI"):
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.flaky(reruns=1))
