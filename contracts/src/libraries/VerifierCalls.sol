// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IStarkVerifier} from "../interfaces/IStarkVerifier.sol";
import {EpochStatement} from "./EpochStatement.sol";

/// @notice Calls of the verifier without further copies of what they carry. The messages may be most of a megabyte,
/// memory costs the square of its size, and the worst batch must fit one transaction.
library VerifierCalls {
    /// @notice `IStarkVerifier.checkHead`
    /// @param messages with the legroom and headroom of `EpochStatement.build`: the call is put together around them. The
    /// answer takes their place, and what was allocated behind them is free again: nobody may use it any more
    /// @param headroom what was reserved behind the messages; at least `head.length`
    /// @return state as the verifier returned it
    function checkHead(
        IStarkVerifier verifier,
        bytes32 vkHash,
        bytes32 context,
        bytes memory messages,
        uint256 headroom,
        bytes calldata head
    ) internal view returns (bytes memory state) {
        assert(head.length <= headroom && EpochStatement.LEGROOM >= 132);
        bytes4 selector = IStarkVerifier.checkHead.selector;
        assembly ("memory-safe") {
            let padded := and(add(mload(messages), 31), not(31))
            let front := sub(messages, 132)
            mstore(front, selector)
            mstore(add(front, 4), vkHash)
            mstore(add(front, 36), context)
            mstore(add(front, 68), 128)
            mstore(add(front, 100), add(160, padded))
            let tail := add(add(messages, 32), padded)
            mstore(tail, head.length)
            calldatacopy(add(tail, 32), head.offset, head.length)
            let size := add(sub(add(tail, 32), front), and(add(head.length, 31), not(31)))
            let done := staticcall(gas(), verifier, front, size, 0, 0)
            let answer := front
            returndatacopy(answer, 0, returndatasize())
            if iszero(done) { revert(answer, returndatasize()) }
            // bytes as the only result: offset 32, length, content
            if or(lt(returndatasize(), 64), iszero(eq(mload(answer), 32))) { revert(0, 0) }
            state := add(answer, 32)
            if gt(add(mload(state), 64), returndatasize()) { revert(0, 0) }
            mstore(0x40, and(add(add(answer, returndatasize()), 31), not(31)))
        }
    }

    /// @notice `IStarkVerifier.checkQueries` from the first record on
    function checkQueries(IStarkVerifier verifier, bytes memory state, bytes calldata queries)
        internal
        view
        returns (uint256 count)
    {
        // the records go to who checks them, not through the verifier, which would copy them
        address target = verifier.recordChecker();
        bytes4 selector = IStarkVerifier.checkQueries.selector;
        assembly ("memory-safe") {
            let front := mload(0x40)
            let length := mload(state)
            let padded := and(add(length, 31), not(31))
            mstore(front, selector)
            mstore(add(front, 4), 96)
            mstore(add(front, 36), 0)
            mstore(add(front, 68), add(128, padded))
            mstore(add(front, 100), length)
            mcopy(add(front, 132), add(state, 32), length)
            let tail := add(add(front, 132), padded)
            mstore(tail, queries.length)
            calldatacopy(add(tail, 32), queries.offset, queries.length)
            let size := add(sub(add(tail, 32), front), and(add(queries.length, 31), not(31)))
            let done := staticcall(gas(), target, front, size, 0, 32)
            if iszero(done) {
                returndatacopy(front, 0, returndatasize())
                revert(front, returndatasize())
            }
            if lt(returndatasize(), 32) { revert(0, 0) }
            count := mload(0)
        }
    }
}
