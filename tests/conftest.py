"""Settings every test shares."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.support.databases"]

settings.register_profile(
    "statflow", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("statflow")
