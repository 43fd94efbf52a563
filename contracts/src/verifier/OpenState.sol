// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IStarkErrors} from "../interfaces/IStarkErrors.sol";
import {Shapes} from "./Shapes.sol";
import {State} from "./State.sol";

/// A decoded state (see State); `...At` are memory addresses, `...From` calldata offsets.
struct Open {
    uint256 queries;
    uint256 cap;
    uint256 blowup;
    uint256 finalLog;
    uint256 height;
    uint256 rounds;
    /// Shapes: tables, and the mask.
    uint256 shapes;
    uint256 coefficients;
    uint256 recordLength;
    uint256 aritiesFrom;
    uint256 shapesFrom;
    uint256 extensionsFrom;
    uint256 indicesFrom;
    uint256 capsFrom;
    /// Heights that occur, as bits.
    uint256 heights;
}

/// @title A state that comes back in calldata
library OpenState {
    function read(bytes calldata state) internal pure returns (Open memory o) {
        unchecked {
            uint256 start;
            uint256 head;
            assembly ("memory-safe") {
                start := state.offset
                head := calldataload(start)
            }
            if (state.length < State.SHAPES || head >> 224 != State.MAGIC) revert IStarkErrors.InvalidState();
            o.queries = (head >> 216) & 0xFF;
            o.cap = (head >> 208) & 0xFF;
            o.blowup = (head >> 200) & 0xFF;
            o.finalLog = (head >> 192) & 0xFF;
            o.height = (head >> 184) & 0xFF;
            o.rounds = (head >> 176) & 0xFF;
            o.shapes = (head >> 168) & 0xFF;
            o.recordLength = (head >> 128) & 0xFFFFFFFF;
            o.coefficients = (head >> 112) & 0xFFFF;
            o.aritiesFrom = start + 96;
            o.shapesFrom = start + State.SHAPES;
            uint256 heightCount;
            for (uint256 i; i < o.shapes; ++i) {
                uint256 bit = 1 << Shapes.height(shapeAt(o, i));
                if (o.heights & bit == 0) heightCount += 1;
                o.heights |= bit;
            }
            o.extensionsFrom = o.shapesFrom + 8 * o.shapes;
            o.indicesFrom = o.extensionsFrom + 16 * (2 + o.rounds + 2 * heightCount + o.coefficients);
            o.capsFrom = o.indicesFrom + 4 * o.queries;
            if (o.capsFrom + ((Shapes.TREES + o.rounds) << (o.cap + 5)) != start + state.length) {
                revert IStarkErrors.InvalidState();
            }
        }
    }

    function shapeAt(Open memory o, uint256 table) internal pure returns (uint256) {
        unchecked {
            return load(o.shapesFrom + 8 * table, 8);
        }
    }

    /// Packed element of EF at a calldata offset of a state.
    function extensionAt(uint256 from) internal pure returns (uint256) {
        uint256 x = load(from, 16);
        return ((x >> 64) << 128) | (x & type(uint64).max);
    }

    /// Big-endian integer of `size` bytes in calldata.
    function load(uint256 from, uint256 size) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(sub(256, shl(3, size)), calldataload(from))
        }
    }
}
