"""The demonstration from beginning to end."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from client.client import Client
from client.errors import SealbookError
from client.handles import Commitment
from client.keys import Keys
from client.orders import Instruction, Side
from orderbook.wire import BatchStatus

from . import cast
from .audit import to_tokens
from .cast import ASSETS, ATTACKED, PEOPLE, SCENES, Scene
from .court import try_forgeries
from .ending import Record, compare, export
from .published import public_data
from .stage import DemoError, Operator, Stage
from .timeline import Timeline, result, short

KEY_TREE_LOG_SIZE = 12
"""Key trees of the demonstration cover 4,096 batches; a real one covers a million and takes seconds."""
BATCHES_PER_EPOCH = 2
KEPT_BATCH_SECONDS = 5.0
PATIENT_MINE_SECONDS = 1.5
"""Between two blocks while reveals are out: the window lasts half a minute, on whatever machine. Once they are in, the
rest of it is mined at once."""
LIMIT_SECONDS = 540


class Play:
    """One run. ``failures`` collects everything that differs from what it should be."""

    def __init__(self, stage: Stage, timeline: Timeline) -> None:
        self.stage = stage
        self.timeline = timeline
        self.record = Record()
        self.failures: list[str] = []
        self.clients: dict[str, Client] = {}
        self.accounts: dict[str, int] = {}
        self.operator = Operator(stage)
        self._random = random.Random(cast.SEED)
        self._open: dict[str, contextlib.AsyncExitStack] = {}
        self._keys = {name: Keys.generate(self._random.randbytes) for name in PEOPLE}
        self._next = 0
        self._told: dict[str, Commitment] = {}

    @property
    def names(self) -> Mapping[int, str]:
        return {number: name for name, number in self.accounts.items()}

    async def run(self, keep: bool = False) -> None:
        started = time.monotonic()
        try:
            await self._opening()
            for scene in SCENES:
                await self._scene(scene)
            await self._withdraw()
            await self._what_the_public_saw()
            await self._attack()
            self.failures += await compare(
                self.stage.exchange, self.timeline, self.record, self.accounts, self.clients, self.operator.status
            )
            self.failures += await export(self.stage, self.timeline)
            self.timeline.say(f"\ntook {time.monotonic() - started:.0f} s")
            if keep:
                await self._stay()
        finally:
            for stack in self._open.values():
                await stack.aclose()
            await self.operator.close()

    # -- before the first batch

    async def _opening(self) -> None:
        timeline = self.timeline
        timeline.chapter("Ten accounts open")
        await asyncio.to_thread(self.stage.start_node, BATCHES_PER_EPOCH, 0, PATIENT_MINE_SECONDS)
        timeline.say(f"node at {self.stage.node_url}, chain at {self.stage.rpc}")
        await self.operator.connect()
        for name in PEOPLE:
            await asyncio.to_thread(self.stage.fund, name)
            await self._enter(name)
            client = self.clients[name]
            self.accounts[name] = await client.register(log_size=KEY_TREE_LOG_SIZE)
            for symbol, amount in cast.purse(name).items():
                await client.deposit(symbol, amount)
        listed = ", ".join(f"{name} ({number})" for name, number in self.accounts.items())
        timeline.say(f"registered and deposited on L1: {listed}")
        await self._close_batch({})
        self._print_cleared(0, await self.operator.until(0, "prove", "settle", "settled"))

    async def _enter(self, name: str) -> None:
        stack = contextlib.AsyncExitStack()
        self._open[name] = stack
        self.clients[name] = await stack.enter_async_context(
            Client.connect(
                self.stage.node_url,
                rpc=self.stage.rpc,
                contract=self.stage.exchange.address,
                keys=self._keys[name],
                store=self.stage.folder / "clients" / f"{name}.sqlite3",
                account=self.stage.l1_key(name),
                poll_seconds=0.2,
            )
        )

    async def _leave(self, name: str) -> None:
        await self._open.pop(name).aclose()
        del self.clients[name]

    # -- one batch

    async def _scene(self, scene: Scene) -> None:
        batch = self._next
        self.timeline.scene(batch, scene.title)
        made = await self._commit(scene)
        self._told = {**made, **self._told}  # the first of each
        if scene.misses:
            await self._leave(scene.misses)
        if scene.kills:
            await self._kill()
        missed = {self.accounts[scene.misses]} if scene.misses else set()
        await self._close_batch(scene.orders, missed)
        await self._revealed([commitment for name, commitment in made.items() if name != scene.misses])
        status = await self.operator.until(batch, "prove", "settle", "settled")
        self._print_cleared(batch, status)
        if scene.misses:
            await self._enter(scene.misses)
        if batch % BATCHES_PER_EPOCH == BATCHES_PER_EPOCH - 1:
            await self._settlement(batch)
            for name, commitment in made.items():
                if name != scene.misses and not scene.kills:
                    await commitment.settled()

    async def _commit(self, scene: Scene) -> dict[str, Commitment]:
        """Everybody commits at once, as they would."""

        async def one(name: str) -> tuple[str, Commitment]:
            client = self.clients[name]
            orders = scene.orders[name]
            if name in cast.MAKERS:
                return name, await client.quote(orders)
            return name, await client.commit(orders)

        made = dict(await asyncio.gather(*(one(name) for name in scene.orders)))
        count = sum(len(orders) for orders in scene.orders.values())
        self.timeline.step("committed", f"{len(made)} bundles with {count} entries; all that the venue has is hashes")
        return made

    async def _kill(self) -> None:
        assert self.stage.node is not None
        await asyncio.to_thread(self.stage.node.kill)
        self.timeline.step("killed", "the node is gone (SIGKILL), after its receipts and before its seal", "red")
        await asyncio.to_thread(self.stage.start_node, BATCHES_PER_EPOCH, 0, PATIENT_MINE_SECONDS)
        await self.operator.connect()
        self.timeline.step("restarted", "the node is back; what it had acknowledged was in its journal")

    async def _close_batch(self, orders: Mapping[str, Sequence[Instruction]], missed: set[int] | None = None) -> None:
        batch = self._next
        self._next += 1
        self.record.orders[batch] = {self.accounts[name]: o for name, o in orders.items()}
        self.record.missed[batch] = missed or set()
        await self.operator.seal_now()

    async def _revealed(self, commitments: Sequence[Commitment]) -> None:
        """Wait for these reveals, then let the window pass and the block of the draw come."""
        for commitment in commitments:
            await commitment[0].revealed()
        await asyncio.to_thread(self.stage.mine, max(self.stage.windows) + 2)

    def _print_cleared(self, batch: int, status: BatchStatus) -> None:
        if batch == 0:
            self.timeline.scene(0, "registrations and deposits")
        self.timeline.cleared(status, self.names)

    async def _settlement(self, batch: int) -> None:
        status = await self.operator.until(batch, "settled")
        self.timeline.settled(status)

    # -- after the batches

    async def _withdraw(self) -> None:
        timeline = self.timeline
        timeline.chapter("A withdrawal is claimed on L1")
        token = self.stage.tokens["USD"]
        assert token is not None
        address = self.stage.people["hana"].address
        before = await asyncio.to_thread(token.balance_of, address)
        claimed = await self.clients["hana"].claim()
        after = await asyncio.to_thread(token.balance_of, address)
        tokens = (after - before) / 10 ** cast.DECIMALS["USD"]
        timeline.say(f"hana claimed in {len(claimed)} transactions: {tokens:.2f} USD and 0.5 ETH are in her wallet")
        if after - before != 100 * 10 ** cast.DECIMALS["USD"]:
            self.failures.append(f"hana's claim paid {tokens} USD instead of 100")

    async def _what_the_public_saw(self) -> None:
        """One order from both sides: the messages as they were sent, the public data as L1 has them."""
        name, (made,) = "ada", [self._told["ada"]]
        number, batch = self.accounts[name], made.batch
        status = self.operator.status[batch]
        receipt = (await made[0].committed()).receipt
        own = [
            f"before the seal, signed: {short(receipt.commitment)}",
            "after her own check of the seal, to the engine alone:",
        ]
        for handle in made:
            kind = Side(handle.entry.kind).name.lower() if handle.entry.kind > 1 else "withdraw"
            own.append(f"  {kind} {handle.entry.quantity} lots of market {handle.entry.market} at {handle.entry.price}")
        own += ["  salt, one-time secret and key path"]
        own += [f"told to her: {await handle.settled()}"[:110] for handle in made]
        data = await asyncio.to_thread(public_data, self.stage.exchange, batch)
        first = data.first_batch
        seen = [
            f"batch {batch}: root {short(status.root)} over {status.count} commitments, then",
            *(result(m.market, m.price, m.volume) for m in status.markets),
            f"batches {first} to {first + data.batches - 1} together:",
        ]
        for held in data.balances:
            if held.account == number:
                amount = to_tokens(held.asset, held.value).normalize()
                seen.append(f"  account {number} now holds {amount:f} {ASSETS[held.asset]}")
        seen.append(f"  and {len(data.balances)} such lines in all, {len(data.missing)} missing reveals")
        self.timeline.chapter("One order, from both sides")
        self.timeline.sides(
            f"{name}'s order in batch {batch}", ("what ada sent", own), ("all that the public saw", seen)
        )

    async def _attack(self) -> None:
        """A batch that the honest node leaves unsettled, and an operator who wants to settle it falsely."""
        timeline = self.timeline
        timeline.chapter("The operator cheats")
        batch = self._next
        self.timeline.scene(batch, ATTACKED.title)
        made = await self._commit(ATTACKED)
        await self._close_batch(ATTACKED.orders)
        await self._revealed(list(made.values()))
        status = await self.operator.until(batch, "prove", "settle", "settled")
        self._print_cleared(batch, status)
        await self.operator.close()
        await asyncio.to_thread(self.stage.stop_node)
        self.failures += await asyncio.to_thread(try_forgeries, self.stage, batch, timeline)
        timeline.say("\nThe honest node comes back and settles the batch as it was.")
        await asyncio.to_thread(self.stage.start_node, 1, 0, PATIENT_MINE_SECONDS)
        await self.operator.connect()
        await self._settlement(batch)

    async def _stay(self) -> None:
        """A venue for the reader's own scripts, with makers to trade with."""
        timeline, stage = self.timeline, self.stage
        await self.operator.close()
        await asyncio.to_thread(stage.stop_node)
        await asyncio.to_thread(stage.start_node, 1, KEPT_BATCH_SECONDS)
        timeline.chapter("Your turn")
        timeline.say(f"The venue goes on, a batch every {KEPT_BATCH_SECONDS:.0f} seconds. For the README's script:")
        timeline.say(f"export VENUE={stage.node_url} RPC={stage.rpc}")
        timeline.say(f"export CONTRACT={stage.exchange.address} L1_KEY=0x{stage.SPARE_KEY:064x}")
        timeline.say("Ctrl-C ends chain and node.")
        quotes = cast.quotes(2500, 60000)
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                for name in cast.MAKERS:
                    with contextlib.suppress(SealbookError):
                        await self.clients[name].quote(quotes[name])
                await asyncio.sleep(KEPT_BATCH_SECONDS)


async def perform(folder: Path, rpc: str | None, timeline: Timeline, keep: bool = False) -> list[str]:
    """Run the demonstration; gives what differed from what it should be."""
    stage = Stage(folder, rpc, lambda line: timeline.say(f"  {line}", "dim"))
    try:
        play = Play(stage, timeline)
        try:
            async with asyncio.timeout(None if keep else LIMIT_SECONDS):
                await play.run(keep)
        except TimeoutError:
            raise DemoError(f"nothing more happened in {LIMIT_SECONDS} s; see the logs in {folder}") from None
        return play.failures
    finally:
        await asyncio.to_thread(stage.close)


__all__ = ["DemoError", "perform"]
