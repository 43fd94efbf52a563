// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Decoding} from "./Decoding.sol";
import {IStarkErrors} from "../interfaces/IStarkErrors.sol";

/// @title Rows of base elements, batched
library RowSums {
    uint256 private constant P = 0xFFFFFFFF00000001;
    /// p << 137: two lanes of a sum, reduced in the upper one only.
    uint256 private constant LANES = 0x1FFFFFFFE000000020000000000000000000000000000000000;
    // As in Decoding: assembly takes no constants of another library.
    uint256 private constant NOT_TOP = 0x7FFFFFFFFFFFFFFF7FFFFFFFFFFFFFFF7FFFFFFFFFFFFFFF7FFFFFFFFFFFFFFF;
    uint256 private constant CARRY = 0x00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF;

    /// sum of lambda^k row_k over `count` elements at `p`. Two lanes in a word: one MULMOD by p << 137 multiplies both,
    /// leaves the lower product (128 bits) whole and reduces the upper one; up to 512 columns add up without a carry.
    /// Eight columns a turn: the loop would else cost as much as a column.
    /// @param lanes powers of lambda as two lanes each (see `Lanes`), up to three more than columns
    function sum(uint256 p, uint256 count, uint256 lanes) internal pure returns (uint256 total) {
        uint256 bad;
        assembly ("memory-safe") {
            let acc := 0
            for { let end := add(p, shl(3, and(count, not(7)))) } lt(p, end) { p := add(p, 64) } {
                let x := mload(p)
                bad := or(bad, and(x, add(and(x, NOT_TOP), CARRY)))
                acc :=
                    add(
                        add(
                            add(
                                mulmod(and(x, 0xFFFFFFFFFFFFFFFF), mload(add(lanes, 96)), LANES),
                                mulmod(and(shr(64, x), 0xFFFFFFFFFFFFFFFF), mload(add(lanes, 64)), LANES)
                            ),
                            add(
                                mulmod(and(shr(128, x), 0xFFFFFFFFFFFFFFFF), mload(add(lanes, 32)), LANES),
                                mulmod(shr(192, x), mload(lanes), LANES)
                            )
                        ),
                        acc
                    )
                x := mload(add(p, 32))
                bad := or(bad, and(x, add(and(x, NOT_TOP), CARRY)))
                acc :=
                    add(
                        add(
                            add(
                                mulmod(and(x, 0xFFFFFFFFFFFFFFFF), mload(add(lanes, 224)), LANES),
                                mulmod(and(shr(64, x), 0xFFFFFFFFFFFFFFFF), mload(add(lanes, 192)), LANES)
                            ),
                            add(
                                mulmod(and(shr(128, x), 0xFFFFFFFFFFFFFFFF), mload(add(lanes, 160)), LANES),
                                mulmod(shr(192, x), mload(add(lanes, 128)), LANES)
                            )
                        ),
                        acc
                    )
                lanes := add(lanes, 256)
            }
            // up to seven are left: a word, a part of a word
            for { count := and(count, 7) } count {} {
                let x := mload(p)
                switch gt(count, 4)
                case 1 { count := sub(count, 4) }
                default {
                    x := and(x, not(shr(shl(6, count), not(0))))
                    count := 0
                }
                bad := or(bad, and(x, add(and(x, NOT_TOP), CARRY)))
                acc :=
                    add(
                        add(
                            add(
                                mulmod(and(x, 0xFFFFFFFFFFFFFFFF), mload(add(lanes, 96)), LANES),
                                mulmod(and(shr(64, x), 0xFFFFFFFFFFFFFFFF), mload(add(lanes, 64)), LANES)
                            ),
                            add(
                                mulmod(and(shr(128, x), 0xFFFFFFFFFFFFFFFF), mload(add(lanes, 32)), LANES),
                                mulmod(shr(192, x), mload(lanes), LANES)
                            )
                        ),
                        acc
                    )
                p := add(p, 32)
                lanes := add(lanes, 128)
            }
            total := or(shl(128, mod(shr(137, acc), P)), mod(and(acc, 0x1FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF), P))
        }
        if (bad & Decoding.TOP != 0) revert IStarkErrors.Element();
    }
}
