"""A prover in plain Python, written from ``docs/proof-format.md``, whose every choice a test may turn into a lie.

The production prover cannot be made to claim false openings, nor to commit to columns of too high a degree; this one
can. A subclass overrides the step in which it lies; what comes behind follows from the lie, as a real cheat's would.
For keys without grinding, and small ones: it takes half a second where the native prover takes milliseconds.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from proofs.verifier.constraints import evaluate_tape, fold_constraints, from_basis
from proofs.verifier.domain import Selectors, committed_point, reverse_bits, selectors
from proofs.verifier.field import FAST, GENERATOR, Extension, P, generator_of_order
from proofs.verifier.fri import fold_row
from proofs.verifier.lookups import BusChallenges, permutation_constraints
from proofs.verifier.transcript import Challenger
from proofs.verifier.verify import NO_RANDOMIZATION
from proofs.verifier.vk import NO_TABLE, SALT, Matrix, VerificationKey, parse_verification_key
from proofs.verifier.wire import EXTENSION

from .plain_pieces import Commitment, Polynomial, encoded, interpolated, masked, recorded, value_at, values_on

Trace = npt.NDArray[np.uint64]
Word = list[Extension]
"""Values on a committed domain, in its bit-reversed order."""


@dataclass(frozen=True)
class Drawn:
    """The challenges that a lie may depend on."""

    buses: BusChallenges[Extension]
    alpha: Extension
    zeta: Extension


Opened = list[list[list[list[Extension]]]]
"""By tree, matrix, point, column."""


class PlainProver:
    """One proof. Hooks for lies: :meth:`mask`, :meth:`claims`, :meth:`committed_word`, :meth:`final_polynomial`."""

    def __init__(self, vk: bytes, context: bytes, traces: Sequence[Trace], seed: int = 0) -> None:
        self.key: VerificationKey = parse_verification_key(vk)
        grinding = self.key.grinding
        assert not any((grinding.lookup, grinding.ood, grinding.batch, grinding.commit, grinding.query))
        self.context = context
        self.traces = [[[int(v) for v in row] for row in trace] for trace in traces]
        self.rng = random.Random(seed)

    # -- where to lie

    def mask(self, table: int) -> Polynomial:
        """Random coefficients for one column of ``table``."""
        return self.drawn(self.key.mask_length)

    def claims(self, opened: Opened, drawn: Drawn) -> None:
        """What is claimed of the openings: changes the true values in place."""

    def committed_word(self, number: int, word: Word) -> Word:
        """The word to which folding round ``number`` commits."""
        return word

    def final_polynomial(self, word: Word) -> list[Extension]:
        """Coefficients for the last folded word."""
        return self.coefficients(word)[: self.key.final_coefficients]

    # -- the protocol

    def prove(self) -> bytes:
        """The wire proof."""
        key, transcript = self.key, Challenger(self.context)
        transcript.observe(key.seeds.batch)
        for shape in key.tables:
            transcript.observe_base(shape.log_height)
            transcript.observe_base(0)
        self.main = [self._main(table) for table in range(len(key.tables))]
        trees = [self._committed(0, self.main)]
        transcript.observe(trees[0].cap)
        alpha, beta = transcript.sample(FAST), transcript.sample(FAST)
        buses = BusChallenges.derive(alpha, beta, key.widest_message, key.bus_order)

        self.terminals: list[Extension] = []
        talking = [number for number, shape in enumerate(key.tables) if shape.lookups]
        self.permutation = {number: self._permutation(number, buses) for number in talking}
        permutation = self._committed(2, list(self.permutation.values()))
        terminals = encoded(self.terminals)
        transcript.observe(permutation.cap)
        transcript.observe(terminals)
        alpha = transcript.sample(FAST)

        chunks: list[list[Polynomial]] = []
        for table in range(len(key.tables)):
            chunks += self._quotient(table, buses, alpha)
        tallest = key.log_domain - key.log_blowup
        length = (key.final_coefficients << tallest - key.log_final_poly) + 1
        chunks.append([self.drawn(length), self.drawn(length)])
        trees += [self._committed(1, chunks), permutation]
        transcript.observe(trees[1].cap)
        transcript.observe(NO_RANDOMIZATION)
        zeta = transcript.sample(FAST)

        self.polynomials = [self.main, chunks, list(self.permutation.values())]
        opened = self._opened(zeta)
        self.claims(opened, Drawn(buses, alpha, zeta))
        values = encoded([v for tree in opened for matrix in tree for point in matrix for v in point])
        transcript.observe(key.seeds.pcs)
        transcript.observe(values)
        batching = transcript.sample(FAST)
        self.reduced = self._reduced(opened, zeta, batching)

        transcript.observe(key.seeds.fri)
        rounds, final = self._folded(transcript)
        head = trees[0].cap + trees[2].cap + terminals + trees[1].cap + values
        head += b"".join(tree.cap for tree, _ in rounds) + encoded(final)
        self.trees, self.rounds = trees, rounds
        indices = [transcript.sample_bits(key.log_domain) for _ in range(key.num_queries)]
        return head + b"".join(map(self.record, indices))

    def drawn(self, length: int) -> Polynomial:
        return [self.rng.randrange(P) for _ in range(length)]

    def record(self, index: int) -> bytes:
        """The query record that opens ``index``."""
        out = b""
        for tree in self.trees:
            out += tree.opened(index >> self.key.log_domain - tree.heights[0])
        for (tree, word), arity in zip(self.rounds, self.key.rounds, strict=True):
            first = index >> arity << arity
            out += recorded([v for i, v in enumerate(word[first : first + (1 << arity)], first) if i != index])
            index >>= arity
            out += tree.leaves[tree.heights[0]][index][-8 * SALT :] + tree.path(index)
        return out

    def coefficients(self, word: Word) -> list[Extension]:
        """Of the polynomial over the subgroup with the values of ``word``."""
        log_size = len(word).bit_length() - 1
        ordered = [word[reverse_bits(i, log_size)] for i in range(len(word))]
        parts = (interpolated([v.a for v in ordered], 1), interpolated([v.b for v in ordered], 1))
        return [FAST.element(a, b) for a, b in zip(*parts, strict=True)]

    def _main(self, table: int) -> list[Polynomial]:
        columns = zip(*self.traces[table], strict=True)
        return [masked(interpolated(c, 1), len(c), 1, self.mask(table)) for c in columns]

    def _committed(self, tree: int, matrices: Sequence[Sequence[Polynomial]]) -> Commitment:
        rows: dict[int, list[bytes]] = {}
        for matrix, polynomials in zip(self.key.trees[tree].matrices, matrices, strict=True):
            height = matrix.log_height
            columns = [values_on(p, height, GENERATOR) for p in polynomials]
            group = rows.setdefault(height, [b""] * (1 << height))
            for i in range(1 << height):
                place = reverse_bits(i, height)
                group[i] += b"".join(column[place].to_bytes(8, "big") for column in columns)
        return Commitment(rows, self.key.cap_height, self.rng)

    def _permutation(self, number: int, buses: BusChallenges[Extension]) -> list[Polynomial]:
        """Accumulator and fractions, each as two columns; notes the terminal."""
        shape, rows = self.key.tables[number], self.traces[number]
        none = Selectors(FAST.zero, FAST.zero, FAST.zero, FAST.zero)  # no message holds a selector
        accumulator, columns = FAST.zero, []
        for row, after in zip(rows, rows[1:] + rows[:1], strict=True):
            nodes = evaluate_tape(FAST, shape.table, list(map(FAST.lift, row)), list(map(FAST.lift, after)), none)
            fractions = []
            for column in shape.lookups:
                total = FAST.zero
                for message in (shape.table.messages[m] for m in column.messages):
                    denominator = buses.denominator(FAST, column.bus, [nodes[f] for f in message.fields])
                    part = nodes[message.count] * FAST.inverse(denominator)
                    total = total - part if message.receive else total + part
                fractions.append(total)
            columns.append([accumulator, *fractions])
            for fraction in fractions:
                accumulator = accumulator + fraction
        self.terminals.append(accumulator)
        base = [[v for value in row for v in (value.a, value.b)] for row in columns]
        return [masked(interpolated(c, 1), len(c), 1, self.mask(number)) for c in zip(*base, strict=True)]

    def _quotient(self, number: int, buses: BusChallenges[Extension], alpha: Extension) -> list[list[Polynomial]]:
        """The chunks of a table: what its folded constraints divided by x^N - 1 are on each chunk's coset."""
        shape = self.key.tables[number]
        size, count = 1 << shape.log_height, 1 << shape.log_chunks
        step = generator_of_order(shape.log_height + shape.log_chunks)
        shifts = [GENERATOR * pow(step, i, P) % P for i in range(count)]
        masks = [[self.drawn(self.key.mask_length) for _ in range(2)] for _ in range(count)]
        weights = [self._weight(size, shifts, i) for i in range(count)]
        for part in range(2):
            last = [0] * self.key.mask_length
            for i in range(count - 1):
                last = [(s - weights[i] * r) % P for s, r in zip(last, masks[i][part], strict=True)]
            masks[-1][part] = [s * pow(weights[-1], -1, P) % P for s in last]
        chunks = []
        for shift, pair in zip(shifts, masks, strict=True):
            values = self._constraints_on(number, shift, buses, alpha)
            scale = pow(pow(shift, size, P) - 1, -1, P)
            parts = ([v.a * scale % P for v in values], [v.b * scale % P for v in values])
            chunks.append([masked(interpolated(p, shift), size, shift, m) for p, m in zip(parts, pair, strict=True)])
        return chunks

    @staticmethod
    def _weight(size: int, shifts: Sequence[int], i: int) -> int:
        out = 1
        for j, other in enumerate(shifts):
            if j != i:
                out = out * (pow(shifts[i], size, P) * pow(other, -size, P) - 1) % P
        return pow(out, -1, P)

    def _constraints_on(self, number: int, shift: int, buses: BusChallenges[Extension], alpha: Extension) -> Word:
        """The folded constraints at the points ``shift w^i``."""
        shape = self.key.tables[number]
        columns = [values_on(p, shape.log_height, shift) for p in self.main[number]]
        base = [values_on(p, shape.log_height, shift) for p in self.permutation.get(number, [])]
        rows = [list(map(FAST.lift, row)) for row in zip(*columns, strict=True)]
        lookups = [from_basis(FAST, list(map(FAST.lift, row))) for row in zip(*base, strict=True)]
        terminal = self._terminal(number)
        out, x = [], shift
        for i, row in enumerate(rows):
            after = (i + 1) % len(rows)
            at = selectors(FAST, shape.log_height, FAST.lift(x))
            local, following = (lookups[i], lookups[after]) if lookups else ([], [])
            out.append(self._folded_constraints(number, buses, alpha, row, rows[after], at, local, following, terminal))
            x = x * generator_of_order(shape.log_height) % P
        return out

    def _terminal(self, number: int) -> Extension:
        return self.terminals[list(self.permutation).index(number)] if number in self.permutation else FAST.zero

    def _folded_constraints(
        self,
        number: int,
        buses: BusChallenges[Extension],
        alpha: Extension,
        row: Sequence[Extension],
        after: Sequence[Extension],
        at: Selectors[Extension],
        local: Sequence[Extension],
        following: Sequence[Extension],
        terminal: Extension,
    ) -> Extension:
        shape = self.key.tables[number]
        nodes = evaluate_tape(FAST, shape.table, row, after, at)
        values = [nodes[node] for node in shape.table.asserts]
        if shape.lookups:
            messages = shape.table.messages
            values += permutation_constraints(
                FAST, buses, shape.lookups, messages, nodes, at, local, following, terminal
            )
        return fold_constraints(FAST, alpha, values)

    def folded_at(self, number: int, opened: Opened, drawn: Drawn) -> Extension:
        """A table's folded constraints at zeta, from what is claimed."""
        shape = self.key.tables[number]
        main = opened[0][number]
        local: list[Extension] = []
        following: list[Extension] = []
        if shape.lookups:
            claimed = opened[2][list(self.permutation).index(number)]
            local, following = (from_basis(FAST, point) for point in claimed)
        at = selectors(FAST, shape.log_height, drawn.zeta)
        row, after = main[0], main[1] if shape.table.reads_next_row else []
        return self._folded_constraints(
            number, drawn.buses, drawn.alpha, row, after, at, local, following, self._terminal(number)
        )

    def _points(self, matrix: Matrix, zeta: Extension) -> list[Extension]:
        step = 1 if matrix.table == NO_TABLE else generator_of_order(self.key.tables[matrix.table].log_height)
        return [zeta, zeta * FAST.lift(step)][: matrix.points]

    def _opened(self, zeta: Extension) -> Opened:
        return [
            [
                [[value_at(p, point) for p in columns] for point in self._points(matrix, zeta)]
                for matrix, columns in zip(tree.matrices, matrices, strict=True)
            ]
            for tree, matrices in zip(self.key.trees, self.polynomials, strict=True)
        ]

    def _reduced(self, opened: Opened, zeta: Extension, batching: Extension) -> dict[int, Word]:
        """The batched quotients of each height on its domain."""
        powers: defaultdict[int, Extension] = defaultdict(lambda: FAST.one)
        out: dict[int, Word] = {}
        for tree, matrices, claimed in zip(self.key.trees, self.polynomials, opened, strict=True):
            for matrix, polynomials, points in zip(tree.matrices, matrices, claimed, strict=True):
                height = matrix.log_height
                columns = [values_on(p, height, GENERATOR) for p in polynomials]
                total = out.setdefault(height, [FAST.zero] * (1 << height))
                for point, values in zip(self._points(matrix, zeta), points, strict=True):
                    weights, sum_of_claims = [], FAST.zero
                    for value in values:
                        weights.append(powers[height])
                        sum_of_claims = sum_of_claims + powers[height] * value
                        powers[height] = powers[height] * batching
                    form = FAST.linear_form(weights)
                    for i in range(1 << height):
                        place = reverse_bits(i, height)
                        numerator = sum_of_claims - form([column[place] for column in columns])
                        x = FAST.lift(committed_point(i, height))
                        total[i] = total[i] + numerator * FAST.inverse(point - x)
        return out

    def _folded(self, transcript: Challenger) -> tuple[list[tuple[Commitment, Word]], list[Extension]]:
        key, rounds = self.key, []
        word, log_rows = self.reduced[key.log_domain], key.log_domain
        for number, arity in enumerate(key.rounds):
            log_rows -= arity
            word = self.committed_word(number, word)
            cuts = pairwise(range(0, len(word) + 1, 1 << arity))
            rows = [word[first:end] for first, end in cuts]
            tree = Commitment({log_rows: [recorded(row) for row in rows]}, key.cap_height, self.rng)
            rounds.append((tree, word))
            transcript.observe(tree.cap)
            beta = transcript.sample(FAST)
            word = [fold_row(FAST, row, i, log_rows, arity, beta, "") for i, row in enumerate(rows)]
            if log_rows in self.reduced:
                power = beta ** (1 << arity)
                word = [v + power * r for v, r in zip(word, self.reduced[log_rows], strict=True)]
        final = self.final_polynomial(word)
        transcript.observe(encoded(final))
        transcript.observe(bytes(EXTENSION * ((2 << key.log_final_poly) - key.final_coefficients)))
        return rounds, final
