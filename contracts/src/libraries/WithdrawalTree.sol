// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice Keccak tree over an epoch's withdrawals. Pairs are hashed in ascending order, so that a path needs no
/// directions; a node without a partner moves up as it is. Leaves (12 bytes) and nodes (64 bytes) cannot be confused.
library WithdrawalTree {
    function leaf(uint32 account, uint8 asset, uint64 amount) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint24(account), asset, amount));
    }

    /// @notice Root over `leaves`, which are overwritten; zero for none.
    function root(bytes32[] memory leaves) internal pure returns (bytes32) {
        uint256 length = leaves.length;
        if (length == 0) return 0;
        while (length > 1) {
            uint256 half = length >> 1;
            assembly ("memory-safe") {
                let from := add(leaves, 0x20)
                let to := from
                let end := add(from, shl(5, half))
                for {} lt(to, end) { to := add(to, 0x20) } {
                    let a := mload(from)
                    let b := mload(add(from, 0x20))
                    from := add(from, 0x40)
                    let swap := lt(b, a)
                    mstore(shl(5, swap), a)
                    mstore(shl(5, iszero(swap)), b)
                    mstore(to, keccak256(0x00, 0x40))
                }
                if and(length, 1) { mstore(to, mload(from)) }
            }
            length = half + (length & 1);
        }
        return leaves[0];
    }

    function climb(bytes32 node, bytes32[] calldata path) internal pure returns (bytes32) {
        for (uint256 i = 0; i < path.length; ++i) {
            node = _pair(node, path[i]);
        }
        return node;
    }

    function _pair(bytes32 a, bytes32 b) private pure returns (bytes32 hash) {
        (bytes32 low, bytes32 high) = a < b ? (a, b) : (b, a);
        assembly ("memory-safe") {
            mstore(0x00, low)
            mstore(0x20, high)
            hash := keccak256(0x00, 0x40)
        }
    }
}
