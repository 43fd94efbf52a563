"""The handles of the account's commitments, by batch and by the names that the caller gave to the orders."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from commitments.types import ZERO
from orderbook.wire import Receipt

from .errors import InputError
from .handles import Commitment, OrderHandle
from .orders import Bundle
from .records import BatchRecord, CommitmentRecord
from .states import Cancelled, Committed, Expired, OrderState, Rejected
from .store import Store
from .tracking import advance, restored

__all__ = ["Book", "acceptable"]


class Book:
    """Handles that are on their way, those of earlier runs included. ``observer`` hears of every new state."""

    def __init__(self, account: int, store: Store, observer: Callable[[OrderHandle], None]) -> None:
        self._account = account
        self._store = store
        self.observer = observer
        self._live: dict[int, list[Commitment]] = {}
        for record in store.pending():
            messages = acceptable(store.commitments(record.batch))
            self._live[record.batch] = [
                restored(account, record, m, observer) for m in messages if m.commitment != ZERO
            ]

    @property
    def commitments(self) -> tuple[Commitment, ...]:
        """Commitments that are not at their end, oldest batch first."""
        return tuple(made for batch in sorted(self._live) for made in self._live[batch] if not made.ended)

    def of(self, batch: int) -> tuple[Commitment, ...]:
        """Commitments of a batch."""
        return tuple(self._live.get(batch, ()))

    def add(self, made: Commitment) -> None:
        """A commitment is about to be sent."""
        self._live.setdefault(made.batch, []).append(made)
        for handle in made:
            self.observer(handle)

    def drop(self, made: Commitment) -> None:
        """It was never in its batch, and goes on in another."""
        self._live[made.batch].remove(made)

    def confirmed(self, made: Commitment, receipt: Receipt) -> None:
        """The venue signed for a commitment: earlier ones of the batch no longer count."""
        for handle in made:
            handle.advance(Committed(receipt))
        end((other for other in self.of(made.batch) if other.sequence < made.sequence), Cancelled("replaced"))

    def changed(self, record: BatchRecord) -> None:
        """A batch moved on: so do the handles of its orders."""
        messages = {message.sequence: message for message in self._store.commitments(record.batch)}
        for made in self.of(record.batch):
            advance(self._account, made, record, messages[made.sequence])
        if record.phase in ("settled", "void"):
            self._live.pop(record.batch, None)

    # ------------------------------------------------------------------------------------------ names

    def order(self, name: str) -> OrderHandle | None:
        """The order that was last placed under this name, as far as the store knows; None if none was."""
        message = self._store.order(name)
        if message is None:
            return None
        return next(handle for handle in self._commitment(message) if handle.client_order_id == name)

    def repeated(self, bundle: Bundle) -> Commitment | None:
        """The commitment that was made of the same orders under the same names; None if the names are free.

        A name is free again once its order was refused or has expired: then it was in no batch, and never will be.

        :raises InputError: ``client_order_id_used``: the name belongs to another order, or to other company.
        """
        found: list[CommitmentRecord] = []
        for index, item in enumerate(bundle.instructions):
            message = None if item.client_order_id is None else self._store.order(item.client_order_id)
            if message is None or self._free(message):
                continue
            place = bundle.places[index]
            if message.entries != bundle.entries or message.names[place] != item.client_order_id:
                raise InputError(
                    f"orders[{index}].client_order_id: {item.client_order_id!r} was used in batch {message.batch} "
                    "for another order, or with other orders beside it",
                    code="client_order_id_used",
                    field=f"orders[{index}].client_order_id",
                    advice="choose a new name; resolve() tells what became of the old one",
                )
            found.append(message)
        return self._commitment(found[0]) if found else None

    def _free(self, message: CommitmentRecord) -> bool:
        state: OrderState = self._commitment(message)[0].state
        return message.status == "refused" or isinstance(state, Expired | Rejected)

    def _commitment(self, message: CommitmentRecord) -> Commitment:
        for made in self.of(message.batch):
            if made.sequence == message.sequence:
                return made
        record = self._store.batch(message.batch)
        assert record is not None
        made = restored(self._account, record, message)
        if message.status != "refused":
            later = acceptable(self._store.commitments(message.batch))
            if all(message.sequence < other.sequence for other in later):
                end([made], Cancelled("cancelled" if later and later[-1].commitment == ZERO else "replaced"))
        return made


def acceptable(messages: tuple[CommitmentRecord, ...]) -> list[CommitmentRecord]:
    """Messages whose commitment the batch may hold: the last receipted one, and those sent after it without an answer
    or held back as a lease.

    An older one in the sealed root would be one that the owner had replaced or cancelled: it is not opened.
    """
    found: list[CommitmentRecord] = []
    for message in messages:
        if message.status == "receipted":
            found = [message]
        elif message.status in ("sent", "leased"):
            found.append(message)
    return found


def end(commitments: Iterable[Commitment], state: OrderState) -> None:
    """End all their orders."""
    for made in commitments:
        for handle in made:
            handle.advance(state)
