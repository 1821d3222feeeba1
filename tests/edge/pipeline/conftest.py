"""Drafts to run single steps on."""

from collections.abc import Callable
from datetime import date
from ipaddress import ip_address
from typing import Any

import pytest

from edge.event import Address, Beacon, Sender
from edge.pipeline.days import days_since_epoch
from edge.pipeline.draft import Context, Device, Draft, Place
from tests.support.factories import a_site

NOON_MS = 1_767_268_800_000
"""2026-01-01T12:00:00Z."""
DAY = days_since_epoch(date(2026, 1, 1))


class OnePlace:
    def find(self, _address: Address) -> Place:
        return Place("FR", "FR-IDF", "Paris")


class OneDevice:
    def read(self, _agent: bytes) -> Device:
        return Device("Firefox", "132", "Linux", "", "Desktop")


@pytest.fixture
def a_draft() -> Callable[..., Draft]:
    def make(
        *,
        site: dict[str, Any] | None = None,
        headers: dict[bytes, bytes] | None = None,
        salts: dict[int, bytes] | None = None,
        now_ms: int = NOON_MS,
        opted_out: bool = False,
        address: str = "192.0.2.1",
        agent: bytes = b"Mozilla/5.0",
        **beacon: Any,
    ) -> Draft:
        fields = {"name": "pageview", "url": "https://shop.example/", **beacon}
        context = Context(
            now_ms=now_ms,
            headers=headers or {},
            salts={DAY: bytes(32)} if salts is None else salts,
            places=OnePlace(),
            devices=OneDevice(),
            opted_out=opted_out,
        )
        sender = Sender(a_site(**(site or {})), ip_address(address), agent, {}, now_ms)
        return Draft(Beacon(**fields), sender, context)

    return make
