"""Read the tables of policy data that live beside the code as YAML files.

A table is data that changes without the program changing: networks, sources, crawlers. What a table
means is said by the module that asks for it; this one only finds and parses files. The one
invariant: a table is read once a process, and its caller must not change it.
"""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

PACKS = Path(__file__).parent / "packs"


@cache
def read_table(name: str) -> dict[str, Any]:
    """Read ``packs/<name>.yaml``, which must hold one mapping.

    Raises:
        TypeError: The file holds something else.
    """
    table = yaml.safe_load((PACKS / f"{name}.yaml").read_text(encoding="utf-8"))
    if not isinstance(table, dict):
        raise TypeError(f"{name}.yaml: expected a mapping")
    return table
