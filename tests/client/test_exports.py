"""Public names are a promise; errors are one tree."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

import client.checks
import client.errors
import sealbook
from client.advice import BROKEN_PROMISES, REFUSALS
from client.errors import SealbookError, VenueRefusedError
from client.faults import fault_of
from client.states import Fault
from orderbook.wire import ErrorCode, RefusalReason

NAMES = """
History MarketRow OrderRow SyncClient SyncOrder
EvidenceError ProofVerdict
AgentReport
Asset Balance BrokenPromiseError Cancelled CapExceededError ChainError ChainUnreachableError Cleared Client Commitment
Committed Created Deadline Delta Expired Fault FloatRefusedError InputError InsufficientBalanceError Inventory
KeyFileError Keys KeystoreSigner LinkError LocalSigner MakerFill Market NoReplyError NotOnGridError Order
OrderEndedError OrderHandle OrderState OrderStatus OrderUpdate OutOfBandError Proven QuoteResult QuoteTick Quotes
Rejected RemoteClient RemoteSigner Resynced RevealMissed Revealed SealbookError Sealed Settled Side Signer SignerError
SimAsset SimMarket SimTerms SimTick SimVenue Snapshot Stale StateError StoreError Stream TransactionPendingError
TransactionRevertedError Unfilled Venue VenueMismatchError VenueRefusedError VenueUnreachableError Withdrawal buy sell
withdrawal
"""


def test_public_names_are_these() -> None:
    assert sorted(sealbook.__all__) == sorted(NAMES.split())
    for name in sealbook.__all__:
        assert getattr(getattr(sealbook, name), "__name__", name) == name
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = sealbook.nothing


def test_the_package_imports_nothing_by_itself() -> None:
    code = "import sys, sealbook; print([m for m in ('web3', 'websockets', 'client', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_error_is_in_the_tree_and_complete() -> None:
    for name in client.errors.__all__:
        kind = getattr(client.errors, name)
        assert issubclass(kind, SealbookError)
        assert name in (client.errors.__doc__ or "")
        assert isinstance(kind.default_code, str)
        assert isinstance(kind.default_retryable, bool)
        assert isinstance(kind.default_outcome_known, bool)
        assert kind.default_advice
        assert getattr(sealbook, name) is kind
    assert not client.errors.NoReplyError("x").outcome_known
    assert not client.errors.TransactionPendingError("x").outcome_known


def test_no_refusal_of_the_venue_is_left_without_advice() -> None:
    codes = {*get_args(ErrorCode), *(f"refused_{reason}" for reason in get_args(RefusalReason))}
    assert codes <= REFUSALS.keys()
    for code in codes:
        error = VenueRefusedError("no", code=code)
        assert error.advice == REFUSALS[code]
        assert str(error) == f"no ({REFUSALS[code]})"


def test_every_broken_promise_has_its_advice() -> None:
    """The codes that the checks name, and all that the SDK raises."""
    raised = {
        code
        for path in Path(client.errors.__file__).parent.glob("*.py")
        for code in re.findall(r'BrokenPromiseError\([^()]*(?:\([^()]*\)[^()]*)*code="(\w+)"', path.read_text())
    }
    named = set(re.findall(r"``(\w+)``", client.checks.__doc__ or "")) - {"code"}
    assert len(raised) > 10
    assert raised | named <= BROKEN_PROMISES.keys()


def test_a_missed_reveal_is_whose_fault() -> None:
    assert fault_of("offline") is Fault.TRADER
    assert fault_of("seal_not_final") is Fault.CHAIN
    assert fault_of("acknowledged_but_missing") is Fault.VENUE
    assert fault_of("refused_key_mismatch") is Fault.VENUE
    assert fault_of("wrong_root") is Fault.VENUE
    assert fault_of("no_reply") is Fault.UNKNOWN
