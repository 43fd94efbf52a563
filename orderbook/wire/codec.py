"""Messages as JSON text and as MessagePack."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from ..errors import WireError
from .fields import MAX_REPLY_BYTES, MAX_REQUEST_BYTES, Message, RequestId
from .pushed import Reply
from .requests import Request

_REQUEST_JSON: Final[msgspec.json.Decoder[Request]] = msgspec.json.Decoder(Request)
_REQUEST_PACK: Final[msgspec.msgpack.Decoder[Request]] = msgspec.msgpack.Decoder(Request)
_REPLY_JSON: Final[msgspec.json.Decoder[Reply]] = msgspec.json.Decoder(Reply)
_REPLY_PACK: Final[msgspec.msgpack.Decoder[Reply]] = msgspec.msgpack.Decoder(Reply)
_JSON: Final = msgspec.json.Encoder()
_PACK: Final = msgspec.msgpack.Encoder()


class _Id(Struct):
    id: RequestId | None = None


def encode(message: Message) -> str:
    """JSON text of a message."""
    return _JSON.encode(message).decode()


def encode_binary(message: Message) -> bytes:
    """MessagePack bytes of a message."""
    return _PACK.encode(message)


def decode_request(data: str | bytes) -> Request:
    """Parse a client's frame: text is JSON, bytes are MessagePack.

    :raises WireError: ``too_large`` or ``malformed``, with the path of the field that is wrong.
    """
    if len(data) > MAX_REQUEST_BYTES:
        raise WireError(f"message of {len(data)} bytes, at most {MAX_REQUEST_BYTES}", code="too_large")
    try:
        return _REQUEST_JSON.decode(data) if isinstance(data, str) else _REQUEST_PACK.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _malformed(error) from None


def decode_reply(data: str | bytes) -> Reply:
    """Parse the venue's frame, as :func:`decode_request`."""
    if len(data) > MAX_REPLY_BYTES:
        raise WireError(f"message of {len(data)} bytes, at most {MAX_REPLY_BYTES}", code="too_large")
    try:
        return _REPLY_JSON.decode(data) if isinstance(data, str) else _REPLY_PACK.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _malformed(error) from None


def request_id(data: str | bytes) -> int | None:
    """The ``id`` of a frame that could not be parsed otherwise, if it has a usable one (for the error reply)."""
    if len(data) > MAX_REQUEST_BYTES:
        return None
    try:
        if isinstance(data, str):
            return msgspec.json.decode(data, type=_Id).id
        return msgspec.msgpack.decode(data, type=_Id).id
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _malformed(error: Exception) -> WireError:
    """The reason without the peer's data: msgspec names the type, the rule and the path (`... - at `$.salt``)."""
    text = str(error)
    reason, _, path = text.partition(" - at `")
    return WireError(reason, field=path.rstrip("`").removeprefix("$").removeprefix("."))
