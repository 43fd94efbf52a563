"""Zero knowledge, shown: what each part of the blinding hides, by an attack that works as soon as the part is left out.

Every attack is run on proofs of the installed module, of the test build with nothing left out, of the test build
without its part, and of the test build without the other parts. Only the third may tell the true rows from others.
``docs/privacy.md`` lists what stays visible.
"""

from __future__ import annotations

import importlib.machinery
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from commitments import _native
from commitments.bundle import Entry, Kind
from proofs import prover_api
from proofs.dsl import Bus, Row
from proofs.kit import Statement
from proofs.prover_api import verify_native
from proofs.serving import blind_again
from proofs.statement.program import clearing_program
from proofs.statement.witness.execute import Execution, execute
from proofs.statement.witness.inputs import EpochInput
from proofs.tape import BLIND, Program, assemble
from proofs.verifier import unpack_messages, verify
from proofs.verifier.field import P
from proofs.verifier.tape import Op
from proofs.verifier.vk import parse_verification_key

from . import unblinded
from .distinguishers import (
    Seen,
    Trace,
    chunks_fit,
    columns_fit,
    folding_fits,
    lower_folding_fits,
    pair_behind,
    see,
    siblings_fit,
    steps_refute,
    terminal_fits,
)
from .plain_prover import PlainProver
from .statement.proving import CONTEXT, HEIGHTS, key
from .statement.scenario import PUBLIC_BUS, Messages, Venue, public_messages
from .verifier.conftest import Example
from .verifier.conftest import tiny as tiny
from .verifier.test_native import Builder, _parameters

TALL = (8, 5, 10)
"""The private table is the tallest: log2 of its height and of the other table's, and the queries."""
LOW = (6, 9, 24)
"""The private table joins the folding later."""
PAIRS = Bus("pairs", 2)


@pytest.fixture(scope="module")
def unblinded_build() -> Any:
    return unblinded.load()


# -- a program of one private column, and one of two tables that talk


@cache
def _column_key(private_height: int, other_height: int, queries: int) -> bytes:
    """Table 0: one column, 1 in its first row, else free. Table 1 sends itself a message.

    The blowup is large so that queries seldom repeat a row or fall on the cosets of the quotient chunks.
    """
    private = Builder(1)
    column, one = private(Op.LOCAL, 0), private.const(1)
    private.asserts.append(private(Op.MUL, private(Op.FIRST), private(Op.SUB, column, one)))
    other = Builder(1)
    x, count = other(Op.LOCAL, 0), other.const(1)
    other.messages += [(0, sign, 1, count, (x,)) for sign in (0, 1)]
    tape = b"SBT1" + bytes([1, 1, 2]) + private.encode() + other.encode()
    return _native.setup(tape, [private_height, other_height], _parameters(num_queries=queries, log_blowup=5))


def _column(seed: int, shape: tuple[int, int, int] = TALL) -> Trace:
    values = np.random.default_rng(seed).integers(0, 1000, (1 << shape[0], 1), dtype=np.uint64)
    values[0] = 1
    return values


def _seen(module: Any, *left_out: str, shape: tuple[int, int, int] = TALL) -> Seen:
    """A proof for ``_column(0)``."""
    vk = _column_key(*shape)
    traces = [_column(0, shape), np.zeros((1 << shape[1], 1), dtype=np.uint64)]
    if left_out:
        with unblinded.left_out(module, *left_out):
            proof = module.prove(vk, CONTEXT, traces)
    else:
        proof = module.prove(vk, CONTEXT, traces)
    verify(vk, CONTEXT, [], proof)  # blinded or not, the proof is valid
    return see(vk, CONTEXT, proof)


def _column_fits(seen: Seen, trace: Trace) -> bool:
    return columns_fit(seen, 0, trace, [0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("attack", "shape", "open_to_it", "closed_to_it"),
    [
        (_column_fits, TALL, {"columns"}, [{"chunks", "folding", "salts"}]),
        (chunks_fit, TALL, {"chunks"}, [{"columns", "folding", "salts"}]),
        (folding_fits, TALL, {"folding"}, [{"columns", "chunks", "salts"}]),
        (lower_folding_fits, LOW, {"folding"}, [{"columns", "chunks", "salts"}]),
        # Masked rows are uniform, so their hashes hide by themselves: salts are the second wall, behind the masks.
        (siblings_fit, TALL, {"columns", "salts"}, [{"columns", "chunks", "folding"}, {"chunks", "folding", "salts"}]),
    ],
    ids=["columns", "quotient chunks", "folding", "folding of a lower table", "salts"],
)
def test_each_part_of_the_blinding_hides_something(
    unblinded_build: Any,
    attack: Callable[[Seen, Trace], bool],
    shape: tuple[int, int, int],
    open_to_it: set[str],
    closed_to_it: list[set[str]],
) -> None:
    """The attack needs its own part left out and no other; all others left out do not help it."""
    true, false = _column(0, shape), _column(1, shape)
    attacked = _seen(unblinded_build, *open_to_it, shape=shape)
    assert attack(attacked, true)
    assert not attack(attacked, false)
    whole = [_seen(_native, shape=shape), _seen(unblinded_build, shape=shape)]
    for seen in [*whole, *(_seen(unblinded_build, *parts, shape=shape) for parts in closed_to_it)]:
        assert not attack(seen, true)
        assert not attack(seen, false)


@cache
def _counting_key() -> bytes:
    """As :func:`_column_key`, but the private column counts up by one; where it starts is the secret."""
    private = Builder(1)
    step = private(Op.SUB, private(Op.NEXT, 0), private(Op.ADD, private(Op.LOCAL, 0), private.const(1)))
    private.asserts.append(private(Op.MUL, private(Op.TRANSITION), step))
    other = Builder(1)
    x, count = other(Op.LOCAL, 0), other.const(1)
    other.messages += [(0, sign, 1, count, (x,)) for sign in (0, 1)]
    tape = b"SBT1" + bytes([1, 1, 2]) + private.encode() + other.encode()
    return _native.setup(tape, [5, 5], _parameters(num_queries=8, log_blowup=5))


def _counting(start: int) -> Trace:
    return np.arange(start, start + 32, dtype=np.uint64).reshape(32, 1)


class HalfMask(PlainProver):
    """Masks with a coefficient for each value that rows and openings show of a column: q + 4."""

    def mask(self, table: int) -> list[int]:
        return self.drawn(self.key.mask_length // 2)


def test_masks_are_twice_as_long_because_the_quotient_shows_the_next_row() -> None:
    """The factor of two is no margin: without it the quotient's chunks at the queries give a column away."""
    vk, traces = _counting_key(), [_counting(5), np.zeros((32, 1), dtype=np.uint64)]
    length = parse_verification_key(vk).mask_length
    proof = HalfMask(vk, CONTEXT, traces).prove()
    verify(vk, CONTEXT, [], proof)
    half = see(vk, CONTEXT, proof)
    assert not steps_refute(half, _counting(5), length // 2)
    assert steps_refute(half, _counting(6), length // 2)
    for proof in (_native.prove(vk, CONTEXT, traces), PlainProver(vk, CONTEXT, traces).prove()):
        whole = see(vk, CONTEXT, proof)
        assert not steps_refute(whole, _counting(5), length)
        assert not steps_refute(whole, _counting(6), length)


def _orders(row: Row) -> None:
    flag = row.flag("flag")
    row.send(PAIRS, row.columns("price", "quantity"), flag, "an order")


def _book(row: Row) -> None:
    flag = row.flag("flag")
    row.receive(PAIRS, row.columns("price", "quantity"), flag, "an order")


@cache
def _talking() -> tuple[Program, bytes]:
    program = assemble("talking", [PAIRS], {"orders": {"orders": _orders}, "book": {"book": _book}})
    return program, _native.setup(program.tape, [6, 6], _parameters())


def _talking_traces(prices: tuple[int, ...], pair: tuple[int, int]) -> list[Trace]:
    """Two tables with the same orders; in its last row the first sends the blinding pair to the second."""
    program, _ = _talking()
    traces = []
    for matrix, sent in zip(program.matrices, ("own", "predecessor"), strict=True):
        trace = np.zeros((64, len(matrix.columns)), dtype=np.uint64)
        place = {name.split(".", 1)[1]: i for i, name in enumerate(matrix.columns)}
        for row, price in enumerate(prices):
            trace[row, [place["flag"], place["price"], place["quantity"]]] = 1, price, 10
        trace[-1, [place["end"], place[f"{sent}0"], place[f"{sent}1"]]] = 1, *pair
        traces.append(trace)
    return traces


def test_the_blinding_bus_hides_the_terminals() -> None:
    """A terminal is a function of its table's messages; a random pair makes it uniform."""
    program, vk = _talking()
    true, false = (100, 101, 105), (100, 102, 105)

    def fits(pair: tuple[int, int], prices: tuple[int, ...]) -> bool:
        proof = _native.prove(vk, CONTEXT, _talking_traces(true, pair))
        verify(vk, CONTEXT, [], proof)
        guessed = [(program.bus_id(PAIRS), 1, (price, 10)) for price in prices]
        blind = (program.bus_id(BLIND), 1, (0, 0))
        return terminal_fits(see(vk, CONTEXT, proof), 0, [*guessed, blind])

    assert fits((0, 0), true)
    assert not fits((0, 0), false)
    drawn = (2**63 + 11, 5**20)
    assert not fits(drawn, true)
    assert not fits(drawn, false)


def test_a_pair_hides_the_terminals_of_one_proof() -> None:
    """Two proofs with one pair tell a right guess of the rows; whoever proves a witness again draws its pairs again."""
    statement = Statement(
        "talking", [PAIRS], {"orders": {"orders": _orders}, "book": {"book": _book}}, [6, 6], _parameters()
    )
    true, false = (100, 101, 105), (100, 102, 105)
    rows = [{"flag": 1, "price": price, "quantity": 10} for price in true]
    witness = statement.witness(orders=rows, book=rows)
    pairs, blind = statement.program.bus_id(PAIRS), statement.program.bus_id(BLIND)

    def agree(proofs: list[bytes], prices: tuple[int, ...]) -> bool:
        guessed = [(pairs, 1, (price, 10)) for price in prices]
        seen = [see(statement.key, statement.context([]), proof) for proof in proofs]
        one, other = (pair_behind(s, 0, guessed, blind) for s in seen)
        return one == other

    careless = [_native.prove(statement.key, statement.context([]), witness) for _ in range(2)]
    assert agree(careless, true)
    assert not agree(careless, false)
    proofs = [statement.prove(witness, []) for _ in range(2)]
    for proof in proofs:
        statement.verify(proof, [])
    assert not agree(proofs, true)
    assert not agree(proofs, false)


def test_proving_again_changes_the_blinding_alone() -> None:
    world = _world(*TRUE)
    again = [trace.copy() for trace in world.traces]
    blind_again(clearing_program(), again)
    for matrix, one, other in zip(clearing_program().matrices, world.traces, again, strict=True):
        blind = [name.startswith("blind.") for name in matrix.columns]
        assert any(blind)
        assert ((one != other).sum(axis=0) == blind).all()
    assert prover_api.check(clearing_program().tape, again, world.messages) == []


# -- the statement: two hypotheses about the orders with equal outcomes


@dataclass(frozen=True, repr=False)
class World:
    epoch: EpochInput
    done: Execution
    traces: list[Trace]

    @property
    def messages(self) -> Messages:
        return public_messages(self.epoch, self.done, self.done)


@cache
def _world(buy: int, sell: int, seed: int = 3) -> World:
    """One buys 7 lots at ``buy`` or better from another who sells at ``sell``; salts and keys by the seed."""
    venue = Venue(seed, accounts=4)
    bundles = [[Entry(Kind.BUY, 0, buy, 7)], [Entry(Kind.SELL, 0, sell, 7)]]
    epoch = venue.epoch([venue.batch(0, bundles)])
    done = execute(epoch)
    return World(epoch, done, done.draft.traces(HEIGHTS)[1])


TRUE, FALSE = (106, 95), (108, 93)


def _told_by(limits: tuple[int, int], other: tuple[int, int]) -> dict[int, list[int]]:
    """By table, columns that follow from the orders alone, whatever salts and keys are, and differ between the two."""
    found: dict[int, list[int]] = {}
    guesses = [_world(*limits, seed).traces for seed in (4, 5)]
    for table, (one, again, differs) in enumerate(zip(*guesses, _world(*other, 4).traces, strict=True)):
        columns = (one == again).all(axis=0) & (one != differs).any(axis=0)
        if columns.any():
            found[table] = [int(c) for c in np.flatnonzero(columns)]
    return found


def _orders_fit(seen: Seen, limits: tuple[int, int], columns: dict[int, list[int]]) -> bool:
    """The guesser knows neither salts nor keys: those of the guessed rows are made up."""
    traces = _world(*limits, 4).traces
    return all(columns_fit(seen, table, traces[table], chosen) for table, chosen in columns.items())


@pytest.mark.slow
def test_without_blinding_a_proof_tells_which_orders_there_were(unblinded_build: Any) -> None:
    columns = _told_by(TRUE, FALSE)
    assert sum(map(len, columns.values())) > 3
    world = _world(*TRUE)
    for module, left_out, told in (
        (unblinded_build, ("columns",), True),
        (unblinded_build, (), False),
        (_native, (), False),
    ):
        if left_out:
            with unblinded.left_out(module, *left_out):
                proof = module.prove(key(), CONTEXT, world.traces)
        else:
            proof = module.prove(key(), CONTEXT, world.traces)
        verify_native(key(), CONTEXT, world.messages, proof)
        seen = see(key(), CONTEXT, proof)
        assert _orders_fit(seen, TRUE, columns) is told
        assert not _orders_fit(seen, FALSE, columns)


def test_different_orders_with_equal_outcomes_look_alike() -> None:
    """Public data differ in the sealed root alone, which salts of 192 bits hide; heights and lengths are equal."""
    true, false = _world(*TRUE), _world(*FALSE)
    assert true.done.results == false.done.results
    differing = [(a, b) for a, b in zip(true.messages, false.messages, strict=True) if a != b]
    ((bus, fields), (_, others)) = differing[0]
    assert (len(differing), bus, fields[:2]) == (1, PUBLIC_BUS, (2, 1))
    assert fields[8:12] != others[8:12]
    assert (*fields[:8], *fields[12:]) == (*others[:8], *others[12:])
    tiers = [world.done.draft.traces()[0] for world in (true, false)]
    assert tiers[0] is not None
    assert tiers[0] == tiers[1]
    assert [t.shape for t in true.traces] == [t.shape for t in false.traces]
    same = [w for w in (_world(*TRUE, 4), _world(*TRUE, 5)) if w.messages != true.messages]
    assert len(same) == 2  # nor does the root repeat for the same orders under other salts


# -- fresh randomness


def _drawn(seen: Seen) -> dict[str, list[object]]:
    """What a proof shows of its randomness; what several queries open counts once."""
    head = seen.head
    caps = [head.main.raw, head.quotient.raw, head.permutation.raw, *(cap.raw for cap, _ in head.rounds)]
    leaves = {leaf.raw for query in seen.queries for tree in query.trees for leaf in tree.leaves.values()}
    rows = {}
    for index, query in zip(seen.challenges.indices, seen.queries, strict=True):
        for number, opening in enumerate(query.rounds):
            index >>= seen.vk.rounds[number]
            rows[number, index] = opening
    return {
        "caps": [cap[i : i + 32] for cap in caps for i in range(0, len(cap), 32)],
        "opened values": [v for tree in head.opened for matrix in tree for point in matrix for v in point],
        "final polynomial": list(head.final_poly.values),
        "leaf salts": [leaf[-16:] for leaf in leaves],
        "leaf values": [leaf[i : i + 8] for leaf in leaves for i in range(0, len(leaf) - 16, 8)],
        "folding salts": [opening.salt for opening in rows.values()],
        "folding values": [value for opening in rows.values() for value in opening.others],
    }


@pytest.mark.slow
def test_every_proof_of_the_same_rows_draws_afresh() -> None:
    """Nothing that one proof shows appears in another of the same witness, nor twice in the same place."""
    world = _world(*TRUE)
    first, second = (_drawn(see(key(), CONTEXT, _native.prove(key(), CONTEXT, world.traces))) for _ in range(2))
    for name, values in first.items():
        assert len(set(values)) == len(values) > 1, name
        assert not set(values) & set(second[name]), name


def test_blinding_columns_of_a_witness_are_drawn_afresh() -> None:
    world = _world(*TRUE)
    again = world.done.draft.traces(HEIGHTS)[1]
    for matrix, one, other in zip(clearing_program().matrices, world.traces, again, strict=True):
        blind = [name.startswith("blind.") for name in matrix.columns]
        assert any(blind)
        assert ((one != other).sum(axis=0) == blind).all()  # one row of each, and nothing else


# -- the installed module


def test_the_installed_module_cannot_leave_blinding_out(unblinded_build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not hasattr(_native, "UNBLINDED")
    assert _native.__file__ is not None
    assert _native.__file__.endswith(tuple(importlib.machinery.EXTENSION_SUFFIXES))
    assert unblinded_build.UNBLINDED.encode() not in Path(_native.__file__).read_bytes()
    monkeypatch.setenv(unblinded_build.UNBLINDED, "columns,chunks,folding,salts")
    assert not _column_fits(_seen(_native), _column(0))


def test_masks_reach_as_far_as_a_proof_reveals(tiny: Example) -> None:
    """A column's mask has twice the coefficients of what queries and openings show of it; so has every key."""
    messages = unpack_messages(tiny.vk, tiny.messages)
    verify(tiny.vk, tiny.context, messages, tiny.proof)
    seen = see(tiny.vk, tiny.context, tiny.proof)
    for matrix in (matrix for tree in seen.vk.trees for matrix in tree.matrices):
        shown = seen.vk.num_queries + 2 * matrix.points
        assert 2 * shown <= seen.vk.mask_length
        assert seen.vk.mask_length < P
