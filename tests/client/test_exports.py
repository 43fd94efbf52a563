"""Public names are a promise; errors are one tree."""

from __future__ import annotations

import subprocess
import sys

import pytest

import client.errors
import sealbook
from client.errors import ClientError

NAMES = """
Asset Balance BrokenPromiseError Cancelled CapExceededError ChainError ChainUnreachableError Cleared Client
ClientError Commitment Committed Created FloatRefusedError InputError InsufficientBalanceError KeyFileError Keys
LinkError Market NoReplyError NotOnGridError Order OrderEndedError OrderHandle OutOfBandError Rejected RevealMissed
Revealed Sealed Settled Side StateError StoreError TransactionPendingError TransactionRevertedError Unfilled Venue
VenueMismatchError VenueRefusedError VenueUnreachableError Withdrawal buy sell withdrawal KeystoreSigner LocalSigner
RemoteSigner Signer SignerError
"""


def test_public_names_are_these() -> None:
    assert sorted(sealbook.__all__) == sorted(NAMES.split())
    for name in sealbook.__all__:
        assert getattr(sealbook, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = sealbook.nothing


def test_the_package_imports_nothing_by_itself() -> None:
    code = "import sys, sealbook; print([m for m in ('web3', 'websockets', 'client', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_error_is_in_the_tree_and_complete() -> None:
    for name in client.errors.__all__:
        kind = getattr(client.errors, name)
        assert issubclass(kind, ClientError)
        assert name in (client.errors.__doc__ or "")
        assert isinstance(kind.default_code, str)
        assert isinstance(kind.default_retryable, bool)
        assert getattr(sealbook, name) is kind
    assert not client.errors.NoReplyError("x").outcome_known
    assert not client.errors.TransactionPendingError("x").outcome_known
