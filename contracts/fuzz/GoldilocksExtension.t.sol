// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Goldilocks} from "../src/libraries/Goldilocks.sol";
import {GoldilocksExtension as F} from "../src/verifier/GoldilocksExtension.sol";
import {Memory} from "../src/verifier/Memory.sol";
import {FuzzTest} from "./Cheats.sol";

/// @notice The packed arithmetic against the plain formulas of F[X]/(X^2 - 7), one MULMOD or ADDMOD at a time.
contract GoldilocksExtensionFuzz is FuzzTest {
    uint256 private constant P = 0xffffffff00000001;

    function pack(uint256 a0, uint256 a1) private pure returns (uint256) {
        return (a1 << 128) | a0;
    }

    function product(uint256 a0, uint256 a1, uint256 b0, uint256 b1) private pure returns (uint256) {
        uint256 c0 = addmod(mulmod(a0, b0, P), mulmod(7, mulmod(a1, b1, P), P), P);
        return pack(c0, addmod(mulmod(a0, b1, P), mulmod(a1, b0, P), P));
    }

    /// Square and multiply over EF.
    function power(uint256 a0, uint256 a1, uint256 exponent) private pure returns (uint256 r) {
        r = 1;
        uint256 base = pack(a0, a1);
        for (; exponent > 0; exponent >>= 1) {
            if (exponent & 1 == 1) r = product(uint128(r), r >> 128, uint128(base), base >> 128);
            base = product(uint128(base), base >> 128, uint128(base), base >> 128);
        }
    }

    function testFuzz_add(uint64 a0, uint64 a1, uint64 b0, uint64 b1) external pure {
        equal(F.add(pack(a0, a1), pack(b0, b1)), pack(addmod(a0, b0, P), addmod(a1, b1, P)));
    }

    function testFuzz_sub(uint256 a0, uint256 a1, uint256 b0, uint256 b1) external pure {
        (a0, a1, b0, b1) = (a0 % P, a1 % P, b0 % P, b1 % P);
        equal(F.sub(pack(a0, a1), pack(b0, b1)), pack(addmod(a0, P - b0, P), addmod(a1, P - b1, P)));
    }

    function testFuzz_reduce(uint128 a0, uint128 a1) external pure {
        equal(F.reduce(pack(a0, a1)), pack(a0 % P, a1 % P));
    }

    /// Halves up to 2^122, as the documentation of `mul` allows.
    function testFuzz_mul(uint256 a0, uint256 a1, uint256 b0, uint256 b1) external pure {
        (a0, a1, b0, b1) = (a0 >> 134, a1 >> 134, b0 >> 134, b1 >> 134);
        equal(F.mul(pack(a0, a1), pack(b0, b1)), product(a0, a1, b0, b1));
    }

    function testFuzz_mulOfTheLargestHalves(uint8 which) external pure {
        uint256 most = 1 << 122;
        uint256 a0 = which & 1 == 0 ? most : P - 1;
        uint256 a1 = which & 2 == 0 ? most : P - 1;
        uint256 b0 = which & 4 == 0 ? most : P - 1;
        uint256 b1 = which & 8 == 0 ? most : P - 1;
        equal(F.mul(pack(a0, a1), pack(b0, b1)), product(a0, a1, b0, b1));
    }

    function testFuzz_dot(uint256[4] calldata low, uint256[4] calldata high) external pure {
        uint256[4] memory a;
        for (uint256 i = 0; i < 4; ++i) {
            a[i] = pack(low[i] >> 134, high[i] >> 134);
        }
        equal(F.dot(a[0], a[1], a[2], a[3]), F.add(F.mul(a[0], a[1]), F.mul(a[2], a[3])));
    }

    function test_dotOfTheLargestHalves() external pure {
        uint256 most = pack(1 << 122, 1 << 122);
        equal(F.dot(most, most, most, most), F.add(F.mul(most, most), F.mul(most, most)));
    }

    function testFuzz_scale(uint64 a0, uint64 a1, uint64 s) external pure {
        equal(F.scale(pack(a0, a1), s), pack(mulmod(a0, s, P), mulmod(a1, s, P)));
    }

    function testFuzz_timesX(uint256 a0, uint256 a1) external pure {
        (a0, a1) = (a0 % P, a1 % P);
        equal(F.timesX(pack(a0, a1)), product(a0, a1, 0, 1));
    }

    function testFuzz_inverseBase(uint256 a) external pure {
        a %= P;
        equal(F.inverseBase(a), uint128(power(a, 0, P - 2)));
        equal(mulmod(F.inverseBase(a), a, P), a == 0 ? 0 : 1);
    }

    /// The inverse is the power p^2 - 2 in a field of p^2 elements.
    function testFuzz_inverse(uint256 a0, uint256 a1) external pure {
        (a0, a1) = (a0 % P, a1 % P);
        equal(F.inverse(pack(a0, a1)), power(a0, a1, P * P - 2));
    }

    /// The conjugate is the power p (Frobenius).
    function testFuzz_conjugate(uint256 a0, uint256 a1) external pure {
        (a0, a1) = (a0 % P, a1 % P);
        equal(F.conjugate(pack(a0, a1)), power(a0, a1, P));
    }

    function testFuzz_chain(uint256 base) external pure {
        base %= P;
        uint256 table = F.chain(base);
        for (uint256 i = 0; i < 33; ++i) {
            equal(Memory.load(table + 32 * (32 - i)), base);
            base = mulmod(base, base, P);
        }
    }

    function testFuzz_isCanonical(uint64 a, uint64 b, uint64 c, uint64 d, uint8 large) external pure {
        uint64[4] memory digest = [a, b, c, d];
        // random words are canonical but for one in 2^32: make some that are not
        for (uint256 i = 0; i < 4; ++i) {
            if (large & (1 << i) != 0) digest[i] |= 0xffffffff00000000;
        }
        bool expected = true;
        uint256 packed = 0;
        for (uint256 i = 0; i < 4; ++i) {
            expected = expected && digest[i] < P;
            packed = (packed << 64) | digest[i];
        }
        require(Goldilocks.isCanonical(packed) == expected, "canonical");
        for (uint256 i = 0; i < 4; ++i) {
            equal(Goldilocks.unpack(packed)[i], digest[i]);
        }
    }
}
