// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GoldilocksExtension as G} from "./GoldilocksExtension.sol";
import {IStarkErrors} from "../interfaces/IStarkErrors.sol";
import {Memory} from "./Memory.sol";
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
    /// powers of the lookup challenge beta, see OpenedValues.lanesOfPowers
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
    /// Bits 64..127 of both halves.
    uint256 private constant LONG = 0xFFFFFFFFFFFFFFFF0000000000000000FFFFFFFFFFFFFFFF0000000000000000;
    uint256 private constant LANES = 0x1FFFFFFFE000000020000000000000000000000000000000000;
    uint256 private constant LOW_LANE = 0x1FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF;
    /// Bits 116..127 of both halves: a sum that reaches them is reduced.
    uint256 private constant FULL = 0xFFF00000000000000000000000000000FFF00000000000000000000000000000;
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
                numerator =
                    G.reduce(G.mul(numerator, d) + G.mul(extension(o.quotientAt + 64 * i), denominator));
                denominator = G.mul(denominator, d);
                u = G.scale(u, wInverse);
            }
            if (denominator == 0) revert IStarkErrors.OodPoint();
            // (p - 1) / n is -1/n
            return G.scale(numerator, (P - 1) >> t.logChunks);
        }
    }

    /// Value of the tape's operations; halves of a node's value are below 2^116, not always canonical.
    function run(Table memory t, uint256 nodes, Opened memory o, uint256 first, uint256 last, uint256 transition)
        private
        pure
    {
        uint256 p = t.operationsAt;
        uint256 end = nodes + 32 * t.operations;
        uint256 local = o.localAt;
        uint256 next = o.nextAt;
        uint256 constants = t.constantsAt;
        assembly ("memory-safe") {
            mstore(sub(nodes, 96), first)
            mstore(sub(nodes, 64), last)
            mstore(sub(nodes, 32), transition)
            for { let ptr := nodes } lt(ptr, end) { ptr := add(ptr, 32) } {
                let w := mload(p) // opcode, a, b in the top 5 bytes
                p := add(p, 5)
                let op := byte(0, w)
                let v
                switch lt(op, 6)
                case 0 {
                    let x := mload(add(nodes, and(shr(227, w), 0x1FFFE0)))
                    let y := mload(add(nodes, and(shr(211, w), 0x1FFFE0)))
                    switch op
                    case 8 {
                        let x1 := shr(128, x)
                        let y1 := shr(128, y)
                        x := and(x, LOW)
                        y := and(y, LOW)
                        v :=
                            or(
                                shl(128, mod(add(mul(x, y1), mul(x1, y)), P)),
                                mod(add(mul(x, y), mul(7, mul(x1, y1))), P)
                            )
                    }
                    case 6 {
                        v := add(x, y)
                        if and(v, FULL) { v := or(shl(128, mod(shr(128, v), P)), mod(and(v, LOW), P)) }
                    }
                    default {
                        v := sub(add(x, LIFT), y)
                        v := or(shl(128, mod(shr(128, v), P)), mod(and(v, LOW), P))
                    }
                }
                default {
                    let a := and(shr(227, w), 0x1FFFE0)
                    switch op
                    case 0 { v := mload(add(local, a)) }
                    case 1 { v := mload(add(next, a)) }
                    case 2 { v := shr(192, mload(add(constants, shr(2, a)))) }
                    default { v := mload(add(sub(nodes, 192), shl(5, op))) }
                }
                mstore(ptr, v)
            }
        }
    }

    function foldAsserts(Table memory t, Evaluation memory e) private pure returns (uint256 acc) {
        uint256 p = t.assertsAt;
        uint256 end = p + 2 * t.asserts;
        uint256 nodes = e.nodesAt;
        uint256 alpha = e.alpha;
        assembly ("memory-safe") {
            let b0 := and(alpha, LOW)
            let b1 := shr(128, alpha)
            for {} lt(p, end) { p := add(p, 2) } {
                let node := mload(add(nodes, shl(5, shr(240, mload(p)))))
                let a0 := and(acc, LOW)
                let a1 := shr(128, acc)
                // the node's half is added to the product before the reduction
                acc :=
                    or(
                        shl(128, mod(add(shr(128, node), add(mul(a0, b1), mul(a1, b0))), P)),
                        mod(add(and(node, LOW), add(mul(a0, b0), mul(7, mul(a1, b1)))), P)
                    )
            }
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
                    numerator = G.reduce(G.mul(numerator, d) + G.mul(count, denominator));
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
    /// The fingerprint is summed in two lanes, see `PublicBus.addMessages`.
    function evaluateMessage(Key memory k, Evaluation memory e, uint256 message)
        private
        pure
        returns (uint256 denominator, uint256 count)
    {
        uint256 widths = k.widthsAt;
        uint256 prefixes = e.prefixesAt;
        uint256 nodes = e.nodesAt;
        uint256 powers = e.betaPowersAt;
        assembly ("memory-safe") {
            let head := mload(message)
            let bus := byte(0, head)
            count := mload(add(nodes, and(shr(211, head), 0x1FFFE0)))
            if byte(1, head) {
                count := sub(LIFT, count)
                count := or(shl(128, mod(shr(128, count), P)), mod(and(count, LOW), P))
            }
            let acc := 0
            message := add(message, 5)
            for { let p := add(message, shl(1, byte(0, mload(add(widths, bus))))) } gt(p, message) {} {
                p := sub(p, 2)
                let node := mload(add(nodes, shl(5, shr(240, mload(p)))))
                if and(node, LONG) { node := or(shl(128, mod(shr(128, node), P)), mod(and(node, LOW), P)) }
                acc :=
                    add(
                        acc,
                        add(
                            mulmod(and(node, LOW), mload(powers), LANES),
                            mulmod(shr(128, node), mload(add(powers, 32)), LANES)
                        )
                    )
                powers := add(powers, 64)
            }
            denominator := mload(add(prefixes, shl(5, bus)))
            denominator :=
                or(
                    shl(128, mod(sub(add(shr(128, denominator), shl(12, P)), shr(137, acc)), P)),
                    mod(sub(add(and(denominator, LOW), shl(80, P)), and(acc, LOW_LANE)), P)
                )
        }
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
