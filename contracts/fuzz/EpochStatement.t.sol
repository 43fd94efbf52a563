// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IExchange} from "../src/interfaces/IExchange.sol";
import {EpochStatement} from "../src/libraries/EpochStatement.sol";
import {TestOnlyStatement} from "../src/test/TestMaterial.sol";
import {FuzzTest} from "./Cheats.sol";

/// @notice The parser of public data: any bytes are either refused with one of four errors, or written back from the
/// messages they are the same bytes. Three batches (the last without leaves), two markets, three assets.
contract EpochStatementFuzz is FuzzTest {
    uint256 private constant P = 0xffffffff00000001;
    uint256 private constant MESSAGE = 105;
    uint8 private constant BUS = 3;
    uint64 private constant FIRST = 17;
    TestOnlyStatement private immutable PARSER = new TestOnlyStatement();

    struct Source {
        uint256 seed;
    }

    // ------------------------------------------------------------------------------------------------------- inputs

    function next(Source memory source, uint256 bound) private pure returns (uint256) {
        source.seed = uint256(keccak256(abi.encode(source.seed)));
        return source.seed % bound;
    }

    function inputs(Source memory source) private pure returns (EpochStatement.Inputs memory made) {
        made.bus = BUS;
        made.venue = 0x123456789;
        made.firstBatch = FIRST;
        made.missFee = 50;
        made.assets = 3;
        made.emptyRoot = 7;
        made.oldRoot = digest(source);
        made.queueStart = next(source, 1 << 40);
        made.queueHash = bytes32(next(source, type(uint256).max));
        made.markets = new EpochStatement.Market[](2);
        made.markets[0] = EpochStatement.Market(1, 0, 90, 110, 1000, 100);
        made.markets[1] = EpochStatement.Market(2, 0, 1000, 1020, 2500, 1010);
        made.batches = new EpochStatement.Batch[](3);
        made.batches[0] = EpochStatement.Batch(digest(source), 5, next(source, 4), keccak256("a"));
        made.batches[1] = EpochStatement.Batch(digest(source), 2, next(source, 4), keccak256("b"));
        made.batches[2] = EpochStatement.Batch(7, 0, next(source, 4), 0);
        made.headroom = next(source, 100);
    }

    function digest(Source memory source) private pure returns (uint256 packed) {
        for (uint256 i = 0; i < 4; ++i) {
            packed = (packed << 64) | next(source, P);
        }
    }

    function queueEntries(Source memory source, EpochStatement.Inputs memory known) private pure returns (bytes memory out) {
        uint256 count = known.batches[0].queued + known.batches[1].queued + known.batches[2].queued;
        for (uint256 i = 0; i < count; ++i) {
            out = abi.encodePacked(
                out,
                uint8(1 + next(source, 2)),
                uint24(next(source, 1 << 20)),
                uint8(next(source, 3)),
                digest(source)
            );
        }
    }

    /// Public data that must be accepted.
    function valid(Source memory source) private pure returns (bytes memory data) {
        data = abi.encodePacked(FIRST, uint8(3), uint8(0), digest(source));
        for (uint256 i = 0; i < 4; ++i) {
            data = abi.encodePacked(data, uint32(next(source, 1 << 32)), uint32(next(source, 1 << 32)));
        }
        data = abi.encodePacked(data, missing(source), holdings(source, 0), holdings(source, 1));
    }

    function missing(Source memory source) private pure returns (bytes memory out) {
        uint256 count = next(source, 4);
        out = abi.encodePacked(uint16(count));
        uint256 account = 1;
        uint256 k = 0;
        for (uint256 i = 0; i < count; ++i) {
            if (k == 0 && next(source, 3) == 0) (k, account) = (1, 1);
            account += 1 + next(source, 1000);
            uint256 charged = next(source, 2);
            out = abi.encodePacked(out, uint8(k), uint24(account), digest(source), uint8(charged));
        }
    }

    function holdings(Source memory source, uint256 least) private pure returns (bytes memory out) {
        uint256 count = next(source, 6);
        out = abi.encodePacked(uint16(count));
        uint256 account = 0;
        uint256 asset = 0;
        for (uint256 i = 0; i < count; ++i) {
            (account, asset) = asset == 2 || next(source, 2) == 0
                ? (account + 1 + next(source, 100_000), next(source, 3))
                : (account, asset + 1);
            uint256 units = least + next(source, next(source, 2) == 0 ? 3 : (1 << 62) - least);
            out = abi.encodePacked(out, uint24(account), uint8(asset), uint64(units));
        }
    }

    // ------------------------------------------------------------------------------------------------- written back

    function field(bytes memory messages, uint256 message, uint256 place) private pure returns (uint64 value) {
        uint256 offset = message * MESSAGE + 1 + 8 * place;
        assembly ("memory-safe") {
            value := shr(192, mload(add(add(messages, 32), offset)))
        }
    }

    function four(bytes memory messages, uint256 message, uint256 place) private pure returns (uint256 packed) {
        for (uint256 i = 0; i < 4; ++i) {
            packed = (packed << 64) | field(messages, message, place + i);
        }
    }

    /// The limits of a missing leaf (docs/protocol.md section 10).
    function sound(bytes memory messages, uint256 m) private pure {
        (uint64 a, uint64 b) = (field(messages, m, 1), field(messages, m, 2));
        require(a < 2 && b > 1 && b < 1 << 20 && field(messages, m, 7) < 2, "missing");
        require(field(messages, m, 7) == 0 || four(messages, m, 3) != 0, "a cancellation charged");
        for (uint256 i = 3; i < 7; ++i) {
            require(field(messages, m, i) < P, "commitment");
        }
    }

    /// Number of the wide messages, which come first.
    function wide(bytes memory messages) private pure returns (uint256 count) {
        while (count * MESSAGE < messages.length && uint8(messages[count * MESSAGE]) == BUS) ++count;
    }

    function word(bytes memory messages, uint256 offset) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(messages, 32), offset))
        }
    }

    /// Both lists of holdings, as the public data have them, from the run behind the wide messages.
    function lists(bytes memory messages) private pure returns (bytes memory) {
        uint256 offset = wide(messages) * MESSAGE;
        if (messages.length == offset) return abi.encodePacked(uint16(0), uint16(0));
        uint256 front = word(messages, offset) >> 192;
        uint256 count = uint32(front >> 16);
        require(front >> 48 == 0xFF00 + BUS + 1 && uint16(front) == 0x0408 && count > 0, "run");
        offset += 8;
        equal(messages.length, offset + 12 * count);
        bytes[2] memory found;
        uint256[2] memory least;
        for (; offset < messages.length; offset += 12) {
            uint256 entry = word(messages, offset) >> 160;
            uint256 kind = entry >> 95;
            entry = uint256(uint96(entry << 1)) >> 1;
            uint256 key = entry >> 64;
            require(kind == 1 || found[1].length == 0, "balances first");
            require(key >= least[kind], "lists strictly increasing");
            least[kind] = key + 1;
            require(key >> 8 < 1 << 20 && uint8(key) < 3, "account and asset");
            require(uint64(entry) < 1 << 62 && uint64(entry) >= kind, "units");
            found[kind] = abi.encodePacked(found[kind], uint96(entry));
        }
        return abi.encodePacked(
            uint16(found[0].length / 12), found[0], uint16(found[1].length / 12), found[1]
        );
    }

    /// The public data that these messages speak of.
    function written(bytes memory data, bytes memory messages) private pure returns (bytes memory) {
        bytes memory header = abi.encodePacked(bytes10(bytes32(data)), four(messages, 1, 8));
        bytes memory results;
        bytes memory leaves;
        uint256 count = wide(messages);
        uint256 last = 0;
        for (uint256 m = 0; m < count; ++m) {
            uint256 tag = field(messages, m, 0);
            uint64 a = field(messages, m, 1);
            uint64 b = field(messages, m, 2);
            if (tag == 5) {
                results = abi.encodePacked(results, uint32(field(messages, m, 4)), uint32(field(messages, m, 5)));
            } else if (tag == 7) {
                leaves = abi.encodePacked(leaves, uint8(a), uint24(b), four(messages, m, 3), uint8(field(messages, m, 7)));
                uint256 key = (uint256(a) << 32) | b;
                require(key > last, "list strictly increasing");
                last = key;
                sound(messages, m);
            }
        }
        return abi.encodePacked(header, results, uint16(leaves.length / 37), leaves, lists(messages));
    }

    function acceptedOrRefused(bytes memory data, bytes memory entries, EpochStatement.Inputs memory known)
        private
        view
        returns (bool accepted)
    {
        try PARSER.build(data, entries, known) returns (bytes memory messages, EpochStatement.Outcome memory) {
            equal(keccak256(written(data, messages)), keccak256(data));
            return true;
        } catch (bytes memory reason) {
            bytes4 selector = bytes4(reason);
            require(
                selector == IExchange.Truncated.selector || selector == IExchange.TrailingBytes.selector
                    || selector == IExchange.BadField.selector || selector == IExchange.NotIncreasing.selector,
                "an error without a name"
            );
        }
    }

    // --------------------------------------------------------------------------------------------------------- tests

    function testFuzz_validDataAreAcceptedAndWrittenBack(uint256 seed) external view {
        Source memory source = Source(seed);
        EpochStatement.Inputs memory known = inputs(source);
        bytes memory entries = queueEntries(source, known);
        bytes memory data = valid(source);
        require(acceptedOrRefused(data, entries, known), "refused");
    }

    function testFuzz_changedDataAreRefusedOrWrittenBack(uint256 seed, uint256 place, uint8 value) external view {
        Source memory source = Source(seed);
        EpochStatement.Inputs memory known = inputs(source);
        bytes memory entries = queueEntries(source, known);
        bytes memory data = valid(source);
        data[place % data.length] = bytes1(value);
        acceptedOrRefused(data, entries, known);
    }

    function testFuzz_dataOfAnotherLengthAreRefused(uint256 seed, uint16 length, bytes calldata tail) external view {
        Source memory source = Source(seed);
        EpochStatement.Inputs memory known = inputs(source);
        bytes memory entries = queueEntries(source, known);
        bytes memory data = valid(source);
        uint256 whole = data.length;
        assembly ("memory-safe") {
            mstore(data, mod(length, add(whole, 1)))
        }
        data = abi.encodePacked(data, tail);
        // what is cut and continued otherwise may by chance be whole again, and is then written back
        if (acceptedOrRefused(data, entries, known)) require(tail.length > 0 || data.length == whole, "cut short");
    }

    /// A cancellation is signed as a commitment of zero, and its signature charges nobody.
    function testFuzz_noCommitmentIsNotCharged(uint256 seed, bool second, uint24 account, uint256 commitment, bool charged)
        external
        view
    {
        Source memory source = Source(seed);
        EpochStatement.Inputs memory known = inputs(source);
        bytes memory entries = queueEntries(source, known);
        if (commitment & 1 == 0) commitment = 0;
        account = uint24(within(account, 2, (1 << 20) - 1));
        bytes memory data = abi.encodePacked(FIRST, uint8(3), uint8(0), digest(source), new bytes(32), uint16(1));
        data = abi.encodePacked(data, second, account, commitment, charged, holdings(source, 0), holdings(source, 1));
        bool canonical = true;
        for (uint256 i = 0; i < 4; ++i) {
            canonical = canonical && uint64(commitment >> (64 * i)) < P;
        }
        bool expected = canonical && (commitment != 0 || !charged);
        require(acceptedOrRefused(data, entries, known) == expected, "charged");
    }

    function testFuzz_anyBytesAreRefusedOrWrittenBack(uint256 seed, bytes calldata data, bytes calldata entries)
        external
        view
    {
        acceptedOrRefused(data, entries, inputs(Source(seed)));
    }

    function testFuzz_queueEntriesBecomeMessagesAndTheHash(uint256 seed, uint256 cut) external view {
        Source memory source = Source(seed);
        EpochStatement.Inputs memory known = inputs(source);
        bytes memory entries = queueEntries(source, known);
        bytes memory data = valid(source);
        (bytes memory messages, EpochStatement.Outcome memory outcome) = PARSER.build(data, entries, known);
        bytes memory back;
        bytes32 hash = known.queueHash;
        uint256 position = 0;
        for (uint256 m = 0; m < wide(messages); ++m) {
            if (field(messages, m, 0) != 6) continue;
            equal(field(messages, m, 2), position);
            uint256 batch = position < known.batches[0].queued
                ? 0
                : position < known.batches[0].queued + known.batches[1].queued ? 1 : 2;
            equal(field(messages, m, 1), batch);
            bytes memory entry = abi.encodePacked(
                uint8(field(messages, m, 3)),
                uint24(field(messages, m, 4)),
                uint8(field(messages, m, 5)),
                four(messages, m, 6)
            );
            hash = keccak256(abi.encodePacked(hash, uint64(known.queueStart + position), entry));
            back = abi.encodePacked(back, entry);
            ++position;
        }
        equal(keccak256(back), keccak256(entries));
        equal(outcome.queueHash, hash);
        if (entries.length > 0) {
            uint256 length = cut % entries.length;
            assembly ("memory-safe") {
                mstore(entries, length)
            }
            require(!acceptedOrRefused(data, entries, known), "queue cut short");
        }
    }
}
