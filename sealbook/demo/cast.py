"""Who takes part in the demonstration, what they own, and what they do in each batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from client.orders import Instruction, buy, sell, withdrawal
from contracts.records import MarketConfig

SEED = 2026
"""Seeds everything that is not the operating system's randomness: keys and the script."""

ASSETS = ("USD", "ETH", "BTC")
DECIMALS = {"USD": 6, "ETH": 18, "BTC": 8}
UNITS = {"USD": 10**2, "ETH": 10**15, "BTC": 10**4}
"""Base units of one unit on the venue: 0.0001 USD, 0.001 ETH, 0.0001 BTC."""
MARKETS = (
    MarketConfig(base=1, quote=0, lower=15_000, upper=35_000, fee_ppm=500, initial_reference=25_000),
    MarketConfig(base=2, quote=0, lower=40_000, upper=80_000, fee_ppm=500, initial_reference=60_000),
)
MARKET_NAMES = ("ETH/USD", "BTC/USD")
FEE_ASSET = 1
MISS_FEE = 2
"""In units of the fee asset: 0.002 ETH."""

TRADERS = ("ada", "bob", "cleo", "dan", "eve", "finn", "gus", "hana")
MAKERS = ("north", "south")
PEOPLE = TRADERS + MAKERS
TRADER_PURSE = {"USD": "50000", "ETH": "20", "BTC": "2"}
MAKER_PURSE = {"USD": "500000", "ETH": "100", "BTC": "10"}


def purse(name: str) -> Mapping[str, str]:
    return MAKER_PURSE if name in MAKERS else TRADER_PURSE


def ladder(market: str, middle: int, step: int, quantity: str, levels: int = 4) -> list[Instruction]:
    """A two-sided quote, from one step beside the middle outwards."""
    quotes: list[Instruction] = []
    for level in range(1, levels + 1):
        quotes.append(buy(market, quantity, str(middle - level * step)))
        quotes.append(sell(market, quantity, str(middle + level * step)))
    return quotes


def quotes(eth: int, btc: int) -> dict[str, list[Instruction]]:
    """Both makers' ladders around two middles."""
    return {
        "north": ladder("ETH/USD", eth, 20, "1.5") + ladder("BTC/USD", btc, 400, "0.2"),
        "south": ladder("ETH/USD", eth, 25, "1") + ladder("BTC/USD", btc, 500, "0.1"),
    }


@dataclass(frozen=True)
class Scene:
    """One batch: who commits what, whose reveal will be missed, and whether the node dies in the middle."""

    title: str
    orders: Mapping[str, Sequence[Instruction]]
    misses: str | None = None
    kills: bool = False


SCENES: tuple[Scene, ...] = (
    Scene(
        "a rationed level: three buyers want 9 ETH at one price, 4 are for sale",
        {
            **quotes(2500, 60000),
            "ada": [buy("ETH/USD", "3", "2510")],
            "bob": [buy("ETH/USD", "2", "2510")],
            "cleo": [buy("ETH/USD", "4", "2510")],
            "dan": [sell("ETH/USD", "2.5", "2500")],
            "eve": [sell("ETH/USD", "1.5", "2505")],
            "finn": [buy("BTC/USD", "0.5", "60300")],
            "gus": [sell("BTC/USD", "0.3", "59900")],
            "hana": [sell("BTC/USD", "0.4", "60200")],
        },
    ),
    Scene(
        "nobody meets: no trade in either market",
        {
            "ada": [buy("ETH/USD", "1", "2400")],
            "dan": [sell("ETH/USD", "1", "2600")],
            "finn": [buy("BTC/USD", "0.1", "58000")],
            "hana": [sell("BTC/USD", "0.1", "62000")],
        },
    ),
    Scene(
        "gus commits and goes away: a missed reveal and its fee",
        {
            **quotes(2510, 60200),
            "bob": [sell("ETH/USD", "1", "2480")],
            "eve": [buy("ETH/USD", "1.2", "2530")],
            "cleo": [buy("BTC/USD", "0.2", "60800")],
            "gus": [sell("BTC/USD", "0.25", "59000")],
        },
        misses="gus",
    ),
    Scene(
        "the node is killed after it gave receipts; hana withdraws",
        {
            **quotes(2510, 60200),
            "ada": [sell("ETH/USD", "0.75", "2470")],
            "finn": [buy("BTC/USD", "0.15", "61000"), sell("ETH/USD", "0.5", "2490")],
            "hana": [withdrawal("USD", "100"), withdrawal("ETH", "0.5"), buy("ETH/USD", "2", "2545")],
        },
        kills=True,
    ),
    Scene(
        "a market order, and makers on both sides",
        {
            **quotes(2520, 60000),
            "dan": [buy("ETH/USD", "1.4", slippage="0.03")],
            "cleo": [sell("BTC/USD", "0.12", "59000")],
        },
    ),
)
"""Batches 1 .. 5; batch 0 brings registrations and deposits in."""

ATTACKED = Scene(
    "the batch that a cheating operator will try to settle falsely",
    {
        **quotes(2500, 60000),
        "ada": [buy("ETH/USD", "3", "2510")],
        "bob": [buy("ETH/USD", "2", "2510")],
        "dan": [sell("ETH/USD", "2.5", "2500")],
        "gus": [sell("BTC/USD", "0.3", "59900")],
    },
)
