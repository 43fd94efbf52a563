"""Published test vectors, one JSON file for each topic (``docs/commitments.md``).

Numbers are decimal strings, bytes ``0x`` and hex digits. ``python -m commitments.vectors`` writes the files;
a test compares them with what the code computes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.resources import files
from typing import Any, Final

from ..bundle import Bundle, Entry, Kind, bundle_hash, commitment, commitment_leaf, commitment_tree
from ..keys import TAG, KeyTree, Seed, derive_secret, key_leaf
from ..poseidon2 import compress, permute
from ..receipts import Domain, SigningKey
from ..state import StateTree, balance_leaf, balance_slot, leaf_index
from ..types import KEY_DEPTH, KEY_SLOT, MODULUS, STATE_DEPTH, ZERO, Digest
from ..venue import venue_id

CHAIN_ID: Final = 31337
CONTRACT: Final = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
SEED: Final = bytes(range(32))
BATCH: Final = 7
ACCOUNT: Final = 5
SALT: Final = (11, 22, MODULUS - 1)
ENTRIES: Final = (
    Entry(Kind.SELL, 0, 20_100, 3),
    Entry(Kind.WITHDRAWAL, 1, 0, 1_000),
    Entry(Kind.BUY, 0, 19_900, 4),
)
LOG_SIZE: Final = 4
COMMIT_KEY: Final = bytes(31) + b"\x01"


def build() -> dict[str, dict[str, Any]]:
    """The content of all files, by file name without ending."""
    venue = venue_id(CHAIN_ID, CONTRACT)
    return {
        "poseidon2": _poseidon2(),
        "keys": _keys(venue),
        "bundle": _bundle(venue),
        "state": _state(),
        "signatures": _signatures(venue),
    }


def read(name: str) -> dict[str, Any]:
    """One published file."""
    content: dict[str, Any] = json.loads((files(__package__) / f"{name}.json").read_text())
    return content


def render(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2) + "\n"


def _poseidon2() -> dict[str, Any]:
    states = [[0] * 8, list(range(8)), [MODULUS - 1 - i for i in range(8)]]
    left, right = (1, 2, 3, 4), (5, 6, 7, MODULUS - 1)
    roots = [ZERO]
    for _ in range(STATE_DEPTH):
        roots.append(compress(roots[-1], roots[-1]))
    return {
        "modulus": str(MODULUS),
        "permute": [{"state": _numbers(state), "result": _numbers(permute(state))} for state in states],
        "compress": {
            "left": _numbers(left),
            "right": _numbers(right),
            "result": _numbers(compress(left, right)),
        },
        "empty_roots": [_numbers(root) for root in roots],
    }


def _keys(venue: int) -> dict[str, Any]:
    seed = Seed(SEED)
    tree = KeyTree.generate(seed, venue, first=BATCH - 2, log_size=LOG_SIZE)
    key = tree.key(BATCH)
    secrets = [derive_secret(seed, venue, batch) for batch in (0, BATCH, 2**62 - 1)]
    return {
        "tag": TAG.decode(),
        "seed": _hex(SEED),
        "venue": str(venue),
        "secrets": [
            {
                "batch": str(batch),
                "secret": _numbers(secret),
                "leaf": _numbers(key_leaf(secret, venue, batch)),
            }
            for batch, secret in zip((0, BATCH, 2**62 - 1), secrets, strict=True)
        ],
        "tree": {
            "first": str(tree.first),
            "log_size": tree.log_size,
            "depth": KEY_DEPTH,
            "root": _numbers(tree.root),
            "batch": str(BATCH),
            "position": key.position,
            "path": [_numbers(sibling) for sibling in key.path],
        },
    }


def _bundle(venue: int) -> dict[str, Any]:
    bundle = Bundle(ENTRIES, SALT)
    secret = derive_secret(Seed(SEED), venue, BATCH)
    committed = commitment(venue, BATCH, ACCOUNT, bundle, secret)
    tree = commitment_tree(venue, BATCH, [(ACCOUNT, committed), (ACCOUNT + 1, (1, 2, 3, 4))])
    return {
        "venue": str(venue),
        "batch": str(BATCH),
        "account": ACCOUNT,
        "salt": _numbers(SALT),
        "secret": _numbers(secret),
        "entries": [
            {
                "kind": int(entry.kind),
                "market_or_asset": entry.market,
                "price": str(entry.price),
                "quantity": str(entry.quantity),
                "encoding": _numbers((entry.code, entry.quantity)),
            }
            for entry in ENTRIES
        ],
        "bundle": _numbers(bundle_hash(venue, BATCH, ACCOUNT, bundle)),
        "commitment": _numbers(committed),
        "leaf": _numbers(commitment_leaf(venue, BATCH, ACCOUNT, committed)),
        "tree": {
            "depth": tree.depth,
            "other": {"account": ACCOUNT + 1, "commitment": _numbers((1, 2, 3, 4))},
            "root": _numbers(tree.root),
            "path_of_first": [_numbers(sibling) for sibling in tree.path(0)],
        },
    }


def _state() -> dict[str, Any]:
    leaves: list[tuple[int, int, Digest]] = [
        (2, KEY_SLOT, (9, 8, 7, 6)),
        (2, balance_slot(0), balance_leaf(1_000_000)),
        (2**20 - 1, balance_slot(13), balance_leaf(2**62 - 1)),
    ]
    tree = StateTree()
    tree.set({leaf_index(account, slot): leaf for account, slot, leaf in leaves})
    return {
        "depth": STATE_DEPTH,
        "leaves": [
            {"account": account, "slot": slot, "index": leaf_index(account, slot), "leaf": _numbers(leaf)}
            for account, slot, leaf in leaves
        ],
        "root": _numbers(tree.root),
        "path_of_first": [_numbers(sibling) for sibling in tree.slot_path(2, KEY_SLOT)],
    }


def _signatures(venue: int) -> dict[str, Any]:
    domain, key = Domain(CHAIN_ID, CONTRACT), SigningKey(COMMIT_KEY)
    committed, challenge = (1, 2, 3, MODULUS - 1), bytes(range(32))
    digests = {
        "CommitMessage": domain.commitment(BATCH, ACCOUNT, 3, committed),
        "Cancel": domain.commitment(BATCH, ACCOUNT, 4, ZERO),
        "Receipt": domain.receipt(BATCH, ACCOUNT, 3, committed),
        "Acknowledgement": domain.acknowledgement(BATCH, ACCOUNT, committed),
        "Refusal": domain.refusal(BATCH, ACCOUNT, committed, "no such market"),
        "Session": domain.session(ACCOUNT, challenge),
    }
    return {
        "chain_id": CHAIN_ID,
        "contract": CONTRACT,
        "venue": str(venue),
        "private_key": _hex(COMMIT_KEY),
        "address": key.address,
        "batch": str(BATCH),
        "account": ACCOUNT,
        "sequence": "3, of Cancel 4",
        "commitment": _numbers(committed),
        "reason": "no such market",
        "challenge": _hex(challenge),
        "messages": {
            name: {"digest": _hex(digest), "signature": _hex(key.sign(digest))} for name, digest in digests.items()
        },
    }


def _numbers(values: Iterable[int]) -> list[str]:
    return [str(int(value)) for value in values]


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
