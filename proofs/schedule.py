"""The order in which a key holds a tape's operations.

Any order in which operands come first means the same. The verifier contract reads six operations at a time and runs
them without a branch if they are of one kind, so a key holds them kind by kind as far as their operands allow.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from heapq import heappop, heappush
from typing import Final

from .expression import Node, Op

__all__ = ["schedule"]

GROUP: Final = 6
"""Operations of five bytes in a word of the EVM."""
_KINDS: Final = (Op.ADD, Op.SUB, Op.MUL)


def schedule(nodes: Sequence[Node], wanted: Collection[int]) -> list[int]:
    """Order the ``wanted`` nodes (indices, operands of wanted nodes included): leaves by kind, then the operations.

    Whenever some kind has a whole group ready, one such group follows; else the kind with most of them. Those that most
    other operations wait for come first, then those of smaller index: equal arguments give equal orders.
    """
    leaves = [index for index in wanted if nodes[index].op not in _KINDS]
    leaves.sort(key=lambda index: (nodes[index].op, index if nodes[index].op is Op.CONST else nodes[index].a))
    operations = sorted(index for index in wanted if nodes[index].op in _KINDS)
    users: dict[int, list[int]] = {index: [] for index in wanted}
    missing: dict[int, int] = {}
    for index in operations:
        operands = {nodes[index].a, nodes[index].b}
        missing[index] = len(operands)
        for operand in operands:
            users[operand].append(index)
    waiting: dict[int, int] = {}
    for index in reversed(operations):
        waiting[index] = 1 + max((waiting[user] for user in users[index]), default=0)
    ready: dict[Op, list[tuple[int, int]]] = {kind: [] for kind in _KINDS}
    order: list[int] = []

    def append(index: int) -> None:
        order.append(index)
        for user in users[index]:
            missing[user] -= 1
            if missing[user] == 0:
                heappush(ready[nodes[user].op], (-waiting[user], user))

    for leaf in leaves:
        append(leaf)
    while len(order) < len(leaves) + len(operations):
        kind = max(_KINDS, key=lambda kind: (min(len(ready[kind]), GROUP), -ready[kind][0][0] if ready[kind] else 0))
        for _ in range(GROUP):
            if not ready[kind]:
                break
            append(heappop(ready[kind])[1])
    return order
