"""Each refusal of a request, with its code and field."""

from __future__ import annotations

from pathlib import Path

import msgspec

from orderbook import wire
from orderbook.events import ZERO, OpenedEntry

from .simulated import SimulatedL1, connected, funded, refused, running, signed_by_operator


async def test_commitments_that_are_refused(tmp_path: Path, l1: SimulatedL1) -> None:
    trader, other = funded(l1, 1), funded(l1, 2)
    async with running(tmp_path, l1) as node, connected(node, l1.parameters()) as client:
        commit = trader.commit(client)
        assert await refused(client, commit) == ("unauthenticated", "", False)
        await client.login(trader.key, trader.account)
        change = msgspec.structs.replace
        stranger = change(commit, signature=other.commit(client).signature)
        assert await refused(client, stranger) == ("bad_signature", "signature", False)
        assert await refused(client, change(commit, sequence=2)) == ("bad_signature", "signature", False)
        assert await refused(client, change(commit, signature="0x" + "00" * 65)) == (
            "bad_signature",
            "signature",
            False,
        )
        assert await refused(client, change(commit, commitment="0x" + "00" * 32)) == (
            "malformed",
            "commitment",
            False,
        )
        assert await refused(client, change(commit, commitment="0x" + "ff" * 32)) == (
            "malformed",
            "commitment",
            False,
        )
        assert await refused(client, trader.commit(client, batch=9)) == ("unknown_batch", "batch", False)
        await client.ask(trader.commit(client, sequence=5), wire.Receipt)
        assert await refused(client, trader.commit(client, sequence=4)) == ("replayed", "sequence", False)
        digest = client.domain.commitment(0, trader.account, 6, ZERO)
        cancel = wire.Cancel(client.next_id(), 0, 6, "0x" + trader.key.sign(digest).hex())
        assert (await client.ask(cancel, wire.Receipt)).commitment == wire.hex_digest(ZERO)
        node.seal_now()
        state = await client.ask(wire.Subscribe(client.next_id()), wire.Subscribed)
        if state.batches[-1].batch == 0:
            await client.push(wire.BatchStatus, lambda s: s.batch == 1)
        assert await refused(client, trader.commit(client, sequence=7)) == ("wrong_phase", "batch", True)


async def test_logins_that_are_refused(tmp_path: Path, l1: SimulatedL1) -> None:
    trader, other = funded(l1, 1), funded(l1, 2)
    parameters = l1.parameters()
    async with running(tmp_path, l1) as node, connected(node, parameters) as client:
        assert await refused(client, wire.Login(1, 99, "0x" + "00" * 65)) == (
            "not_registered",
            "account",
            True,
        )
        digest = client.domain.session(trader.account, bytes.fromhex(client.hello.challenge[2:]))
        signature = "0x" + other.key.sign(digest).hex()
        assert await refused(client, wire.Login(2, trader.account, signature)) == (
            "bad_signature",
            "signature",
            False,
        )
        old = client.hello.challenge
        async with connected(node, parameters) as second:
            digest = second.domain.session(trader.account, bytes.fromhex(old[2:]))
            replayed = wire.Login(3, trader.account, "0x" + trader.key.sign(digest).hex())
            assert await refused(second, replayed) == ("bad_signature", "signature", False)
        assert await refused(client, wire.Login(4, 0, signature)) == ("bad_signature", "signature", False)
        await client.login(trader.key, trader.account)
        assert await refused(client, wire.Login(5, trader.account, signature)) == ("replayed", "type", False)
        assert await refused(client, wire.SealNow(6)) == ("unauthenticated", "", False)
        assert await refused(client, wire.GetResult(7, 0)) == ("too_early", "", True)
        assert await refused(client, wire.GetPath(8, 0)) == ("wrong_phase", "batch", True)
        assert await refused(client, wire.GetBatch(9, 44)) == ("unknown_batch", "batch", False)


async def test_reveals_that_are_refused(tmp_path: Path, l1: SimulatedL1) -> None:
    trader, bystander = funded(l1, 1), funded(l1, 2)
    trader.entries = (
        OpenedEntry(2, 0, 20_000, 5),
        OpenedEntry(3, 0, 20_000, 5),
    )  # quote before base: not in order
    parameters = l1.parameters()
    change = msgspec.structs.replace
    async with running(tmp_path, l1) as node, connected(node, parameters) as client:
        await client.login(trader.key, trader.account)
        assert await refused(client, trader.reveal(client)) == ("wrong_phase", "batch", True)
        await client.ask(trader.commit(client), wire.Receipt)
        node.seal_now()
        await client.push(wire.Sealed)
        reveal = trader.reveal(client)
        for bad, reason in (
            (change(reveal, entries=(wire.Entry(2, 0, 20_000, 6),)), "commitment_mismatch"),
            (change(reveal, salt=wire.hex_digest((1, 1, 1, 0))), "commitment_mismatch"),
            (change(reveal, salt=wire.hex_digest((1, 1, 1, 1))), "malformed_bundle"),
            (change(reveal, key_position=4), "key_mismatch"),
            (change(reveal, key_path=reveal.key_path[:-1]), "key_mismatch"),
            (reveal, "malformed_bundle"),
        ):
            refusal = await client.ask(bad, wire.Refusal)
            digest = client.domain.refusal(0, trader.account, trader.commitment, reason)
            assert (refusal.reason, signed_by_operator(digest, refusal.signature)) == (reason, True)
        assert refusal.message == "entries[1]: not in the order (debited asset, market, kind)"
        async with connected(node, parameters) as other:
            await other.login(bystander.key, bystander.account)
            refusal = await other.ask(bystander.reveal(other), wire.Refusal)
            assert (refusal.reason, refusal.commitment) == ("no_leaf", wire.hex_digest(ZERO))
            assert await refused(other, wire.GetPath(9, 0)) == ("not_found", "", False)


async def test_a_registration_out_of_reach(tmp_path: Path, l1: SimulatedL1) -> None:
    early = funded(l1, 1)
    for _ in range(l1.parameters().queue_per_batch):
        l1.deposit(early.account, 0, 1)
    late = funded(l1, 2)
    async with running(tmp_path, l1, empty_batches=False) as node, connected(node, l1.parameters()) as client:
        await client.login(late.key, late.account)
        assert await refused(client, late.commit(client)) == ("registration_pending", "", True)
