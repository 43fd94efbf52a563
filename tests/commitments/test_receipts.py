"""Typed data against an independent EIP-712 encoder, and strict recovery."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import _hash_eip191_message, encode_typed_data
from hypothesis import given, settings
from hypothesis import strategies as st

from commitments.receipts import Domain, SigningKey, checksum_address, recover
from commitments.types import MODULUS, Digest
from commitments.venue import keccak256, venue_id

CHAIN, CONTRACT = 31337, "0x5FbDB2315678afecb367f032d93F642f64180aa3"
DOMAIN, KEY = Domain(CHAIN, CONTRACT), SigningKey(b"\x07" * 32)
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
PLACE = [("venue", "uint64"), ("batch", "uint64"), ("account", "uint32")]
ELEMENTS = [(f"c{i}", "uint64") for i in range(4)]
COMMITTED: Digest = (1, 2, 3, MODULUS - 1)


def oracle(name: str, fields: list[tuple[str, str]], values: list[Any]) -> bytes:
    message = encode_typed_data(
        {"name": "sealbook", "version": "1", "chainId": CHAIN, "verifyingContract": CONTRACT},
        {name: [{"name": field, "type": kind} for field, kind in fields]},
        {field: value for (field, _), value in zip(fields, values, strict=True)},
    )
    return bytes(_hash_eip191_message(message))


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 2**62),
    st.integers(0, 2**20 - 1),
    st.integers(0, 2**64 - 1),
    st.tuples(*[st.integers(0, MODULUS - 1)] * 4),
    st.text(max_size=40),
)
def test_digests(batch: int, account: int, sequence: int, committed: Digest, reason: str) -> None:
    place = [DOMAIN.venue, batch, account]
    numbered = [*PLACE, ("sequence", "uint64"), *ELEMENTS]
    assert DOMAIN.commitment(batch, account, sequence, committed) == oracle(
        "CommitMessage", numbered, [*place, sequence, *committed]
    )
    assert DOMAIN.receipt(batch, account, sequence, committed) == oracle(
        "Receipt", numbered, [*place, sequence, *committed]
    )
    assert DOMAIN.acknowledgement(batch, account, committed) == oracle(
        "Acknowledgement", [*PLACE, *ELEMENTS], [*place, *committed]
    )
    assert DOMAIN.refusal(batch, account, committed, reason) == oracle(
        "Refusal", [*PLACE, *ELEMENTS, ("reason", "string")], [*place, *committed, reason]
    )
    siblings = [committed, COMMITTED]
    nodes = b"".join(element.to_bytes(8, "big") for node in siblings for element in node)
    path = [*PLACE, *ELEMENTS, *((f"r{i}", "uint64") for i in range(4)), ("count", "uint32"), ("index", "uint32")]
    assert DOMAIN.path(batch, account, committed, COMMITTED, 9, 8, siblings) == oracle(
        "Path", [*path, ("siblings", "bytes32")], [*place, *committed, *COMMITTED, 9, 8, keccak256(nodes)]
    )
    challenge = keccak256(reason.encode())
    assert DOMAIN.session(account, challenge) == oracle(
        "Session",
        [("venue", "uint64"), ("account", "uint32"), ("challenge", "bytes32")],
        [DOMAIN.venue, account, challenge],
    )


def test_signatures_are_those_of_an_ordinary_wallet() -> None:
    digest = DOMAIN.commitment(1, 2, 3, COMMITTED)
    wallet = Account.from_key(KEY.reveal())
    signature = KEY.sign(digest)
    assert KEY.address == wallet.address
    assert signature == bytes(wallet.unsafe_sign_hash(digest).signature)
    assert recover(digest, signature) == KEY.address
    assert recover(DOMAIN.receipt(1, 2, 3, COMMITTED), signature) != KEY.address


def test_another_chain_or_contract_signs_something_else() -> None:
    digests = {
        Domain(chain, contract).commitment(1, 2, 3, COMMITTED)
        for chain in (1, CHAIN)
        for contract in (CONTRACT, "0x" + "11" * 20)
    }
    assert len(digests) == 4


def test_only_canonical_signatures_recover() -> None:
    digest = DOMAIN.commitment(1, 2, 3, COMMITTED)
    signature = KEY.sign(digest)
    r, s, v = signature[:32], int.from_bytes(signature[32:64], "big"), signature[64]
    high = r + (ORDER - s).to_bytes(32, "big") + bytes([55 - v])
    assert recover(digest, high) is None
    assert recover(digest, signature[:64] + bytes([v - 27])) is None
    assert recover(digest, signature[:64] + b"\x1d") is None
    assert recover(digest, signature[:64]) is None
    assert recover(digest, signature + b"\0") is None
    assert recover(digest, b"") is None
    assert recover(digest, bytes(64) + b"\x1b") is None
    assert recover(digest, r + bytes(32) + bytes([v])) is None
    assert recover(digest, b"\xff" * 32 + signature[32:]) is None
    assert recover(digest, signature[:64] + bytes([55 - v])) != KEY.address


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=65, max_size=65))
def test_noise_recovers_no_known_key(signature: bytes) -> None:
    assert recover(keccak256(b"message"), signature) != KEY.address


def test_keys_do_not_show() -> None:
    assert repr(KEY) == f"SigningKey({KEY.address})"


def test_checksum_address() -> None:
    address = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
    assert checksum_address(bytes.fromhex(address[2:])) == address


def test_venue() -> None:
    packed = CHAIN.to_bytes(32, "big") + bytes(12) + bytes.fromhex(CONTRACT[2:])
    assert venue_id(CHAIN, CONTRACT) == int.from_bytes(keccak256(packed), "big") % 2**63
    with pytest.raises(ValueError, match=r"^contract: an address has 20 bytes$"):
        venue_id(CHAIN, "0x1234")
