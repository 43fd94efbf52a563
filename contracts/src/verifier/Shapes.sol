// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The shape of a table in 8 bytes
/// @notice Height of its committed matrices (u8), log of the number of chunks (u8), whether it reads its next row (u8),
/// lookup columns (u8), main columns (u16), 2 zero bytes. Trees in the order of the records: 0 main, 1 quotient,
/// 2 permutation. The mask matrix (docs/proof-format.md section 4) stands last, as a table with nothing but one chunk.
library Shapes {
    uint256 internal constant TREES = 3;

    function ofTable(uint256 height_, uint256 logChunks, uint256 readsNext, uint256 lookups, uint256 width)
        internal
        pure
        returns (uint256)
    {
        return (height_ << 56) | (logChunks << 48) | (readsNext << 40) | (lookups << 32) | (width << 16);
    }

    function ofMask(uint256 height_) internal pure returns (uint256) {
        return height_ << 56;
    }

    function height(uint256 shape) internal pure returns (uint256) {
        return shape >> 56;
    }

    /// Base columns of the table's matrices in a tree, taken together; 0 if it has none there.
    function columns(uint256 shape, uint256 tree) internal pure returns (uint256) {
        unchecked {
            if (tree == 0) return (shape >> 16) & 0xFFFF;
            if (tree == 1) return 2 << ((shape >> 48) & 0xFF);
            uint256 lookups = (shape >> 32) & 0xFF;
            return lookups == 0 ? 0 : 2 * (lookups + 1);
        }
    }

    /// At how many points the table's matrices in a tree are opened; 0 if it has none there.
    function points(uint256 shape, uint256 tree) internal pure returns (uint256) {
        unchecked {
            if (tree == 0) return (shape >> 16) & 0xFFFF == 0 ? 0 : 1 + ((shape >> 40) & 1);
            if (tree == 1) return 1;
            return (shape >> 32) & 0xFF == 0 ? 0 : 2;
        }
    }
}
