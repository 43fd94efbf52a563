"""sealbook: a private batch-auction order book with commit-reveal and zero-knowledge matching.

The SDK's public names. They are imported when they are first used, so that ``sealbook clear`` starts without
web3.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from client.audit import Balance
    from client.client import Client
    from client.errors import (
        BrokenPromiseError,
        CapExceededError,
        ChainError,
        ChainUnreachableError,
        ClientError,
        FloatRefusedError,
        InputError,
        InsufficientBalanceError,
        KeyFileError,
        LinkError,
        NoReplyError,
        NotOnGridError,
        OrderEndedError,
        OutOfBandError,
        SignerError,
        StateError,
        StoreError,
        TransactionPendingError,
        TransactionRevertedError,
        VenueMismatchError,
        VenueRefusedError,
        VenueUnreachableError,
    )
    from client.keys import Keys
    from client.orders import Order, Side, Withdrawal, buy, sell, withdrawal
    from client.signers import KeystoreSigner, LocalSigner, RemoteSigner, Signer
    from client.states import (
        Cancelled,
        Cleared,
        Commitment,
        Committed,
        Created,
        OrderHandle,
        Rejected,
        Revealed,
        RevealMissed,
        Sealed,
        Settled,
        Unfilled,
    )
    from client.venue import Asset, Market, Venue

_ERRORS = (
    "BrokenPromiseError CapExceededError ChainError ChainUnreachableError ClientError FloatRefusedError "
    "InputError InsufficientBalanceError KeyFileError LinkError NoReplyError NotOnGridError OrderEndedError "
    "OutOfBandError SignerError StateError StoreError TransactionPendingError TransactionRevertedError "
    "VenueMismatchError VenueRefusedError VenueUnreachableError"
)
_STATES = (
    "Cancelled Cleared Commitment Committed Created OrderHandle Rejected RevealMissed Revealed Sealed Settled Unfilled"
)
_HOMES = {
    **dict.fromkeys(_ERRORS.split(), "client.errors"),
    **dict.fromkeys(_STATES.split(), "client.states"),
    **dict.fromkeys(("Order", "Side", "Withdrawal", "buy", "sell", "withdrawal"), "client.orders"),
    **dict.fromkeys(("Asset", "Market", "Venue"), "client.venue"),
    **dict.fromkeys(("KeystoreSigner", "LocalSigner", "RemoteSigner", "Signer"), "client.signers"),
    "Balance": "client.audit",
    "Client": "client.client",
    "Keys": "client.keys",
}

__all__ = [
    "Asset",
    "Balance",
    "BrokenPromiseError",
    "Cancelled",
    "CapExceededError",
    "ChainError",
    "ChainUnreachableError",
    "Cleared",
    "Client",
    "ClientError",
    "Commitment",
    "Committed",
    "Created",
    "FloatRefusedError",
    "InputError",
    "InsufficientBalanceError",
    "KeyFileError",
    "Keys",
    "KeystoreSigner",
    "LinkError",
    "LocalSigner",
    "Market",
    "NoReplyError",
    "NotOnGridError",
    "Order",
    "OrderEndedError",
    "OrderHandle",
    "OutOfBandError",
    "Rejected",
    "RemoteSigner",
    "RevealMissed",
    "Revealed",
    "Sealed",
    "Settled",
    "Side",
    "Signer",
    "SignerError",
    "StateError",
    "StoreError",
    "TransactionPendingError",
    "TransactionRevertedError",
    "Unfilled",
    "Venue",
    "VenueMismatchError",
    "VenueRefusedError",
    "VenueUnreachableError",
    "Withdrawal",
    "buy",
    "sell",
    "withdrawal",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'sealbook' has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return __all__
