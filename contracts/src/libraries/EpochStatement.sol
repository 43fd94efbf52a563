// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IExchange} from "../interfaces/IExchange.sol";
import {Goldilocks} from "./Goldilocks.sol";
import {WithdrawalTree} from "./WithdrawalTree.sol";

/// @title Public data of an epoch, and what they say to the proof
/// @notice Parses the public data strictly (one encoding for one meaning) and writes the public messages that the
/// proof's tables must answer (docs/protocol.md section 10): parameters, roots, counts, results of the markets, queue
/// entries, missing leaves, and as one run the changed balances and withdrawals. `proofs/statement/public.py` is its twin.
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

    /// @notice What the chain knows of the epoch. Holdings are sent on the bus after `bus`. `headroom`: bytes to keep free
    /// behind the messages.
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
    /// @dev What a run begins with: 255, bus, u32 number of messages, and the sizes of an entry's fields, 4 and 8.
    uint256 internal constant RUN = 8;
    uint256 private constant ACCOUNTS = 1 << 20;
    uint256 private constant AMOUNTS = 1 << 62;
    /// @dev Bits of the word at an entry of a list that accounts below 2^20 and units below 2^62 leave zero.
    uint256 private constant TOO_LARGE = 0xF0000000C000000000000000 << 160;
    /// @dev In the word at an entry: the account's highest bit, which tells withdrawals from balances.
    uint256 private constant WITHDRAWN = 1 << 255;

    /// @notice The fields by which a settlement is placed.
    function header(bytes calldata data) internal pure returns (uint64 firstBatch, uint8 batches, uint8 tier) {
        require(data.length >= HEADER, IExchange.Truncated("header"));
        uint256 word = _load(data, 0);
        return (uint64(word >> 192), uint8(word >> 184), uint8(word >> 176));
    }

    /// @notice Parses `data` and `entries` against `inputs`. Reverts with the field that is wrong.
    /// @return messages packed: for each but the holdings bus and 13 elements of 8 bytes, then the run of the holdings
    function build(bytes calldata data, bytes calldata entries, Inputs memory inputs)
        internal
        pure
        returns (bytes memory messages, Outcome memory outcome)
    {
        Cursor memory cursor = Cursor(HEADER, 0, inputs.bus);
        outcome.references = new uint32[](inputs.markets.length);
        uint256 start;
        (messages, start) = _reserve(data, entries.length, inputs);
        cursor.out = start;

        require(data.length >= HEADER, IExchange.Truncated("header"));
        outcome.newRoot = _load(data, 10);
        require(Goldilocks.isCanonical(outcome.newRoot), IExchange.BadField("new_root", 0));
        _put(cursor, _four(1, inputs.venue, inputs.firstBatch, inputs.missFee), inputs.feeAsset << 192, 0, 0);
        _put(cursor, 2 << 192, inputs.oldRoot, outcome.newRoot, 0);

        _batches(data, inputs, cursor, outcome);
        _queue(entries, inputs, cursor, outcome);
        _missing(data, inputs, cursor, outcome);
        outcome.withdrawalsRoot = _holdings(data, inputs.assets, cursor);
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

    /// @dev Memory for as many messages as there can be; no message of a holding is longer than its entry in the data.
    /// Messages are written front to back, the last write of each reaching beyond its end.
    function _reserve(bytes calldata data, uint256 entriesLength, Inputs memory inputs)
        private
        pure
        returns (bytes memory messages, uint256 start)
    {
        uint256 full;
        for (uint256 k = 0; k < inputs.batches.length; ++k) {
            if (inputs.batches[k].count > 0) ++full;
        }
        // Where the list of missing leaves must begin; if there is less, that is found out when it is read.
        uint256 place = HEADER + 8 * full * inputs.markets.length;
        uint256 missing = data.length < place + 2 ? 0 : _load(data, place) >> 240;
        if (missing * MISSING > data.length) missing = 0;
        uint256 wide = 2 + full * (2 + inputs.markets.length) + missing + entriesLength / QUEUE_ENTRY;
        uint256 room = (wide * MESSAGE + RUN + data.length + inputs.headroom + 127) & ~uint256(31);
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

    /// @dev Both lists of (u24 account, u8 asset, u64 units) become one run: an entry's bytes are those of its message,
    /// but for the highest bit of withdrawals. Gives the root of the withdrawals.
    function _holdings(bytes calldata data, uint256 assets, Cursor memory cursor) private pure returns (bytes32) {
        uint256 out = cursor.out + RUN;
        uint256 changed = _count(data, cursor, BALANCE, "balances");
        if (!_inOrder(data, cursor.offset, changed, assets - 1)) _refuse(data, cursor.offset, assets, true);
        uint256 from = cursor.offset;
        uint256 length = changed * BALANCE;
        assembly ("memory-safe") {
            calldatacopy(out, add(data.offset, from), length)
        }
        cursor.offset += length;

        uint256 count = _count(data, cursor, BALANCE, "withdrawals");
        bool good = _inOrder(data, cursor.offset, count, assets - 1);
        bytes32[] memory leaves = new bytes32[](count);
        if (!_withdrawals(data, cursor.offset, out + length, leaves) || !good) {
            _refuse(data, cursor.offset, assets, false);
        }
        cursor.offset += count * BALANCE;

        uint256 all = changed + count;
        if (all > 0) {
            uint256 front = (255 << 248) | ((cursor.bus + 1) << 240) | (all << 208) | (0x0408 << 192);
            assembly ("memory-safe") {
                // the entries behind the eight bytes are there already
                out := sub(out, RUN)
                mstore(out, or(front, shr(64, shl(64, mload(out)))))
            }
            cursor.out = out + RUN + all * BALANCE;
        }
        return WithdrawalTree.root(leaves);
    }

    /// @dev Whether accounts, assets and units are in range, and the entries strictly increasing. There may be thousands:
    /// the loop takes two at a time and only notes that something is wrong, and `_refuse` finds out what.
    /// @param last the greatest asset
    function _inOrder(bytes calldata data, uint256 offset, uint256 count, uint256 last)
        private
        pure
        returns (bool good)
    {
        assembly ("memory-safe") {
            let place := add(data.offset, offset)
            let end := add(place, mul(count, BALANCE))
            let least := 0
            let all := 0
            let bad := 0
            if and(count, 1) {
                all := calldataload(place)
                bad := gt(byte(3, all), last)
                least := add(shr(224, all), 1)
                place := add(place, BALANCE)
            }
            for {} lt(place, end) { place := add(place, 24) } {
                let one := calldataload(place)
                let two := calldataload(add(place, BALANCE))
                all := or(all, or(one, two))
                bad := or(bad, or(gt(byte(3, one), last), gt(byte(3, two), last)))
                one := shr(224, one)
                two := shr(224, two)
                bad := or(bad, or(lt(one, least), iszero(lt(one, two))))
                least := add(two, 1)
            }
            good := iszero(or(bad, and(all, TOO_LARGE)))
        }
    }

    /// @dev Writes the withdrawals' entries and leaves; false if one of them is of nothing.
    function _withdrawals(bytes calldata data, uint256 offset, uint256 out, bytes32[] memory leaves)
        private
        pure
        returns (bool good)
    {
        assembly ("memory-safe") {
            good := 1
            let place := add(data.offset, offset)
            let leaf := add(leaves, 0x20)
            for { let end := add(leaf, shl(5, mload(leaves))) } lt(leaf, end) { leaf := add(leaf, 0x20) } {
                let word := calldataload(place)
                good := and(good, iszero(iszero(and(shr(160, word), 0xffffffffffffffff))))
                mstore(0x00, word)
                mstore(leaf, keccak256(0x00, BALANCE))
                mstore(out, or(word, WITHDRAWN))
                out := add(out, BALANCE)
                place := add(place, BALANCE)
            }
        }
    }

    /// @dev Reverts with the first entry that is wrong; there is one.
    function _refuse(bytes calldata data, uint256 offset, uint256 assets, bool balances) private pure {
        string memory field = balances ? "balances" : "withdrawals";
        uint256 least = 0;
        for (uint256 i = 0;; ++i) {
            uint256 word = _load(data, offset + i * BALANCE);
            uint256 key = word >> 224;
            uint256 units = uint64(word >> 160);
            require((key >> 8) < ACCOUNTS && uint8(key) < assets, IExchange.BadField(field, i));
            require(key >= least, IExchange.NotIncreasing(field, i));
            require(
                units < AMOUNTS && (balances || units > 0),
                IExchange.BadField(balances ? "balances.value" : "withdrawals.amount", i)
            );
            least = key + 1;
        }
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
