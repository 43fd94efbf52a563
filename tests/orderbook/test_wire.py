"""The wire types: what is encoded comes back, and whatever else arrives is a typed error."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commitments.types import MODULUS
from orderbook import wire
from orderbook.errors import WireError

HEX = "0x" + "ab" * 32
SIGNATURE = "0x" + "00" * 65
REQUESTS: list[wire.Request] = [
    wire.Login(1, 2, SIGNATURE),
    wire.Commit(1, 2, 3, HEX, SIGNATURE),
    wire.Cancel(1, 2, 3, SIGNATURE),
    wire.Lease(1, 2, 3, SIGNATURE, 2.5),
    wire.GetPath(1, 2),
    wire.Reveal(1, 2, (wire.Entry(2, 0, 5, 6),) * 64, HEX, HEX, 7, (HEX,) * 20),
    wire.GetBatch(1),
    wire.GetResult(1, 2),
    wire.GetBalances(1),
    wire.GetMarkets(1),
    wire.Subscribe(1),
    wire.SealNow(1),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda r: type(r).__name__)
def test_requests_survive_both_encodings(request_: wire.Request) -> None:
    text, data = wire.encode(request_), wire.encode_binary(request_)
    assert wire.decode_request(text) == request_
    assert wire.decode_request(data) == request_
    assert len(text) <= wire.MAX_REQUEST_BYTES
    assert wire.request_id(text) == wire.request_id(data) == 1


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda r: type(r).__name__)
def test_unknown_and_missing_fields_are_refused(request_: wire.Request) -> None:
    fields = json.loads(wire.encode(request_))
    with pytest.raises(WireError, match="unknown field") as unknown:
        wire.decode_request(json.dumps({**fields, "surprise": 1}))
    assert unknown.value.code == "malformed"
    del fields["id"]
    with pytest.raises(WireError, match="missing required field `id`"):
        wire.decode_request(json.dumps(fields))


@given(st.one_of(st.text(), st.binary()))
def test_anything_else_is_a_wire_error(frame: str | bytes) -> None:
    for decode in (wire.decode_request, wire.decode_reply):
        with pytest.raises(WireError) as caught:
            decode(frame)
        assert caught.value.code == "malformed"
    wire.request_id(frame)


@given(st.sampled_from(REQUESTS), st.data())
def test_a_changed_byte_is_a_wire_error_or_another_request(request_: wire.Request, data: st.DataObject) -> None:
    frame = bytearray(wire.encode_binary(request_))
    place = data.draw(st.integers(0, len(frame) - 1))
    frame[place] ^= data.draw(st.integers(1, 255))
    try:
        decoded = wire.decode_request(bytes(frame))
    except WireError:
        return
    assert wire.encode_binary(decoded) != wire.encode_binary(request_)


def test_too_long_messages_are_not_parsed() -> None:
    with pytest.raises(WireError, match=f"message of 140000 bytes, at most {wire.MAX_REQUEST_BYTES}") as caught:
        wire.decode_request(" " * 140_000)
    assert caught.value.code == "too_large"


@given(st.tuples(*[st.integers(0, MODULUS - 1)] * 4))
def test_digests_have_one_form(digest: tuple[int, int, int, int]) -> None:
    assert wire.digest_of(wire.hex_digest(digest), "x") == digest


def test_digests_that_are_not_canonical() -> None:
    with pytest.raises(WireError) as caught:
        wire.digest_of("0x" + "00" * 24 + f"{MODULUS:016x}", "salt")
    assert (caught.value.code, caught.value.field) == ("malformed", "salt")
