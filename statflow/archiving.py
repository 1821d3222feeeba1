"""Files of days that name nobody (``store.archive``), for a command and before numbers go by age.

A file grows beside its place and moves there when it is whole, so a file that is there is complete.
"""

from datetime import date
from pathlib import Path
from typing import Any

from store.archive import archive_days, months_until
from store.client import Store


def archive_site(store: Store, site_id: int, last: date, folder: Path, k: int) -> list[Any]:
    """Write a file for each month with visits up to a day; list them.

    Raises:
        StoreUnavailable, StoreError: They cannot be read.
        OSError: A file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for first, final in months_until(store, site_id, last):
        place = folder / f"days-{first.isoformat()}-{final.isoformat()}.parquet"
        growing = place.with_suffix(".parquet.part")
        with growing.open("wb") as file:
            for piece in archive_days(store, site_id, first, final, k):
                file.write(piece)
        growing.replace(place)
        files.append({"file": place.name, "first": str(first), "last": str(final)})
    return files
