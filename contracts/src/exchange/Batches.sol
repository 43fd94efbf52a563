// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IExchange} from "../interfaces/IExchange.sol";
import {Goldilocks} from "../libraries/Goldilocks.sol";
import {Record} from "./Record.sol";

/// @title Seals and beacons
abstract contract Batches is Record {
    /// @dev Beacons that one seal records at most, so that its gas stays bounded.
    uint256 private constant BEACONS_PER_SEAL = 4;

    /// @inheritdoc IExchange
    function seal(uint64 number, uint64[4] calldata root, uint16 count) external guarded onlyOperator {
        require(number == _sealedBatches, WrongBatch(number, _sealedBatches));
        if (number > 0) {
            uint64 earliest = _batches[number - 1].sealBlock + MIN_SEAL_INTERVAL;
            require(block.number >= earliest, SealTooEarly(earliest));
        }
        require(count <= BATCH_LIMIT, CountTooLarge(count, BATCH_LIMIT));
        uint256 packed = Goldilocks.pack(root);
        require(count > 0 || packed == EMPTY_COMMITMENTS, EmptyBatchRoot());

        uint64 cut = _queueCut + uint64(MAX_QUEUE);
        if (cut > _queueLength) cut = _queueLength;
        _queueCut = cut;
        StoredBatch storage stored = _batches[number];
        stored.root = packed;
        stored.sealBlock = uint64(block.number);
        stored.cut = cut;
        stored.count = count;
        stored.version = VERSION;
        _sealedBatches = number + 1;
        emit Sealed(number, root, count, cut, VERSION);
        _recordPending(number);
    }

    /// @inheritdoc IExchange
    function recordBeacon(uint64 number) external guarded {
        require(number < _sealedBatches, NotSealed(number));
        StoredBatch storage stored = _batches[number];
        require(stored.count > 0, NoBeaconNeeded(number));
        require(stored.beacon == 0, BeaconAlreadyRecorded(number));
        uint64 target = stored.sealBlock + BEACON_DELAY;
        require(block.number > target, BeaconTooEarly(number, target + 1));
        _record(number, stored, target);
    }

    /// @dev Records what is due among the batches before `end`, oldest first.
    function _recordPending(uint64 end) private {
        uint64 next = _nextBeacon;
        for (uint256 recorded = 0; next < end && recorded < BEACONS_PER_SEAL; ++next) {
            StoredBatch storage stored = _batches[next];
            if (stored.count == 0 || stored.beacon != 0) continue;
            uint64 target = stored.sealBlock + BEACON_DELAY;
            if (block.number <= target) break;
            _record(next, stored, target);
            ++recorded;
        }
        _nextBeacon = next;
    }

    function _record(uint64 number, StoredBatch storage stored, uint64 target) private {
        bytes32 beacon = blockhash(target);
        if (beacon == 0) beacon = FALLBACK_BEACON;
        stored.beacon = beacon;
        emit BeaconRecorded(number, beacon);
    }
}
