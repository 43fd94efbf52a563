// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ConstraintsAtZeta, Evaluation, Opened} from "./Constraints.sol";
import {GoldilocksExtension as G} from "./GoldilocksExtension.sol";
import {IStarkErrors} from "../interfaces/IStarkErrors.sol";
import {Lanes} from "./Lanes.sol";
import {Memory} from "./Memory.sol";
import {Challenges} from "./Replay.sol";
import {Shapes} from "./Shapes.sol";
import {Key, Table} from "./VerificationKey.sol";

/// @title What is done with the opened values: the constraints (docs/proof-format.md section 5.3), the batching (5.4)
library OpenedValues {
    uint256 private constant P = 0xFFFFFFFF00000001;
    /// p << 137: two lanes of a sum, reduced in the upper one only (see `Lanes`).
    uint256 private constant LANES = 0x1FFFFFFFE000000020000000000000000000000000000000000;
    uint256 private constant LOW_LANE = 0x1FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF;
    /// Products of 128 bits that add up in a lane of 137 bits, with some to spare.
    uint256 private constant RUN = 250;

    /// Constraints of every table (steps 5 to 10).
    function checkConstraints(
        Key memory k,
        Challenges memory c,
        uint256 prefixes,
        uint256 terminals,
        uint256 opened,
        uint256 rootInverses
    ) internal pure {
        unchecked {
            Evaluation memory e;
            e.alpha = c.alpha;
            e.zeta = c.zeta;
            e.rootInversesAt = rootInverses;
            e.prefixesAt = prefixes;
            // the end of the list, which begins with the highest power
            e.betaPowersAt = Lanes.powersDown(c.lookupBeta, k.messageWidth);
            e.zetaPowersAt = Memory.allocate(33);
            uint256 power = c.zeta;
            for (uint256 i; i < 33; ++i) {
                Memory.store(e.zetaPowersAt + 32 * i, power);
                power = G.mul(power, power);
            }
            uint256 zetaMinusOne = G.sub(c.zeta, 1);
            if (zetaMinusOne == 0) revert IStarkErrors.OodPoint();
            e.inverseZetaMinusOne = G.inverse(zetaMinusOne);

            uint256 count = k.tables.length;
            uint256 nodes;
            Opened[] memory o = new Opened[](count);
            uint256 ptr = opened;
            for (uint256 i; i < count; ++i) {
                Table memory t = k.tables[i];
                if (t.operations > nodes) nodes = t.operations;
                o[i].localAt = ptr;
                ptr += 32 * t.width;
                o[i].nextAt = ptr;
                if (t.readsNext != 0) ptr += 32 * t.width;
            }
            for (uint256 i; i < count; ++i) {
                o[i].quotientAt = ptr;
                ptr += 64 << k.tables[i].logChunks;
            }
            ptr += 64; // the mask
            for (uint256 i; i < count; ++i) {
                uint256 width = 64 * (k.tables[i].columns + 1);
                if (k.tables[i].columns == 0) continue;
                o[i].permutationAt = ptr;
                o[i].permutationNextAt = ptr + width;
                o[i].terminal = Memory.load(terminals);
                ptr += 2 * width;
                terminals += 32;
            }
            e.nodesAt = Memory.allocate(nodes + 4) + 127 & ~uint256(31);
            for (uint256 i; i < count; ++i) ConstraintsAtZeta.check(k, k.tables[i], e, o[i]);
        }
    }

    /// Sums of the opened values in the batching: one word per height and opening point, at
    /// sums + 64 height (at zeta) and sums + 64 height + 32 (at the next point).
    function batch(Key memory k, uint256 lambda, uint256 opened) internal pure returns (uint256 sums) {
        unchecked {
            sums = Memory.allocate(66);
            uint256 factors = Memory.allocate(33);
            uint256 widest;
            for (uint256 i; i < 33; ++i) Memory.store(factors + 32 * i, 1);
            for (uint256 i; i < k.shapes.length; ++i) {
                uint256 shape = k.shapes[i];
                Memory.store(sums + 64 * Shapes.height(shape), 0);
                Memory.store(sums + 64 * Shapes.height(shape) + 32, 0);
                for (uint256 tree; tree < Shapes.TREES; ++tree) {
                    if (Shapes.columns(shape, tree) > widest) widest = Shapes.columns(shape, tree);
                }
            }
            uint256 powers = Lanes.powers(lambda, widest + 1);
            for (uint256 tree; tree < Shapes.TREES; ++tree) {
                for (uint256 i; i < k.shapes.length; ++i) {
                    uint256 shape = k.shapes[i];
                    uint256 width = Shapes.columns(shape, tree);
                    uint256 height = Shapes.height(shape);
                    uint256 power = Memory.load(powers + 32 * width);
                    power = Lanes.pack(power);
                    for (uint256 point; point < Shapes.points(shape, tree); ++point) {
                        uint256 factor = Memory.load(factors + 32 * height);
                        uint256 ptr = sums + 64 * height + 32 * point;
                        Memory.store(ptr, G.add(Memory.load(ptr), G.mul(factor, dot(opened, width, powers))));
                        Memory.store(factors + 32 * height, G.mul(factor, power));
                        opened += 32 * width;
                    }
                }
            }
        }
    }

    /// sum of v_i base^i over `count` <= 500 packed words
    function dot(uint256 values, uint256 count, uint256 powers) private pure returns (uint256) {
        unchecked {
            if (count <= RUN) return dotRun(values, count, powers);
            return G.add(dotRun(values, RUN, powers), dotRun(values + 32 * RUN, count - RUN, powers + 32 * RUN));
        }
    }

    /// The same for up to RUN words: the lower lanes stay below 2^137 (see `Lanes`). Lower and upper
    /// halves are summed apart, so that each power is one word.
    function dotRun(uint256 values, uint256 count, uint256 powers) private pure returns (uint256 sum) {
        assembly ("memory-safe") {
            let end := add(values, shl(5, count))
            let low := 0
            let high := 0
            for { let odd := add(values, shl(5, and(count, 3))) } lt(values, odd) { values := add(values, 32) } {
                let v := mload(values)
                let w := mload(powers)
                low := add(low, mulmod(and(v, 0xFFFFFFFFFFFFFFFF), w, LANES))
                high := add(high, mulmod(shr(128, v), w, LANES))
                powers := add(powers, 32)
            }
            for {} lt(values, end) { values := add(values, 128) } {
                let v := mload(values)
                let w := mload(powers)
                low := add(low, mulmod(and(v, 0xFFFFFFFFFFFFFFFF), w, LANES))
                high := add(high, mulmod(shr(128, v), w, LANES))
                v := mload(add(values, 32))
                w := mload(add(powers, 32))
                low := add(low, mulmod(and(v, 0xFFFFFFFFFFFFFFFF), w, LANES))
                high := add(high, mulmod(shr(128, v), w, LANES))
                v := mload(add(values, 64))
                w := mload(add(powers, 64))
                low := add(low, mulmod(and(v, 0xFFFFFFFFFFFFFFFF), w, LANES))
                high := add(high, mulmod(shr(128, v), w, LANES))
                v := mload(add(values, 96))
                w := mload(add(powers, 96))
                low := add(low, mulmod(and(v, 0xFFFFFFFFFFFFFFFF), w, LANES))
                high := add(high, mulmod(shr(128, v), w, LANES))
                powers := add(powers, 128)
            }
            // low + X high
            sum :=
                or(
                    shl(128, mod(add(shr(137, low), and(high, LOW_LANE)), P)),
                    mod(add(and(low, LOW_LANE), mul(7, shr(137, high))), P)
                )
        }
    }
}
