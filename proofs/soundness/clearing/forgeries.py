"""Forgeries against single constraints of the clearing program, and the attacks that show one constraint alone."""

from __future__ import annotations

from typing import Final

from ..forgery import Forgery

_ATTACKED: Final = {
    "bundles: at most 64 entries": "sixty_five_entries",
    "bundles: accounts rise": "leaves_out_of_order",
    "bundles: missing": "uncharged_leaf_charged",
    "cells: changed balance or withdrawal": "changed_balance_not_listed",
    "entries: order": "auction_said_to_have_no_orders",
    "entries: cap per bundle, market and side": "quantities_together_above_the_cap",
    "entries: price not above the band": "price_above_the_band",
    "entries: price not below the band": "price_below_the_band",
    "entries: quantity or amount is not zero": "quantity_zero",
    "entries: a run's proceeds add up": "seller_paid_one_unit_more",
    "entries: a group starts with the balance before the batch": "buyer_debited_one_unit_less",
    "entries: fits or does not": "admitted_though_one_unit_short",
    "entries: fee is a number": "wrapped fee, limb 3",
    "markets: the neighbour's surplus has the other sign": "even_book_away_from_the_reference",
    "orders: by less than one": "one_lot_withheld",
    "orders: fill": "better_order_not_filled_in_full",
    "orders: orders in the order of their entries": "rationing_in_another_order",
    "orders: rounded down": "rationing_off_by_one_lot",
    "nodes: hash before": "old_root_that_is_no_hash_of_its_children",
    "nodes: state is a flag": "key_node_that_is_half_a_state_node",
    "cells: a balance has 62 bits": "balance_of_63_bits",
    "bundles: whether the miss fee is covered": "cover_one_unit_short_granted",
}
"""Constraints that one attack of the suite breaks and nothing else."""

FORGERIES: Final[tuple[Forgery, ...]] = tuple(
    Forgery(attack, attack.replace("_", " "), (constraint,), attack, ()) for constraint, attack in _ATTACKED.items()
)
