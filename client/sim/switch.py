"""Who is connected to a simulated venue: requests in, replies and pushed messages out."""

from __future__ import annotations

import asyncio
import random

from orderbook.desk import Desk
from orderbook.errors import WireError
from orderbook.limits import Limits
from orderbook.notices import Notice
from orderbook.refusals import refusal
from orderbook.sessions import Session
from orderbook.streams import Key
from orderbook.wire import Cancel, Commit, Error, Many, Message, Ping, Pong, Receipt, Request, Results, decode_request

from .sockets import Peer

__all__ = ["Switch"]

_BUDGET = 1e6


class Switch:
    """All connections. Requests of one connection are served one after the other; there are no rate limits."""

    def __init__(self, seed: int) -> None:
        self.desk: Desk
        self._random = random.Random(seed)
        self._peers: dict[Peer, Session] = {}
        self._unplugged: set[int] = set()

    # ------------------------------------------------------------------------------------------ cables

    def unplug(self, account: int) -> None:
        """Cut an account's connections, and refuse new ones, until :meth:`plug`."""
        self._unplugged.add(account)
        for peer, session in list(self._peers.items()):
            if account in session.accounts:
                peer.close()

    def plug(self, account: int) -> None:
        """Let the account in again."""
        self._unplugged.discard(account)

    # ------------------------------------------------------------------------------------------ outgoing

    def tell(self, notice: Notice) -> None:
        """Number a notice and send it to whom it concerns."""
        message = self.desk.streams.stamp(notice.key, notice.message)
        if notice.account is None:
            self.broadcast(notice.key, message)
        else:
            self._push(notice.account, message)

    def broadcast(self, key: Key, message: Message) -> None:
        """Send to every subscriber of a channel."""
        for peer, session in list(self._peers.items()):
            if key in session.channels:
                peer.send(message)

    def subscribed(self, key: Key) -> bool:
        """Whether a channel has a subscriber."""
        return any(key in session.channels for session in self._peers.values())

    def _push(self, account: int, message: Message) -> None:
        for peer, session in list(self._peers.items()):
            if account in session.accounts:
                peer.send(message)

    async def beat(self) -> None:
        """Signs of life to subscribers, until cancelled."""
        while True:
            await asyncio.sleep(Limits().heartbeat_seconds)
            for peer, session in list(self._peers.items()):
                if session.channels:
                    peer.send(self.desk.heartbeat(session))

    # ------------------------------------------------------------------------------------------ incoming

    async def serve(self, peer: Peer) -> None:
        """One connection, until it ends."""
        session = Session(self._random.randbytes(32))
        self._peers[peer] = session
        try:
            peer.send(self.desk.hello(session.challenge))
            while not peer.closed:
                frame = await peer.inbox.get()
                peer.binary = isinstance(frame, bytes)
                peer.send(self._answer(session, frame))
                if self._unplugged & session.accounts.keys():
                    peer.close()
        finally:
            del self._peers[peer]

    def _answer(self, session: Session, frame: str | bytes) -> Message:
        try:
            request = decode_request(frame)
        except WireError as error:
            return Error(None, "malformed", str(error), error.field)
        if isinstance(request, Ping):
            return Pong(request.id, self.desk.now(), _BUDGET)
        try:
            reply = self.desk.handle(session, request).message
        except Exception as error:  # as the server does: whatever it is, the client gets a reply
            return refusal(request.id, error)
        self._share(request, reply)
        return reply

    def _share(self, request: Request, reply: Message) -> None:
        """The sessions of an account learn what one of them sent, if there are several."""
        if not isinstance(request, Commit | Cancel | Many):
            return
        for part in reply.items if isinstance(reply, Results) else (reply,):
            if not isinstance(part, Receipt):
                continue
            if sum(part.account in session.accounts for session in self._peers.values()) > 1:
                self._push(part.account, self.desk.shared(part))
