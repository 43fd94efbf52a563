"""What to do about an error, by its code: no refusal is left unexplained.

``REFUSALS`` covers every :data:`orderbook.wire.ErrorCode` and, with the prefix ``refused_``, every
:data:`orderbook.wire.RefusalReason`; ``BROKEN_PROMISES`` every check of :mod:`client.checks`. Tests hold them to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["BROKEN_PROMISES", "CHAIN", "REFUSALS", "STATES"]

REFUSALS: Final[Mapping[str, str]] = {
    "malformed": "SDK and venue disagree about the protocol: compare their versions",
    "too_large": "send fewer entries in one commitment",
    "rate_limited": "send less often; the SDK has already waited and repeated",
    "unauthenticated": "log in first: connect with keys and a registered account",
    "bad_signature": (
        "the message names the signer that the venue saw and the one that L1 has for the account: load the key file "
        "that was used at register()"
    ),
    "not_registered": "call register() first; a new registration counts once its block is final",
    "registration_pending": "wait for the next seal: it applies the registration",
    "wrong_phase": "the batch does not take this any more; use the open batch",
    "unknown_batch": "use open_batch() for the number of the batch that collects now",
    "replayed": "another process commits for this account, or the store is an old copy: run one of them",
    "batch_full": "commit for the next batch, earlier in it",
    "not_found": "nothing of this account is there; check the batch number",
    "too_early": "repeat after the reveal deadline",
    "unavailable": "repeat in a moment: the venue starts, stops, or cannot reach L1",
    "internal": "a fault of the venue: repeat, and report it to the operator if it stays",
    "refused_no_leaf": "the venue denies a leaf that L1's root contains: keep the store as evidence",
    "refused_late": "run the reveal agent where it stays connected, or use a faster L1 endpoint",
    "refused_commitment_mismatch": "the opening was checked before it was sent: keep the store as evidence",
    "refused_key_mismatch": "the key path was checked before it was sent: keep the store as evidence",
    "refused_malformed_bundle": "the message names the rule; compare the SDK's and the venue's versions",
}
"""By code of :class:`client.errors.VenueRefusedError`."""

BROKEN_PROMISES: Final[Mapping[str, str]] = {
    "receipt_contents": "stop committing: the venue confirmed something else than what was sent",
    "receipt_signature": "stop committing: without the operator's signature a receipt proves nothing",
    "wrong_root": "compare with another L1 endpoint; if it agrees, keep the store as evidence and withdraw",
    "wrong_count": "compare with another L1 endpoint; if it agrees, keep the store as evidence and withdraw",
    "wrong_index": "ask again; if it stays, keep the store as evidence and withdraw",
    "wrong_path": "the sealed batch does not hold the commitment where the venue says: keep the store and withdraw",
    "wrong_commitment": "the batch holds a commitment that was replaced or cancelled: keep the store and withdraw",
    "path_signature": "the venue does not sign its own path: ask again, then withdraw",
    "acknowledgement_contents": "the reveal is repeated until its deadline; keep the client running",
    "acknowledgement_signature": "the reveal is repeated until its deadline; keep the client running",
    "refusal_contents": "the reveal is repeated until its deadline; keep the client running",
    "refusal_signature": "the reveal is repeated until its deadline; keep the client running",
    "result_contents": "wait for the settlement: the proven balances decide, not the venue's word",
    "fill_beyond_limit": "wait for the settlement: the proof does not allow such a fill",
    "wrong_changes": "wait for the settlement: the proven balances decide, not the venue's word",
    "balance_root": "compare with another L1 endpoint; if it agrees, do not trust the venue's balances",
    "balance_path": "the balance is not proven: do not count on it, and withdraw",
    "balance_contents": "the balance is not proven: do not count on it, and withdraw",
    "balance_change": "the proven balances differ from the own fills: keep the store as evidence and withdraw",
    "receipt_not_sealed": "a confirmed commitment was left out: the receipt in the store is the evidence",
    "seal_reverted": "L1 was reorganised: the agent waits for a new seal and reveals nothing before",
    "wrong_reply": "the peer does not speak the protocol: check the address and the versions",
}
"""By code of :class:`client.errors.BrokenPromiseError`."""

STATES: Final[Mapping[str, str]] = {
    "not_registered": "call register() first",
    "no_l1_key": "connect with account=... (the L1 key)",
    "wrong_commit_key": "load the key file that was used at register()",
    "commitment_open": "use replace() or cancel(), or wait for the reveal",
    "no_commitment": "look at commitments: it may be sealed already",
    "client_closed": "connect again with the same store: open orders are in client.commitments",
    "account_in_use": (
        "end the other process, or run one `sealbook agent` and let both connect to it; if the store is an old copy, "
        "connect with take_over=True: the commitment with the highest client sequence counts"
    ),
    "batch_over": "commit without valid_for_batch, or for the batch of open_batch()",
    "batch_not_open": "wait until the batch opens",
    "not_settled": "wait for the settlement",
    "venue_behind": "repeat in a moment; a venue that stays behind cannot prove balances",
    "no_result": "repeat in a moment; the venue has not told the result yet",
}
"""By code of :class:`client.errors.StateError`."""

CHAIN: Final[Mapping[str, str]] = {
    "public_data": "the endpoint gives data that do not hash to what L1 accepted: use another endpoint",
    "endpoint_timeout": "repeat; if it stays, use a nearer endpoint",
}
"""By code of :class:`client.errors.ChainError`."""
