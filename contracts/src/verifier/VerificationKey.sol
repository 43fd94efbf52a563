// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IStarkErrors} from "../interfaces/IStarkErrors.sol";
import {Shapes} from "./Shapes.sol";

/// One table of a key. Names ending in `At` are memory addresses inside the loaded key.
struct Table {
    uint256 logHeight;
    uint256 logChunks;
    uint256 readsNext;
    /// Number of lookup columns; their list starts at `columnsAt`.
    uint256 columns;
    uint256 columnsAt;
    /// Main columns.
    uint256 width;
    uint256 constantsAt;
    uint256 operations;
    uint256 operationsAt;
    uint256 asserts;
    uint256 assertsAt;
    /// Address of a table of one word per message: its place in the tape.
    uint256 messagesAt;
}

/// A parsed verification key (docs/proof-format.md section 2).
struct Key {
    uint256 blowup;
    uint256 queries;
    uint256 cap;
    uint256 finalLog;
    uint256 lookupPow;
    uint256 oodPow;
    uint256 batchPow;
    uint256 commitPow;
    uint256 queryPow;
    uint256 height;
    uint256 rounds;
    uint256 aritiesAt;
    /// Coefficients of the final polynomial.
    uint256 coefficients;
    uint256 messageWidth;
    uint256 buses;
    /// One byte per bus: prefix index; 255 if no table uses the bus.
    uint256 prefixesAt;
    /// One byte per bus: fields of its messages.
    uint256 widthsAt;
    uint256 seedBatchAt;
    uint256 seedBatchLength;
    uint256 seedPcsAt;
    uint256 seedPcsLength;
    uint256 seedFriAt;
    uint256 seedFriLength;
    Table[] tables;
    /// One word per table and one for the mask, see `Shapes`.
    uint256[] shapes;
}

/// @dev A key is trusted: its hash names it, and the caller chose the hash. So the parser checks the version, the limits
/// of this implementation and that the bytes end where they should, and nothing that a wrong key would do only to itself.
library VerificationKeys {
    uint256 private constant MAGIC = 0x53425633; // "SBV3"
    uint256 private constant TAPE_MAGIC = 0x53425431; // "SBT1"
    /// The lanes in which rows are summed hold this many columns (see `RowSums`).
    uint256 private constant MAX_WIDTH = 500;

    /// Copies the key's bytes from the data contracts to memory.
    function load(address[] memory parts) internal view returns (uint256 ptr, uint256 length) {
        assembly ("memory-safe") {
            ptr := mload(0x40)
            let end := add(add(parts, 32), shl(5, mload(parts)))
            for { let p := add(parts, 32) } lt(p, end) { p := add(p, 32) } {
                let part := mload(p)
                let size := sub(extcodesize(part), 1)
                extcodecopy(part, add(ptr, length), 1, size)
                length := add(length, size)
            }
            mstore(0x40, and(add(add(ptr, length), 63), not(31)))
        }
    }

    function parse(uint256 ptr, uint256 length) internal pure returns (Key memory k) {
        unchecked {
            uint256 p = ptr;
            if (read(p, 4) != MAGIC) revert IStarkErrors.UnsupportedKey();
            k.blowup = read(p + 4, 1);
            k.queries = read(p + 5, 1);
            k.cap = read(p + 6, 1);
            k.finalLog = read(p + 8, 1);
            k.lookupPow = read(p + 9, 1);
            k.oodPow = read(p + 10, 1);
            k.batchPow = read(p + 11, 1);
            k.commitPow = read(p + 12, 1);
            k.queryPow = read(p + 13, 1);
            k.height = read(p + 14, 1);
            k.rounds = read(p + 15, 1);
            k.aritiesAt = p + 16;
            p += 16 + k.rounds;
            k.messageWidth = read(p, 1);
            k.buses = read(p + 1, 1);
            k.prefixesAt = p + 2;
            p += 2 + k.buses;
            k.tables = new Table[](read(p, 1));
            p += 1;
            for (uint256 i; i < k.tables.length; ++i) p = parseShape(k.tables[i], p);
            (k.seedBatchAt, k.seedBatchLength) = (p + 2, read(p, 2));
            p += 2 + k.seedBatchLength;
            (k.seedPcsAt, k.seedPcsLength) = (p + 2, read(p, 2));
            p += 2 + k.seedPcsLength;
            (k.seedFriAt, k.seedFriLength) = (p + 2, read(p, 2));
            p += 2 + k.seedFriLength;

            if (p + 4 + read(p, 4) != ptr + length || read(p + 4, 4) != TAPE_MAGIC) revert IStarkErrors.UnsupportedKey();
            p += 8;
            if (read(p, 1) != k.buses) revert IStarkErrors.UnsupportedKey();
            k.widthsAt = p + 1;
            p += 1 + k.buses;
            if (read(p, 1) != k.tables.length) revert IStarkErrors.UnsupportedKey();
            p += 1;
            for (uint256 i; i < k.tables.length; ++i) p = parseTape(k, k.tables[i], p);
            if (
                p != ptr + length || k.rounds > 32 || k.queries == 0 || k.height > 32 || k.cap > 8 || k.finalLog > 8
                    || (k.lookupPow | k.oodPow | k.batchPow | k.commitPow | k.queryPow) > 63
            ) revert IStarkErrors.UnsupportedKey();
            derive(k);
        }
    }

    /// Shapes, and the length of the final polynomial: after the folding a table of height 2^h, masked by a multiple of
    /// degree below MASK of its vanishing polynomial, has degree at most (2^h + MASK - 2) / 2^(h - final).
    function derive(Key memory k) private pure {
        unchecked {
            uint256 mask = 2 * (k.queries + 4);
            k.shapes = new uint256[](k.tables.length + 1);
            for (uint256 i; i < k.tables.length; ++i) {
                Table memory t = k.tables[i];
                if (t.logHeight <= k.finalLog || t.logHeight > 32 || mask > 1 << t.logHeight) {
                    revert IStarkErrors.UnsupportedKey();
                }
                uint256 count = (((1 << t.logHeight) + mask - 2) >> (t.logHeight - k.finalLog)) + 1;
                if (count > k.coefficients) k.coefficients = count;
                k.shapes[i] =
                    Shapes.ofTable(t.logHeight + k.blowup, t.logChunks, t.readsNext, t.columns, t.width);
            }
            k.shapes[k.tables.length] = Shapes.ofMask(k.height);
            if (k.coefficients > 2 << k.finalLog) revert IStarkErrors.UnsupportedKey();
        }
    }

    function parseShape(Table memory t, uint256 p) private pure returns (uint256) {
        unchecked {
            t.logHeight = read(p, 1);
            t.logChunks = read(p + 1, 1);
            t.readsNext = read(p + 2, 1);
            t.columns = read(p + 3, 1);
            p += 4;
            t.columnsAt = p;
            for (uint256 i; i < t.columns; ++i) p += 2 + 2 * read(p + 1, 1);
            if (t.logChunks > 5) revert IStarkErrors.UnsupportedKey();
            return p;
        }
    }

    function parseTape(Key memory k, Table memory t, uint256 p) private pure returns (uint256) {
        unchecked {
            t.width = read(p, 2);
            if (t.width == 0 || t.width > MAX_WIDTH || 2 * t.columns + 2 > MAX_WIDTH) {
                revert IStarkErrors.UnsupportedKey();
            }
            t.constantsAt = p + 4;
            p += 4 + 8 * read(p + 2, 2);
            t.operations = read(p, 2);
            t.operationsAt = p + 2;
            p += 2 + 5 * t.operations;
            t.asserts = read(p, 2);
            t.assertsAt = p + 2;
            p += 2 + 2 * t.asserts;
            uint256 count = read(p, 2);
            p += 2;
            uint256 widths = k.widthsAt;
            uint256 index;
            assembly ("memory-safe") {
                index := mload(0x40)
                let end := add(index, shl(5, count))
                mstore(0x40, end)
                for { let ptr := index } lt(ptr, end) { ptr := add(ptr, 32) } {
                    mstore(ptr, p)
                    let bus := byte(0, mload(p))
                    p := add(p, add(5, shl(1, byte(0, mload(add(widths, bus))))))
                }
            }
            t.messagesAt = index;
            return p;
        }
    }

    /// Big-endian integer of `size` bytes at a memory address.
    function read(uint256 ptr, uint256 size) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(sub(256, shl(3, size)), mload(ptr))
        }
    }
}
