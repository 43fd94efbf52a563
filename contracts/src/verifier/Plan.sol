// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Folding} from "./Folding.sol";
import {GoldilocksExtension as G} from "./GoldilocksExtension.sol";
import {Lanes} from "./Lanes.sol";
import {Memory} from "./Memory.sol";
import {Open, OpenState} from "./OpenState.sol";
import {Shapes} from "./Shapes.sol";

/// What one call prepares for all of its records.
struct Plan {
    uint256 cap;
    uint256 height;
    uint256 capsFrom;
    /// Instructions of the input trees, see `Plans.prepare`.
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
    uint256 recordAt;
}

/// @title What the records of a call share, worked out once
library Plans {
    /// Builds the plan of a call.
    ///
    /// treesAt: per tree: number of groups; per group, tallest first: height, bytes of the leaf, number of blocks; per block
    /// (the table's matrices in the tree, whose columns lie side by side): columns, lambda^offset at zeta, at the next
    /// point (0: not opened there), slot.
    function prepare(Open memory o) internal pure returns (Plan memory plan) {
        unchecked {
            plan.cap = o.cap;
            plan.height = o.height;
            plan.capsFrom = o.capsFrom;
            plan.heights = o.heights;
            plan.rootsAt = G.chain(G.ROOT_32);
            plan.slotsAt = Memory.allocate(66);
            plan.reducedAt = Memory.allocate(33);
            plan.scratchAt = Memory.allocate(66);
            planPowers(o, plan);
            planTrees(o, plan);
            uint256 from = planHeights(o, plan);
            plan.finalPolyAt = Memory.allocate(o.coefficients + 3);
            for (uint256 i; i < o.coefficients; ++i) {
                uint256 coefficient = OpenState.extensionAt(from + 16 * i);
                coefficient = ((coefficient >> 128) << 137) | (coefficient & type(uint64).max);
                Memory.store(plan.finalPolyAt + 32 * i, coefficient);
            }
            for (uint256 i; i < 3; ++i) Memory.store(plan.finalPolyAt + 32 * (o.coefficients + i), 0);
            plan.foldingAt = Folding.prepare(o, plan.rootsAt, plan.finalPolyAt);
            plan.recordAt = Memory.allocate((o.recordLength + 63) / 32);
        }
    }

    function planPowers(Open memory o, Plan memory plan) private pure {
        unchecked {
            uint256 widest;
            for (uint256 i; i < o.shapes; ++i) {
                uint256 shape = OpenState.shapeAt(o, i);
                for (uint256 tree; tree < Shapes.TREES; ++tree) {
                    uint256 width = Shapes.columns(shape, tree);
                    if (width > widest) widest = width;
                }
            }
            uint256 lambda = OpenState.extensionAt(o.extensionsFrom);
            // the last columns are summed by whole words of four
            plan.lanesAt = Lanes.powers(lambda, widest + 4);
        }
    }

    function planTrees(Open memory o, Plan memory plan) private pure {
        unchecked {
            // running lambda^offset by height
            uint256 factors = Memory.allocate(33);
            for (uint256 i; i < 33; ++i) Memory.store(factors + 32 * i, 1);
            uint256 blocks = Memory.allocate(2 * o.shapes);
            uint256 p = Memory.allocate(Shapes.TREES * (1 + 7 * o.shapes));
            plan.treesAt = p;
            for (uint256 tree; tree < Shapes.TREES; ++tree) {
                uint256 heights;
                for (uint256 i; i < o.shapes; ++i) {
                    uint256 shape = OpenState.shapeAt(o, i);
                    uint256 points = Shapes.points(shape, tree);
                    if (points == 0) continue;
                    heights |= 1 << Shapes.height(shape);
                    uint256 ptr = factors + 32 * Shapes.height(shape);
                    uint256 factor = Memory.load(ptr);
                    uint256 power = Memory.load(plan.lanesAt + 32 * Shapes.columns(shape, tree));
                    power = Lanes.pack(power);
                    Memory.store(blocks + 64 * i, factor);
                    factor = G.mul(factor, power);
                    Memory.store(blocks + 64 * i + 32, points == 2 ? factor : 0);
                    if (points == 2) factor = G.mul(factor, power);
                    Memory.store(ptr, factor);
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
                for (uint256 i; i < o.shapes; ++i) {
                    uint256 shape = OpenState.shapeAt(o, i);
                    uint256 width = Shapes.columns(shape, tree);
                    if (Shapes.height(shape) != height || width == 0) continue;
                    count += 1;
                    length += 8 * width;
                    Memory.store(p, width);
                    Memory.store(p + 32, Memory.load(blocks + 64 * i));
                    Memory.store(p + 64, Memory.load(blocks + 64 * i + 32));
                    Memory.store(p + 96, plan.slotsAt + 64 * height);
                    p += 128;
                }
                Memory.store(groupAt, height);
                Memory.store(groupAt + 32, length);
                Memory.store(groupAt + 64, count);
            }
            Memory.store(countAt, groups);
            return p;
        }
    }

    /// Returns the calldata offset behind the batched openings.
    function planHeights(Open memory o, Plan memory plan) private pure returns (uint256 from) {
        unchecked {
            uint256 next;
            for (uint256 i; i < o.shapes; ++i) {
                uint256 shape = OpenState.shapeAt(o, i);
                if (Shapes.points(shape, 1) == 2 || Shapes.points(shape, 3) == 2) next |= 1 << Shapes.height(shape);
            }
            uint256 zeta = OpenState.extensionAt(o.extensionsFrom + 16);
            from = o.extensionsFrom + 16 * (2 + o.rounds);
            uint256 p = Memory.allocate(5 * 32);
            plan.heightsAt = p;
            for (uint256 height = o.height; height != 0; --height) {
                if ((o.heights >> height) & 1 == 0) continue;
                plan.heightCount += 1;
                Memory.store(p, height);
                Memory.store(p + 32, zeta);
                bool has = (next >> height) & 1 != 0;
                uint256 root = Memory.load(plan.rootsAt + 32 * (height - o.blowup));
                Memory.store(p + 64, has ? G.scale(zeta, root) : 0);
                Memory.store(p + 96, OpenState.extensionAt(from));
                Memory.store(p + 128, OpenState.extensionAt(from + 16));
                from += 32;
                p += 160;
            }
            plan.normsAt = Memory.allocate(4 * plan.heightCount + 2);
        }
    }
}
