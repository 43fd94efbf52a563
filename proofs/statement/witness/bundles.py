"""The leaves of an epoch's batches side by side in arrays, with the hashes that bind them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate, chain

import numpy as np

from commitments import _native
from commitments.types import ZERO, Digest

from ...layout import Block, Column, Integers, digests, elements, exact, numbers
from ...params import KEY_DEPTH
from .entries import Opened
from .inputs import EpochInput, MissingLeaf, OpenedLeaf


class Bundles:
    """Item i of each list is row i of the bundle table; row ``starts[k]`` is the first of batch k.

    The lists hold what the state says of each leaf, and are filled on the way.
    """

    def __init__(self, epoch: EpochInput, constants: Mapping[str, int]) -> None:
        self._constants = constants
        batches = [batch.leaves for batch in epoch.batches]
        self.starts = [0, *accumulate(map(len, batches))]
        self._all = [leaf for leaves in batches for leaf in leaves]
        count = len(self._all)
        self._batch = np.repeat(np.arange(len(batches)), np.diff(self.starts))
        self._position = np.arange(count) - np.array(self.starts[:-1], dtype=np.int64)[self._batch]
        self._account = exact([leaf.account for leaf in self._all])
        where = zip(self._batch.tolist(), self._all, strict=True)
        self.opened = [Opened(i, k, leaf) for i, (k, leaf) in enumerate(where) if isinstance(leaf, OpenedLeaf)]
        self._rows = np.array([item.number for item in self.opened], dtype=np.int64)
        self.funds, self.funds_before = [0] * count, [0] * count
        self.cover = [False] * count
        self.keys: list[Digest] = [ZERO] * count
        self.key_before, self.insurance, self.insurance_before = [0] * count, [0] * count, [0] * count
        self.leaves = np.zeros((count, 4), dtype=np.uint64)
        """The leaves of the commitment trees, once their hashes are known (:meth:`block`)."""

    def opened_of(self, batch: int) -> tuple[int, int]:
        """Which of the opened leaves are of a batch: the first, and the one after the last."""
        first, end = np.searchsorted(self._rows, self.starts[batch : batch + 2]).tolist()
        return first, end

    def headers(self, sizes: Integers) -> Column:
        """The hashes with which the opened bundles' chains start; ``sizes``: their numbers of entries."""
        salts = digests([item.leaf.salt for item in self.opened], 3)
        return _native.compress_many(self._where(2, self._rows), np.column_stack([elements(sizes), salts]))

    def block(self, sizes: Integers, headers: Column, bodies: Column) -> Block:
        """The bundle table; ``headers`` and ``bodies``: the opened bundles' chains at their start and end."""
        rows, count = self._rows, len(self._all)
        secrets = self._secrets()
        commitments = _native.compress_many(bodies, secrets)
        made: Block = {name: np.repeat(numbers([value]), count) for name, value in self._constants.items()}
        committed = numbers([leaf.commitment if isinstance(leaf, MissingLeaf) else ZERO for leaf in self._all])
        committed = committed.reshape(-1, 4)
        committed[rows] = commitments
        self.leaves = _native.compress_many(committed, self._where(3, np.arange(count)))
        last = np.zeros(count, dtype=bool)
        last[[end - 1 for start, end in zip(self.starts, self.starts[1:], strict=False) if end > start]] = True
        opened = np.zeros(count, dtype=bool)
        opened[rows] = True
        charged = np.array([isinstance(leaf, MissingLeaf) and leaf.charged for leaf in self._all], dtype=bool)
        salts = digests([item.leaf.salt for item in self.opened], 3)
        own = {
            "count": elements(sizes), "salt": salts, "secret": secrets, "header": headers, "body": bodies,
            "key_position": self._key_positions(), "key_leaf": self._key_leaves(secrets),
        }  # fmt: skip
        for name, values in own.items():
            made[name] = np.zeros((count, *values.shape[1:]), dtype=np.uint64)
            made[name][rows] = values
        return {
            **made, "real": np.ones(count, dtype=np.uint64), "opened": elements(opened), "last": elements(last),
            "batch": elements(self._batch), "number": np.arange(count, dtype=np.uint64),
            "position": elements(self._position), "account": elements(self._account),
            "cover": elements(np.array(self.cover, dtype=bool)), "funds": numbers(self.funds),
            "funds.before": numbers(self.funds_before), "key.before": numbers(self.key_before),
            "key_root": digests(self.keys), "charged": elements(charged), "insurance": numbers(self.insurance),
            "insurance.before": numbers(self.insurance_before), "commitment": committed, "leaf": self.leaves,
        }  # fmt: skip

    def key_leaves(self) -> tuple[Column, Column, Column]:
        """The opened bundles' key leaves, their positions, and their paths (shape (n, depth, 4))."""
        if any(len(item.leaf.key_path) != KEY_DEPTH for item in self.opened):
            raise ValueError(f"a key path has {KEY_DEPTH} siblings")
        paths = digests(list(chain.from_iterable(item.leaf.key_path for item in self.opened)))
        return self._key_leaves(self._secrets()), self._key_positions(), paths.reshape(-1, KEY_DEPTH, 4)

    def _secrets(self) -> Column:
        return digests([item.leaf.secret for item in self.opened])

    def _key_positions(self) -> Column:
        return np.array([item.leaf.key_position for item in self.opened], dtype=np.uint64)

    def _key_leaves(self, secrets: Column) -> Column:
        where = self._where(1, self._rows)
        where[:, 3] = 0  # a key leaf names no account
        return _native.compress_many(secrets, where)

    def _where(self, tag: int, rows: Integers) -> Column:
        """(tag, venue, batch, account) of some rows."""
        venue, first = self._constants["venue"], self._constants["first_batch"]
        fixed = np.repeat(numbers([tag, venue])[None], len(rows), axis=0)
        return np.column_stack([fixed, elements(first + self._batch[rows]), elements(self._account[rows])])
