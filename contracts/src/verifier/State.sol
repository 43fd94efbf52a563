// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Layout} from "./Head.sol";
import {IStarkErrors} from "../interfaces/IStarkErrors.sol";
import {Memory} from "./Memory.sol";
import {Challenges} from "./Replay.sol";
import {Shapes} from "./Shapes.sol";
import {Key, VerificationKeys} from "./VerificationKey.sol";

/// @title What the queries need to know of a head
/// @notice Bytes, all big-endian:
///   0   "SBS2", u8 queries, u8 cap, u8 blowup, u8 log final, u8 height, u8 rounds, u8 shapes, u8 0, u32 record length,
///       u16 coefficients of the final polynomial, zeros up to 32
///   32  vkHash          64  context          96  u8 log arity per round, zeros up to 32 bytes
///   128 8 bytes per shape: those of the tables, that of the mask
///       16 bytes per element of EF (a1, a0): lambda, zeta, betas, per height (tallest first) the batched openings at
///       zeta and at the next point, the final polynomial
///       u32 per query: index
///       32 bytes per digest: caps of the trees (main, quotient, permutation) and of the rounds
library State {
    uint256 internal constant MAGIC = 0x53425332; // "SBS2"
    uint256 internal constant SHAPES = 128;

    function encode(
        Key memory k,
        Layout memory l,
        Challenges memory c,
        bytes32 vkHash,
        bytes32 context,
        uint256 sums,
        uint256 finalPoly
    ) internal pure returns (bytes memory state) {
        unchecked {
            uint256 start;
            assembly ("memory-safe") {
                state := mload(0x40)
                start := add(state, 32)
            }
            uint256 heights;
            Memory.store(start + 32, uint256(vkHash));
            Memory.store(start + 64, uint256(context));
            Memory.store(start + 96, 0);
            for (uint256 r; r < k.rounds; ++r) {
                uint256 arity = VerificationKeys.read(k.aritiesAt + r, 1);
                assembly ("memory-safe") {
                    mstore8(add(add(start, 96), r), arity)
                }
            }
            uint256 p = start + SHAPES;
            for (uint256 i; i < k.shapes.length; ++i) {
                heights |= 1 << Shapes.height(k.shapes[i]);
                Memory.store(p, k.shapes[i] << 192);
                p += 8;
            }
            p = putExtension(p, c.lambda);
            p = putExtension(p, c.zeta);
            for (uint256 r; r < k.rounds; ++r) p = putExtension(p, c.betas[r]);
            for (uint256 height = 32; height != 0; --height) {
                if ((heights >> height) & 1 == 0) continue;
                p = putExtension(p, Memory.load(sums + 64 * height));
                p = putExtension(p, Memory.load(sums + 64 * height + 32));
            }
            for (uint256 i; i < k.coefficients; ++i) p = putExtension(p, Memory.load(finalPoly + 32 * i));
            for (uint256 i; i < k.queries; ++i) {
                Memory.store(p, c.indices[i] << 224);
                p += 4;
            }
            p = putCap(p, l.mainCap, l.capLength);
            p = putCap(p, l.quotientCap, l.capLength);
            p = putCap(p, l.permutationCap, l.capLength);
            for (uint256 r; r < k.rounds; ++r) p = putCap(p, l.rounds + r * l.roundLength, l.capLength);

            uint256 head = (MAGIC << 224) | (k.queries << 216) | (k.cap << 208) | (k.blowup << 200) | (k.finalLog << 192)
                | (k.height << 184) | (k.rounds << 176) | (k.shapes.length << 168) | (recordLength(k) << 128)
                | (k.coefficients << 112);
            Memory.store(start, head);
            assembly ("memory-safe") {
                mstore(state, sub(p, start))
                mstore(0x40, and(add(p, 31), not(31)))
            }
        }
    }

    /// Number and length of the query records that a state speaks of.
    function records(bytes calldata state) internal pure returns (uint256 count, uint256 length) {
        uint256 head;
        assembly ("memory-safe") {
            head := calldataload(state.offset)
        }
        if (state.length < SHAPES || head >> 224 != MAGIC) revert IStarkErrors.InvalidState();
        return ((head >> 216) & 0xFF, (head >> 128) & 0xFFFFFFFF);
    }

    /// Bytes of one query record (docs/proof-format.md section 4).
    function recordLength(Key memory k) internal pure returns (uint256 length) {
        unchecked {
            for (uint256 tree; tree < Shapes.TREES; ++tree) {
                uint256 heights;
                uint256 top;
                for (uint256 i; i < k.shapes.length; ++i) {
                    uint256 shape = k.shapes[i];
                    uint256 width = Shapes.columns(shape, tree);
                    if (width == 0) continue;
                    uint256 height = Shapes.height(shape);
                    if ((heights >> height) & 1 == 0) length += 16;
                    heights |= 1 << height;
                    if (height > top) top = height;
                    length += 8 * width;
                }
                if (top < k.cap || top > k.height) revert IStarkErrors.UnsupportedKey();
                length += 32 * (top - k.cap);
            }
            // every height must be met by the folding, the largest at its start
            uint256 missing;
            for (uint256 i; i < k.tables.length; ++i) missing |= 1 << Shapes.height(k.shapes[i]);
            uint256 level = k.height;
            if (missing >> level != 1) revert IStarkErrors.UnsupportedKey();
            missing ^= 1 << level;
            for (uint256 r; r < k.rounds; ++r) {
                uint256 arity = VerificationKeys.read(k.aritiesAt + r, 1);
                if (arity == 0 || arity > 6 || level < arity + k.cap) revert IStarkErrors.UnsupportedKey();
                level -= arity;
                missing &= ~(1 << level);
                length += (16 << arity) + 32 * (level - k.cap);
            }
            if (missing != 0 || level != k.blowup + k.finalLog) revert IStarkErrors.UnsupportedKey();
        }
    }

    function putExtension(uint256 p, uint256 value) private pure returns (uint256) {
        Memory.store(p, ((value >> 128) << 192) | ((value & type(uint64).max) << 128));
        return p + 16;
    }

    function putCap(uint256 p, uint256 from, uint256 length) private pure returns (uint256) {
        assembly ("memory-safe") {
            calldatacopy(p, from, length)
        }
        return p + length;
    }
}
