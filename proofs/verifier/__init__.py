"""The Python verifier of our proofs: independent of the Rust code, written from ``docs/proof-format.md``.

The modules follow the format's order: :mod:`~.field` (and its readable twin :mod:`~.reference`),
:mod:`~.transcript`, :mod:`~.tape` and :mod:`~.vk`, :mod:`~.wire` and
:mod:`~.messages`, then the algorithm: :mod:`~.domain`,
:mod:`~.constraints`, :mod:`~.lookups`, :mod:`~.merkle`, :mod:`~.fri`, put together in :mod:`~.verify`.
"""

from .errors import ProofRejected, Reason
from .messages import RUN, PublicMessage, unpack_messages
from .verify import Verified, verify

__all__ = ["RUN", "ProofRejected", "PublicMessage", "Reason", "Verified", "unpack_messages", "verify"]
