"""What is written for nginx: fragments to be read, refusals, and nginx's own verdict."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.fronts.nginx import Inject, NginxError, NginxOptions, render_nginx
from edge.fronts.nginx_certificates import find_certificates
from edge.fronts.nginx_maps import CLAIMS
from edge.fronts.nginx_options import Pair
from edge.inject.tag import Tag
from edge.sites import ClientIpSource, CspMode, Https, Mode, Origin, Site, Snapshot
from edge.upstream_ranges import UpstreamRanges
from edge.wire.forwarded import FRONT, claims
from statflow.front_command import NGINX_SCRIPTS
from tests.conformance.limits import LIMITS, SOMETIMES
from tests.edge.inject.factories import a_site
from tests.support.certificates import Authority
from tests.support.nginx_server import NJS_MODULE, check_config

TAG = Tag("/sf/1a2b3c4d5e.js", "/sf/e", "/sf/m/", "1a2b3c4d5e", 1_700_000_000)


def options(**changes: Any) -> NginxOptions:
    fields: dict[str, Any] = {
        "bind": "127.0.0.1",
        "port": 8081,
        "tls_port": 8444,
        "njs_module": str(NJS_MODULE),
        "scripts": str(NGINX_SCRIPTS),
        "tags": {1: TAG, 2: TAG},
    }
    return NginxOptions(**{**fields, **changes})


def render(*sites: Site, injection: bool = True, default: str = "", **changes: Any) -> str:
    snapshot = Snapshot(7, sites or (a_site(),), injection, default_host=default)
    return render_nginx(snapshot, options(**changes))


def pair(folder: str) -> Pair:
    return Pair(f"{folder}/fullchain.pem", f"{folder}/privkey.pem")


def location(text: str, name: str) -> list[str]:
    """Cut out a location of the last site."""
    at = text.rindex(f"location {name} {{")
    indent = at - text.rindex("\n", 0, at) - 1
    return [
        line.strip() for line in text[at : text.index("\n" + " " * indent + "}", at)].splitlines()
    ]


def test_pages_may_go_to_the_edge_and_all_else_goes_to_the_origin() -> None:
    text = render()

    assert location(text, "/")[-2:] == [
        "if ($sf_route) { return 418; }",
        "proxy_pass http://sf_site_1;",
    ]
    assert "proxy_pass http://sf_edge;" in location(text, "@edge")
    assert "error_page 502 504 = $sf_fallback;" in location(text, "@edge")
    assert location(text, "@origin")[1:] == ["proxy_pass http://sf_site_1;"]


def test_a_site_that_is_off_and_a_thrown_kill_switch_keep_pages_from_the_edge() -> None:
    for text in (render(a_site(mode=Mode.OFF)), render(injection=False)):
        assert "location @edge" not in text
        assert "if ($sf_route_unmarked) { return 418; }" in text
        assert "location ^~ /sf/" in text


@pytest.mark.parametrize("mode", [Mode.SHADOW, Mode.CANARY])
def test_the_edge_decides_on_samples(mode: Mode) -> None:
    assert "location @edge" in render(a_site(mode=mode))


def test_the_origin_is_told_what_the_python_fronts_tell_it() -> None:
    names = {name.lower().encode() for name in CLAIMS}
    rewritten = {b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto"}

    assert names | rewritten | {FRONT} == claims(trusted=False)


def test_several_origins_are_asked_in_order() -> None:
    origins = (Origin("http", "10.0.0.1", 80), Origin("http", "::1", 8080))

    assert (
        "        server 10.0.0.1:80 max_fails=3 fail_timeout=10s;\n"
        "        server [::1]:8080 max_fails=3 fail_timeout=10s backup;\n"
    ) in render(a_site(origins=origins))


def test_an_https_origin_is_verified_by_its_name() -> None:
    text = render(a_site(origins=(Origin("https", "10.0.0.1", 443),)))

    assert "proxy_pass https://sf_site_1;" in text
    assert "proxy_ssl_name shop.example;" in text
    assert "proxy_ssl_verify on;" in text


def test_an_upstream_host_is_host_and_tls_name() -> None:
    origins = (Origin("https", "a.example", 443), Origin("https", "b.example", 443))
    text = render(a_site(origins=origins, upstream_host="inner.example:8443"))

    assert "proxy_set_header Host inner.example:8443;" in text
    assert "proxy_ssl_name inner.example;" in text


def test_certificates_are_chosen_by_name_and_strangers_get_none() -> None:
    site = a_site(aliases=("www.wild.example", "bare.example"))
    text = render(
        site, certificates={"shop.example": pair("/tls/a"), "*.wild.example": pair("/tls/b")}
    )

    assert text.count("ssl_certificate /tls/a/fullchain.pem;") == 1
    assert text.count("ssl_certificate_key /tls/b/privkey.pem;") == 1
    assert "listen 127.0.0.1:8444 ssl http2 default_server;" in text
    assert text.count("ssl_reject_handshake on;") == 2


def test_redirects_name_every_host() -> None:
    site = a_site(
        aliases=("www.shop.example",), https=Https.REDIRECT_HSTS, canonical_host="shop.example"
    )
    text = render(site)

    assert '"http:www.shop.example" "https://shop.example$sf_tls_port";' in text
    assert '"https:www.shop.example" "https://shop.example$sf_kept_port";' in text
    assert '"https:shop.example" "";' in text
    assert "add_header Strict-Transport-Security $sf_hsts always;" in text


def test_maintenance_answers_pages_but_not_the_prefix() -> None:
    text = render(a_site(maintenance=True))

    assert "return 503;" in location(text, "/")
    assert "return 503;" not in location(text, "^~ /sf/")


def test_no_log_can_hold_an_address() -> None:
    text = render()

    assert [line.strip() for line in text.splitlines() if line.strip().startswith("access_")] == [
        "access_log off;"
    ]
    assert "error_log stderr emerg;" in text


def test_hits_go_to_a_socket_and_only_if_one_is_named() -> None:
    quiet = render(a_site(csp=CspMode.REUSE), inject=Inject.SUB_FILTER)
    told = render(a_site(csp=CspMode.REUSE), inject=Inject.SUB_FILTER, hits_socket="/run/hits")

    assert quiet.count("access_log") == quiet.count("access_log off;") + 1
    assert "access_log syslog:server=unix:/run/hits,nohostname,tag=sf sf_hit;" in told


def test_trusted_proxies_are_believed_and_nobody_else() -> None:
    text = render(
        a_site(client_ip=ClientIpSource.CF_CONNECTING_IP), trusted=("10.0.0.0/8", "::1/128")
    )

    assert "set_real_ip_from 10.0.0.0/8;" in text
    assert "real_ip_header CF-Connecting-IP;" in text
    assert "proxy_set_header CF-Connecting-IP $remote_addr;" in location(text, "@edge")
    assert "set_real_ip_from" not in render()


def test_quiet_names_go_to_the_edge() -> None:
    text = render(names={1: ("/bafe/nol", "/bafe/mod/")}, names_until="2030-01-01")

    assert "/bafe/nol 1;" in text
    assert '"~^/bafe/mod/" 1;' in text
    assert "if ($sf_ours_1) { return 418; }" in location(text, "/")
    assert "until 2030-01-01" in text


@pytest.mark.parametrize(
    ("site", "changes", "said"),
    [
        (
            a_site(origins=(Origin("http", "10.0.0.1", 80), Origin("https", "10.0.0.2", 443))),
            {},
            "either http or https",
        ),
        (
            a_site(origins=(Origin("https", "a.example", 443), Origin("https", "b.example", 443))),
            {},
            "one certificate name",
        ),
        (a_site(upstream_host='x"; evil'), {}, "upstream_host"),
        (a_site(client_ip=ClientIpSource.PEER), {}, "client_ip peer"),
        (a_site(client_ip=ClientIpSource.FORWARDED), {"trusted": ("::1/128",)}, "Forwarded"),
        (a_site(), {"allowed": UpstreamRanges("10.0.0.0/8")}, "outside"),
        (
            a_site(origins=(Origin("http", "a.example", 80),)),
            {"allowed": UpstreamRanges("10.0.0.0/8")},
            "is a name",
        ),
        (a_site(), {"inject": Inject.SUB_FILTER}, "csp amend"),
        (a_site(mode=Mode.CANARY), {"inject": Inject.NJS}, "mode canary"),
        (a_site(mode=Mode.SHADOW), {"inject": Inject.SUB_FILTER}, "mode shadow"),
        (a_site(quiet_seed="x"), {"inject": Inject.NJS}, "quiet_seed"),
        (a_site(id=5), {"inject": Inject.NJS}, "no tag"),
        (a_site(), {"edge": "8080"}, "HOST:PORT"),
        (a_site(), {"edge": "a:1; evil"}, "HOST:PORT"),
        (a_site(), {"bind": "*"}, "--bind"),
        (a_site(), {"port": 0}, "port 0"),
        (a_site(), {"acme_dir": "/a\nb"}, "ACME"),
        (
            a_site(),
            {"tls_port": 8081, "certificates": {"a": Pair("b", "c")}},
            "both HTTP and HTTPS",
        ),
    ],
)
def test_what_cannot_be_said_is_refused(site: Site, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(NginxError, match=said):
        render(site, **changes)


SITES = (
    a_site(
        aliases=("www.shop.example", "[::1]"),
        csp=CspMode.REUSE,
        https=Https.REDIRECT_HSTS,
        canonical_host="shop.example",
        max_body_bytes=1_000_000,
        script_name="main-1",
        prefix="/a-b/c",
    ),
    a_site(
        id=2,
        host="second.example",
        origins=(Origin("https", "10.0.0.1", 443), Origin("https", "10.0.0.2", 443)),
        csp=CspMode.OFF,
        maintenance=True,
        upstream_host="inner.example",
    ),
)


@pytest.mark.parametrize("inject", list(Inject))
@pytest.mark.parametrize("full", [False, True], ids=["small", "full"])
def test_nginx_accepts_every_variant(tmp_path: Path, inject: Inject, full: bool) -> None:
    authority = Authority(tmp_path)
    authority.write_pair(tmp_path / "tls" / "shop.example", "shop.example")
    acme = tmp_path / "with space"
    changes: dict[str, Any] = {
        "certificates": find_certificates(tmp_path / "tls"),
        "trusted": ("10.0.0.0/8", "::1/128"),
        "acme_dir": str(acme),
        "hits_socket": str(tmp_path / "hits"),
        "authorities": str(authority.path),
        "names": {} if inject is not Inject.EDGE else {1: ("/bafe/nol", "/bafe/mod/")},
    }
    text = render_nginx(
        Snapshot(7, SITES, default_host="second.example" if full else ""),
        replace(
            options(inject=inject, run_dir=str(tmp_path), authorities=str(authority.path)),
            **(changes if full else {}),
        ),
    )

    assert check_config(text, tmp_path) == ""


def test_the_edges_own_host_sends_what_is_ours_to_the_edge_and_nothing_else(
    tmp_path: Path,
) -> None:
    text = render(snippet_host="edge.example.com", run_dir=str(tmp_path))
    server = text[: text.index("server_name shop.example")]
    assert "server_name edge.example.com;" in server
    assert "proxy_pass http://sf_edge;" in location(server, "^~ /sf/")
    assert location(server, "/")[1:] == ["if ($sf_bad_host) { return 400; }", "return 421;"]
    assert check_config(text, tmp_path) == ""
    # A site of that name is that site.
    own = render(a_site(host="edge.example.com"), snippet_host="edge.example.com")
    assert own.count("server_name edge.example.com") == 1


def test_a_thousand_sites_are_no_trouble(tmp_path: Path) -> None:
    sites = tuple(
        a_site(id=n, host=f"s{n}.example", aliases=(f"www.s{n}.example",), https=Https.REDIRECT)
        for n in range(1000)
    )

    assert check_config(render(*sites, run_dir=str(tmp_path)), tmp_path) == ""


def test_every_limit_is_in_the_docs() -> None:
    said = (Path(__file__).parents[3] / "docs" / "fronts-nginx.md").read_text()

    reasons = [*LIMITS["nginx"].values(), *SOMETIMES["nginx"].values()]
    assert [reason for reason in reasons if reason not in said] == []
