// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IStarkErrors} from "../src/interfaces/IStarkErrors.sol";
import {GoldilocksExtension as F} from "../src/verifier/GoldilocksExtension.sol";
import {Memory} from "../src/verifier/Memory.sol";
import {PublicBus} from "../src/verifier/PublicBus.sol";
import {Challenges} from "../src/verifier/Replay.sol";
import {Key} from "../src/verifier/VerificationKey.sol";
import {FuzzTest} from "./Cheats.sol";

/// @notice What is called from outside: a key of four buses, of which the last is used by no table.
contract Buses {
    function check(bytes calldata messages, uint256 alpha, uint256 beta, uint256 terminal) external pure {
        Key memory key;
        (key.buses, key.messageWidth) = (4, 13);
        key.prefixesAt = Memory.allocate(1);
        Memory.store(key.prefixesAt, 0x020001FF << 224);
        key.widthsAt = Memory.allocate(1);
        Memory.store(key.widthsAt, 0x020D0302 << 224);
        Challenges memory challenges;
        (challenges.lookupAlpha, challenges.lookupBeta) = (alpha, beta);
        uint256 terminals = Memory.allocate(1);
        Memory.store(terminals, terminal);
        PublicBus.check(key, challenges, messages, terminals, 1);
    }
}

/// @notice Single messages and runs of any sizes against their fractions, one by one.
contract PublicBusFuzz is FuzzTest {
    uint256 private constant P = 0xffffffff00000001;
    Buses private immutable BUSES = new Buses();

    struct Source {
        uint256 seed;
        uint256 alpha;
        uint256 beta;
        /// beta^13
        uint256 step;
        /// sum of the fractions so far
        uint256 sum;
    }

    function next(Source memory source, uint256 bound) private pure returns (uint256) {
        source.seed = uint256(keccak256(abi.encode(source.seed)));
        return source.seed % bound;
    }

    function element(Source memory source) private pure returns (uint256) {
        return (next(source, P) << 128) | next(source, P);
    }

    function challenged(uint256 seed) private pure returns (Source memory source) {
        source.seed = seed;
        bool highest = next(source, 4) == 0;
        source.alpha = highest ? ((P - 1) << 128) | (P - 1) : element(source);
        source.beta = highest ? ((P - 1) << 128) | (P - 1) : element(source);
        source.step = 1;
        for (uint256 i = 0; i < 13; ++i) {
            source.step = F.mul(source.step, source.beta);
        }
    }

    function widthOf(uint256 bus) private pure returns (uint256) {
        return bus == 0 ? 2 : bus == 1 ? 13 : 3;
    }

    /// A value of so many bytes, often the largest that is canonical, or zero.
    function value(Source memory source, uint256 size) private pure returns (uint256) {
        uint256 bound = size == 8 ? P : 1 << (8 * size);
        uint256 kind = next(source, 4);
        return kind == 0 ? bound - 1 : kind == 1 ? 0 : next(source, bound);
    }

    /// Adds the fraction of a message whose fields give `fingerprint`.
    function add(Source memory source, uint256 bus, uint256 fingerprint) private pure {
        uint256 index = bus == 0 ? 2 : bus == 1 ? 0 : 1;
        uint256 prefix = F.add(source.alpha, F.scale(source.step, index + 1));
        source.sum = F.add(source.sum, F.inverse(F.sub(prefix, fingerprint)));
    }

    function single(Source memory source) private pure returns (bytes memory out) {
        uint256 bus = next(source, 3);
        out = abi.encodePacked(uint8(bus));
        uint256 fingerprint = 0;
        for (uint256 j = 0; j < widthOf(bus); ++j) {
            uint256 field = value(source, 8);
            out = abi.encodePacked(out, uint64(field));
            fingerprint = F.add(F.mul(fingerprint, source.beta), field);
        }
        add(source, bus, fingerprint);
    }

    function run(Source memory source, uint256 most) private pure returns (bytes memory out) {
        uint256 bus = next(source, 3);
        uint256 count = 1 + next(source, most);
        uint256 width = widthOf(bus);
        uint256[] memory sizes = new uint256[](width);
        uint256 length = 0;
        bool pairs = bus == 0 && next(source, 2) == 0;
        for (uint256 j = 0; j < width; ++j) {
            sizes[j] = pairs ? 4 + 4 * j : next(source, 9);
            if (j == 0 && sizes[0] == 0) sizes[0] = 1;
            length += sizes[j];
        }
        // one piece: to append byte by byte would take memory without end
        out = new bytes(6 + width + count * length);
        (out[0], out[1], out[5]) = (0xff, bytes1(uint8(bus)), bytes1(uint8(count)));
        for (uint256 j = 0; j < width; ++j) {
            out[6 + j] = bytes1(uint8(sizes[j]));
        }
        uint256 place = 6 + width;
        for (uint256 i = 0; i < count; ++i) {
            uint256 fingerprint = 0;
            for (uint256 j = 0; j < width; ++j) {
                uint256 field = value(source, sizes[j]);
                for (uint256 b = sizes[j]; b > 0; --b) {
                    out[place++] = bytes1(uint8(field >> (8 * (b - 1))));
                }
                fingerprint = F.add(F.mul(fingerprint, source.beta), field);
            }
            add(source, bus, fingerprint);
        }
    }

    function mixed(Source memory source) private pure returns (bytes memory out) {
        uint256 items = next(source, 6);
        for (uint256 i = 0; i < items; ++i) {
            out = abi.encodePacked(out, next(source, 2) == 0 ? single(source) : run(source, 5));
        }
    }

    /// Without an error, `Bus`, or `Message`.
    function verdict(Source memory source, bytes memory messages, uint256 sum) private view returns (bytes4) {
        try BUSES.check(messages, source.alpha, source.beta, F.sub(0, sum)) {
            return 0;
        } catch (bytes memory reason) {
            require(reason.length == 4, "an error without a name");
            return bytes4(reason);
        }
    }

    function testFuzz_itemsSumUpToTheirFractions(uint256 seed) external view {
        Source memory source = challenged(seed);
        bytes memory messages = mixed(source);
        equal(bytes32(verdict(source, messages, source.sum)), 0);
        equal(bytes32(verdict(source, messages, F.add(source.sum, 1))), IStarkErrors.Bus.selector);
        uint256 above = F.add(source.sum, 1 << 128);
        equal(bytes32(verdict(source, messages, above)), IStarkErrors.Bus.selector);
    }

    function testFuzz_aRunLongerThanWhatIsKeptAtATime(uint256 seed) external view {
        Source memory source = challenged(seed);
        bytes memory messages = run(source, 150);
        equal(bytes32(verdict(source, messages, source.sum)), 0);
    }

    function testFuzz_whatIsCutShortIsRefused(uint256 seed, uint256 cut) external view {
        Source memory source = challenged(seed);
        bytes memory messages = abi.encodePacked(mixed(source), run(source, 5));
        uint256 length = cut % messages.length;
        assembly ("memory-safe") {
            mstore(messages, length)
        }
        require(verdict(source, messages, source.sum) != 0, "accepted");
    }

    function testFuzz_changedBytesAreRefused(uint256 seed, uint256 place, uint8 change) external view {
        if (change == 0) return;
        Source memory source = challenged(seed);
        bytes memory messages = abi.encodePacked(mixed(source), run(source, 5));
        messages[place % messages.length] ^= bytes1(change);
        require(verdict(source, messages, source.sum) != 0, "accepted");
    }

    function testFuzz_elementsAbovePAreRefused(uint256 seed, uint64 field, uint8 chosen) external view {
        field = uint64(within(field, P, type(uint64).max));
        Source memory source = challenged(seed);
        uint256 count = 1 + next(source, 6);
        bytes memory messages = abi.encodePacked(uint8(255), uint8(0), uint32(count), uint16(0x0408));
        for (uint256 i = 0; i < count; ++i) {
            messages = abi.encodePacked(messages, uint32(i), i == chosen % count ? field : uint64(i));
        }
        equal(bytes32(verdict(source, messages, 0)), IStarkErrors.Message.selector);
        messages = abi.encodePacked(uint8(255), uint8(2), uint32(1), uint24(0x080308), uint64(1), uint24(2), field);
        equal(bytes32(verdict(source, messages, 0)), IStarkErrors.Message.selector);
    }

    function test_whatIsNoRun() external view {
        Source memory source = challenged(5);
        bytes[9] memory wrong = [
            bytes(hex"ff"),
            hex"ff00",
            hex"ff00000000010408", // no entry
            hex"ff00000000000408", // of no messages
            hex"ff000000000500000000000000000000000000", // of messages without bytes
            hex"ff0000000001040900000000000000000000000000", // a field of nine bytes
            hex"ff03000000010408000000010000000000000001", // a bus that no table uses
            hex"ff07000000010408000000010000000000000001", // no bus
            hex"ffff000000010408000000010000000000000001"
        ];
        for (uint256 i = 0; i < wrong.length; ++i) {
            equal(bytes32(verdict(source, wrong[i], 0)), IStarkErrors.Message.selector);
        }
    }
}
