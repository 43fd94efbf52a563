"""The beginning of a session: is the peer the venue that was asked for, and the answer to its challenge."""

from __future__ import annotations

from orderbook.wire import SCHEMA, Hello, Login

from .errors import VenueMismatchError
from .signers import Signer
from .typed import Messages
from .venue import Venue

__all__ = ["check_hello", "login"]


def check_hello(venue: Venue, hello: Hello) -> None:
    """What the peer says of itself is what L1 and the caller say.

    :raises VenueMismatchError: it is not.
    """
    if hello.schema != SCHEMA:
        raise VenueMismatchError(f"the venue speaks schema {hello.schema}, not {SCHEMA}", field="schema")
    facts = (
        ("chain_id", hello.chain_id, venue.chain_id),
        ("contract", hello.contract.lower(), venue.contract.lower()),
        ("venue", hello.venue, venue.number),
        ("operator", hello.operator.lower(), venue.operator.lower()),
    )
    for field, said, expected in facts:
        if said != expected:
            raise VenueMismatchError(f"{field}: the venue says {said}, L1 says {expected}", field=field)


async def login(venue: Venue, account: int, signer: Signer, hello: Hello) -> Login:
    """The login of an account."""
    message = Messages(venue.chain_id, venue.contract).session(account, bytes.fromhex(hello.challenge[2:]))
    return Login(id=0, account=account, signature="0x" + (await signer.sign_message(message)).hex())
