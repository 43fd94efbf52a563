// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Decoding} from "./Decoding.sol";
import {Folding} from "./Folding.sol";
import {GoldilocksExtension as G} from "./GoldilocksExtension.sol";
import {Head} from "./Head.sol";
import {IStarkErrors} from "../interfaces/IStarkErrors.sol";
import {Shapes} from "./Shapes.sol";
import {State} from "./State.sol";

/// A decoded state (see State); `...At` are memory addresses, `...From` calldata offsets.
struct Open {
    uint256 queries;
    uint256 cap;
    uint256 blowup;
    uint256 finalLog;
    uint256 height;
    uint256 rounds;
    uint256 tables;
    uint256 recordLength;
    uint256 aritiesFrom;
    uint256 shapesFrom;
    uint256 extensionsFrom;
    uint256 indicesFrom;
    uint256 capsFrom;
    /// Heights that occur, as bits.
    uint256 heights;
}

/// What one call prepares for all of its records.
struct Plan {
    uint256 cap;
    uint256 height;
    uint256 capsFrom;
    /// Instructions of the input trees, see `Queries.planTrees`.
    uint256 treesAt;
    /// lambda^k as two lanes, a1 << 137 | a0.
    uint256 lanesAt;
    /// By height: batched rows at zeta and at the next point, two words each.
    uint256 slotsAt;
    /// Per height, tallest first: height, zeta, next point (0: none), opened sums at both.
    uint256 heightsAt;
    uint256 heightCount;
    /// By height: the reduced opening.
    uint256 reducedAt;
    /// Bits of the heights with a reduced opening.
    uint256 heights;
    uint256 rootsAt;
    /// Leaf hashes and heights of a tree's groups.
    uint256 scratchAt;
    /// Norms and products for the shared inversion.
    uint256 normsAt;
    uint256 foldingAt;
    uint256 finalPolyAt;
    uint256 finalLog;
    uint256 recordAt;
}

/// @title Query records (docs/proof-format.md sections 5.4 and 5.5)
library Queries {
    uint256 private constant P = 0xFFFFFFFF00000001;
    uint256 private constant LANES = 0x1FFFFFFFE000000020000000000000000000000000000000000;
    uint256 private constant TREES = 4;

    function open(bytes calldata state) internal pure returns (Open memory o) {
        unchecked {
            uint256 start;
            uint256 head;
            assembly ("memory-safe") {
                start := state.offset
                head := calldataload(start)
            }
            if (state.length < State.SHAPES || head >> 224 != State.MAGIC) revert IStarkErrors.InvalidState();
            o.queries = (head >> 216) & 0xFF;
            o.cap = (head >> 208) & 0xFF;
            o.blowup = (head >> 200) & 0xFF;
            o.finalLog = (head >> 192) & 0xFF;
            o.height = (head >> 184) & 0xFF;
            o.rounds = (head >> 176) & 0xFF;
            o.tables = (head >> 168) & 0xFF;
            o.recordLength = (head >> 128) & 0xFFFFFFFF;
            o.aritiesFrom = start + 96;
            o.shapesFrom = start + State.SHAPES;
            uint256 heightCount;
            for (uint256 i; i < o.tables; ++i) {
                uint256 bit = 1 << Shapes.height(shapeAt(o, i));
                if (o.heights & bit == 0) heightCount += 1;
                o.heights |= bit;
            }
            o.extensionsFrom = o.shapesFrom + 8 * o.tables;
            o.indicesFrom = o.extensionsFrom + 16 * (2 + o.rounds + 2 * heightCount + (1 << o.finalLog));
            o.capsFrom = o.indicesFrom + 4 * o.queries;
            if (o.capsFrom + ((TREES + o.rounds) << (o.cap + 5)) != start + state.length) {
                revert IStarkErrors.InvalidState();
            }
        }
    }

    function check(bytes calldata state, uint256 first, bytes calldata queries) internal pure returns (uint256 count) {
        unchecked {
            Open memory o = open(state);
            count = queries.length / o.recordLength;
            if (count == 0 || count * o.recordLength != queries.length || first >= o.queries || count > o.queries - first) {
                revert IStarkErrors.Length();
            }
            Plan memory plan = prepare(o);
            for (uint256 i; i < count; ++i) {
                uint256 record = plan.recordAt;
                uint256 index;
                assembly ("memory-safe") {
                    let length := mload(add(o, 0xE0)) // recordLength
                    calldatacopy(record, add(queries.offset, mul(i, length)), length)
                }
                index = load(o.indicesFrom + 4 * (first + i), 4);
                uint256 p = checkTrees(plan, index, record);
                (uint256 y, uint256 yInverse) = reduceOpenings(plan, index);
                Folding.check(plan.foldingAt, plan.reducedAt, plan.heights, index, p, y, yInverse);
            }
        }
    }

    /// Builds the plan of a call.
    ///
    /// treesAt: per tree: number of groups; per group, tallest first: height, bytes of the leaf, number of blocks; per block
    /// (the table's matrices in the tree, whose columns lie side by side): columns, lambda^offset at zeta, at the next
    /// point (0: not opened there), slot.
    function prepare(Open memory o) private pure returns (Plan memory plan) {
        unchecked {
            plan.cap = o.cap;
            plan.height = o.height;
            plan.capsFrom = o.capsFrom;
            plan.heights = o.heights;
            plan.finalLog = o.finalLog;
            plan.rootsAt = G.chain(G.ROOT_32);
            plan.slotsAt = Head.allocate(66);
            plan.reducedAt = Head.allocate(33);
            plan.scratchAt = Head.allocate(66);
            planPowers(o, plan);
            planTrees(o, plan);
            uint256 from = planHeights(o, plan);
            plan.finalPolyAt = Head.allocate(1 << o.finalLog);
            for (uint256 i; i < 1 << o.finalLog; ++i) {
                uint256 coefficient = extensionAt(from + 16 * i);
                coefficient = ((coefficient >> 128) << 137) | (coefficient & type(uint64).max);
                Head.store(plan.finalPolyAt + 32 * i, coefficient);
            }
            plan.foldingAt = Folding.prepare(o, plan.rootsAt, plan.finalPolyAt);
            plan.recordAt = Head.allocate((o.recordLength + 63) / 32);
        }
    }

    function planPowers(Open memory o, Plan memory plan) private pure {
        unchecked {
            uint256 widest;
            for (uint256 i; i < o.tables; ++i) {
                uint256 shape = shapeAt(o, i);
                for (uint256 tree; tree < TREES; ++tree) {
                    uint256 width = Shapes.columns(shape, tree);
                    if (width > widest) widest = width;
                }
            }
            uint256 lambda = extensionAt(o.extensionsFrom);
            uint256 ptr = Head.allocate(widest + 4);
            plan.lanesAt = ptr;
            assembly ("memory-safe") {
                let b0 := and(lambda, 0xFFFFFFFFFFFFFFFF)
                let b1 := shr(128, lambda)
                let a0 := 1
                let a1 := 0
                for { let end := add(ptr, shl(5, widest)) } iszero(gt(ptr, end)) { ptr := add(ptr, 32) } {
                    mstore(ptr, or(shl(137, a1), a0))
                    let next := mod(add(mul(a0, b0), mul(7, mul(a1, b1))), P)
                    a1 := mod(add(mul(a0, b1), mul(a1, b0)), P)
                    a0 := next
                }
            }
        }
    }

    function planTrees(Open memory o, Plan memory plan) private pure {
        unchecked {
            // running lambda^offset by height
            uint256 factors = Head.allocate(33);
            for (uint256 i; i < 33; ++i) Head.store(factors + 32 * i, 1);
            uint256 blocks = Head.allocate(2 * o.tables);
            uint256 p = Head.allocate(TREES * (1 + 7 * o.tables));
            plan.treesAt = p;
            for (uint256 tree; tree < TREES; ++tree) {
                uint256 heights;
                for (uint256 i; i < o.tables; ++i) {
                    uint256 shape = shapeAt(o, i);
                    uint256 points = Shapes.points(shape, tree);
                    if (points == 0) continue;
                    heights |= 1 << Shapes.height(shape);
                    uint256 ptr = factors + 32 * Shapes.height(shape);
                    uint256 factor = G.word(ptr);
                    uint256 power = G.word(plan.lanesAt + 32 * Shapes.columns(shape, tree));
                    power = (power & type(uint64).max) | ((power >> 137) << 128);
                    Head.store(blocks + 64 * i, factor);
                    factor = G.mul(factor, power);
                    Head.store(blocks + 64 * i + 32, points == 2 ? factor : 0);
                    if (points == 2) factor = G.mul(factor, power);
                    Head.store(ptr, factor);
                }
                p = planGroups(o, plan, tree, heights, blocks, p);
            }
        }
    }

    function planGroups(Open memory o, Plan memory plan, uint256 tree, uint256 heights, uint256 blocks, uint256 p)
        private
        pure
        returns (uint256)
    {
        unchecked {
            uint256 countAt = p;
            uint256 groups;
            p += 32;
            for (uint256 height = o.height; heights != 0; --height) {
                if ((heights >> height) & 1 == 0) continue;
                heights ^= 1 << height;
                groups += 1;
                uint256 groupAt = p;
                uint256 length = 16;
                uint256 count;
                p += 96;
                for (uint256 i; i < o.tables; ++i) {
                    uint256 shape = shapeAt(o, i);
                    uint256 width = Shapes.columns(shape, tree);
                    if (Shapes.height(shape) != height || width == 0) continue;
                    count += 1;
                    length += 8 * width;
                    Head.store(p, width);
                    Head.store(p + 32, G.word(blocks + 64 * i));
                    Head.store(p + 64, G.word(blocks + 64 * i + 32));
                    Head.store(p + 96, plan.slotsAt + 64 * height);
                    p += 128;
                }
                Head.store(groupAt, height);
                Head.store(groupAt + 32, length);
                Head.store(groupAt + 64, count);
            }
            Head.store(countAt, groups);
            return p;
        }
    }

    /// Returns the calldata offset behind the batched openings.
    function planHeights(Open memory o, Plan memory plan) private pure returns (uint256 from) {
        unchecked {
            uint256 next;
            for (uint256 i; i < o.tables; ++i) {
                uint256 shape = shapeAt(o, i);
                if (Shapes.points(shape, 1) == 2 || Shapes.points(shape, 3) == 2) next |= 1 << Shapes.height(shape);
            }
            uint256 zeta = extensionAt(o.extensionsFrom + 16);
            from = o.extensionsFrom + 16 * (2 + o.rounds);
            uint256 p = Head.allocate(5 * 32);
            plan.heightsAt = p;
            for (uint256 height = o.height; height != 0; --height) {
                if ((o.heights >> height) & 1 == 0) continue;
                plan.heightCount += 1;
                Head.store(p, height);
                Head.store(p + 32, zeta);
                bool has = (next >> height) & 1 != 0;
                uint256 root = G.word(plan.rootsAt + 32 * (height - 1 - o.blowup));
                Head.store(p + 64, has ? G.scale(zeta, root) : 0);
                Head.store(p + 96, extensionAt(from));
                Head.store(p + 128, extensionAt(from + 16));
                from += 32;
                p += 160;
            }
            plan.normsAt = Head.allocate(4 * plan.heightCount + 2);
        }
    }

    /// Leaf hashes, paths and batched rows of the four input trees; returns the address behind them.
    function checkTrees(Plan memory plan, uint256 index, uint256 p) private pure returns (uint256) {
        unchecked {
            uint256 slots = plan.slotsAt;
            assembly ("memory-safe") {
                calldatacopy(slots, calldatasize(), 2112) // zero all slots
            }
            uint256 ptr = plan.treesAt;
            uint256 caps = plan.capsFrom;
            uint256 scratch = plan.scratchAt;
            for (uint256 tree; tree < TREES; ++tree) {
                uint256 groups = G.word(ptr);
                ptr += 32;
                if (groups == 0) {
                    caps += 32 << plan.cap;
                    continue;
                }
                for (uint256 g; g < groups; ++g) {
                    uint256 length = G.word(ptr + 32);
                    uint256 end = ptr + 96 + 128 * G.word(ptr + 64);
                    assembly ("memory-safe") {
                        mstore(add(scratch, shl(6, g)), mload(ptr))
                        mstore(add(add(scratch, 32), shl(6, g)), keccak256(p, length))
                    }
                    for (ptr += 96; ptr < end; ptr += 128) {
                        uint256 width = G.word(ptr);
                        uint256 sum = rowSum(p, width, plan.lanesAt);
                        uint256 slot = G.word(ptr + 96);
                        Head.store(slot, G.word(slot) + G.mul(sum, G.word(ptr + 32)));
                        uint256 factor = G.word(ptr + 64);
                        if (factor != 0) Head.store(slot + 32, G.word(slot + 32) + G.mul(sum, factor));
                        p += 8 * width;
                    }
                    Decoding.requireCanonicalWord(p, 2); // the salt
                    p += 16;
                }
                p = climb(plan, groups, index, p, caps);
                caps += 32 << plan.cap;
            }
            return p;
        }
    }

    /// Climbs from the tallest group's leaf to the cap, taking in the smaller groups on the way.
    function climb(Plan memory plan, uint256 groups, uint256 index, uint256 p, uint256 caps)
        private
        pure
        returns (uint256)
    {
        unchecked {
            uint256 ptr = plan.scratchAt;
            uint256 end = ptr + 64 * groups;
            uint256 level = G.word(ptr);
            index >>= plan.height - level;
            uint256 node = G.word(ptr + 32);
            for (ptr += 64; ptr < end; ptr += 64) {
                uint256 target = G.word(ptr);
                (node, p) = Folding.path(node, index, p, level - target);
                index >>= level - target;
                level = target;
                assembly ("memory-safe") {
                    mstore(0, node)
                    mstore(32, mload(add(ptr, 32)))
                    node := keccak256(0, 64)
                }
            }
            (node, p) = Folding.path(node, index, p, level - plan.cap);
            index >>= level - plan.cap;
            if (node != load(caps + 32 * index, 32)) revert IStarkErrors.Merkle();
            return p;
        }
    }

    /// sum of lambda^k row_k over `count` elements at `p`. Two lanes in a word: one MULMOD by p << 137 multiplies both,
    /// leaves the lower product (128 bits) whole and reduces the upper one; up to 512 columns add up without a carry.
    function rowSum(uint256 p, uint256 count, uint256 lanes) private pure returns (uint256 sum) {
        uint256 bad;
        assembly ("memory-safe") {
            let acc := 0
            for { let end := add(p, shl(3, and(count, not(3)))) } lt(p, end) { p := add(p, 32) } {
                let x := mload(p)
                x :=
                    or(
                        shl(8, and(x, 0x00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF)),
                        and(shr(8, x), 0x00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF)
                    )
                x :=
                    or(
                        shl(16, and(x, 0x0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF)),
                        and(shr(16, x), 0x0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF)
                    )
                x :=
                    or(
                        shl(32, and(x, 0x00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF)),
                        and(shr(32, x), 0x00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF)
                    )
                bad :=
                    or(
                        bad,
                        and(
                            x,
                            add(
                                and(x, 0x7FFFFFFFFFFFFFFF7FFFFFFFFFFFFFFF7FFFFFFFFFFFFFFF7FFFFFFFFFFFFFFF),
                                0x00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF
                            )
                        )
                    )
                acc :=
                    add(
                        acc,
                        add(
                            add(
                                mulmod(shr(192, x), mload(lanes), LANES),
                                mulmod(and(shr(128, x), 0xFFFFFFFFFFFFFFFF), mload(add(lanes, 32)), LANES)
                            ),
                            add(
                                mulmod(and(shr(64, x), 0xFFFFFFFFFFFFFFFF), mload(add(lanes, 64)), LANES),
                                mulmod(and(x, 0xFFFFFFFFFFFFFFFF), mload(add(lanes, 96)), LANES)
                            )
                        )
                    )
                lanes := add(lanes, 128)
            }
            count := and(count, 3)
            if count {
                let x := and(mload(p), not(shr(shl(6, count), not(0))))
                x :=
                    or(
                        shl(8, and(x, 0x00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF)),
                        and(shr(8, x), 0x00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF)
                    )
                x :=
                    or(
                        shl(16, and(x, 0x0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF)),
                        and(shr(16, x), 0x0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF)
                    )
                x :=
                    or(
                        shl(32, and(x, 0x00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF)),
                        and(shr(32, x), 0x00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF)
                    )
                bad :=
                    or(
                        bad,
                        and(
                            x,
                            add(
                                and(x, 0x7FFFFFFFFFFFFFFF7FFFFFFFFFFFFFFF7FFFFFFFFFFFFFFF7FFFFFFFFFFFFFFF),
                                0x00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF
                            )
                        )
                    )
                acc :=
                    add(
                        acc,
                        add(
                            add(
                                mulmod(shr(192, x), mload(lanes), LANES),
                                mulmod(and(shr(128, x), 0xFFFFFFFFFFFFFFFF), mload(add(lanes, 32)), LANES)
                            ),
                            add(
                                mulmod(and(shr(64, x), 0xFFFFFFFFFFFFFFFF), mload(add(lanes, 64)), LANES),
                                mulmod(and(x, 0xFFFFFFFFFFFFFFFF), mload(add(lanes, 96)), LANES)
                            )
                        )
                    )
            }
            sum := or(shl(128, mod(shr(137, acc), P)), mod(and(acc, 0x1FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF), P))
            bad := and(bad, 0x8000000000000000800000000000000080000000000000008000000000000000)
        }
        if (bad != 0) revert IStarkErrors.Element();
    }

    /// Reduced openings of all heights, with one inversion: the norms of all s - x and the point y itself.
    /// Returns y = w_H^rev(index, H) (the query point without the shift) and its inverse.
    function reduceOpenings(Plan memory plan, uint256 index) private pure returns (uint256 y, uint256 yInverse) {
        uint256 roots = plan.rootsAt;
        uint256 heights = plan.heightsAt;
        uint256 norms = plan.normsAt;
        uint256 top = plan.height;
        uint256 count = 2 * plan.heightCount;
        uint256 product = 1;
        assembly ("memory-safe") {
            // bit i of the index is bit H - 1 - i of the exponent: a factor w_(i + 1)
            y := 1
            for { let w := add(roots, 32) let i := index } i { i := shr(1, i) } {
                if and(i, 1) { y := mulmod(y, mload(w), P) }
                w := add(w, 32)
            }
            // norms: pairs (norm, product of the norms before)
            let level := top
            let power := y
            let n := norms
            let end := add(heights, mul(80, count))
            for { let h := heights } lt(h, end) { h := add(h, 160) } {
                for { let target := mload(h) } gt(level, target) { level := sub(level, 1) } {
                    power := mulmod(power, power, P)
                }
                let x := mulmod(7, power, P)
                for { let s := add(h, 32) } lt(s, add(h, 96)) { s := add(s, 32) } {
                    let norm := 1
                    let point := mload(s)
                    if point {
                        let a0 := sub(add(and(point, 0xFFFFFFFFFFFFFFFF), P), x)
                        let a1 := shr(128, point)
                        norm := mod(add(mul(a0, a0), sub(shl(137, P), mul(7, mul(a1, a1)))), P)
                    }
                    mstore(n, norm)
                    mstore(add(n, 32), product)
                    product := mulmod(product, norm, P)
                    n := add(n, 64)
                }
            }
        }
        if (product == 0) revert IStarkErrors.QueryPoint();
        uint256 inverse = G.inverseBase(mulmod(product, y, P));
        yInverse = mulmod(inverse, product, P);
        inverse = mulmod(inverse, y, P);
        uint256 slots = plan.slotsAt;
        uint256 reduced = plan.reducedAt;
        assembly ("memory-safe") {
            // backwards: smallest height first, its y is y^(2^(H - height)), recomputed from its inverse norm's point
            let n := add(norms, shl(6, count))
            for { let h := add(heights, mul(80, count)) } gt(h, heights) {} {
                h := sub(h, 160)
                let height := mload(h)
                let power := y
                for { let level := top } gt(level, height) { level := sub(level, 1) } { power := mulmod(power, power, P) }
                let x := mulmod(7, power, P)
                let slot := add(slots, shl(6, height))
                let r0 := 0
                let r1 := 0
                for { let k := 32 } lt(k, 33) { k := sub(k, 32) } {
                    n := sub(n, 64)
                    let norm := mulmod(inverse, mload(add(n, 32)), P)
                    inverse := mulmod(inverse, mload(n), P)
                    let point := mload(add(add(h, 32), k))
                    if point {
                        // (opened - row) * conjugate(point - x) / norm
                        let opened := mload(add(add(h, 96), k))
                        let row := mload(add(slot, k))
                        let b0 := mulmod(sub(add(and(point, 0xFFFFFFFFFFFFFFFF), P), x), norm, P)
                        let b1 := mulmod(sub(P, shr(128, point)), norm, P)
                        let a0 := sub(add(and(opened, 0xFFFFFFFFFFFFFFFF), shl(32, P)), and(row, 0xFFFFFFFFFFFFFFFFFFFFFFFF))
                        let a1 := sub(add(shr(128, opened), shl(32, P)), shr(128, row))
                        r0 := add(r0, add(mul(a0, b0), mul(7, mul(a1, b1))))
                        r1 := add(r1, add(mul(a0, b1), mul(a1, b0)))
                    }
                    if iszero(k) { break }
                }
                mstore(add(reduced, shl(5, height)), or(shl(128, mod(r1, P)), mod(r0, P)))
            }
        }
    }

    function shapeAt(Open memory o, uint256 table) private pure returns (uint256) {
        unchecked {
            return load(o.shapesFrom + 8 * table, 8);
        }
    }

    /// Packed element of EF at a calldata offset of a state.
    function extensionAt(uint256 from) internal pure returns (uint256) {
        uint256 x = load(from, 16);
        return ((x >> 64) << 128) | (x & type(uint64).max);
    }

    /// Big-endian integer of `size` bytes in calldata.
    function load(uint256 from, uint256 size) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(sub(256, shl(3, size)), calldataload(from))
        }
    }
}
