// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Memory} from "./Memory.sol";

/// @title Elements of EF as two lanes of a word, a1 << 137 | a0
/// @notice A MULMOD by p << 137 multiplies both lanes by an element of F at once: it leaves the lower product (128 bits)
/// whole and reduces the upper one, so that up to 512 products add up without a carry between the lanes.
library Lanes {
    uint256 private constant P = 0xFFFFFFFF00000001;

    /// base^k as two lanes for k < count, one word each.
    function powers(uint256 base, uint256 count) internal pure returns (uint256 from) {
        from = Memory.allocate(count);
        fill(base, from, from + 32 * count, 32);
    }

    /// The same with the highest power first; returns the end of the list.
    function powersDown(uint256 base, uint256 count) internal pure returns (uint256 end) {
        unchecked {
            uint256 from = Memory.allocate(count);
            end = from + 32 * count;
            fill(base, end - 32, from - 32, type(uint256).max - 31);
        }
    }

    /// The packed element (a1 << 128 | a0) of two lanes.
    function pack(uint256 lanes) internal pure returns (uint256) {
        unchecked {
            return (lanes & type(uint64).max) | ((lanes >> 137) << 128);
        }
    }

    /// Powers from `ptr` on, `step` bytes apart, up to `end`, which is not written.
    function fill(uint256 base, uint256 ptr, uint256 end, uint256 step) private pure {
        assembly ("memory-safe") {
            let b0 := and(base, 0xFFFFFFFFFFFFFFFF)
            let b1 := shr(128, base)
            let c1 := mul(7, b1)
            let a0 := 1
            let a1 := 0
            for {} xor(ptr, end) { ptr := add(ptr, step) } {
                mstore(ptr, or(shl(137, a1), a0))
                let next := mod(add(mul(a0, b0), mul(a1, c1)), P)
                a1 := mod(add(mul(a0, b1), mul(a1, b0)), P)
                a0 := next
            }
        }
    }
}
