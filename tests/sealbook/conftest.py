"""One settled venue for all tests of inspectors: it takes some seconds to make."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .venue import SettledVenue, export_file


@pytest.fixture(scope="session")
def venue() -> Iterator[SettledVenue]:
    made = SettledVenue()
    yield made
    made.close()


@pytest.fixture(scope="session")
def exported(venue: SettledVenue, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The export of epoch 0."""
    return export_file(venue, tmp_path_factory.mktemp("export") / "epoch0.json", 0).read_bytes()
