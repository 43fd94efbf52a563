// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {WithdrawalTree} from "../src/libraries/WithdrawalTree.sol";
import {FuzzTest} from "./Cheats.sol";

/// @notice The withdrawals tree against a plain one that keeps all its levels.
contract WithdrawalTreeFuzz is FuzzTest {
    function climb(bytes32 node, bytes32[] calldata path) external pure returns (bytes32) {
        return WithdrawalTree.climb(node, path);
    }

    function above(bytes32[] memory level) private pure returns (bytes32[] memory parents) {
        parents = new bytes32[]((level.length + 1) / 2);
        for (uint256 i = 0; i < parents.length; ++i) {
            if (2 * i + 1 == level.length) {
                parents[i] = level[2 * i];
            } else {
                (bytes32 a, bytes32 b) = (level[2 * i], level[2 * i + 1]);
                parents[i] = a < b ? keccak256(abi.encodePacked(a, b)) : keccak256(abi.encodePacked(b, a));
            }
        }
    }

    function pathOf(bytes32[] memory level, uint256 index) private pure returns (bytes32[] memory path, bytes32 root) {
        bytes32[] memory found = new bytes32[](16);
        uint256 length = 0;
        while (level.length > 1) {
            if (index ^ 1 < level.length) found[length++] = level[index ^ 1];
            level = above(level);
            index >>= 1;
        }
        path = new bytes32[](length);
        for (uint256 i = 0; i < length; ++i) {
            path[i] = found[i];
        }
        root = level[0];
    }

    function leavesFrom(uint256 seed, uint8 size) private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](1 + size % 40);
        for (uint256 i = 0; i < leaves.length; ++i) {
            leaves[i] = keccak256(abi.encode(seed, i));
        }
    }

    function testFuzz_everyLeafClimbsToTheRoot(uint256 seed, uint8 size, uint8 which, bytes32 other) external view {
        bytes32[] memory leaves = leavesFrom(seed, size);
        uint256 index = which % leaves.length;
        bytes32 leaf = leaves[index];
        (bytes32[] memory path, bytes32 expected) = pathOf(leaves, index);
        bytes32 root = WithdrawalTree.root(leaves); // overwrites the leaves
        equal(root, expected);
        equal(this.climb(leaf, path), root);
        if (other != leaf) require(this.climb(other, path) != root, "another leaf");
        if (path.length > 0) {
            path[which % path.length] ^= bytes32(uint256(1));
            require(this.climb(leaf, path) != root, "another path");
        }
    }

    function testFuzz_leavesOfDifferentWithdrawalsDiffer(uint32 a, uint8 b, uint64 c, uint32 d, uint8 e, uint64 f)
        external
        pure
    {
        (a, d) = (a % (1 << 20), d % (1 << 20));
        bool same = a == d && b == e && c == f;
        require((WithdrawalTree.leaf(a, b, c) == WithdrawalTree.leaf(d, e, f)) == same, "leaf");
        equal(WithdrawalTree.leaf(a, b, c), keccak256(abi.encodePacked(uint24(a), b, c)));
    }

    function test_noLeavesHaveTheRootZero() external pure {
        equal(WithdrawalTree.root(new bytes32[](0)), 0);
    }
}
