// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice What the fuzz tests use of the test runner's cheat codes.
interface Cheats {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function prank(address sender) external;
    function prank(address sender, address origin) external;
    function etch(address account, bytes calldata code) external;
    function deal(address account, uint256 balance) external;
    function roll(uint256 blockNumber) external;
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
}

/// @notice Base of the fuzz tests. The runner knows a test contract by `IS_TEST`.
abstract contract FuzzTest {
    bool public constant IS_TEST = true;
    Cheats internal constant CHEATS = Cheats(address(uint160(uint256(keccak256("hevm cheat code")))));

    error Different(uint256 actual, uint256 expected);

    function equal(uint256 actual, uint256 expected) internal pure {
        require(actual == expected, Different(actual, expected));
    }

    function equal(bytes32 actual, bytes32 expected) internal pure {
        equal(uint256(actual), uint256(expected));
    }

    /// @notice `value` brought into [low, high].
    function within(uint256 value, uint256 low, uint256 high) internal pure returns (uint256) {
        return low + value % (high - low + 1);
    }
}
