// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GoldilocksExtension} from "./GoldilocksExtension.sol";

/// Transcript of docs/proof-format.md section 3: `buf` is the memory between start and end.
struct Transcript {
    uint256 start;
    uint256 end;
    /// Words of the last digest that were not read yet, the next one lowest.
    uint256 out;
    uint256 unread;
}

library Transcripts {
    /// @param room upper bound of the bytes between two flushes
    function open(bytes32 context, uint256 room) internal pure returns (Transcript memory t) {
        uint256 start;
        assembly ("memory-safe") {
            start := mload(0x40)
            mstore(0x40, add(start, and(add(room, 127), not(31))))
            mstore(start, context)
        }
        t.start = start;
        t.end = start + 32;
    }

    function absorbCalldata(Transcript memory t, uint256 offset, uint256 length) internal pure {
        uint256 end = t.end;
        assembly ("memory-safe") {
            calldatacopy(end, offset, length)
        }
        t.end = end + length;
        t.unread = 0;
    }

    function absorbMemory(Transcript memory t, uint256 from, uint256 length) internal pure {
        uint256 end = t.end;
        assembly ("memory-safe") {
            mcopy(end, from, length)
        }
        t.end = end + length;
        t.unread = 0;
    }

    function absorbZeros(Transcript memory t, uint256 length) internal pure {
        uint256 end = t.end;
        assembly ("memory-safe") {
            calldatacopy(end, calldatasize(), length)
        }
        t.end = end + length;
        t.unread = 0;
    }

    /// One byte and 15 zero bytes: a small number as an element of EF.
    function absorbSmall(Transcript memory t, uint256 value) internal pure {
        uint256 end = t.end;
        assembly ("memory-safe") {
            mstore(end, shl(248, value))
        }
        t.end = end + 16;
        t.unread = 0;
    }

    function word(Transcript memory t) internal pure returns (uint256 w) {
        if (t.unread == 0) flush(t);
        w = t.out & type(uint64).max;
        t.out >>= 64;
        t.unread -= 1;
    }

    function base(Transcript memory t) internal pure returns (uint256 w) {
        do w = word(t);
        while (w >= GoldilocksExtension.P); // repeats with probability 2^-32
    }

    function ext(Transcript memory t) internal pure returns (uint256) {
        uint256 a0 = base(t);
        return (base(t) << 128) | a0;
    }

    /// Absorbs the witness at a calldata offset and tells whether the grind holds.
    function grind(Transcript memory t, uint256 bits, uint256 offset) internal pure returns (bool) {
        if (t.unread == 0) flush(t);
        absorbCalldata(t, offset, 8);
        return word(t) & ((1 << bits) - 1) == 0;
    }

    function flush(Transcript memory t) private pure {
        uint256 start = t.start;
        uint256 end = t.end;
        uint256 digest;
        assembly ("memory-safe") {
            digest := keccak256(start, sub(end, start))
            mstore(start, digest)
        }
        t.end = start + 32;
        t.out = digest;
        t.unread = 4;
    }
}
