"""The published clearing rule, in integers only (docs/protocol.md sections 8 and 9; docs/matching.md).

`matching.reference` reads like the rule, `matching.fast` is its twin over arrays.
"""

from matching.types import Market, Order, Outcome, Side

__all__ = ["Market", "Order", "Outcome", "Side"]
