"""The wire protocol as an AsyncAPI 3.0 document, generated from the message types of :mod:`orderbook.wire`."""

from __future__ import annotations

import inspect
from typing import Any, Final, get_args

import msgspec

from . import wire

__all__ = ["PUSHED", "REPLIES", "document"]

REPLIES: Final[dict[type[wire.Message], tuple[type[wire.Message], ...]]] = {
    wire.Login: (wire.Session,),
    wire.Commit: (wire.Receipt,),
    wire.Cancel: (wire.Receipt,),
    wire.Lease: (wire.Leased,),
    wire.GetPath: (wire.Path,),
    wire.Reveal: (wire.Acknowledgement, wire.Refusal),
    wire.GetBatch: (wire.BatchStatus,),
    wire.GetResult: (wire.Result,),
    wire.GetBalances: (wire.Balances,),
    wire.GetMarkets: (wire.Markets,),
    wire.GetReceipt: (wire.Receipt,),
    wire.Subscribe: (wire.Subscribed,),
    wire.SealNow: (wire.BatchStatus,),
    wire.Drain: (wire.BatchStatus,),
    wire.Ping: (wire.Pong,),
    wire.Many: (wire.Results,),
}
"""What answers each request; :class:`orderbook.wire.Error` answers any of them too."""
PUSHED: Final[tuple[type[wire.Message], ...]] = (
    wire.Hello,
    wire.BatchStatus,
    wire.Sealed,
    wire.Result,
    wire.Receipt,
    wire.Markets,
    wire.Balances,
    wire.Heartbeat,
    wire.Goodbye,
)
"""What the venue sends by itself."""
_JSON, _PACK = "application/json", "application/msgpack"
_CLOSES: Final = {
    1001: "The venue stops; `goodbye` came before.",
    1008: "Cut off: `rate_limited`, `malformed` (too many strikes), `slow_consumer`, `too_many_sessions`.",
    1009: "A frame is too large.",
    1013: "`not_logged_in`: the venue is full and this connection had no session.",
}


def document() -> dict[str, Any]:
    """The whole document, as what JSON holds."""
    replies = get_args(wire.Reply)
    requests = get_args(wire.Request)
    names = {kind: _tag(kind) for kind in dict.fromkeys((*requests, *replies))}
    _, schemas = msgspec.json.schema_components(tuple(names), ref_template="#/components/schemas/{name}")
    channel = {"$ref": "#/channels/venue"}
    operations: dict[str, Any] = {}
    for kind in requests:
        answers = [*REPLIES[kind], wire.Error]
        operations[names[kind]] = {
            "action": "receive",
            "channel": channel,
            "summary": _summary(kind),
            "messages": [_in_channel(names[kind])],
            "reply": {"channel": channel, "messages": [_in_channel(names[answer]) for answer in answers]},
        }
    operations["push"] = {
        "action": "send",
        "channel": channel,
        "summary": "What the venue sends by itself; pushed messages have no `id`, or the `id` null.",
        "messages": [_in_channel(names[kind]) for kind in PUSHED],
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "sealbook venue",
            "version": str(wire.SCHEMA),
            "description": inspect.cleandoc(wire.__doc__ or ""),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": _JSON,
        "servers": {
            "plain": {"host": "127.0.0.1:9545", "protocol": "ws"},
            "tls": {"host": "127.0.0.1:9545", "protocol": "wss"},
        },
        "channels": {
            "venue": {
                "address": "/",
                "description": "One WebSocket. A text frame holds JSON, a binary frame the same object in MessagePack.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names.values()},
                "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
                "x-close-codes": {str(code): text for code, text in _CLOSES.items()},
                "x-longest-request-bytes": wire.MAX_REQUEST_BYTES,
                "x-longest-reply-bytes": wire.MAX_REPLY_BYTES,
            }
        },
        "operations": operations,
        "components": {
            "messages": {name: _message(kind, name) for kind, name in names.items()},
            "schemas": schemas,
        },
    }


def _message(kind: type[wire.Message], name: str) -> dict[str, Any]:
    message: dict[str, Any] = {
        "name": name,
        "title": kind.__name__,
        "summary": _summary(kind),
        "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
        "x-content-types": [_JSON, _PACK],
    }
    if "id" in kind.__struct_fields__:
        message["correlationId"] = {"location": "$message.payload#/id"}
    return message


def _in_channel(name: str) -> dict[str, str]:
    return {"$ref": f"#/channels/venue/messages/{name}"}


def _tag(kind: type[wire.Message]) -> str:
    tag = kind.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


def _summary(kind: type[wire.Message]) -> str:
    """The docstring in one line, without markup of its own."""
    text = " ".join(inspect.cleandoc(kind.__doc__ or "").split())
    return text.replace(":class:", "").replace("``", "`")
