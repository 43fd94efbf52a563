"""sealbook: a private batch-auction order book with commit-reveal and zero-knowledge matching.

The SDK's public names. They are imported when they are first used, so that ``sealbook clear`` starts without
web3.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from client.audit import Balance
    from client.blocking import SyncOrder
    from client.deadlines import Deadline
    from client.errors import (
        BrokenPromiseError,
        CapExceededError,
        ChainError,
        ChainUnreachableError,
        EvidenceError,
        FloatRefusedError,
        InputError,
        InsufficientBalanceError,
        KeyFileError,
        LinkError,
        NoReplyError,
        NotOnGridError,
        OrderEndedError,
        OutOfBandError,
        SealbookError,
        SignerError,
        StateError,
        StoreError,
        TransactionPendingError,
        TransactionRevertedError,
        VenueMismatchError,
        VenueRefusedError,
        VenueUnreachableError,
    )
    from client.handles import Commitment, OrderHandle
    from client.history import History, MarketRow, OrderRow
    from client.inventory import Inventory, MakerFill, QuoteTick
    from client.keys import Keys
    from client.orders import Order, Side, Withdrawal, buy, sell, withdrawal
    from client.proofs import ProofVerdict
    from client.quotes import QuoteResult, Quotes
    from client.remote.agent import AgentReport, RemoteClient
    from client.signers import KeystoreSigner, LocalSigner, RemoteSigner, Signer
    from client.sim import SimAsset, SimMarket, SimTerms, SimTick, SimVenue
    from client.states import (
        Cancelled,
        Cleared,
        Committed,
        Created,
        Expired,
        Fault,
        OrderState,
        OrderStatus,
        Proven,
        Rejected,
        Revealed,
        RevealMissed,
        Sealed,
        Settled,
        Unfilled,
    )
    from client.streams import Delta, OrderUpdate, Resynced, Snapshot, Stale, Stream
    from client.venue import Asset, Market, Venue

    from .sdk import Client, SyncClient

_ERRORS = (
    "BrokenPromiseError CapExceededError ChainError ChainUnreachableError FloatRefusedError SealbookError "
    "InputError InsufficientBalanceError KeyFileError LinkError NoReplyError NotOnGridError OrderEndedError "
    "OutOfBandError SignerError StateError StoreError EvidenceError TransactionPendingError TransactionRevertedError "
    "VenueMismatchError VenueRefusedError VenueUnreachableError"
)
_STATES = (
    "Cancelled Cleared Committed Created Expired Fault OrderState OrderStatus Proven Rejected RevealMissed Revealed "
    "Sealed Settled Unfilled"
)
_HOMES = {
    **dict.fromkeys(_ERRORS.split(), "client.errors"),
    **dict.fromkeys(_STATES.split(), "client.states"),
    **dict.fromkeys(("Order", "Side", "Withdrawal", "buy", "sell", "withdrawal"), "client.orders"),
    **dict.fromkeys(("Commitment", "OrderHandle"), "client.handles"),
    **dict.fromkeys(("Asset", "Market", "Venue"), "client.venue"),
    **dict.fromkeys(("Inventory", "MakerFill", "QuoteTick"), "client.inventory"),
    **dict.fromkeys(("QuoteResult", "Quotes"), "client.quotes"),
    **dict.fromkeys(("SimAsset", "SimMarket", "SimTerms", "SimTick", "SimVenue"), "client.sim"),
    **dict.fromkeys(("KeystoreSigner", "LocalSigner", "RemoteSigner", "Signer"), "client.signers"),
    **dict.fromkeys(("Delta", "OrderUpdate", "Resynced", "Snapshot", "Stale", "Stream"), "client.streams"),
    "Balance": "client.audit",
    "ProofVerdict": "client.proofs",
    **dict.fromkeys(("Client", "SyncClient"), "sealbook.sdk"),
    **dict.fromkeys(("History", "MarketRow", "OrderRow"), "client.history"),
    "SyncOrder": "client.blocking",
    "Deadline": "client.deadlines",
    **dict.fromkeys(("AgentReport", "RemoteClient"), "client.remote.agent"),
    "Keys": "client.keys",
}

__all__ = [
    "AgentReport",
    "Asset",
    "Balance",
    "BrokenPromiseError",
    "Cancelled",
    "CapExceededError",
    "ChainError",
    "ChainUnreachableError",
    "Cleared",
    "Client",
    "Commitment",
    "Committed",
    "Created",
    "Deadline",
    "Delta",
    "EvidenceError",
    "Expired",
    "Fault",
    "FloatRefusedError",
    "History",
    "InputError",
    "InsufficientBalanceError",
    "Inventory",
    "KeyFileError",
    "Keys",
    "KeystoreSigner",
    "LinkError",
    "LocalSigner",
    "MakerFill",
    "Market",
    "MarketRow",
    "NoReplyError",
    "NotOnGridError",
    "Order",
    "OrderEndedError",
    "OrderHandle",
    "OrderRow",
    "OrderState",
    "OrderStatus",
    "OrderUpdate",
    "OutOfBandError",
    "ProofVerdict",
    "Proven",
    "QuoteResult",
    "QuoteTick",
    "Quotes",
    "Rejected",
    "RemoteClient",
    "RemoteSigner",
    "Resynced",
    "RevealMissed",
    "Revealed",
    "SealbookError",
    "Sealed",
    "Settled",
    "Side",
    "Signer",
    "SignerError",
    "SimAsset",
    "SimMarket",
    "SimTerms",
    "SimTick",
    "SimVenue",
    "Snapshot",
    "Stale",
    "StateError",
    "StoreError",
    "Stream",
    "SyncClient",
    "SyncOrder",
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
