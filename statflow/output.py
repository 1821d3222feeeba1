"""What the command line prints: aligned tables for people, JSON for programs."""

import json
import sys
from collections.abc import Sequence
from typing import Any

import click


def print_json(value: Any) -> None:
    """Print one JSON document on standard output."""
    click.echo(json.dumps(value, ensure_ascii=False))


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows with aligned columns."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())


def fail(message: str, status: int = 1) -> None:
    """End the command with a sentence on standard error.

    Raises:
        SystemExit: Always.
    """
    click.echo(f"statflow: {message}", err=True)
    sys.exit(status)
