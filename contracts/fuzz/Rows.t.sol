// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IStarkErrors} from "../src/interfaces/IStarkErrors.sol";
import {Decoding} from "../src/verifier/Decoding.sol";
import {Folding} from "../src/verifier/Folding.sol";
import {GoldilocksExtension as F} from "../src/verifier/GoldilocksExtension.sol";
import {Memory} from "../src/verifier/Memory.sol";
import {RowSums} from "../src/verifier/RowSums.sol";
import {Shapes} from "../src/verifier/Shapes.sol";

import {FuzzTest} from "./Cheats.sol";

/// @notice What is called from outside, so that what it reverts with can be seen.
contract Rows {
    uint256 private constant P = 0xffffffff00000001;

    /// Base elements of 8 bytes big-endian, batched by powers of `lambda`.
    function sum(bytes calldata row, uint256 lambda) external pure returns (uint256) {
        uint256 count = row.length / 8;
        uint256 lanes = Memory.allocate(count + 8);
        uint256 power = 1;
        for (uint256 i = 0; i < count + 8; ++i) {
            Memory.store(lanes + 32 * i, ((power >> 128) << 137) | uint128(power));
            power = F.mul(power, lambda);
        }
        bytes memory copy = row;
        uint256 from;
        assembly ("memory-safe") {
            from := add(copy, 32)
        }
        return RowSums.sum(from, count, lanes);
    }

    /// Elements of EF of 16 bytes each, decoded to packed words.
    function decode(bytes calldata row) external pure returns (uint256[] memory values) {
        uint256 count = row.length / 16;
        values = new uint256[](count + 1);
        uint256 from;
        uint256 to;
        assembly ("memory-safe") {
            from := row.offset
            to := add(values, 32)
        }
        Decoding.extensions(from, count, to, Decoding.masks());
    }

    function climb(bytes32 node, uint256 index, bytes32[] memory siblings) external pure returns (bytes32 root) {
        uint256 p;
        assembly ("memory-safe") {
            p := add(siblings, 32)
        }
        (uint256 reached, uint256 end) = Folding.path(uint256(node), index, p, siblings.length);
        require(end == p + 32 * siblings.length, "end");
        return bytes32(reached);
    }
}

/// @notice Reading of rows and paths against one element, one step at a time.
contract RowsFuzz is FuzzTest {
    uint256 private constant P = 0xffffffff00000001;
    Rows private immutable ROWS = new Rows();

    /// `count` words of 64 bits, those of a head or of a record; one of them, `bad`, is not canonical if it is below `count`.
    function material(uint256 seed, uint256 count, uint256 bad, bool ofHead)
        private
        pure
        returns (bytes memory row, uint256[] memory values)
    {
        row = new bytes(8 * count);
        values = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            values[i] = i == bad ? P + (seed & 1 == 0 ? 0 : (seed >> 1) % (2 ** 64 - P)) : seed % P;
            for (uint256 b = 0; b < 8; ++b) {
                row[8 * i + (ofHead ? b : 7 - b)] = bytes1(uint8(values[i] >> (8 * b)));
            }
        }
    }

    function testFuzz_rowsAreBatched(uint256 seed, uint256 count, uint256 a0, uint256 a1) external view {
        count = within(count, 1, 500);
        uint256 lambda = ((a1 % P) << 128) | (a0 % P);
        (bytes memory row, uint256[] memory values) = material(seed, count, count, false);
        uint256 expected = 0;
        for (uint256 i = count; i > 0; --i) {
            expected = F.add(F.mul(expected, lambda), values[i - 1]);
        }
        equal(ROWS.sum(row, lambda), expected);
    }

    /// The lanes' bounds: as many columns as a key may have, all p - 1, and a challenge of the same size.
    function test_theLargestRowIsBatched() external view {
        bytes memory row = new bytes(8 * 500);
        for (uint256 i = 0; i < 500; ++i) {
            for (uint256 b = 0; b < 8; ++b) {
                row[8 * i + b] = bytes1(uint8((P - 1) >> (56 - 8 * b)));
            }
        }
        uint256 lambda = ((P - 1) << 128) | (P - 1);
        uint256 expected = 0;
        for (uint256 i = 0; i < 500; ++i) {
            expected = F.add(F.mul(expected, lambda), P - 1);
        }
        equal(ROWS.sum(row, lambda), expected);
    }

    function testFuzz_anElementBeyondTheFieldIsRefused(uint256 seed, uint256 count, uint256 bad) external view {
        count = 2 * within(count, 1, 40);
        (bytes memory row,) = material(seed, count, bad % count, false);
        try ROWS.sum(row, 3) {
            revert("summed");
        } catch (bytes memory reason) {
            require(bytes4(reason) == IStarkErrors.Element.selector, "another reason");
        }
        (row,) = material(seed, count, bad % count, true);
        try ROWS.decode(row) {
            revert("decoded");
        } catch (bytes memory reason) {
            require(bytes4(reason) == IStarkErrors.Element.selector, "another reason");
        }
    }

    /// What lies behind the last element is no part of it, canonical or not.
    function testFuzz_extensionsAreDecoded(uint256 seed, uint256 count, uint64 behind) external view {
        count = within(count, 1, 60);
        (bytes memory row, uint256[] memory values) = material(seed, 2 * count, 2 * count, true);
        uint256[] memory decoded = ROWS.decode(abi.encodePacked(row, behind));
        for (uint256 i = 0; i < count; ++i) {
            equal(decoded[i], (values[2 * i + 1] << 128) | values[2 * i]);
        }
    }

    function testFuzz_pathsAreClimbed(bytes32 node, uint256 index, bytes32[] memory siblings) external view {
        bytes32 expected = node;
        for (uint256 i = 0; i < siblings.length; ++i) {
            bool right = (index >> i) & 1 == 1;
            expected = right
                ? keccak256(abi.encode(siblings[i], expected))
                : keccak256(abi.encode(expected, siblings[i]));
        }
        equal(ROWS.climb(node, index, siblings), expected);
    }

    function testFuzz_shapes(uint8 height, uint8 logChunks, bool next, uint8 lookups, uint16 width) external pure {
        logChunks = uint8(within(logChunks, 0, 5));
        uint256 shape = Shapes.ofTable(height, logChunks, next ? 1 : 0, lookups, width);
        equal(Shapes.height(shape), height);
        equal(Shapes.columns(shape, 0), width);
        equal(Shapes.columns(shape, 1), 2 << logChunks);
        equal(Shapes.columns(shape, 2), lookups == 0 ? 0 : 2 * (uint256(lookups) + 1));
        equal(Shapes.points(shape, 0), width == 0 ? 0 : next ? 2 : 1);
        equal(Shapes.points(shape, 1), 1);
        equal(Shapes.points(shape, 2), lookups == 0 ? 0 : 2);
        uint256 mask = Shapes.ofMask(height);
        equal(Shapes.height(mask), height);
        for (uint256 tree = 0; tree < Shapes.TREES; ++tree) {
            equal(Shapes.columns(mask, tree), tree == 1 ? 2 : 0);
            equal(Shapes.points(mask, tree), tree == 1 ? 1 : 0);
        }
    }
}
