"""The examination: each constraint is removed, and a forged witness of the suite shows what it was for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from .forgery import Forgery, NotForgedError, accepted, forge
from .probe import probe
from .removal import Constraint, Kind
from .service import NoRoomError
from .subject import Subject
from .world import World

_SHOWN = 4
"""So many false claims are named."""
_SEEDS = 8
"""So often a lie is carried through anew, with other choices where there are several."""


class Verdict(StrEnum):
    """What is known of a constraint."""

    FORGED = "forged"
    """Without it a forged witness is accepted."""
    PRIVACY = "privacy"
    """It blinds what a proof shows: a distinguishing test stands for it."""
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True)
class Finding:
    """The result for one constraint; ``published`` says which public claims became false."""

    program: str
    constraint: Constraint
    verdict: Verdict
    forgery: Forgery | None = None
    published: tuple[str, ...] = ()

    @property
    def falsehood(self) -> str:
        """What the forged witness proves, in words."""
        if self.forgery is None:
            return ""
        return self.forgery.falsehood or f"told {self.forgery.name}"


class Examiner:
    """Examines one program; honest witnesses are built once."""

    def __init__(self, subject: Subject, search: bool = False) -> None:
        self.subject = subject
        self.search = search
        self._worlds: dict[str, World] = {}
        self._by_name = {constraint.name: constraint for constraint in subject.constraints}
        self._known: dict[str, list[Forgery]] = {}
        for forgery in (*subject.forgeries, *subject.found()):
            for name in forgery.against:
                self._known.setdefault(name, []).append(forgery)
        for forgeries in self._known.values():
            forgeries.sort(key=lambda forgery: len(forgery.together))

    def run(self, chosen: Sequence[Constraint] | None = None) -> Iterator[Finding]:
        """One finding for each constraint, as they come."""
        for constraint in self.subject.constraints if chosen is None else chosen:
            yield self.examine(constraint)

    def examine(self, constraint: Constraint) -> Finding:
        """Remove one constraint and look for a forged witness that then passes."""
        program = self.subject.name
        if self.subject.private(constraint):
            return Finding(program, constraint, Verdict.PRIVACY)
        for forgery in self._known.get(constraint.name, ()):
            world = self.forged(constraint, forgery)
            if world is not None:
                return Finding(program, constraint, Verdict.FORGED, forgery, self._published(forgery, world))
        if self.search:
            found = probe({name: self.world(name) for name in self.subject.worlds}, constraint, self.subject.claims)
            if found is not None:
                world = self.forged(constraint, found)
                published = self._published(found, world) if world else ()
                return Finding(program, constraint, Verdict.FORGED, found, published)
        return Finding(program, constraint, Verdict.UNEXPLAINED)

    def forged(self, constraint: Constraint, forgery: Forgery) -> World | None:
        """The forged witness if the program without the constraint accepts it and the full one does not."""
        removed = [constraint, *(self._by_name[name] for name in forgery.together if name != constraint.name)]
        for seed in range(_SEEDS):
            try:
                world = forge(self.world(forgery.epoch), removed, forgery, self.subject.claims, seed)
                if accepted(world, removed, forgery.finish):
                    return world
            except (NotForgedError, NoRoomError):
                continue
            except LookupError:
                return None
        return None

    def world(self, name: str) -> World:
        if name not in self._worlds:
            self._worlds[name] = (self.subject.worlds.get(name) or self.subject.forged[name])()
        return self._worlds[name]

    def _published(self, forgery: Forgery, world: World) -> tuple[str, ...]:
        """The public claims that differ from the honest ones."""
        honest = Counter(message.fields for message in self.world(forgery.epoch).public)
        claimed = Counter(message.fields for message in world.public)
        return tuple(str(list(fields)) for fields in sorted((claimed - honest).elements())[:_SHOWN])


__all__ = ["Examiner", "Finding", "Kind", "Verdict"]
