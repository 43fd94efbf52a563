"""An independent recomputation of the demonstration's balances.

It shares no code with node, prover or matching: it knows what every participant asked for, takes from L1 only
beacons and who missed, and follows ``docs/protocol.md`` sections 8 and 9 by looking at every price of the band.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from Crypto.Hash import keccak

from client.orders import Instruction, Order, Side

from .cast import ASSETS, DECIMALS, FEE_ASSET, MARKET_NAMES, MARKETS, MISS_FEE, UNITS

FEES, INSURANCE = 0, 1


@dataclass
class Wish:
    """An entry in ticks and lots, or units of a withdrawal."""

    kind: str
    asset: int
    market: int
    price: int
    quantity: int
    admitted: bool = False
    filled: int = 0


@dataclass
class Ledger:
    """Balances in units by (account, asset), reference prices, and withdrawals."""

    balances: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    references: list[int] = field(default_factory=lambda: [m.initial_reference for m in MARKETS])
    withdrawn: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))

    def deposit(self, account: int, symbol: str, tokens: str) -> None:
        asset = ASSETS.index(symbol)
        self.balances[(account, asset)] += to_units(symbol, tokens)

    def batch(
        self, orders: Mapping[int, Sequence[Instruction]], missed: set[int], beacon: bytes
    ) -> list[tuple[int | None, int]]:
        """Apply one batch; gives price (None: no trade) and volume of each market."""
        before = dict(self.balances)
        wishes: dict[int, list[Wish]] = {}
        for account in sorted(orders):
            funds = before.get((account, FEE_ASSET), 0)
            if account in missed:
                fee = min(funds, MISS_FEE)
                self.balances[(account, FEE_ASSET)] -= fee
                self.balances[(INSURANCE, FEE_ASSET)] += fee
                continue
            wishes[account] = self._wishes(orders[account])
            self._admit(account, wishes[account], before, funds >= MISS_FEE)
        results = []
        for market in range(len(MARKETS)):
            queue = [w for account in sorted(wishes) for w in wishes[account] if w.market == market and w.admitted]
            price, volume = self._clear(market, queue, beacon)
            results.append((price, volume))
            if price is None:
                continue
            self.references[market] = price
            fee = -(-price * MARKETS[market].fee_ppm // 10**6)
            base, quote = MARKETS[market].base, MARKETS[market].quote
            for account in wishes:
                for w in wishes[account]:
                    if w.market == market and w.filled:
                        sign = 1 if w.kind == "buy" else -1
                        self.balances[(account, base)] += sign * w.filled
                        self.balances[(account, quote)] -= sign * w.filled * price + w.filled * fee
                        self.balances[(FEES, quote)] += w.filled * fee
        return results

    def _wishes(self, instructions: Sequence[Instruction]) -> list[Wish]:
        wishes = []
        for item in instructions:
            if not isinstance(item, Order):
                asset = ASSETS.index(str(item.asset))
                wishes.append(Wish("withdraw", asset, -1, 0, to_units(ASSETS[asset], str(item.amount))))
                continue
            market = MARKET_NAMES.index(str(item.market))
            config = MARKETS[market]
            kind = "buy" if item.side is Side.BUY else "sell"
            price = self._limit(market, item, kind)
            quantity = to_units(ASSETS[config.base], str(item.quantity))
            debited = config.quote if kind == "buy" else config.base
            wishes.append(Wish(kind, debited, market, price, quantity))
        order = ("withdraw", "buy", "sell")
        return sorted(wishes, key=lambda w: (w.asset, max(w.market, 0), order.index(w.kind)))

    def _limit(self, market: int, order: Order, kind: str) -> int:
        config = MARKETS[market]
        if order.price is not None:
            return ticks(market, str(order.price))
        assert order.slippage is not None
        change = Decimal(order.slippage) if kind == "buy" else -Decimal(order.slippage)
        wanted = int(self.references[market] * (1 + change))
        return max(config.lower, min(config.upper, wanted))

    def _admit(self, account: int, wishes: list[Wish], before: Mapping[tuple[int, int], int], covered: bool) -> None:
        rest = {a: before.get((account, a), 0) for a in range(len(ASSETS))}
        for w in wishes:
            need = w.quantity
            if w.kind == "buy":
                fee = -(-w.price * MARKETS[w.market].fee_ppm // 10**6)
                need = w.quantity * (w.price + fee)
            if (covered or w.kind == "withdraw") and need <= rest[w.asset]:
                rest[w.asset] -= need
                w.admitted = True
                if w.kind == "withdraw":
                    self.balances[(account, w.asset)] -= need
                    self.withdrawn[(account, w.asset)] += need

    def _clear(self, market: int, queue: list[Wish], beacon: bytes) -> tuple[int | None, int]:
        config, reference = MARKETS[market], self.references[market]
        best: tuple[int, int] | None = None
        candidates: list[int] = []
        surplus = {}
        for price in range(config.lower, config.upper + 1):
            demand = sum(w.quantity for w in queue if w.kind == "buy" and w.price >= price)
            supply = sum(w.quantity for w in queue if w.kind == "sell" and w.price <= price)
            rank = (min(demand, supply), -abs(demand - supply))
            surplus[price] = demand - supply
            if best is None or rank > best:
                best, candidates = rank, [price]
            elif rank == best:
                candidates.append(price)
        if best is None or best[0] == 0:
            return None, 0
        if all(surplus[p] > 0 for p in candidates):
            price = candidates[-1]
        elif all(surplus[p] < 0 for p in candidates):
            price = candidates[0]
        elif any(surplus[p] == 0 for p in candidates):
            price = min(max(reference, candidates[0]), candidates[-1])
        else:
            last = max(p for p in candidates if surplus[p] > 0)
            price = last if reference <= last else last + 1
        for kind in ("buy", "sell"):
            self._fill(kind, price, best[0], [w for w in queue if w.kind == kind], market, beacon)
        return price, best[0]

    def _fill(self, kind: str, price: int, volume: int, side: list[Wish], market: int, beacon: bytes) -> None:
        sign = 1 if kind == "buy" else -1
        left = volume
        for w in side:
            if sign * (w.price - price) > 0:
                w.filled = w.quantity
                left -= w.quantity
        level = [w for w in side if w.price == price]
        wanted = sum(w.quantity for w in level)
        if not wanted:
            return
        digest = keccak.new(digest_bits=256, data=beacon + market.to_bytes(32, "big")).digest()
        phase = int.from_bytes(digest[:4], "big") * wanted >> 32
        passed = 0
        for w in level:
            start = (passed * left + phase) // wanted
            passed += w.quantity
            w.filled = (passed * left + phase) // wanted - start


def to_units(symbol: str, tokens: str) -> int:
    """Units on the venue of an amount in tokens."""
    return int(Decimal(tokens) * 10 ** DECIMALS[symbol]) // UNITS[symbol]


def to_tokens(asset: int, units: int) -> Decimal:
    symbol = ASSETS[asset]
    return Decimal(units * UNITS[symbol]).scaleb(-DECIMALS[symbol])


def ticks(market: int, price: str) -> int:
    """Ticks of a price in quote tokens per base token."""
    config = MARKETS[market]
    base, quote = ASSETS[config.base], ASSETS[config.quote]
    per_lot = Decimal(price) * UNITS[base] / 10 ** DECIMALS[base]
    return int(per_lot * 10 ** DECIMALS[quote] / UNITS[quote])


def show_price(market: int, price: int) -> str:
    """A price in quote tokens per base token."""
    config = MARKETS[market]
    base, quote = ASSETS[config.base], ASSETS[config.quote]
    value = Decimal(price * UNITS[quote]) / 10 ** DECIMALS[quote] * 10 ** DECIMALS[base] / UNITS[base]
    return f"{value:,.2f}"
