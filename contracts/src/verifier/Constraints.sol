// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GoldilocksExtension as G} from "./GoldilocksExtension.sol";
import {IStarkErrors} from "../interfaces/IStarkErrors.sol";
import {Memory} from "./Memory.sol";
import {Tape} from "./Tape.sol";
import {Key, Table, VerificationKeys} from "./VerificationKey.sol";

/// Challenges and opened values; `...At` are addresses of packed elements of EF, one word each.
struct Evaluation {
    uint256 alpha;
    uint256 zeta;
    /// 1 / (zeta - 1)
    uint256 inverseZetaMinusOne;
    /// zeta^(2^k), k = 0..32
    uint256 zetaPowersAt;
    /// 1 / w_k, k = 0..32
    uint256 rootInversesAt;
    /// prefix(bus), by tape bus
    uint256 prefixesAt;
    /// address behind the powers of the lookup challenge beta as two lanes (a1 << 137 | a0), the highest first
    uint256 betaPowersAt;
    /// memory for the values of a table's nodes; three selectors lie before it
    uint256 nodesAt;
}

/// Opened values of one table.
struct Opened {
    uint256 localAt;
    uint256 nextAt;
    uint256 quotientAt;
    uint256 permutationAt;
    uint256 permutationNextAt;
    uint256 terminal;
}

/// @title Constraints at the out-of-domain point (docs/proof-format.md section 5.3)
library ConstraintsAtZeta {
    uint256 private constant LOW = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF;
    uint256 private constant P = 0xFFFFFFFF00000001;
    /// 1/7, the inverse of the coset shift
    uint256 private constant SEVENTH = 0x249249246db6db6e;
    /// Bits 64..127 of both halves, and 69..127: what the fields of a message, and of one of up to 16, may not have.
    uint256 private constant LONG = 0xFFFFFFFFFFFFFFFF0000000000000000FFFFFFFFFFFFFFFF0000000000000000;
    uint256 private constant LONG_OF_16 = 0xFFFFFFFFFFFFFFE00000000000000000FFFFFFFFFFFFFFE00000000000000000;
    uint256 private constant LANES = 0x1FFFFFFFE000000020000000000000000000000000000000000;
    uint256 private constant LOW_LANE = 0x1FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF;
    /// An operand times 32.
    uint256 private constant NODE = 0x1FFFE0;
    /// Multiples of p beyond 2^116 in both halves, added before a subtraction.
    uint256 private constant LIFT = 0x003FFFFFFFC000000040000000000000003FFFFFFFC000000040000000000000;

    function check(Key memory k, Table memory t, Evaluation memory e, Opened memory o) internal pure {
        uint256 n = t.logHeight;
        uint256 zetaN = Memory.load(e.zetaPowersAt + 32 * n);
        uint256 vanishing = G.sub(zetaN, 1);
        if (vanishing == 0) revert IStarkErrors.OodPoint();
        uint256 transition = G.sub(e.zeta, Memory.load(e.rootInversesAt + 32 * n));
        uint256 first = G.mul(vanishing, e.inverseZetaMinusOne);
        uint256 last = G.mul(vanishing, G.inverse(transition));
        uint256 quotient = recompose(t, e, o, zetaN);

        run(t, e.nodesAt, o, first, last, transition);
        uint256 acc = foldAsserts(t, e);
        if (t.columns != 0) {
            uint256 sum;
            (acc, sum) = foldLookups(k, t, e, o, acc);
            uint256 a = extension(o.permutationAt);
            acc = fold(acc, e.alpha, G.mul(first, a));
            acc = fold(acc, e.alpha, G.mul(transition, G.sub(G.sub(extension(o.permutationNextAt), a), sum)));
            acc = fold(acc, e.alpha, G.mul(last, G.sub(G.sub(o.terminal, a), sum)));
        }
        if (acc != G.mul(vanishing, quotient)) revert IStarkErrors.Constraints();
    }

    /// Q(zeta) from its chunks. With d_i = u w^-i - 1 the weights are (u^n - 1) / (n d_i), and the product of all d_i is
    /// 1 - u^n (n is even), so Q = -1/n sum_i y_i prod_(j != i) d_j: no inverse but a constant's.
    function recompose(Table memory t, Evaluation memory e, Opened memory o, uint256 zetaN)
        private
        pure
        returns (uint256)
    {
        unchecked {
            uint256 n = 1 << t.logChunks;
            uint256 wInverse = Memory.load(e.rootInversesAt + 32 * t.logChunks);
            // g^-N by squaring
            uint256 shift = SEVENTH;
            for (uint256 i; i < t.logHeight; ++i) shift = mulmod(shift, shift, P);
            uint256 u = G.scale(zetaN, shift);
            uint256 numerator;
            uint256 denominator = 1;
            for (uint256 i; i < n; ++i) {
                uint256 d = G.sub(u, 1);
                numerator = G.dot(numerator, d, extension(o.quotientAt + 64 * i), denominator);
                denominator = G.mul(denominator, d);
                u = G.scale(u, wInverse);
            }
            if (denominator == 0) revert IStarkErrors.OodPoint();
            // (p - 1) / n is -1/n
            return G.scale(numerator, (P - 1) >> t.logChunks);
        }
    }

    /// Values of the tape's operations.
    function run(Table memory t, uint256 nodes, Opened memory o, uint256 first, uint256 last, uint256 transition)
        private
        pure
    {
        Memory.store(nodes - 96, first);
        Memory.store(nodes - 64, last);
        Memory.store(nodes - 32, transition);
        Tape.run(t.operationsAt, t.operations, nodes, (o.nextAt << 128) | o.localAt, t.constantsAt);
    }

    /// Horner's rule over the asserted nodes. A half is reduced after every second step: with node and challenge below
    /// 2^128 and 2^64 a product with a half below 2^64 leaves it below 2^132, and the next one below 2^200.
    function foldAsserts(Table memory t, Evaluation memory e) private pure returns (uint256 acc) {
        uint256 p = t.assertsAt;
        uint256 end = p + 2 * t.asserts;
        uint256 nodes = e.nodesAt;
        uint256 alpha = e.alpha;
        assembly ("memory-safe") {
            let b0 := and(alpha, LOW)
            let b1 := shr(128, alpha)
            let c1 := mul(7, b1)
            let a0 := 0
            let a1 := 0
            if and(shr(1, sub(end, p)), 1) {
                let node := mload(add(nodes, and(shr(235, mload(p)), NODE)))
                a0 := mod(and(node, LOW), P)
                a1 := mod(shr(128, node), P)
                p := add(p, 2)
            }
            for {} lt(p, end) { p := add(p, 4) } {
                let w := mload(p)
                let node := mload(add(nodes, and(shr(235, w), NODE)))
                let x0 := add(and(node, LOW), add(mul(a0, b0), mul(a1, c1)))
                let x1 := add(shr(128, node), add(mul(a0, b1), mul(a1, b0)))
                node := mload(add(nodes, and(shr(219, w), NODE)))
                a0 := mod(add(and(node, LOW), add(mul(x0, b0), mul(x1, c1))), P)
                a1 := mod(add(shr(128, node), add(mul(x0, b1), mul(x1, b0))), P)
            }
            acc := or(shl(128, a1), a0)
        }
    }

    /// Pins each lookup column to its fraction; `sum` is the sum of the columns.
    function foldLookups(Key memory k, Table memory t, Evaluation memory e, Opened memory o, uint256 acc)
        private
        pure
        returns (uint256, uint256 sum)
    {
        unchecked {
            uint256 p = t.columnsAt;
            for (uint256 column = 1; column <= t.columns; ++column) {
                uint256 messages = VerificationKeys.read(p + 1, 1);
                p += 2;
                uint256 numerator;
                uint256 denominator = 1;
                for (uint256 j; j < messages; ++j) {
                    uint256 message = Memory.load(t.messagesAt + 32 * VerificationKeys.read(p, 2));
                    p += 2;
                    (uint256 d, uint256 count) = evaluateMessage(k, e, message);
                    if (j == 0) {
                        (numerator, denominator) = (count, d);
                        continue;
                    }
                    numerator = G.dot(numerator, d, count, denominator);
                    denominator = G.mul(denominator, d);
                }
                uint256 value = extension(o.permutationAt + 64 * column);
                sum = G.add(sum, value);
                acc = fold(acc, e.alpha, G.sub(G.mul(value, denominator), numerator));
            }
            return (acc, sum);
        }
    }

    /// Denominator and signed count of the tape's message at `message`: bus, sign, weight, count node, field nodes.
    function evaluateMessage(Key memory k, Evaluation memory e, uint256 message)
        private
        pure
        returns (uint256 denominator, uint256 count)
    {
        unchecked {
            uint256 head = Memory.load(message) >> 216;
            uint256 bus = head >> 32;
            count = Memory.load(e.nodesAt + 32 * (head & 0xFFFF));
            count = G.reduce((head >> 24) & 0xFF == 0 ? count : LIFT - count);
            uint256 width = VerificationKeys.read(k.widthsAt + bus, 1);
            (uint256 low, uint256 high) = fingerprint(e, message + 5, width);
            denominator = Memory.load(e.prefixesAt + 32 * bus);
            // prefix - (low + X high); halves of the sum are below 2^141
            assembly ("memory-safe") {
                let d1 := sub(add(shr(128, denominator), shl(80, P)), add(shr(137, low), and(high, LOW_LANE)))
                let d0 := sub(add(and(denominator, LOW), shl(80, P)), add(and(low, LOW_LANE), mul(7, shr(137, high))))
                denominator := or(shl(128, mod(d1, P)), mod(d0, P))
            }
        }
    }

    /// Fingerprint low + X high of the fields whose nodes are named at `fields`, in two lanes each (see `Lanes`): lower and
    /// upper halves are summed apart. The lower lane has 137 bits: room for 255 products of a half below 2^64, or for 16 of a
    /// half below 2^69. Where a field is longer, the fields are reduced, and summed again.
    function fingerprint(Evaluation memory e, uint256 fields, uint256 width)
        private
        pure
        returns (uint256 low, uint256 high)
    {
        uint256 nodes = e.nodesAt;
        // the powers lie with the highest first: those of this width are the last ones
        uint256 weight = e.betaPowersAt - 32 * width;
        uint256 any;
        assembly ("memory-safe") {
            let p := fields
            let end := add(p, shl(1, width))
            if and(width, 1) {
                any := mload(add(nodes, and(shr(235, mload(p)), NODE)))
                low := mulmod(and(any, LOW), mload(weight), LANES)
                high := mulmod(shr(128, any), mload(weight), LANES)
                weight := add(weight, 32)
                p := add(p, 2)
            }
            for {} lt(p, end) { p := add(p, 4) } {
                let pair := mload(p)
                let node := mload(add(nodes, and(shr(235, pair), NODE)))
                any := or(any, node)
                low := add(low, mulmod(and(node, LOW), mload(weight), LANES))
                high := add(high, mulmod(shr(128, node), mload(weight), LANES))
                weight := add(weight, 32)
                node := mload(add(nodes, and(shr(219, pair), NODE)))
                any := or(any, node)
                low := add(low, mulmod(and(node, LOW), mload(weight), LANES))
                high := add(high, mulmod(shr(128, node), mload(weight), LANES))
                weight := add(weight, 32)
            }
        }
        if (any & (width > 16 ? LONG : LONG_OF_16) == 0) return (low, high);
        unchecked {
            for (uint256 p = fields; p < fields + 2 * width; p += 2) {
                uint256 ptr = nodes + 32 * VerificationKeys.read(p, 2);
                Memory.store(ptr, G.reduce(Memory.load(ptr)));
            }
        }
        return fingerprint(e, fields, width);
    }

    function fold(uint256 acc, uint256 alpha, uint256 constraint) private pure returns (uint256) {
        return G.reduce(G.mul(acc, alpha) + constraint);
    }

    /// The element y_0 + X y_1 of two opened base columns.
    function extension(uint256 ptr) private pure returns (uint256) {
        unchecked {
            return G.reduce(Memory.load(ptr) + G.timesX(Memory.load(ptr + 32)));
        }
    }
}
