// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The shape of a table in 8 bytes
/// @notice Height of its committed matrices (u8), log of the number of chunks (u8), whether it reads its next row (u8),
/// lookup columns (u8), main columns (u16), 2 zero bytes. Trees: 0 random, 1 main, 2 quotient, 3 permutation.
library Shapes {
    /// Random columns appended to each matrix.
    uint256 private constant RANDOM = 2;

    function height(uint256 shape) internal pure returns (uint256) {
        return shape >> 56;
    }

    /// Base columns of the table's matrices in a tree, taken together; 0 if it has none there.
    function columns(uint256 shape, uint256 tree) internal pure returns (uint256) {
        unchecked {
            if (tree == 0) return 2 + RANDOM;
            if (tree == 1) return ((shape >> 16) & 0xFFFF) + RANDOM;
            if (tree == 2) return (2 + RANDOM) << ((shape >> 48) & 0xFF);
            uint256 lookups = (shape >> 32) & 0xFF;
            return lookups == 0 ? 0 : 2 * (lookups + 1) + RANDOM;
        }
    }

    /// At how many points a matrix is opened.
    function points(uint256 shape, uint256 tree) internal pure returns (uint256) {
        unchecked {
            if (tree == 1) return 1 + ((shape >> 40) & 1);
            if (tree == 3) return (shape >> 32) & 0xFF == 0 ? 0 : 2;
            return 1;
        }
    }
}
