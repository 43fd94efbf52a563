// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IStarkErrors} from "../interfaces/IStarkErrors.sol";

/// @title The operations of a tape (docs/proof-format.md section 9)
/// @notice A key may hold the operations in any order. Six of them fill a word, and six of one kind run without a
/// branch: the project's keys are ordered so that nearly all operations do. Halves of a node's value are below 2^116,
/// not always canonical.
library Tape {
    uint256 private constant LOW = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF;
    uint256 private constant P = 0xFFFFFFFF00000001;
    /// Bits 116..127 of both halves: sums that reach them are reduced. Six sums in a row grow by 6 bits at most.
    uint256 private constant FULL = 0xFFF00000000000000000000000000000FFF00000000000000000000000000000;
    /// Multiples of p beyond 2^116 in both halves, added before a subtraction.
    uint256 private constant LIFT = 0x003FFFFFFFC000000040000000000000003FFFFFFFC000000040000000000000;
    /// The six opcodes of a word, and six of one kind.
    uint256 private constant OPCODES = 0xFF00000000FF00000000FF00000000FF00000000FF00000000FF000000000000;
    uint256 private constant ONES = 0x0100000000010000000001000000000100000000010000000001000000000000;
    /// A one in each operand; in each first operand.
    uint256 private constant OPERANDS = 0x0000010001000001000100000100010000010001000001000100000100010000;
    uint256 private constant FIRSTS = 0x0000010000000001000000000100000000010000000001000000000100000000;
    /// 0, 1, ..., 5 in the first operands: consecutive columns.
    uint256 private constant STEPS = 0x0000000000000001000000000200000000030000000004000000000500000000;
    /// An operand times 32: the address of a node, once the node memory's own address is added.
    uint256 private constant NODE = 0x1FFFE0;

    /// @param p address of the operations' bytes
    /// @param count number of operations
    /// @param nodes address of a word per operation, a multiple of 32; the three selectors lie before it
    /// @param columns addresses of the opened values: local in the lower, next in the upper half
    /// @param constants address of the constants' bytes
    function run(uint256 p, uint256 count, uint256 nodes, uint256 columns, uint256 constants) internal pure {
        // operands become addresses, in words: those must fit 16 bits
        if (nodes + 32 * count >= 32 << 16) revert IStarkErrors.UnsupportedKey();
        assembly ("memory-safe") {
            function single(w, ptr, nodes_, columns_, constants_) {
                let op := byte(0, w)
                let a := and(shr(227, w), NODE)
                let v
                switch lt(op, 6)
                case 0 {
                    let x := mload(add(nodes_, a))
                    let y := mload(add(nodes_, and(shr(211, w), NODE)))
                    switch op
                    case 8 {
                        let x1 := shr(128, x)
                        let y1 := shr(128, y)
                        x := and(x, LOW)
                        y := and(y, LOW)
                        v := mod(add(mul(x, y), mul(7, mul(x1, y1))), P)
                        v := or(shl(128, mod(add(mul(x, y1), mul(x1, y)), P)), v)
                    }
                    default {
                        switch op
                        case 6 { v := add(x, y) }
                        default { v := sub(add(x, LIFT), y) }
                        v := or(shl(128, mod(shr(128, v), P)), mod(and(v, LOW), P))
                    }
                }
                default {
                    switch op
                    case 0 { v := mload(add(and(columns_, LOW), a)) }
                    case 1 { v := mload(add(shr(128, columns_), a)) }
                    case 2 { v := shr(192, mload(add(constants_, shr(2, a)))) }
                    default { v := mload(add(sub(nodes_, 192), shl(5, op))) }
                }
                mstore(ptr, v)
            }
            let base := mul(shr(5, nodes), OPERANDS)
            let ptr := nodes
            let end := add(nodes, shl(5, count))
            // while six are left; unrolled, because a loop would cost as much as a sum
            for {} lt(add(ptr, 160), end) {} {
                let w := mload(p)
                let kinds := and(w, OPCODES)
                switch kinds
                case 0x0800000000080000000008000000000800000000080000000008000000000000 {
                    w := add(w, base)
                    let x := mload(and(shr(227, w), NODE))
                    let y := mload(and(shr(211, w), NODE))
                    let x1 := shr(128, x)
                    let y1 := shr(128, y)
                    x := and(x, LOW)
                    y := and(y, LOW)
                    let z := mod(add(mul(x, y), mul(7, mul(x1, y1))), P)
                    mstore(ptr, or(shl(128, mod(add(mul(x, y1), mul(x1, y)), P)), z))
                    x := mload(and(shr(187, w), NODE))
                    y := mload(and(shr(171, w), NODE))
                    x1 := shr(128, x)
                    y1 := shr(128, y)
                    x := and(x, LOW)
                    y := and(y, LOW)
                    z := mod(add(mul(x, y), mul(7, mul(x1, y1))), P)
                    mstore(add(ptr, 32), or(shl(128, mod(add(mul(x, y1), mul(x1, y)), P)), z))
                    x := mload(and(shr(147, w), NODE))
                    y := mload(and(shr(131, w), NODE))
                    x1 := shr(128, x)
                    y1 := shr(128, y)
                    x := and(x, LOW)
                    y := and(y, LOW)
                    z := mod(add(mul(x, y), mul(7, mul(x1, y1))), P)
                    mstore(add(ptr, 64), or(shl(128, mod(add(mul(x, y1), mul(x1, y)), P)), z))
                    x := mload(and(shr(107, w), NODE))
                    y := mload(and(shr(91, w), NODE))
                    x1 := shr(128, x)
                    y1 := shr(128, y)
                    x := and(x, LOW)
                    y := and(y, LOW)
                    z := mod(add(mul(x, y), mul(7, mul(x1, y1))), P)
                    mstore(add(ptr, 96), or(shl(128, mod(add(mul(x, y1), mul(x1, y)), P)), z))
                    x := mload(and(shr(67, w), NODE))
                    y := mload(and(shr(51, w), NODE))
                    x1 := shr(128, x)
                    y1 := shr(128, y)
                    x := and(x, LOW)
                    y := and(y, LOW)
                    z := mod(add(mul(x, y), mul(7, mul(x1, y1))), P)
                    mstore(add(ptr, 128), or(shl(128, mod(add(mul(x, y1), mul(x1, y)), P)), z))
                    x := mload(and(shr(27, w), NODE))
                    y := mload(and(shr(11, w), NODE))
                    x1 := shr(128, x)
                    y1 := shr(128, y)
                    x := and(x, LOW)
                    y := and(y, LOW)
                    z := mod(add(mul(x, y), mul(7, mul(x1, y1))), P)
                    mstore(add(ptr, 160), or(shl(128, mod(add(mul(x, y1), mul(x1, y)), P)), z))
                    p := add(p, 30)
                    ptr := add(ptr, 192)
                }
                case 0x0600000000060000000006000000000600000000060000000006000000000000 {
                    w := add(w, base)
                    let v := add(mload(and(shr(227, w), NODE)), mload(and(shr(211, w), NODE)))
                    mstore(ptr, v)
                    let any := v
                    v := add(mload(and(shr(187, w), NODE)), mload(and(shr(171, w), NODE)))
                    mstore(add(ptr, 32), v)
                    any := or(any, v)
                    v := add(mload(and(shr(147, w), NODE)), mload(and(shr(131, w), NODE)))
                    mstore(add(ptr, 64), v)
                    any := or(any, v)
                    v := add(mload(and(shr(107, w), NODE)), mload(and(shr(91, w), NODE)))
                    mstore(add(ptr, 96), v)
                    any := or(any, v)
                    v := add(mload(and(shr(67, w), NODE)), mload(and(shr(51, w), NODE)))
                    mstore(add(ptr, 128), v)
                    any := or(any, v)
                    v := add(mload(and(shr(27, w), NODE)), mload(and(shr(11, w), NODE)))
                    mstore(add(ptr, 160), v)
                    any := or(any, v)
                    if and(any, FULL) {
                        for { let word := ptr } lt(word, add(ptr, 192)) { word := add(word, 32) } {
                            v := mload(word)
                            mstore(word, or(shl(128, mod(shr(128, v), P)), mod(and(v, LOW), P)))
                        }
                    }
                    p := add(p, 30)
                    ptr := add(ptr, 192)
                }
                case 0x0700000000070000000007000000000700000000070000000007000000000000 {
                    w := add(w, base)
                    let v := sub(add(mload(and(shr(227, w), NODE)), LIFT), mload(and(shr(211, w), NODE)))
                    mstore(ptr, or(shl(128, mod(shr(128, v), P)), mod(and(v, LOW), P)))
                    v := sub(add(mload(and(shr(187, w), NODE)), LIFT), mload(and(shr(171, w), NODE)))
                    mstore(add(ptr, 32), or(shl(128, mod(shr(128, v), P)), mod(and(v, LOW), P)))
                    v := sub(add(mload(and(shr(147, w), NODE)), LIFT), mload(and(shr(131, w), NODE)))
                    mstore(add(ptr, 64), or(shl(128, mod(shr(128, v), P)), mod(and(v, LOW), P)))
                    v := sub(add(mload(and(shr(107, w), NODE)), LIFT), mload(and(shr(91, w), NODE)))
                    mstore(add(ptr, 96), or(shl(128, mod(shr(128, v), P)), mod(and(v, LOW), P)))
                    v := sub(add(mload(and(shr(67, w), NODE)), LIFT), mload(and(shr(51, w), NODE)))
                    mstore(add(ptr, 128), or(shl(128, mod(shr(128, v), P)), mod(and(v, LOW), P)))
                    v := sub(add(mload(and(shr(27, w), NODE)), LIFT), mload(and(shr(11, w), NODE)))
                    mstore(add(ptr, 160), or(shl(128, mod(shr(128, v), P)), mod(and(v, LOW), P)))
                    p := add(p, 30)
                    ptr := add(ptr, 192)
                }
                default {
                    let op := byte(0, w)
                    switch and(lt(op, 3), eq(kinds, mul(op, ONES)))
                    case 0 {
                        single(w, ptr, nodes, columns, constants)
                        p := add(p, 5)
                        ptr := add(ptr, 32)
                    }
                    default {
                        switch op
                        case 2 {
                        mstore(ptr, shr(192, mload(add(constants, and(shr(229, w), 0x7FFF8)))))
                        mstore(add(ptr, 32), shr(192, mload(add(constants, and(shr(189, w), 0x7FFF8)))))
                        mstore(add(ptr, 64), shr(192, mload(add(constants, and(shr(149, w), 0x7FFF8)))))
                        mstore(add(ptr, 96), shr(192, mload(add(constants, and(shr(109, w), 0x7FFF8)))))
                        mstore(add(ptr, 128), shr(192, mload(add(constants, and(shr(69, w), 0x7FFF8)))))
                        mstore(add(ptr, 160), shr(192, mload(add(constants, and(shr(29, w), 0x7FFF8)))))
                        }
                        default {
                            let from := and(shr(shl(7, op), columns), LOW)
                            let a := and(shr(232, w), 0xFFFF)
                            switch eq(and(w, mul(0xFFFF, FIRSTS)), add(mul(a, FIRSTS), STEPS))
                            case 1 { mcopy(ptr, add(from, shl(5, a)), 192) }
                            default {
                            mstore(ptr, mload(add(from, and(shr(227, w), NODE))))
                            mstore(add(ptr, 32), mload(add(from, and(shr(187, w), NODE))))
                            mstore(add(ptr, 64), mload(add(from, and(shr(147, w), NODE))))
                            mstore(add(ptr, 96), mload(add(from, and(shr(107, w), NODE))))
                            mstore(add(ptr, 128), mload(add(from, and(shr(67, w), NODE))))
                            mstore(add(ptr, 160), mload(add(from, and(shr(27, w), NODE))))
                            }
                        }
                        p := add(p, 30)
                        ptr := add(ptr, 192)
                    }
                }
            }
            for {} lt(ptr, end) { ptr := add(ptr, 32) } {
                single(mload(p), ptr, nodes, columns, constants)
                p := add(p, 5)
            }
        }
    }
}
