"""Each shield drops what its rules keep out, by its own reason, and nothing that nearly matches."""

from collections.abc import Callable
from typing import Any

import pytest

from edge.outcomes import DropReason
from edge.pipeline.draft import Draft, Place
from edge.pipeline.page import put_page
from edge.pipeline.shields import (
    drop_shielded_country,
    drop_shielded_host,
    drop_shielded_ip,
    drop_shielded_path,
    drop_shielded_referrer,
)

type Make = Callable[..., Draft]


def drops(**rule: Any) -> dict[str, Any]:
    return {"rules": [{"id": "r", "kind": "traffic", "action": "drop", **rule}]}


def test_without_rules_nothing_is_kept_out(a_draft: Make) -> None:
    draft = a_draft()
    steps = (
        drop_shielded_ip,
        drop_shielded_host,
        drop_shielded_path,
        drop_shielded_referrer,
        drop_shielded_country,
    )
    assert [step(draft) for step in steps] == [None] * 5


def test_an_address_is_kept_out_by_its_network(a_draft: Make) -> None:
    inside = a_draft(site=drops(networks=["0.0.0.0/0", "::/0"]))
    outside = a_draft(site=drops(networks=["240.0.0.0/8"]))
    assert drop_shielded_ip(inside) is DropReason.SHIELDED_IP
    assert drop_shielded_ip(outside) is None


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/internal/x", DropReason.SHIELDED_PATH),
        ("/int%65rnal/x?y=1", DropReason.SHIELDED_PATH),
        ("/internals", None),
    ],
)
def test_a_page_is_kept_out_by_its_path(
    a_draft: Make, path: str, reason: DropReason | None
) -> None:
    draft = a_draft(site=drops(paths=["/internal/**"]), url=f"https://shop.example{path}")
    assert drop_shielded_path(draft) is reason


def test_a_host_is_kept_out_by_its_name(a_draft: Make) -> None:
    draft = a_draft(site=drops(hosts=["shop.*"]), url="https://shop.example/")
    put_page(draft)
    assert drop_shielded_host(draft) is DropReason.HOSTNAME_NOT_ALLOWED


@pytest.mark.parametrize(
    ("referrer", "reason"),
    [("www.spam.example/x", DropReason.SPAM_REFERRER), ("notspam.example", None), ("", None)],
)
def test_a_referrer_is_kept_out_with_its_subdomains(
    a_draft: Make, referrer: str, reason: DropReason | None
) -> None:
    draft = a_draft(site=drops(referrers=["spam.example"]))
    draft.referrer = referrer
    assert drop_shielded_referrer(draft) is reason


def test_a_country_is_kept_out(a_draft: Make) -> None:
    draft = a_draft(site=drops(countries=["FR"]))
    draft.place = Place("FR")
    assert drop_shielded_country(draft) is DropReason.SHIELDED_COUNTRY
    draft.place = Place("DE")
    assert drop_shielded_country(draft) is None
