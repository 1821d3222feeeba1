"""``statflow front nginx`` as an operator types it."""

from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from statflow.cli import main
from tests.support.certificates import Authority
from tests.support.nginx_server import check_config

SITE = {"id": 1, "host": "shop.example", "upstreams": ["http://10.0.0.5:8080"], "public_key": "k"}


def run(tmp_path: Path, *options: str, site: dict[str, object] | None = None, **env: str) -> Result:
    file = tmp_path / "sites.json"
    sites = [{**SITE, **(site or {})}]
    file.write_bytes(orjson.dumps({"schema": 1, "number": 3, "sites": sites}))
    command = ["front", "nginx", "--data-dir", str(tmp_path), "--run-dir", str(tmp_path), *options]
    return CliRunner().invoke(main, [*command, "--bind", "127.0.0.1", "--port", "8081"], env=env)


@pytest.mark.parametrize("inject", ["edge", "njs", "sub_filter"])
def test_what_is_printed_is_accepted_by_nginx(tmp_path: Path, inject: str) -> None:
    result = run(tmp_path, "--inject", inject, site={"csp": "reuse"})

    assert result.exit_code == 0, result.output
    assert check_config(result.stdout, tmp_path) == ""


def test_the_script_of_a_site_is_named(tmp_path: Path) -> None:
    text = run(tmp_path, "--inject", "njs").stdout

    assert "set $sf_script /sf/" in text
    assert f"js_path {Path(__file__).parents[2] / 'edge' / 'fronts' / 'nginx_js'};" in text


def test_settings_count(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.write_pair(tmp_path / "tls" / "shop.example", "shop.example")
    text = run(
        tmp_path,
        STATFLOW_TRUSTED_PROXIES="loopback",
        STATFLOW_TLS_DIR=str(tmp_path / "tls"),
        STATFLOW_ACME_DIR=str(tmp_path / "acme"),
        STATFLOW_DEFAULT_SITE="shop.example",
        STATFLOW_DRAIN_S="7",
    ).stdout

    assert "set_real_ip_from 127.0.0.0/8;" in text
    assert f"ssl_certificate {tmp_path}/tls/shop.example/fullchain.pem;" in text
    assert f"root {tmp_path}/acme;" in text
    assert "listen 127.0.0.1:8081 default_server;" in text
    assert "worker_shutdown_timeout 7s;" in text


def test_quiet_names_are_listed_for_weeks(tmp_path: Path) -> None:
    text = run(tmp_path, site={"quiet_seed": "secret"}).stdout

    assert text.count(" 1;\n") > 60
    assert "Names of quiet sites are known until" in text
    assert "secret" not in text


def test_former_names_are_in_it_until_they_are_over(tmp_path: Path) -> None:
    plain = {"script_name": "menu", "quiet_seed": ""}
    later, over = {"until_s": 4_000_000_000}, {"until_s": 1_000}
    former = [
        {**plain, "prefix": "/was", **later},
        {**plain, "prefix": "/sf", "quiet_seed": "secret", **later},
        {**plain, "prefix": "/gone", **over},
    ]
    result = run(tmp_path, site={"former_names": former})

    assert "location ^~ /was/ {" in result.stdout
    assert result.stdout.count(r"menu\.js)$") == 2
    assert result.stdout.count(" 1;\n") > 30
    assert "/gone" not in result.stdout
    assert "secret" not in result.stdout
    assert "Names of quiet sites are known until" not in result.stdout
    assert check_config(result.stdout, tmp_path) == ""


@pytest.mark.parametrize(
    ("options", "site", "env", "said"),
    [
        (("--sites", "/nowhere.json"), {}, {}, "no sites: /nowhere.json"),
        (("--tls-dir", "/nowhere"), {}, {}, "no certificates: /nowhere"),
        (("--inject", "sub_filter"), {}, {}, "site shop.example: csp amend"),
        ((), {"client_ip": "peer"}, {}, "client_ip peer"),
        ((), {"mode": "wrong"}, {}, "mode"),
        ((), {}, {"STATFLOW_UPSTREAM_RANGES": "192.168.0.0/16"}, "outside"),
        ((), {}, {"STATFLOW_PROXY_PROTOCOL": "1"}, "plain HTTP to the edge"),
    ],
)
def test_an_error_is_one_sentence_and_prints_nothing(
    tmp_path: Path,
    options: tuple[str, ...],
    site: dict[str, object],
    env: dict[str, str],
    said: str,
) -> None:
    result = run(tmp_path, *options, site=site, **env)

    assert result.exit_code == 1
    assert result.stdout == ""
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
