"""Errors of the SDK: one tree, caught as a whole by ``except SealbookError``.

::

    SealbookError
    ├── InputError                    what the caller asked for is not possible; nothing was sent
    │   ├── FloatRefusedError         a float where a Decimal, a string or an integer belongs
    │   ├── NotOnGridError            a decimal that is no whole number of ticks, lots or units
    │   ├── OutOfBandError            a limit price outside the market's band
    │   ├── CapExceededError          too many entries, or more lots than one bundle may hold
    │   └── InsufficientBalanceError  an entry that admission would drop
    ├── StateError                    not possible now: not registered, a commitment is open, no batch is open
    ├── KeyFileError                  seed file or key cache: missing, too open, corrupt, or of another account
    ├── SignerError                   a signer: unreachable, refuses, wrong key or password, unreadable keystore
    ├── EvidenceError                 a file that is no evidence, or cannot be read
    ├── StoreError                    the store: locked by another process, corrupt, or of another account
    ├── LinkError                     the connection to the venue, or to an agent
    │   ├── VenueUnreachableError     no connection in time; nothing of this request was sent
    │   └── NoReplyError              sent, but no answer in time: the outcome is not known
    ├── VenueRefusedError             the venue answered with an error; ``code`` is the venue's
    ├── VenueMismatchError            another venue, chain, contract or schema than asked for; nothing was sent
    ├── BrokenPromiseError            the venue said something that the chain or its own signature contradicts
    ├── ChainError                    L1: endpoint down, call or transaction failed
    │   ├── ChainUnreachableError     the endpoint does not answer
    │   ├── TransactionRevertedError  the contract refused; ``reason`` is its error
    │   └── TransactionPendingError   sent, but not mined in time: the outcome is not known
    └── OrderEndedError               an order that was awaited ended otherwise; ``state`` tells how

Every error carries ``code`` (stable, for programs), ``retryable`` (whether the same call may succeed later),
``outcome_known`` (False: it may have taken effect; the SDK keeps what it needs and finds out by itself),
``field`` (the culprit, or empty) and ``advice`` (what to do; never empty).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from .advice import BROKEN_PROMISES, CHAIN, REFUSALS, STATES

if TYPE_CHECKING:
    from .states import OrderState

__all__ = [
    "BrokenPromiseError",
    "CapExceededError",
    "ChainError",
    "ChainUnreachableError",
    "EvidenceError",
    "FloatRefusedError",
    "InputError",
    "InsufficientBalanceError",
    "KeyFileError",
    "LinkError",
    "NoReplyError",
    "NotOnGridError",
    "OrderEndedError",
    "OutOfBandError",
    "SealbookError",
    "SignerError",
    "StateError",
    "StoreError",
    "TransactionPendingError",
    "TransactionRevertedError",
    "VenueMismatchError",
    "VenueRefusedError",
    "VenueUnreachableError",
]


class SealbookError(Exception):
    """Root of the SDK's errors."""

    default_code: ClassVar[str] = "client"
    default_retryable: ClassVar[bool] = False
    default_outcome_known: ClassVar[bool] = True
    default_advice: ClassVar[str] = "read the message; if it does not help, report it with its code"
    advice_by_code: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        field: str = "",
        retryable: bool | None = None,
        advice: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = self.default_code if code is None else code
        self.field = field
        self.retryable = self.default_retryable if retryable is None else retryable
        self.outcome_known = self.default_outcome_known
        self.advice = self.advice_by_code.get(self.code, self.default_advice) if advice is None else advice

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text} ({self.advice})" if self.advice else text


class InputError(SealbookError):
    """What the caller asked for is not possible."""

    default_code = "bad_input"
    default_advice = "correct the argument that field names; nothing was sent"


class FloatRefusedError(InputError):
    """A float: its binary value is almost never the decimal that was meant."""

    default_code = "float_refused"
    default_advice = 'write Decimal("1.05") or "1.05", or an integer of ticks or lots'


class NotOnGridError(InputError):
    """A decimal between two steps of the market or asset."""

    default_code = "not_on_grid"
    default_advice = "round to a multiple of the step that the message names"


class OutOfBandError(InputError):
    """A limit price outside the market's band."""

    default_code = "price_out_of_band"
    default_advice = "choose a price in the band, or wait for the next version of the market"


class CapExceededError(InputError):
    """More than one bundle may hold."""

    default_code = "cap_exceeded"
    default_advice = "split over several batches or accounts"


class InsufficientBalanceError(InputError):
    """An entry whose debit does not fit, so that the venue would drop it."""

    default_code = "insufficient_balance"
    default_advice = "deposit first, lower the quantity, or pass check_balance=False"


class StateError(SealbookError):
    """Not possible in the present state of account or client."""

    default_code = "wrong_state"
    default_advice = "bring the account into the state that the message names, then repeat"
    advice_by_code = STATES


class KeyFileError(SealbookError):
    """A seed file or key cache cannot be used."""

    default_code = "key_file"
    default_advice = "restore the key file from a copy; without the seed no commitment can be opened"


class SignerError(SealbookError):
    """A signer gives no signature, or not the one that was asked for; nothing was sent."""

    default_code = "signer"
    default_advice = "check the signer's address, its password and its log"


class EvidenceError(SealbookError):
    """A file that is no evidence, or cannot be read; ``field`` names the place."""

    default_code = "evidence"
    default_advice = (
        "give a file of a store's .evidence folder, as it was written (settlement-*.json there: `sealbook verify`)"
    )


class StoreError(SealbookError):
    """The store cannot be used: ``store_locked``, ``store_corrupt``, ``store_foreign``, ``store_mode``."""

    default_code = "store_corrupt"
    default_advice = "restore the store from a copy; a commitment whose salt is lost cannot be revealed"


class LinkError(SealbookError):
    """The connection to the venue failed."""

    default_code = "link"
    default_advice = "check the address and the network; the SDK keeps reconnecting meanwhile"
    default_retryable = True


class VenueUnreachableError(LinkError):
    """No connection in time; nothing of this request was sent."""

    default_code = "venue_unreachable"
    default_advice = "check the address and that the node runs; the SDK keeps reconnecting meanwhile"


class NoReplyError(LinkError):
    """The request was sent and no answer came in time."""

    default_code = "no_reply"
    default_outcome_known = False
    default_advice = "the outcome is not known yet; keep the client running, it will find out and reveal if need be"


class VenueRefusedError(SealbookError):
    """The venue refused a request; ``code`` is one of :data:`orderbook.wire.ErrorCode`."""

    default_code = "refused"
    default_advice = "compare the request with docs/websocket.md"
    advice_by_code = REFUSALS


class VenueMismatchError(SealbookError):
    """The peer is not the venue that L1 and the caller name."""

    default_code = "venue_mismatch"
    default_advice = "compare url, rpc and contract; do not go on with this peer"


class BrokenPromiseError(SealbookError):
    """The venue said something that L1, its own signature, or arithmetic contradicts."""

    default_code = "broken_promise"
    default_advice = "keep the store as evidence and withdraw"
    advice_by_code = BROKEN_PROMISES


class ChainError(SealbookError):
    """L1 did not do what was asked."""

    default_code = "chain"
    default_advice = "check that rpc and contract belong together"
    advice_by_code = CHAIN


class ChainUnreachableError(ChainError):
    """The L1 endpoint does not answer."""

    default_code = "chain_unreachable"
    default_retryable = True
    default_advice = "check the rpc address"


class TransactionRevertedError(ChainError):
    """The contract refused a transaction; ``reason`` is the name of its error with its arguments."""

    default_code = "reverted"
    default_advice = "look at reason: the name of the contract's error, with its arguments"

    def __init__(self, message: str, *, reason: str = "", field: str = "") -> None:
        super().__init__(message, field=field)
        self.reason = reason


class TransactionPendingError(ChainError):
    """A transaction was sent and is not mined yet."""

    default_code = "transaction_pending"
    default_retryable = False
    default_outcome_known = False
    default_advice = "look the transaction up before sending it again"


class OrderEndedError(SealbookError):
    """The awaited state cannot be reached any more; ``state`` is the terminal state of the order."""

    default_code = "order_ended"
    default_advice = "read state: it tells how and why the order ended"

    def __init__(self, state: OrderState) -> None:
        reason = getattr(state, "reason", "")
        name = type(state).__name__
        super().__init__(f"the order ended as {name}" + (f": {reason}" if reason else ""), code=f"order_{name.lower()}")
        self.state = state
