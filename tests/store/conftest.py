"""The real store process, one a test process, with the schema in it."""

from collections.abc import Iterator

import pytest

from store.client import Store
from store.migrate import migrate
from tests.support.store_process import StoreProcess, running_store


@pytest.fixture(scope="session")
def store_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    with running_store(tmp_path_factory.mktemp("store")) as process:
        yield process


@pytest.fixture(scope="session")
def store(store_process: StoreProcess) -> Iterator[Store]:
    """A store with every migration applied. Tests that change rows use a site id of their own."""
    store = Store(store_process.url)
    migrate(store)
    yield store
    store.close()
