"""The settlement parser in Solidity and its Python twin: equal messages, and each refusal."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from web3 import Web3

from contracts.artifact import load_artifact
from contracts.errors import RevertedError
from contracts.records import pack_digest
from contracts.transactions import REVERTS, Sender, decoded
from proofs.statement.public import (
    BatchContext,
    Digest,
    EpochContext,
    Holding,
    MarketContext,
    MarketResult,
    Missing,
    PublicData,
    PublicDataError,
    QueueEntry,
    decode,
    decode_queue,
    draw,
    encode,
    encode_queue,
    pack,
    public_messages,
    queue_hash,
    withdrawal_leaf,
    withdrawal_path,
    withdrawals_root,
)

from .conftest import deploy_test_contract

P = 2**64 - 2**32 + 1
ASSETS = 14


@pytest.fixture(scope="module")
def parser(w3: Web3, operator: Sender) -> Any:
    address = deploy_test_contract(operator, "TestOnlyStatement")
    return w3.eth.contract(Web3.to_checksum_address(address), abi=load_artifact("TestOnlyStatement").abi)


def build(parser: Any, data: bytes, queue: bytes, context: EpochContext, first: int) -> tuple[bytes, Any]:
    inputs = (
        3, context.venue, first, context.miss_fee, context.fee_asset, context.assets,
        pack_digest(context.empty_root), pack_digest(context.old_root), 40, b"\x07" * 32,
        [(m.base, m.quote, m.lower, m.upper, m.fee_ppm, m.reference) for m in context.markets],
        [(pack_digest(b.root), b.count, len(b.queue), b.beacon) for b in context.batches],
        0,
    )  # fmt: skip
    try:
        messages, outcome = parser.functions.build(data, queue, inputs).call()
    except REVERTS as error:
        raise decoded(error) from None
    return bytes(messages), outcome


def epoch(seed: int) -> tuple[PublicData, EpochContext]:
    """A random epoch with everything in it."""
    rng = random.Random(seed)

    def digest() -> Digest:
        a, b, c, d = (rng.choice([0, 1, P - 1, rng.randrange(P)]) for _ in range(4))
        return (a, b, c, d)

    def holdings(number: int, least: int) -> tuple[Holding, ...]:
        keys = sorted(
            {(rng.choice([0, 1, 2**20 - 1, rng.randrange(2**20)]), rng.randrange(ASSETS)) for _ in range(number)}
        )
        return tuple(Holding(*key, rng.choice([least, 2**62 - 1, rng.randrange(1, 2**62)])) for key in keys)

    counts = [rng.choice([0, 1, 256]) for _ in range(rng.randint(1, 16))]
    markets = tuple(
        MarketContext(m, m + 1, 1, 2**31 - 1 - m, rng.randrange(10**6), rng.randrange(1, 2**31))
        for m in range(rng.randint(1, 3))
    )
    batches = tuple(
        BatchContext(
            digest(), count,
            tuple(
                QueueEntry(rng.choice([1, 2]), rng.randrange(2**20), rng.randrange(ASSETS), digest())
                for _ in range(rng.randint(0, 3))
            ),
            rng.randbytes(32),
        )
        for count in counts
    )  # fmt: skip
    context = EpochContext(rng.randrange(2**63), 2**62 - 1, 13, ASSETS, digest(), digest(), markets, batches)
    places = sorted({(k, rng.randrange(2, 2**20)) for k, count in enumerate(counts) if count for _ in range(3)})
    data = PublicData(
        rng.randrange(2**40), len(counts), rng.randrange(4), digest(),
        tuple(tuple(MarketResult(rng.randrange(2**32), rng.randrange(2**32)) for _ in markets) for c in counts if c),
        tuple(Missing(k, account, digest(), rng.random() < 0.5) for k, account in places),
        holdings(rng.randint(0, 9), 0), holdings(rng.randint(0, 9), 1),
    )  # fmt: skip
    return data, context


@pytest.mark.parametrize("seed", range(12))
def test_solidity_and_python_agree(parser: Any, seed: int) -> None:
    data, context = epoch(seed)
    encoded = encode(data)
    counts = [b.count for b in context.batches]
    assert decode(encoded, counts=counts, markets=len(context.markets), assets=ASSETS) == data
    entries = [e for b in context.batches for e in b.queue]
    assert decode_queue(encode_queue(entries)) == entries
    messages, outcome = build(parser, encoded, encode_queue(entries), context, data.first_batch)
    assert messages == pack(public_messages(data, context))
    new_root, references, chain, withdrawals, start, end, charged, last = outcome
    assert new_root == pack_digest(data.new_root)
    assert bytes(withdrawals) == withdrawals_root(data.withdrawals)
    expected = b"\x07" * 32
    for position, entry in enumerate(entries):
        expected = queue_hash(expected, 40 + position, entry)
    assert bytes(chain) == expected
    assert charged == sum(m.charged for m in data.missing)
    assert last == max((m.batch + 1 for m in data.missing), default=0)
    assert end - start == 37 * len(data.missing)
    rows = data.results[-1] if data.results else None
    assert references == ([r.price for r in rows] if rows else [m.reference for m in context.markets])


def small() -> tuple[PublicData, EpochContext]:
    market = MarketContext(0, 1, 10, 20, 0, 15)
    batches = (BatchContext((1, 1, 1, 1), 2, (), b"\x05" * 32), BatchContext((2, 2, 2, 2), 0))
    context = EpochContext(9, 5, 1, 3, (0, 0, 0, 0), (3, 3, 3, 3), (market,), batches)
    missing = (Missing(0, 2, (1, 2, 3, 4), True), Missing(0, 5, (1, 2, 3, 4), False))
    holdings = (Holding(2, 0, 7), Holding(2, 1, 8))
    return PublicData(4, 2, 0, (6, 6, 6, 6), ((MarketResult(12, 3),),), missing, holdings, holdings), context


def test_draws_differ_between_markets_and_beacons() -> None:
    draws = {draw(bytes([b]) * 32, m) for b in range(4) for m in range(4)}
    assert len(draws) == 16
    assert all(0 <= u < 2**32 for u in draws)
    seed = Web3.solidity_keccak(["bytes32", "uint256"], [b"\x05" * 32, 1])
    assert draw(b"\x05" * 32, 1) == int.from_bytes(seed, "big") >> 224


def swapped(items: tuple[Any, ...]) -> tuple[Any, ...]:
    return items[::-1]


CASES: Sequence[tuple[str, dict[str, Any], str, dict[str, Any], str]] = [
    ("new root", {"new_root": (0, P, 0, 0)}, "BadField", {"field": "new_root", "index": 0}, "new_root"),
    ("order", {"missing": swapped}, "NotIncreasing", {"field": "missing", "index": 1}, "missing[1]"),
    ("order", {"balances": swapped}, "NotIncreasing", {"field": "balances", "index": 1}, "balances[1]"),
    ("order", {"withdrawals": swapped}, "NotIncreasing", {"field": "withdrawals", "index": 1}, "withdrawals[1]"),
    ("twice", {"balances": (Holding(2, 0, 7),) * 2}, "NotIncreasing", {"field": "balances"}, "balances[1]"),
    ("twice", {"withdrawals": (Holding(2, 0, 7),) * 2}, "NotIncreasing", {"index": 1}, "withdrawals[1]"),
    ("twice", {"missing": (Missing(0, 2, (1, 2, 3, 4), True),) * 2}, "NotIncreasing", {"index": 1}, "missing[1]"),
    ("asset", {"balances": (Holding(2, 3, 7),)}, "BadField", {"field": "balances"}, "balances[0]"),
    ("account", {"balances": (Holding(2**20, 0, 7),)}, "BadField", {"field": "balances"}, "balances[0]"),
    ("value", {"balances": (Holding(2, 0, 2**62),)}, "BadField", {"field": "balances.value"}, "balances[0]"),
    ("nothing", {"withdrawals": (Holding(2, 0, 0),)}, "BadField", {"field": "withdrawals.amount"}, "withdrawals[0]"),
    ("much", {"withdrawals": (Holding(2, 0, 2**62),)}, "BadField", {"field": "withdrawals.amount"}, "withdrawals[0]"),
    ("empty batch", {"missing": (Missing(1, 2, (1, 2, 3, 4), True),)}, "BadField", {"field": "missing.batch"}, "missing.batch[0]"),  # noqa: E501
    ("no batch", {"missing": (Missing(2, 2, (1, 2, 3, 4), True),)}, "BadField", {"field": "missing.batch"}, "missing.batch[0]"),  # noqa: E501
    ("insurance", {"missing": (Missing(0, 1, (1, 2, 3, 4), True),)}, "BadField", {"field": "missing.account"}, "missing.account[0]"),  # noqa: E501
    ("account", {"missing": (Missing(0, 2**20, (1, 2, 3, 4), True),)}, "BadField", {"field": "missing.account"}, "missing.account[0]"),  # noqa: E501
    ("element", {"missing": (Missing(0, 2, (1, 2, 3, P), True),)}, "BadField", {"field": "missing.commitment"}, "missing.commitment[0]"),  # noqa: E501
    ("cancel", {"missing": (Missing(0, 2, (0, 0, 0, 0), True),)}, "BadField", {"field": "missing.charged"}, "missing.charged[0]"),  # noqa: E501
    ("flag", {"missing": (Missing(0, 2, (1, 2, 3, 4), 2),)}, "BadField", {"field": "missing.charged"}, "missing.charged[0]"),  # type: ignore[arg-type]  # noqa: E501
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "error", "arguments", "field"),
    [case[1:] for case in CASES],
    ids=[f"{case[4]} {case[0]}" for case in CASES],
)
def test_what_is_refused(
    parser: Any, changes: dict[str, Any], error: str, arguments: dict[str, Any], field: str
) -> None:
    data, context = small()
    changed = replace(data, **{k: v(getattr(data, k)) if callable(v) else v for k, v in changes.items()})
    with pytest.raises(RevertedError) as caught:
        build(parser, encode(changed), b"", context, 4)
    assert caught.value.error == error
    assert arguments.items() <= caught.value.arguments.items()
    with pytest.raises(PublicDataError) as twin:
        decode(encode(changed), counts=[2, 0], markets=1, assets=3)
    assert twin.value.field.startswith(field)


def test_every_prefix_and_every_longer_string_is_refused(parser: Any) -> None:
    data, context = small()
    encoded = encode(data)
    fields = {"header", "markets", "missing", "balances", "withdrawals"}
    seen = set()
    for length in range(len(encoded)):
        with pytest.raises(PublicDataError) as twin:
            decode(encoded[:length], counts=[2, 0], markets=1, assets=3)
        if length % 5 and length > 45:
            continue
        with pytest.raises(RevertedError) as caught:
            build(parser, encoded[:length], b"", context, 4)
        assert caught.value.error == "Truncated"
        assert caught.value.arguments["field"] == twin.value.field
        seen.add(twin.value.field)
    assert seen == fields
    with pytest.raises(RevertedError) as caught:
        build(parser, encoded + b"\0\0", b"", context, 4)
    assert (caught.value.error, caught.value.arguments) == (
        "TrailingBytes",
        {"field": "public_data", "count": 2},
    )
    with pytest.raises(PublicDataError, match=r"^public_data: 2 trailing bytes$"):
        decode(encoded + b"\0\0", counts=[2, 0], markets=1, assets=3)


def test_mutations_have_equal_verdicts(parser: Any) -> None:
    """What both accept is the same statement; no flipped byte is accepted by one of them only, or ignored."""
    data, context = small()
    encoded = encode(data)
    rng = random.Random(5)
    honest = build(parser, encoded, b"", context, 4)[0]
    for _ in range(120):
        place = rng.randrange(10, len(encoded))
        mutated = encoded[:place] + bytes([encoded[place] ^ (1 << rng.randrange(8))]) + encoded[place + 1 :]
        try:
            expected = pack(public_messages(decode(mutated, counts=[2, 0], markets=1, assets=3), context))
        except PublicDataError:
            with pytest.raises(RevertedError):
                build(parser, mutated, b"", context, 4)
        else:
            assert build(parser, mutated, b"", context, 4)[0] == expected != honest


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13])
def test_withdrawal_paths(count: int) -> None:
    withdrawals = tuple(Holding(i + 2, i % 3, i + 1) for i in range(count))
    for index, withdrawal in enumerate(withdrawals):
        node = withdrawal_leaf(withdrawal)
        for sibling in withdrawal_path(withdrawals, index):
            node = bytes(Web3.keccak(b"".join(sorted((node, sibling)))))
        assert node == withdrawals_root(withdrawals)


def test_numbers_that_do_not_fit_are_not_encoded() -> None:
    data, _ = small()
    for changes in ({"first_batch": 2**64}, {"balances": (Holding(2**24, 0, 1),)}, {"tier": -1}):
        with pytest.raises(PublicDataError, match=r"^public_data: a number does not fit"):
            encode(replace(data, **changes))  # type: ignore[arg-type]
    with pytest.raises(PublicDataError, match=r"^queue_entries: 36 bytes are no whole entries$"):
        decode_queue(bytes(36))
