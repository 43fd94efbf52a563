"""What a newcomer writes by mistake is told in words, with the field and what to write instead."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from client.client import Client
from client.errors import InputError, KeyFileError
from client.keys import Keys
from client.orders import buy
from client.quotes import Quotes
from client.sim import SimVenue

Mistake: TypeAlias = Callable[[Any], Awaitable[object]]
ORDER = buy("ETH/USD", "1", "2000")


async def later(work: Callable[[], object]) -> object:
    return work()


MISTAKES: list[tuple[Mistake, str, str]] = [
    (lambda c: c.commit(ORDER), "orders", "in brackets"),
    (lambda c: c.commit("ETH/USD"), "orders", "in brackets"),
    (lambda c: c.replace(None), "orders", "in brackets"),
    (lambda c: c.commit([ORDER, "ETH/USD"]), "orders[1]", "make orders with buy()"),
    (lambda c: c.commit([buy("ETHUSD", "1", "2000")]), "orders[0].market", "correct the argument"),
    (lambda c: c.commit([ORDER], valid_for_batch="1"), "valid_for_batch", "an integer"),
    (lambda c: c.quotes.replace(ORDER), "orders", "in brackets"),
    (lambda c: c.quotes.replace([ORDER], gtt=timedelta(seconds=5)), "gtt", "give a datetime"),
    (lambda c: c.lease(0), "seconds", "correct the argument"),
    (lambda c: later(lambda: c.quotes.on_fill(None)), "callback", "give a function"),
    (lambda c: later(lambda: c.quotes.on_inventory("print")), "callback", "give a function"),
    (lambda c: later(lambda: Quotes(c)), "clients", "in brackets"),
    (lambda c: later(lambda: Quotes([c], lease=0)), "lease", "correct the argument"),
    (lambda c: later(lambda: Quotes([c], lease="5")), "lease", "correct the argument"),  # type: ignore[arg-type]
    (lambda c: later(lambda: c.streams.batches(0)), "limit", "correct the argument"),
]


def test_every_mistake_is_named() -> None:
    with SimVenue() as sim:

        async def main() -> None:
            async with sim.client("alice", {"ETH": "10", "USD": "50000"}) as client:
                for mistake, field, advice in MISTAKES:
                    with pytest.raises(InputError) as wrong:
                        await mistake(client)
                    assert wrong.value.field == field
                    assert advice in wrong.value.advice
                assert client._store.last_sequence == 0  # nothing was signed, let alone sent

        sim.run(main())


async def test_keys_that_are_a_path_or_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Keys\.at") as path:
        async with Client.connect("ws://x", rpc="", contract="", keys="my.keys", store=tmp_path / "s"):  # type: ignore[arg-type]
            pass
    assert path.value.field == "keys"
    with pytest.raises(KeyFileError, match="there is no key file") as missing:
        Keys.load(tmp_path / "my.keys")
    assert "Keys.create()" in missing.value.advice
    made = Keys.at(tmp_path / "my.keys")
    assert repr(Keys.at(tmp_path / "my.keys")) == repr(made)
