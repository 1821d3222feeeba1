"""Settings: one list, read once, no silent default for a typing mistake."""

from pathlib import Path

import pytest

from statflow.settings import PREFIX, ROOT, SETTINGS, SettingsError, read_settings, render_table


def test_defaults_need_no_environment() -> None:
    settings = read_settings({})
    assert settings.rate_client == 600
    assert settings.drain_s == 30
    assert settings.data_dir.name == "statflow"


def test_an_unknown_name_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(SettingsError, match=r"STATFLOW_REDIS_URI.*did you mean STATFLOW_REDIS_URL"):
        read_settings({"STATFLOW_REDIS_URI": "redis://x"})


def test_other_programs_variables_are_none_of_our_business() -> None:
    assert read_settings({"HOME": "/x", "PATH": "/y"}).redis_url == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DRAIN_S", "-1"),
        ("DEBUG", "perhaps"),
        ("RATE_SITE", "x"),
        ("TRUSTED_PROXIES", "cloudfare"),
        ("UPSTREAM_RANGES", "10.0.0.0/33"),
        ("PROXY_PROTOCOL", "2"),
        ("DATABASE_URL", "mysql://a:b@127.0.0.1/statflow"),
        ("SECRET_KEY", "64-RANDOM-HEX-DIGITS"),
        ("CLICKHOUSE_URL", "127.0.0.1:8123"),
        ("REDIS_URL", "127.0.0.1:6379"),
        ("SALT_URL", "redis+cluster://127.0.0.1:6379"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read_settings({PREFIX + name: value})


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_an_address_of_postgresql_needs_no_driver(scheme: str) -> None:
    settings = read_settings({"STATFLOW_DATABASE_URL": f"{scheme}://a:b@db/statflow"})
    assert settings.database_url == "postgresql+psycopg://a:b@db/statflow"


def test_networks_may_be_named() -> None:
    settings = read_settings(
        {
            "STATFLOW_TRUSTED_PROXIES": "cloudflare, 10.0.0.0/8 ::1",
            "STATFLOW_UPSTREAM_RANGES": "private loopback",
        }
    )
    assert settings.upstream_ranges == "private loopback"


def test_a_wrong_secret_is_not_shown() -> None:
    secrets = {row.name for row in SETTINGS if row.secret}
    assert {"SECRET_KEY", "PASSWORD", "REDIS_URL", "DATABASE_URL", "CLICKHOUSE_URL"} <= secrets


def test_the_command_line_wins_over_the_environment() -> None:
    settings = read_settings({"STATFLOW_DATA_DIR": "/a"}, data_dir=Path("/b"))
    assert settings.data_dir == Path("/b")


def test_the_documented_table_is_the_code() -> None:
    assert render_table() in (ROOT / "docs" / "settings.md").read_text()


def test_secrets_are_not_in_what_a_log_would_print() -> None:
    schemes = {"DATABASE_URL": "postgresql", "CLICKHOUSE_URL": "http", "SMTP_URL": "smtp"}
    names = [row.name for row in SETTINGS if row.secret]
    settings = read_settings(
        {
            f"STATFLOW_{name}": f"{schemes.get(name, 'redis')}://hidden@x.example.com:6379"
            for name in names
        }
    )
    assert "hidden" not in repr(settings)
    assert "signup='invite'" in repr(settings)
