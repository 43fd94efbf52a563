// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Goldilocks field and its quadratic extension
/// @notice F has p = 2^64 - 2^32 + 1 elements; EF = F[X]/(X^2 - 7). An element a0 + a1 X is one word,
/// `a1 << 128 | a0` ("packed"), canonical unless a function says otherwise.
library GoldilocksExtension {
    uint256 internal constant P = 0xFFFFFFFF00000001;
    /// p in both halves: added before a subtraction so that no half goes below zero.
    uint256 internal constant P_P = (P << 128) | P;
    /// Generator of the subgroup of order 2^32.
    uint256 internal constant ROOT_32 = 0x185629dcda58878c;
    uint256 internal constant ROOT_32_INVERSE = 0x76b6b635b6fc8719;
    uint256 internal constant LOW = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF;

    function add(uint256 a, uint256 b) internal pure returns (uint256) {
        return reduce(a + b);
    }

    function sub(uint256 a, uint256 b) internal pure returns (uint256) {
        return reduce(a + P_P - b);
    }

    /// Reduces halves of any size below 2^128.
    function reduce(uint256 a) internal pure returns (uint256 r) {
        assembly ("memory-safe") {
            r := or(shl(128, mod(shr(128, a), P)), mod(and(a, LOW), P))
        }
    }

    /// Product; the halves of the operands may be up to 2^122, the result is canonical.
    function mul(uint256 a, uint256 b) internal pure returns (uint256 c) {
        assembly ("memory-safe") {
            let a0 := and(a, LOW)
            let a1 := shr(128, a)
            let b0 := and(b, LOW)
            let b1 := shr(128, b)
            c :=
                or(
                    shl(128, mod(add(mul(a0, b1), mul(a1, b0)), P)),
                    mod(add(mul(a0, b0), mul(7, mul(a1, b1))), P)
                )
        }
    }

    /// a b + c d, for halves as in `mul`.
    function dot(uint256 a, uint256 b, uint256 c, uint256 d) internal pure returns (uint256 r) {
        assembly ("memory-safe") {
            let a0 := and(a, LOW)
            let a1 := shr(128, a)
            let b0 := and(b, LOW)
            let b1 := shr(128, b)
            let c0 := and(c, LOW)
            let c1 := shr(128, c)
            let d0 := and(d, LOW)
            let d1 := shr(128, d)
            r :=
                or(
                    shl(128, mod(add(add(mul(a0, b1), mul(a1, b0)), add(mul(c0, d1), mul(c1, d0))), P)),
                    mod(add(add(mul(a0, b0), mul(c0, d0)), mul(7, add(mul(a1, b1), mul(c1, d1)))), P)
                )
        }
    }

    /// Product with an element of F.
    function scale(uint256 a, uint256 s) internal pure returns (uint256 c) {
        assembly ("memory-safe") {
            c := or(shl(128, mulmod(shr(128, a), s, P)), mulmod(and(a, LOW), s, P))
        }
    }

    /// a X
    function timesX(uint256 a) internal pure returns (uint256 c) {
        assembly ("memory-safe") {
            c := or(shl(128, and(a, LOW)), mod(mul(7, shr(128, a)), P))
        }
    }

    /// a^(p - 2) for a in F: the inverse, or 0 for 0 (the callers reject zero beforehand).
    function inverseBase(uint256 a) internal pure returns (uint256 r) {
        assembly ("memory-safe") {
            // x^(2^n), 4 squarings a turn; two squarings cost one exact product and one MULMOD
            function squarings(x, n) -> y {
                y := x
                for {} n { n := sub(n, 4) } {
                    y := mul(y, y)
                    y := mulmod(y, y, P)
                    y := mul(y, y)
                    y := mulmod(y, y, P)
                }
            }
            function squaredTwice(x) -> y {
                y := mul(x, x)
                y := mulmod(y, y, P)
            }
            let t2 := mulmod(mul(a, a), a, P) // 2^2 - 1
            let t3 := mulmod(mulmod(t2, t2, P), a, P)
            let t6 := mulmod(squaredTwice(mulmod(t3, t3, P)), t3, P)
            let t12 := mulmod(squaredTwice(squarings(t6, 4)), t6, P)
            let t24 := mulmod(squarings(t12, 12), t12, P)
            let t30 := mulmod(squaredTwice(squarings(t24, 4)), t6, P)
            let t31 := mulmod(mulmod(t30, t30, P), a, P)
            let t63 := mulmod(squarings(t31, 32), t31, P)
            r := mulmod(mulmod(t63, t63, P), a, P)
        }
    }

    /// Inverse in EF: the conjugate over the norm; 0 for 0.
    function inverse(uint256 a) internal pure returns (uint256) {
        uint256 norm;
        assembly ("memory-safe") {
            let a0 := and(a, LOW)
            let a1 := shr(128, a)
            norm := mod(add(mul(a0, a0), sub(shl(137, P), mul(7, mul(a1, a1)))), P)
        }
        return scale(conjugate(a), inverseBase(norm));
    }

    function conjugate(uint256 a) internal pure returns (uint256) {
        return reduce((P << 128) + (a & LOW) - ((a >> 128) << 128));
    }

    /// Base, its square, fourth power, ...: 33 words, the last one first (for a root of order 2^32: w_0 = 1, w_1 = -1, ...).
    function chain(uint256 base) internal pure returns (uint256 table) {
        assembly ("memory-safe") {
            table := mload(0x40)
            mstore(0x40, add(table, 1056))
            let w := base
            for { let ptr := add(table, 1024) } 1 { ptr := sub(ptr, 32) } {
                mstore(ptr, w)
                if eq(ptr, table) { break }
                w := mulmod(w, w, P)
            }
        }
    }
}
