// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Decoding} from "./Decoding.sol";
import {Folding} from "./Folding.sol";
import {GoldilocksExtension as G} from "./GoldilocksExtension.sol";
import {IStarkErrors} from "../interfaces/IStarkErrors.sol";
import {Memory} from "./Memory.sol";
import {Open, OpenState} from "./OpenState.sol";
import {Plan, Plans} from "./Plan.sol";
import {RowSums} from "./RowSums.sol";
import {Shapes} from "./Shapes.sol";

/// @title Query records (docs/proof-format.md sections 5.4 and 5.5)
library Queries {
    uint256 private constant P = 0xFFFFFFFF00000001;

    function check(bytes calldata state, uint256 first, bytes calldata queries) internal pure returns (uint256 count) {
        unchecked {
            Open memory o = OpenState.read(state);
            count = queries.length / o.recordLength;
            if (count == 0 || count * o.recordLength != queries.length || first >= o.queries || count > o.queries - first) {
                revert IStarkErrors.Length();
            }
            Plan memory plan = Plans.prepare(o);
            uint256 length = o.recordLength;
            for (uint256 i; i < count; ++i) {
                uint256 record = plan.recordAt;
                uint256 index;
                assembly ("memory-safe") {
                    calldatacopy(record, add(queries.offset, mul(i, length)), length)
                }
                index = OpenState.load(o.indicesFrom + 4 * (first + i), 4);
                uint256 p = checkTrees(plan, index, record);
                (uint256 y, uint256 yInverse) = reduceOpenings(plan, index);
                Folding.check(plan.foldingAt, plan.reducedAt, plan.heights, index, p, y, yInverse);
            }
        }
    }

    /// Leaf hashes, paths and batched rows of the input trees; returns the address behind them.
    function checkTrees(Plan memory plan, uint256 index, uint256 p) private pure returns (uint256) {
        unchecked {
            uint256 slots = plan.slotsAt;
            assembly ("memory-safe") {
                calldatacopy(slots, calldatasize(), 2112) // zero all slots
            }
            uint256 ptr = plan.treesAt;
            uint256 caps = plan.capsFrom;
            uint256 scratch = plan.scratchAt;
            for (uint256 tree; tree < Shapes.TREES; ++tree) {
                uint256 groups = Memory.load(ptr);
                ptr += 32;
                if (groups == 0) {
                    caps += 32 << plan.cap;
                    continue;
                }
                for (uint256 g; g < groups; ++g) {
                    uint256 length = Memory.load(ptr + 32);
                    uint256 end = ptr + 96 + 128 * Memory.load(ptr + 64);
                    assembly ("memory-safe") {
                        mstore(add(scratch, shl(6, g)), mload(ptr))
                        mstore(add(add(scratch, 32), shl(6, g)), keccak256(p, length))
                    }
                    for (ptr += 96; ptr < end; ptr += 128) {
                        uint256 width = Memory.load(ptr);
                        uint256 sum = RowSums.sum(p, width, plan.lanesAt);
                        uint256 slot = Memory.load(ptr + 96);
                        Memory.store(slot, Memory.load(slot) + G.mul(sum, Memory.load(ptr + 32)));
                        uint256 factor = Memory.load(ptr + 64);
                        if (factor != 0) Memory.store(slot + 32, Memory.load(slot + 32) + G.mul(sum, factor));
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
            uint256 level = Memory.load(ptr);
            index >>= plan.height - level;
            uint256 node = Memory.load(ptr + 32);
            for (ptr += 64; ptr < end; ptr += 64) {
                uint256 target = Memory.load(ptr);
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
            if (node != OpenState.load(caps + 32 * index, 32)) revert IStarkErrors.Merkle();
            return p;
        }
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
}
