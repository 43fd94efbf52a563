// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice Work in memory that nothing else uses yet, and that stays free.
library Scratch {
    /// @notice keccak256 of calldata, which `keccak256(data)` would leave in memory for good.
    function hash(bytes calldata data) internal pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, data.offset, data.length)
            digest := keccak256(free, data.length)
        }
    }
}
