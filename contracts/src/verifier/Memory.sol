// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Words of memory by address
/// @notice The verifier lays out its tables itself: an array would cost a length and a bounds check at every access.
library Memory {
    /// Reserves words that are not set to zero.
    function allocate(uint256 words) internal pure returns (uint256 ptr) {
        assembly ("memory-safe") {
            ptr := mload(0x40)
            mstore(0x40, add(ptr, shl(5, words)))
        }
    }

    function load(uint256 ptr) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(ptr)
        }
    }

    function store(uint256 ptr, uint256 value) internal pure {
        assembly ("memory-safe") {
            mstore(ptr, value)
        }
    }
}
