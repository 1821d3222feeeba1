"""``statflow rules``: what the edge would do, and why.

The decision is ``edge.explain``'s; here are the question, the answer on a terminal, and the look at
the site's own page with ``--fetch``.
"""

import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from statflow.command import Context, command
from statflow.output import print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sized

    from edge.explain import Explanation, Knowledge, Question


class ExplainError(Exception):
    """The question cannot be answered; the message says what to do."""


@click.group()
def rules() -> None:
    """What the edge does to a page, and why."""


@rules.command("explain")
@command
@click.argument("url")
@click.option("--method", default="GET", show_default=True)
@click.option("--header", "-H", "headers", multiple=True, help="Of the request; repeatable.")
@click.option("--status", type=int, default=200, show_default=True, help="Of the site's answer.")
@click.option("--answer-header", multiple=True, help="Of the site's answer; repeatable.")
@click.option(
    "--body",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The site's page, as a file; else a plain one is assumed.",
)
@click.option("--fetch", is_flag=True, help="Ask the site's upstream for the page.")
@click.option("--address", default="", help="The visitor's address; for the place only.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rules_explain(context: Context, as_json: bool, fetch: bool, **options: object) -> None:
    """Explain URL: who answers, whether the page gets the script and why not, what is stored."""
    from edge.explain import explain

    question = _question(**options)  # type: ignore[arg-type]
    knowledge = _knowledge(context)
    try:
        if fetch:
            question = _fetched(question, knowledge, context.settings.upstream_ranges)
        explanation = explain(question, knowledge, time.time_ns() // 1_000_000)
    except ValueError as error:
        raise ExplainError(str(error)) from None
    if as_json:
        print_json(dataclasses.asdict(explanation))
    else:
        _print(explanation)


def _question(  # noqa: PLR0913 - one argument an option of the command
    *,
    url: str,
    method: str,
    headers: tuple[str, ...],
    status: int,
    answer_header: tuple[str, ...],
    body: Path | None,
    address: str,
) -> "Question":
    from edge.explain import PLAIN_FIELDS, PLAIN_PAGE, Question

    return Question(
        url=url,
        method=method.upper(),
        headers=_fields(headers),
        status=status,
        answer_headers=_fields(answer_header) or PLAIN_FIELDS,
        body=PLAIN_PAGE if body is None else body.read_bytes(),
        address=address,
    )


def _fields(lines: tuple[str, ...]) -> tuple[tuple[bytes, bytes], ...]:
    pairs = [line.partition(":") for line in lines]
    if wrong := next((name for name, colon, _ in pairs if not colon), None):
        raise ExplainError(f"{wrong!r}: expected 'Name: value'")
    return tuple((name.strip().encode(), value.strip().encode()) for name, _, value in pairs)


def _knowledge(context: Context) -> "Knowledge":
    """Open what an edge of this data folder knows: its sites, its tracker, its databases."""
    from edge.sites_feed import SitesFeed
    from statflow.explaining import open_knowledge

    settings, paths = context.settings, context.paths
    feed = SitesFeed(settings.sites_file or paths.sites_file, default_host=settings.default_site)
    feed.load_file()
    if feed.problem:
        raise ExplainError(feed.problem)
    if not feed.current().sites:
        raise ExplainError("no sites yet: add one with `statflow site add`, and run an edge once")
    return open_knowledge(settings, feed.current)


def _fetched(question: "Question", knowledge: "Knowledge", ranges: str) -> "Question":
    from statflow.fetching import FetchError, ask_upstream

    try:
        return ask_upstream(question, knowledge, ranges)
    except FetchError as error:
        raise ExplainError(f"the upstream cannot be asked: it {error}") from None


def _print(explanation: "Explanation") -> None:
    click.echo(f"site      {explanation.site or 'none'}")
    click.echo(f"answered  by the {explanation.handled_by}")
    click.echo(f"script    {'yes' if explanation.inject else 'no'}: {explanation.reason}")
    click.echo(f"          {explanation.meaning}")
    if explanation.tag:
        click.echo(f"tag       {explanation.tag}")
    if explanation.tried:
        click.echo("\nchecks, in order")
        print_table(
            [
                ["  stops here" if check.matched else "  passed", check.rule]
                for check in explanation.tried
            ]
        )
    if explanation.rules:
        click.echo("\nrules, in order")
        print_table(
            [
                ["  matches" if row.matched else "  passed", row.list, row.rule]
                for row in explanation.rules
            ]
        )
    if explanation.stores:
        click.echo("\na page view would be stored as")
        print_table([[f"  {name}", str(value)] for name, value in explanation.stores.items()])
    if explanation.events:
        click.echo("\nevents that rules make of it")
        print_table(
            [
                [f"  {event.name}", f"on {event.when}", ", ".join(event.selectors), event.rule]
                for event in explanation.events
            ]
        )


@rules.command("check")
@click.argument(
    "file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
def rules_check(file: Path | None) -> None:
    """Check the packs, their cases, and FILE; a fault says file, line and what to write."""
    from rules.cases import check_cases
    from rules.channels import load_channels
    from rules.loader import RuleError, load_rules
    from rules.masks import load_masks
    from rules.tables import PACKS

    faults: list[RuleError] = []
    count = 0
    checked: list[tuple[Callable[[Path], Sized], Path]] = [
        (lambda path: load_masks(path).masks, PACKS / "privacy.yaml"),
        (load_channels, PACKS / "channels.yaml"),
        (load_rules, PACKS / "inject.yaml"),
        *([(load_rules, file)] if file else []),
    ]
    for read, path in checked:
        try:
            count += len(read(path))
        except RuleError as error:
            faults.append(error)
    faults += [] if faults else check_cases()
    for fault in faults:
        click.echo(str(fault), err=True)
    if faults:
        raise SystemExit(1)
    click.echo(f"{count} rules are right, and every case of the packs holds.")


@rules.command("classify")
def rules_classify() -> None:
    """Tell of each user agent on standard input, one a line, who it is: one JSON line each."""
    from edge.pipeline.agents import Agents

    agents = Agents()
    for line in sys.stdin.buffer:
        device = agents.read(line.rstrip(b"\r\n"))
        answer = {
            "class": device.bot or "human",
            "operator": device.operator,
            "browser": device.browser,
            "browser_version": device.browser_version,
            "os": device.os,
            "device": device.device,
        }
        click.echo(json.dumps(answer, ensure_ascii=False))
