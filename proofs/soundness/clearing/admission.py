"""Attacks on clause 4: entries, cover and admission."""

from __future__ import annotations

from dataclasses import replace

from commitments.bundle import Entry, Kind
from proofs.expression import MODULUS
from proofs.statement.buses import Phase
from proofs.statement.witness.execute import execute
from proofs.statement.witness.inputs import Market
from proofs.statement.witness.memory import time
from proofs.statement.witness.rules import Rules

from .core import (
    Admitting,
    Forged,
    attack,
    book,
    honest,
    lie,
    malformed,
    venue,
)
from .scenario import public_messages


@attack(4)
def quantity_zero() -> Forged:
    return malformed([Entry(Kind.BUY, 0, 101, 0)])


@attack(4)
def quantity_above_the_cap() -> Forged:
    return malformed([Entry(Kind.SELL, 0, 101, 8_388_608)], balances={2: (10**9, 10**9, 0)})


@attack(4)
def quantities_together_above_the_cap() -> Forged:
    entries = [Entry(Kind.SELL, 0, 101, 8_388_000), Entry(Kind.SELL, 0, 102, 700)]
    return malformed(entries, balances={2: (10**9, 10**9, 0)})


@attack(4)
def negative_quantity() -> Forged:
    return malformed([Entry(Kind.SELL, 0, 101, -5 % MODULUS)])


@attack(4)
def price_below_the_band() -> Forged:
    return malformed([Entry(Kind.BUY, 0, 89, 5)])


@attack(4)
def price_above_the_band() -> Forged:
    return malformed([Entry(Kind.SELL, 0, 111, 5)])


@attack(4)
def negative_price() -> Forged:
    return malformed([Entry(Kind.BUY, 0, -5 % MODULUS, 5)])


@attack(4)
def negative_withdrawal() -> Forged:
    return malformed([Entry(Kind.WITHDRAWAL, 0, 0, -1000 % MODULUS)])


@attack(4)
def withdrawal_of_zero() -> Forged:
    return malformed([Entry(Kind.WITHDRAWAL, 0, 0, 0)])


@attack(4)
def withdrawal_of_62_bits_and_one() -> Forged:
    return malformed([Entry(Kind.WITHDRAWAL, 0, 0, 2**62)])


@attack(4)
def withdrawal_of_an_asset_out_of_range() -> Forged:
    epoch = honest([[Entry(Kind.WITHDRAWAL, 14, 0, 5)], *book()[1:]])
    epoch.tree.set({16 * 2 + 16: (100, 0, 0, 0)})  # type: ignore[attr-defined]
    forged = execute(epoch, Admitting(lambda rest, debit: False))
    return forged, public_messages(epoch, forged, forged)


@attack(4)
def market_that_does_not_exist() -> Forged:
    epoch = honest([[Entry(Kind.BUY, 2, 101, 5)], *book()[1:]])
    markets = (*epoch.parameters.markets, Market(1, 0, 90, 110, 0))
    wide = replace(
        epoch,
        parameters=replace(epoch.parameters, markets=markets),
        references=(*epoch.references, 100),
        batches=[replace(b, draws=(*b.draws, 5)) for b in epoch.batches],
    )
    forged = execute(wide)
    messages = [m for m in public_messages(wide, forged, forged) if not (m[1][0] == 5 and m[1][2] == 2)]
    return forged, messages


@attack(4)
def entries_out_of_order() -> Forged:
    return malformed([Entry(Kind.SELL, 0, 101, 5), Entry(Kind.BUY, 0, 101, 5)])


@attack(4)
def one_asset_in_two_groups() -> Forged:
    """So that the second group would see the balance without what the first admitted."""
    buy, sell = Entry(Kind.BUY, 0, 100, 6), Entry(Kind.SELL, 0, 105, 1)
    return malformed([buy, sell, buy], balances={2: (1000, 50, 0)})


@attack(4)
def entries_beyond_the_headers_count() -> Forged:
    epoch = honest()
    forged = execute(epoch)
    for row in forged.draft.rows["entries"]:
        if row["bundle"] == 2:
            row["count"] = 1
    return forged, public_messages(epoch, forged, forged)


@attack(4)
def sixty_five_entries() -> Forged:
    return malformed([Entry(Kind.BUY, 0, 95, 1) for _ in range(65)])


@attack(4)
def admitted_though_it_does_not_fit() -> Forged:
    return lie(honest(balances={2: (100, 0, 0)}), Admitting(lambda rest, debit: True))


@attack(4)
def admitted_though_one_unit_short() -> Forged:
    """101 + fee 1 = 102 a lot, 40 lots: 4080."""
    return lie(honest(balances={2: (4079, 0, 0)}), Admitting(lambda rest, debit: debit <= rest + 1))


@attack(4)
def dropped_though_it_fits() -> Forged:
    return lie(honest(), Admitting(lambda rest, debit: rest >= debit and debit != 4080))


@attack(4)
def dropped_though_it_fits_exactly() -> Forged:
    return lie(honest(balances={2: (4080, 0, 0)}), Admitting(lambda rest, debit: rest > debit))


@attack(4)
def debits_that_wrap_across_markets() -> Forged:
    """Two buys in two markets, each within the balance; together they leave less than nothing."""
    bundle = (Entry(Kind.BUY, 0, 101, 40), Entry(Kind.BUY, 1, 1010, 5))
    return lie(honest([bundle, *book()[1:]], balances={2: (6000, 0, 0)}), Admitting(lambda rest, debit: True))


class _Covering(Rules):
    def __init__(self, answer: bool) -> None:
        self._answer = answer

    def covers(self, funds: int, miss_fee: int) -> bool:
        return self._answer


@attack(4)
def orders_without_cover_admitted() -> Forged:
    made = venue(balances={5: (49, 1000, 0)})
    return lie(made.epoch([made.batch(0, book())]), _Covering(True))


@attack(4)
def orders_with_cover_dropped() -> Forged:
    return lie(honest(), _Covering(False))


@attack(4)
def proceeds_of_the_batch_spent() -> Forged:
    """The debit takes the balance that the same batch's credit left, though it comes before."""
    made = venue(balances={5: (60, 1000, 0)})
    bundles = book()
    bundles[3] = (Entry(Kind.BUY, 0, 95, 5), *bundles[3])
    epoch = made.epoch([made.batch(0, bundles)])
    forged = execute(epoch, Admitting(lambda rest, debit: True))
    rows = [r for r in forged.draft.rows["entries"] if r["account"] == 5]
    buy, paid = rows[0], next(r for r in rows if r["sell"] and r.get("credited"))
    rich, credited_at = 60 + paid["credit"], time(0, Phase.CREDIT, paid["number"])
    paid.update({"target.before": 0, "funds": 60})
    buy.update({"group.before": credited_at, "rest": rich, "balance": rich})
    cell = next(r for r in forged.draft.rows["cells"] if (r["account"], r["asset"]) == (5, 0) and r.get("balance"))
    cell["until"] = time(0, Phase.DEBIT, buy["number"])
    return forged, public_messages(epoch, forged, execute(epoch))
