// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GoldilocksExtension} from "./GoldilocksExtension.sol";
import {IStarkErrors} from "../interfaces/IStarkErrors.sol";
import {Memory} from "./Memory.sol";

/// @title Field elements of the wire
/// @notice Four elements share a word; those of a head are little-endian, those of a query record big-endian. Bytes are
/// swapped in all four at once, and all four are compared with p at once:
/// x >= p iff x + 2^32 - 1 carries out of 64 bits, which the top bits of x and of (x without top bit) + 2^32 - 1 show.
library Decoding {
    uint256 internal constant TOP = 0x8000000000000000800000000000000080000000000000008000000000000000;
    uint256 internal constant NOT_TOP = 0x7FFFFFFFFFFFFFFF7FFFFFFFFFFFFFFF7FFFFFFFFFFFFFFF7FFFFFFFFFFFFFFF;
    uint256 internal constant CARRY = 0x00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF;
    uint256 internal constant ODD_1 = 0x00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF;
    uint256 internal constant ODD_2 = 0x0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF;
    uint256 internal constant ODD_4 = 0x00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF;

    /// Reverses the bytes of each 64-bit quarter.
    function swap(uint256 x) internal pure returns (uint256 y) {
        assembly ("memory-safe") {
            y := or(shl(8, and(x, ODD_1)), and(shr(8, x), ODD_1))
            y := or(shl(16, and(y, ODD_2)), and(shr(16, y), ODD_2))
            y := or(shl(32, and(y, ODD_4)), and(shr(32, y), ODD_4))
        }
    }

    /// The masks of `swap` in memory. The optimizer would push known masks through the shifts, and repeat them; what is
    /// read from memory it neither knows nor computes again.
    function masks() internal pure returns (uint256 ptr) {
        ptr = Memory.allocate(3);
        Memory.store(ptr, ODD_1);
        Memory.store(ptr + 32, ODD_2);
        Memory.store(ptr + 64, ODD_4);
    }

    /// Decodes `count` elements of EF from calldata to packed words in memory; rejects what is not canonical. Where the
    /// count is odd, one word behind the last is written too.
    /// @param masksAt address of `masks`
    function extensions(uint256 from, uint256 count, uint256 to, uint256 masksAt) internal pure {
        uint256 bad;
        assembly ("memory-safe") {
            let m1 := mload(masksAt)
            let m2 := mload(add(masksAt, 32))
            let m4 := mload(add(masksAt, 64))
            // what lies behind an odd last element is no part of it
            let last := sub(add(to, shl(5, count)), shl(5, and(count, 1)))
            let end := add(to, shl(5, count))
            for {} lt(to, end) { to := add(to, 64) } {
                let x := calldataload(from)
                if eq(to, last) { x := and(x, shl(128, not(0))) }
                x := or(shl(8, and(x, m1)), and(shr(8, x), m1))
                x := or(shl(16, and(x, m2)), and(shr(16, x), m2))
                x := or(shl(32, and(x, m4)), and(shr(32, x), m4))
                bad := or(bad, and(x, add(and(x, NOT_TOP), CARRY)))
                mstore(to, or(shr(192, x), and(x, shl(128, 0xFFFFFFFFFFFFFFFF))))
                mstore(add(to, 32), or(and(shr(64, x), 0xFFFFFFFFFFFFFFFF), shl(128, and(x, 0xFFFFFFFFFFFFFFFF))))
                from := add(from, 32)
            }
            bad := and(bad, TOP)
        }
        if (bad != 0) revert IStarkErrors.Element();
    }

    /// Rejects a single element of F in calldata that is not canonical.
    function requireCanonical(uint256 from) internal pure {
        uint256 x;
        assembly ("memory-safe") {
            x := calldataload(from)
        }
        if (swap(x) >> 192 >= GoldilocksExtension.P) revert IStarkErrors.Element();
    }

    /// Rejects big-endian elements of a query record, the `count` <= 4 that start a memory word, if one is not canonical.
    function requireCanonicalWord(uint256 ptr, uint256 count) internal pure {
        uint256 bad;
        assembly ("memory-safe") {
            let x := and(mload(ptr), not(shr(shl(6, count), not(0))))
            bad := and(and(x, add(and(x, NOT_TOP), CARRY)), TOP)
        }
        if (bad != 0) revert IStarkErrors.Element();
    }
}
