// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Decoding} from "./Decoding.sol";
import {GoldilocksExtension as G} from "./GoldilocksExtension.sol";
import {IStarkErrors} from "../interfaces/IStarkErrors.sol";
import {Memory} from "./Memory.sol";
import {Open, OpenState} from "./OpenState.sol";
import {Shapes} from "./Shapes.sol";

/// What the folding of all records of a call shares.
struct Rounds {
    uint256 height;
    uint256 cap;
    uint256 count;
    /// Calldata offset of the first round's cap.
    uint256 capsFrom;
    /// 11 words per round: log arity, 1 / 2^arity, then beta^(2^j), j = 0..arity.
    uint256 roundsAt;
    /// prod of w_(j+1) over the bits j of the position in a row
    uint256 positionsAt;
    /// prod of 1 / w_(j+2) over the bits j of the pair's number
    uint256 pairsAt;
    /// memory for a row: its bytes, its decoded values
    uint256 bytesAt;
    uint256 valuesAt;
    uint256 finalPolyAt;
    uint256 coefficients;
}

/// @title Folding of a query (docs/proof-format.md section 5.5, steps 4 and 5)
library Folding {
    uint256 private constant P = 0xFFFFFFFF00000001;
    uint256 private constant LOW = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF;
    uint256 private constant LANES = 0x1FFFFFFFE000000020000000000000000000000000000000000;
    uint256 private constant LOW_LANE = 0x1FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF;
    uint256 private constant ROUND = 352;
    /// Multiple of p beyond 2^80 in both halves, added before a subtraction.
    uint256 private constant LIFT = 0x00000000000FFFFFFFF000000010000000000000000FFFFFFFF0000000100000;

    function prepare(Open memory o, uint256 roots, uint256 finalPoly) internal pure returns (uint256 ptr) {
        unchecked {
            Rounds memory r;
            r.height = o.height;
            r.cap = o.cap;
            r.count = o.rounds;
            r.capsFrom = o.capsFrom + ((32 * Shapes.TREES) << o.cap);
            r.finalPolyAt = finalPoly;
            r.coefficients = o.coefficients;
            r.roundsAt = Memory.allocate(11 * o.rounds);
            uint256 largest;
            for (uint256 i; i < o.rounds; ++i) {
                uint256 p = r.roundsAt + ROUND * i;
                uint256 arity = OpenState.load(o.aritiesFrom + i, 1);
                if (arity > largest) largest = arity;
                uint256 beta = OpenState.extensionAt(o.extensionsFrom + 16 * (2 + i));
                Memory.store(p, arity);
                Memory.store(p + 32, P - ((P - 1) >> arity)); // 1 / 2^arity
                for (uint256 j; j <= arity; ++j) {
                    Memory.store(p + 64 + 32 * j, beta);
                    beta = G.mul(beta, beta);
                }
            }
            r.positionsAt = products(roots + 32, largest, false);
            r.pairsAt = products(roots + 64, largest, true);
            r.bytesAt = Memory.allocate((1 << largest) + 2);
            r.valuesAt = Memory.allocate(1 << largest);
            assembly ("memory-safe") {
                ptr := r
            }
        }
    }

    /// table[m] = product over the bits j of m of root j (or of its inverse), for m < 2^bits
    function products(uint256 root, uint256 bits, bool inverse) private pure returns (uint256 table) {
        unchecked {
            table = Memory.allocate(1 << bits);
            Memory.store(table, 1);
            for (uint256 j; j < bits; ++j) {
                uint256 w = Memory.load(root + 32 * j);
                if (inverse) w = G.inverseBase(w);
                for (uint256 m; m < 1 << j; ++m) {
                    Memory.store(table + 32 * ((1 << j) + m), mulmod(w, Memory.load(table + 32 * m), P));
                }
            }
        }
    }

    /// @param ptr the Rounds
    /// @param reduced reduced openings by height, for the heights that are bits of `heights`
    /// @param p address of the record's first folding round
    /// @param y w_H^rev(index, H)
    function check(
        uint256 ptr,
        uint256 reduced,
        uint256 heights,
        uint256 index,
        uint256 p,
        uint256 y,
        uint256 yInverse
    ) internal pure {
        unchecked {
            Rounds memory r;
            assembly ("memory-safe") {
                r := ptr
            }
            uint256 level = r.height;
            uint256 v = Memory.load(reduced + 32 * level);
            uint256 round = r.roundsAt;
            uint256 caps = r.capsFrom;
            for (uint256 end = round + ROUND * r.count; round < end; round += ROUND) {
                uint256 arity = Memory.load(round);
                uint256 position = index & ((1 << arity) - 1);
                uint256 node = readRow(r, arity, position, p, v);
                p += 16 << arity;
                index >>= arity;
                level -= arity;
                (node, p) = path(node, index, p, level - r.cap);
                if (node != OpenState.load(caps + 32 * (index >> (level - r.cap)), 32)) {
                    revert IStarkErrors.FriMerkle();
                }
                caps += 32 << r.cap;

                // 1 / s: the position's bits leave the point
                uint256 inverse = mulmod(yInverse, Memory.load(r.positionsAt + 32 * position), P);
                for (uint256 j; j < arity; ++j) {
                    y = mulmod(y, y, P);
                    yInverse = mulmod(yInverse, yInverse, P);
                }
                uint256 power = Memory.load(round + 64 + 32 * arity);
                if (power == y) revert IStarkErrors.FoldPoint();
                v = G.scale(fold(r.valuesAt, r.pairsAt, arity, round + 64, inverse), Memory.load(round + 32));
                if ((heights >> level) & 1 != 0) v = G.add(v, G.mul(power, Memory.load(reduced + 32 * level)));
            }
            if (v != evaluate(r.finalPolyAt, r.coefficients, y)) revert IStarkErrors.FinalPoly();
        }
    }

    /// Puts v into its place in the row, hashes the leaf and decodes the values.
    function readRow(Rounds memory r, uint256 arity, uint256 position, uint256 p, uint256 v)
        private
        pure
        returns (uint256 leaf)
    {
        uint256 row = r.bytesAt;
        uint256 values = r.valuesAt;
        uint256 own = ((v & LOW) << 192) | ((v >> 128) << 128);
        uint256 bad;
        assembly ("memory-safe") {
            let before := shl(4, position)
            let length := shl(arity, 16)
            mcopy(row, p, before)
            mstore(add(row, before), own)
            // the values behind, and the salt
            mcopy(add(add(row, before), 16), add(p, before), sub(length, before))
            leaf := keccak256(row, add(length, 16))
            for { let end := add(row, length) } lt(row, end) { row := add(row, 32) } {
                let x := mload(row)
                bad :=
                    or(
                        bad,
                        and(
                            x,
                            add(
                                and(x, 0x7FFFFFFFFFFFFFFF7FFFFFFFFFFFFFFF7FFFFFFFFFFFFFFF7FFFFFFFFFFFFFFF),
                                0x00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF
                            )
                        )
                    )
                mstore(values, or(shr(192, x), and(x, shl(128, 0xFFFFFFFFFFFFFFFF))))
                mstore(add(values, 32), or(and(shr(64, x), 0xFFFFFFFFFFFFFFFF), shl(128, and(x, 0xFFFFFFFFFFFFFFFF))))
                values := add(values, 64)
            }
            bad := and(bad, 0x8000000000000000800000000000000080000000000000008000000000000000)
        }
        if (bad != 0) revert IStarkErrors.Element();
        Decoding.requireCanonicalWord(row, 2); // the salt
    }

    /// 2^arity times the value at beta of the polynomial through the row: `arity` times a fold of two,
    /// (lo + hi) + (lo - hi) beta / x, with beta and x squared in between.
    function fold(uint256 values, uint256 pairs, uint256 arity, uint256 betas, uint256 inverse)
        private
        pure
        returns (uint256 v)
    {
        assembly ("memory-safe") {
            for { let n := shl(arity, 16) } gt(n, 16) { n := shr(1, n) } {
                // n: bytes of the pairs' results; beta / s
                let beta := mload(betas)
                betas := add(betas, 32)
                let b0 := mulmod(and(beta, 0xFFFFFFFFFFFFFFFF), inverse, P)
                let b1 := mulmod(shr(128, beta), inverse, P)
                let from := values
                let pair := pairs
                for { let to := values let end := add(values, n) } lt(to, end) { to := add(to, 32) } {
                    let lo := mload(from)
                    let hi := mload(add(from, 32))
                    let d := sub(add(lo, LIFT), hi)
                    let w := mload(pair)
                    let t0 := mulmod(b0, w, P)
                    let t1 := mulmod(b1, w, P)
                    let d0 := and(d, LOW)
                    let d1 := shr(128, d)
                    mstore(
                        to,
                        add(
                            add(lo, hi),
                            or(
                                shl(128, mod(add(mul(d0, t1), mul(d1, t0)), P)),
                                mod(add(mul(d0, t0), mul(7, mul(d1, t1))), P)
                            )
                        )
                    )
                    from := add(from, 64)
                    pair := add(pair, 32)
                }
                inverse := mulmod(inverse, inverse, P)
            }
            v := mload(values)
        }
    }

    /// Value of the final polynomial at y in F; its coefficients lie in two lanes (see `Lanes`), with zeros up to a
    /// multiple of four. Four sums for the coefficients i, i + 4, i + 8, ... share the powers of y^4; each is reduced, then
    /// multiplied by y^i.
    function evaluate(uint256 poly, uint256 count, uint256 y) private pure returns (uint256 v) {
        assembly ("memory-safe") {
            let y2 := mulmod(y, y, P)
            let y4 := mulmod(y2, y2, P)
            let power := 1
            let v1
            let v2
            let v3
            for { let end := add(poly, shl(5, count)) } lt(poly, end) { poly := add(poly, 128) } {
                v := add(v, mulmod(mload(poly), power, LANES))
                v1 := add(v1, mulmod(mload(add(poly, 32)), power, LANES))
                v2 := add(v2, mulmod(mload(add(poly, 64)), power, LANES))
                v3 := add(v3, mulmod(mload(add(poly, 96)), power, LANES))
                power := mulmod(power, y4, P)
            }
            y4 := mulmod(y2, y, P)
            let high :=
                add(
                    add(shr(137, v), mulmod(shr(137, v1), y, P)),
                    add(mulmod(shr(137, v2), y2, P), mulmod(shr(137, v3), y4, P))
                )
            v :=
                add(
                    add(and(v, LOW_LANE), mulmod(and(v1, LOW_LANE), y, P)),
                    add(mulmod(and(v2, LOW_LANE), y2, P), mulmod(and(v3, LOW_LANE), y4, P))
                )
            v := or(shl(128, mod(high, P)), mod(v, P))
        }
    }

    /// Climbs `levels` levels of a binary tree with the siblings at `p`.
    function path(uint256 node, uint256 index, uint256 p, uint256 levels) internal pure returns (uint256, uint256) {
        assembly ("memory-safe") {
            let end := add(p, shl(5, levels))
            // four levels a turn, then what is left
            for { let last := sub(end, 96) } lt(p, last) { p := add(p, 128) } {
                let side := shl(5, and(index, 1))
                mstore(side, node)
                mstore(xor(side, 32), mload(p))
                node := keccak256(0, 64)
                side := shl(4, and(index, 2))
                mstore(side, node)
                mstore(xor(side, 32), mload(add(p, 32)))
                node := keccak256(0, 64)
                side := shl(3, and(index, 4))
                mstore(side, node)
                mstore(xor(side, 32), mload(add(p, 64)))
                node := keccak256(0, 64)
                side := shl(2, and(index, 8))
                mstore(side, node)
                mstore(xor(side, 32), mload(add(p, 96)))
                node := keccak256(0, 64)
                index := shr(4, index)
            }
            for {} lt(p, end) { p := add(p, 32) } {
                let side := shl(5, and(index, 1))
                mstore(side, node)
                mstore(xor(side, 32), mload(p))
                node := keccak256(0, 64)
                index := shr(1, index)
            }
        }
        return (node, p);
    }
}
