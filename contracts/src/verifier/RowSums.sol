// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IStarkErrors} from "../interfaces/IStarkErrors.sol";

/// @title Rows of base elements, batched
library RowSums {
    uint256 private constant P = 0xFFFFFFFF00000001;
    uint256 private constant LANES = 0x1FFFFFFFE000000020000000000000000000000000000000000;

    /// sum of lambda^k row_k over `count` elements at `p`. Two lanes in a word: one MULMOD by p << 137 multiplies both,
    /// leaves the lower product (128 bits) whole and reduces the upper one; up to 512 columns add up without a carry.
    function sum(uint256 p, uint256 count, uint256 lanes) internal pure returns (uint256 total) {
        uint256 bad;
        assembly ("memory-safe") {
            let acc := 0
            for { let end := add(p, shl(3, and(count, not(3)))) } lt(p, end) { p := add(p, 32) } {
                let x := mload(p)
                x :=
                    or(
                        shl(8, and(x, 0x00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF)),
                        and(shr(8, x), 0x00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF)
                    )
                x :=
                    or(
                        shl(16, and(x, 0x0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF)),
                        and(shr(16, x), 0x0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF)
                    )
                x :=
                    or(
                        shl(32, and(x, 0x00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF)),
                        and(shr(32, x), 0x00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF)
                    )
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
                acc :=
                    add(
                        acc,
                        add(
                            add(
                                mulmod(shr(192, x), mload(lanes), LANES),
                                mulmod(and(shr(128, x), 0xFFFFFFFFFFFFFFFF), mload(add(lanes, 32)), LANES)
                            ),
                            add(
                                mulmod(and(shr(64, x), 0xFFFFFFFFFFFFFFFF), mload(add(lanes, 64)), LANES),
                                mulmod(and(x, 0xFFFFFFFFFFFFFFFF), mload(add(lanes, 96)), LANES)
                            )
                        )
                    )
                lanes := add(lanes, 128)
            }
            count := and(count, 3)
            if count {
                let x := and(mload(p), not(shr(shl(6, count), not(0))))
                x :=
                    or(
                        shl(8, and(x, 0x00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF)),
                        and(shr(8, x), 0x00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF00FF)
                    )
                x :=
                    or(
                        shl(16, and(x, 0x0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF)),
                        and(shr(16, x), 0x0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF0000FFFF)
                    )
                x :=
                    or(
                        shl(32, and(x, 0x00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF)),
                        and(shr(32, x), 0x00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF)
                    )
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
                acc :=
                    add(
                        acc,
                        add(
                            add(
                                mulmod(shr(192, x), mload(lanes), LANES),
                                mulmod(and(shr(128, x), 0xFFFFFFFFFFFFFFFF), mload(add(lanes, 32)), LANES)
                            ),
                            add(
                                mulmod(and(shr(64, x), 0xFFFFFFFFFFFFFFFF), mload(add(lanes, 64)), LANES),
                                mulmod(and(x, 0xFFFFFFFFFFFFFFFF), mload(add(lanes, 96)), LANES)
                            )
                        )
                    )
            }
            total := or(shl(128, mod(shr(137, acc), P)), mod(and(acc, 0x1FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF), P))
            bad := and(bad, 0x8000000000000000800000000000000080000000000000008000000000000000)
        }
        if (bad != 0) revert IStarkErrors.Element();
    }
}
