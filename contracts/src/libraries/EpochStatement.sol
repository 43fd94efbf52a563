// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IExchange} from "../interfaces/IExchange.sol";
import {Goldilocks} from "./Goldilocks.sol";
import {WithdrawalTree} from "./WithdrawalTree.sol";

/// @title Public data of an epoch, and what they say to the proof
/// @notice Parses the public data strictly (one encoding for one meaning) and writes the public messages that the
/// proof's tables must answer (docs/protocol.md section 10): parameters, roots, counts, results of the markets, queue
/// entries, missing leaves, changed balances, withdrawals. `proofs/statement/public.py` is its twin.
library EpochStatement {
    /// @notice A market with its price before the epoch.
    struct Market {
        uint256 base;
        uint256 quote;
        uint256 lower;
        uint256 upper;
        uint256 feePpm;
        uint256 referencePrice;
    }

    /// @notice What the chain knows of a batch. `queued` entries apply before it.
    struct Batch {
        uint256 root;
        uint256 count;
        uint256 queued;
        bytes32 beacon;
    }

    /// @notice What the chain knows of the epoch. `headroom`: bytes to keep free behind the messages.
    struct Inputs {
        uint256 bus;
        uint256 venue;
        uint256 firstBatch;
        uint256 missFee;
        uint256 feeAsset;
        uint256 assets;
        uint256 emptyRoot;
        uint256 oldRoot;
        uint256 queueStart;
        bytes32 queueHash;
        Market[] markets;
        Batch[] batches;
        uint256 headroom;
    }

    /// @notice What the epoch does. `references` are the prices after it; the missing leaves are
    /// `publicData[missingStart : missingEnd]`, `lastMissing` the greatest batch index among them plus one.
    struct Outcome {
        uint256 newRoot;
        uint32[] references;
        bytes32 queueHash;
        bytes32 withdrawalsRoot;
        uint256 missingStart;
        uint256 missingEnd;
        uint256 charged;
        uint256 missingBatches;
    }

    /// @dev Position in the public data, and in memory where the next message goes.
    struct Cursor {
        uint256 offset;
        uint256 out;
        uint256 bus;
    }

    uint256 internal constant HEADER = 42;
    uint256 internal constant MISSING = 37;
    uint256 internal constant BALANCE = 12;
    uint256 internal constant QUEUE_ENTRY = 37;
    uint256 internal constant MESSAGE = 105;
    uint256 private constant ACCOUNTS = 1 << 20;
    uint256 private constant AMOUNTS = 1 << 62;

    /// @notice The fields by which a settlement is placed.
    function header(bytes calldata data) internal pure returns (uint64 firstBatch, uint8 batches, uint8 tier) {
        require(data.length >= HEADER, IExchange.Truncated("header"));
        uint256 word = _load(data, 0);
        return (uint64(word >> 192), uint8(word >> 184), uint8(word >> 176));
    }

    /// @notice Parses `data` and `entries` against `inputs`. Reverts with the field that is wrong.
    /// @return messages packed: bus, then 13 elements of 8 bytes
    function build(bytes calldata data, bytes calldata entries, Inputs memory inputs)
        internal
        pure
        returns (bytes memory messages, Outcome memory outcome)
    {
        Cursor memory cursor = Cursor(HEADER, 0, inputs.bus);
        uint256 start;
        (messages, start) = _reserve(data.length, entries.length, inputs);
        cursor.out = start;

        require(data.length >= HEADER, IExchange.Truncated("header"));
        outcome.newRoot = _load(data, 10);
        require(Goldilocks.isCanonical(outcome.newRoot), IExchange.BadField("new_root", 0));
        _put(cursor, _four(1, inputs.venue, inputs.firstBatch, inputs.missFee), inputs.feeAsset << 192, 0, 0);
        _put(cursor, 2 << 192, inputs.oldRoot, outcome.newRoot, 0);

        _batches(data, inputs, cursor, outcome);
        _queue(entries, inputs, cursor, outcome);
        _missing(data, inputs, cursor, outcome);
        _balances(data, inputs.assets, cursor);
        outcome.withdrawalsRoot = _withdrawals(data, inputs.assets, cursor);
        require(
            cursor.offset == data.length, IExchange.TrailingBytes("public_data", data.length - cursor.offset)
        );

        uint256 length = cursor.out - start;
        assembly ("memory-safe") {
            mstore(messages, length)
        }
    }

    /// @notice Bytes that are kept free before the messages, for the front of a call that carries them.
    uint256 internal constant LEGROOM = 160;

    /// @dev Memory for as many messages as there can be. Messages are written front to back, the last write of each
    /// reaching beyond its end; what is left over stays allocated and is never read.
    function _reserve(uint256 dataLength, uint256 entriesLength, Inputs memory inputs)
        private
        pure
        returns (bytes memory messages, uint256 start)
    {
        uint256 most = 2 + inputs.batches.length * (2 + inputs.markets.length) + dataLength / BALANCE
            + entriesLength / QUEUE_ENTRY;
        uint256 room = (most * MESSAGE + inputs.headroom + 127) & ~uint256(31);
        assembly ("memory-safe") {
            messages := add(mload(0x40), LEGROOM)
            start := add(messages, 0x20)
            mstore(0x40, add(start, room))
        }
    }

    function _batches(bytes calldata data, Inputs memory inputs, Cursor memory cursor, Outcome memory outcome)
        private
        pure
    {
        uint256 markets = inputs.markets.length;
        outcome.references = new uint32[](markets);
        for (uint256 m = 0; m < markets; ++m) {
            outcome.references[m] = uint32(inputs.markets[m].referencePrice);
        }
        for (uint256 k = 0; k < inputs.batches.length; ++k) {
            Batch memory batch = inputs.batches[k];
            if (batch.count == 0) continue;
            _put(cursor, _four(2, 1 + k, 0, 0), inputs.emptyRoot, batch.root, 0);
            _put(cursor, _four(4, k, batch.count, 0), 0, 0, 0);
            require(data.length >= cursor.offset + 8 * markets, IExchange.Truncated("markets"));
            for (uint256 m = 0; m < markets; ++m) {
                uint256 word = _load(data, cursor.offset);
                cursor.offset += 8;
                _market(cursor, inputs.markets[m], k, m, outcome.references[m], word >> 192, _draw(batch.beacon, m));
                outcome.references[m] = uint32(word >> 224);
            }
        }
    }

    function _market(
        Cursor memory cursor,
        Market memory market,
        uint256 k,
        uint256 m,
        uint256 referencePrice,
        uint256 result,
        uint256 draw
    ) private pure {
        _put(
            cursor,
            _four(5, k, m, referencePrice),
            _four(result >> 32, uint32(result), draw, market.base),
            _four(market.quote, market.lower, market.upper, market.feePpm),
            0
        );
    }

    /// @notice The rationing draw of a market: the top 32 bits of keccak256(beacon, market).
    function _draw(bytes32 beacon, uint256 market) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(beacon, market))) >> 224;
    }

    function _queue(bytes calldata entries, Inputs memory inputs, Cursor memory cursor, Outcome memory outcome)
        private
        pure
    {
        bytes32 hash = inputs.queueHash;
        uint256 position = 0;
        for (uint256 k = 0; k < inputs.batches.length; ++k) {
            for (uint256 end = position + inputs.batches[k].queued; position < end; ++position) {
                uint256 offset = position * QUEUE_ENTRY;
                require(entries.length >= offset + QUEUE_ENTRY, IExchange.Truncated("queue_entries"));
                hash = chain(hash, inputs.queueStart + position, entries[offset:offset + QUEUE_ENTRY]);
                uint256 word = _load(entries, offset);
                uint256 value = _load(entries, offset + 5);
                _put(
                    cursor,
                    _four(6, k, position, word >> 248),
                    _four(uint24(word >> 224), uint8(word >> 216), value >> 192, uint64(value >> 128)),
                    _four(uint64(value >> 64), uint64(value), 0, 0),
                    0
                );
            }
        }
        uint256 used = position * QUEUE_ENTRY;
        require(entries.length == used, IExchange.TrailingBytes("queue_entries", entries.length - used));
        outcome.queueHash = hash;
    }

    /// @notice The queue's hash after an entry: keccak256(hash before, u64 position, 37 bytes of the entry).
    function chain(bytes32 hash, uint256 position, bytes calldata entry) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(hash, uint64(position), entry));
    }

    function _missing(bytes calldata data, Inputs memory inputs, Cursor memory cursor, Outcome memory outcome)
        private
        pure
    {
        uint256 count = _count(data, cursor, MISSING, "missing");
        outcome.missingStart = cursor.offset;
        uint256 previous = 0;
        for (uint256 i = 0; i < count; ++i) {
            uint256 word = _load(data, cursor.offset);
            uint256 k = word >> 248;
            uint256 account = uint24(word >> 224);
            uint256 commitment = _load(data, cursor.offset + 4);
            uint256 charged = uint8(data[cursor.offset + 36]);
            cursor.offset += MISSING;
            require(
                k < inputs.batches.length && inputs.batches[k].count > 0, IExchange.BadField("missing.batch", i)
            );
            require(account > 1 && account < ACCOUNTS, IExchange.BadField("missing.account", i));
            require(Goldilocks.isCanonical(commitment), IExchange.BadField("missing.commitment", i));
            // A cancellation is signed as a commitment of zero: its signature must not charge anybody.
            require(charged < 2 && (charged == 0 || commitment != 0), IExchange.BadField("missing.charged", i));
            require((word >> 224) > previous, IExchange.NotIncreasing("missing", i));
            previous = word >> 224;
            outcome.charged += charged;
            outcome.missingBatches = k + 1;
            _put(
                cursor,
                _four(7, k, account, commitment >> 192),
                _four(uint64(commitment >> 128), uint64(commitment >> 64), uint64(commitment), charged),
                0,
                0
            );
        }
        outcome.missingEnd = cursor.offset;
    }

    function _balances(bytes calldata data, uint256 assets, Cursor memory cursor) private pure {
        uint256 count = _count(data, cursor, BALANCE, "balances");
        _holdings(data, assets, cursor, 8, count, new bytes32[](0));
    }

    function _withdrawals(bytes calldata data, uint256 assets, Cursor memory cursor) private pure returns (bytes32) {
        uint256 count = _count(data, cursor, BALANCE, "withdrawals");
        bytes32[] memory leaves = new bytes32[](count);
        _holdings(data, assets, cursor, 9, count, leaves);
        return WithdrawalTree.root(leaves);
    }

    /// @dev A list of (u24 account, u8 asset, u64 units); with `leaves` it is the withdrawals, which are not zero and
    /// whose tree leaves are kept. There may be thousands: the loop holds everything on the stack, allocates nothing,
    /// and leaves it to `_refuse` to find out what is wrong.
    function _holdings(
        bytes calldata data,
        uint256 assets,
        Cursor memory cursor,
        uint256 tag,
        uint256 count,
        bytes32[] memory leaves
    ) private pure {
        uint256 offset = cursor.offset;
        uint256 end = offset + count * BALANCE;
        uint256 previous = 0;
        assembly ("memory-safe") {
            let out := mload(add(cursor, 0x20))
            let bus := mload(add(cursor, 0x40))
            let least := iszero(iszero(mload(leaves)))
            let leaf := add(leaves, 0x20)
            for {} lt(offset, end) { offset := add(offset, BALANCE) } {
                let word := calldataload(add(data.offset, offset))
                let key := shr(224, word)
                let account := shr(8, key)
                let asset := and(key, 0xff)
                let units := and(shr(160, word), 0xffffffffffffffff)
                let good := and(lt(account, ACCOUNTS), lt(asset, assets))
                good := and(good, iszero(or(lt(key, previous), lt(units, least))))
                if iszero(and(good, lt(units, AMOUNTS))) { break }
                previous := add(key, 1)
                mstore8(out, bus)
                mstore(add(out, 1), or(or(shl(192, tag), shl(128, account)), or(shl(64, asset), units)))
                mstore(add(out, 33), 0)
                mstore(add(out, 65), 0)
                mstore(add(out, 97), 0)
                out := add(out, MESSAGE)
                if least {
                    mstore(0x00, word)
                    mstore(leaf, keccak256(0x00, BALANCE))
                    leaf := add(leaf, 0x20)
                }
            }
            mstore(add(cursor, 0x20), out)
        }
        if (offset != end) {
            uint256 index = (offset - cursor.offset) / BALANCE;
            _refuse(tag == 8, assets, _load(data, offset) >> 224, previous, index);
        }
        cursor.offset = offset;
    }

    function _refuse(bool balances, uint256 assets, uint256 key, uint256 previous, uint256 index) private pure {
        string memory field = balances ? "balances" : "withdrawals";
        require((key >> 8) < ACCOUNTS && uint8(key) < assets, IExchange.BadField(field, index));
        require(key >= previous, IExchange.NotIncreasing(field, index));
        revert IExchange.BadField(balances ? "balances.value" : "withdrawals.amount", index);
    }

    /// @dev Reads a list's u16 length and checks that the list is there.
    function _count(bytes calldata data, Cursor memory cursor, uint256 size, string memory field)
        private
        pure
        returns (uint256 count)
    {
        require(data.length >= cursor.offset + 2, IExchange.Truncated(field));
        count = _load(data, cursor.offset) >> 240;
        cursor.offset += 2;
        require(data.length >= cursor.offset + count * size, IExchange.Truncated(field));
    }

    /// @dev 32 bytes from `offset`; what lies beyond the field is shifted away. The callers check lengths.
    function _load(bytes calldata data, uint256 offset) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(add(data.offset, offset))
        }
    }

    function _four(uint256 a, uint256 b, uint256 c, uint256 d) private pure returns (uint256) {
        return (a << 192) | (b << 128) | (c << 64) | d;
    }

    /// @dev Writes one message: bus, and 13 elements in four words (of the last word the first element only).
    function _put(Cursor memory cursor, uint256 a, uint256 b, uint256 c, uint256 d) private pure {
        assembly ("memory-safe") {
            let out := mload(add(cursor, 0x20))
            mstore8(out, mload(add(cursor, 0x40)))
            mstore(add(out, 1), a)
            mstore(add(out, 33), b)
            mstore(add(out, 65), c)
            mstore(add(out, 97), d)
            mstore(add(cursor, 0x20), add(out, MESSAGE))
        }
    }
}
