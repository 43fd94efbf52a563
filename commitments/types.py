"""Numbers of the protocol and their limits (``docs/protocol.md`` section 3)."""

from __future__ import annotations

from typing import Final, NewType

Ticks = NewType("Ticks", int)
"""A price: quote units per lot."""
Lots = NewType("Lots", int)
"""A quantity: units of the base asset."""
Units = NewType("Units", int)
"""An amount of any asset."""
AccountId = NewType("AccountId", int)
BatchId = NewType("BatchId", int)
MarketId = NewType("MarketId", int)
AssetId = NewType("AssetId", int)

Digest = tuple[int, int, int, int]
"""Four canonical field elements."""
Salt = tuple[int, int, int]

MODULUS: Final = 2**64 - 2**32 + 1
"""Order of the Goldilocks field."""
AMOUNT_LIMIT: Final = 2**62
"""Balances and amounts are below this."""
PRICE_LIMIT: Final = 2**31
ASSETS: Final = 14
MAX_ENTRIES: Final = 64
"""Entries in one bundle."""
COMMITMENT_DEPTH: Final = 8
"""Depth of a batch's commitment tree."""
MAX_COUNT: Final = 1 << COMMITMENT_DEPTH
"""Commitments in one batch."""
QUANTITY_CAP: Final = (2**31 - 1) // MAX_COUNT
"""Lots per bundle, market and side."""
STATE_DEPTH: Final = 24
SLOTS: Final = 16
"""Slots of an account: the four lowest bits of a leaf's index in the state tree."""
KEY_SLOT: Final = 0
BALANCE_SLOT: Final = 2
"""Slot 2 + a holds the balance of asset a."""
KEY_DEPTH: Final = 20
FIRST_ACCOUNT: Final = 2

ZERO: Final[Digest] = (0, 0, 0, 0)
