// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Accounts} from "./exchange/Accounts.sol";
import {Batches} from "./exchange/Batches.sol";
import {Record} from "./exchange/Record.sol";
import {Settlements} from "./exchange/Settlements.sol";
import {IExchange} from "./interfaces/IExchange.sol";
import {Goldilocks} from "./libraries/Goldilocks.sol";

/// @title The venue's account of record on L1; see IExchange
contract Exchange is IExchange, Accounts, Batches, Settlements {
    constructor(Config memory config) Record(config) {}

    /// @inheritdoc IExchange
    function parameters()
        external
        view
        returns (uint16, uint64, uint8, uint256, uint64, uint64, uint64, uint16, uint8)
    {
        return (
            VERSION,
            MISS_FEE,
            FEE_ASSET,
            REGISTRATION_FEE,
            REVEAL_WINDOW,
            BEACON_DELAY,
            MIN_SEAL_INTERVAL,
            BATCH_LIMIT,
            PUBLIC_BUS
        );
    }

    function assetList() external view returns (AssetConfig[] memory) {
        return _assets;
    }

    function marketList() external view returns (MarketConfig[] memory list) {
        list = new MarketConfig[](_markets.length);
        for (uint256 m = 0; m < list.length; ++m) {
            StoredMarket memory s = _markets[m];
            list[m] = MarketConfig(s.base, s.quote, s.lower, s.upper, s.feePpm, s.initialReference);
        }
    }

    function tierList() external view returns (bytes32[] memory) {
        return _tiers;
    }

    /// @inheritdoc IExchange
    function references() external view returns (uint32[] memory list) {
        list = new uint32[](_markets.length);
        for (uint256 m = 0; m < list.length; ++m) {
            list[m] = _markets[m].referencePrice;
        }
    }

    function stateRoot() external view returns (uint64[4] memory) {
        return Goldilocks.unpack(_stateRoot);
    }

    /// @inheritdoc IExchange
    function progress() external view returns (uint64, uint64, uint32, uint64, uint64, uint64) {
        return (_sealedBatches, _settledBatches, _epochs, _queueLength, _queueCut, _queueSettled);
    }

    function batch(uint64 number) external view returns (Batch memory) {
        require(number < _sealedBatches, NotSealed(number));
        StoredBatch memory s = _batches[number];
        return Batch(Goldilocks.unpack(s.root), s.count, s.version, s.sealBlock, s.cut, s.settledEpoch, s.beacon);
    }

    function epoch(uint32 number) external view returns (Epoch memory) {
        require(number < _epochs, UnknownEpoch(number));
        StoredEpoch memory s = _epochData[number];
        return Epoch(
            s.firstBatch,
            s.batches,
            s.tier,
            s.settledBlock,
            Goldilocks.unpack(s.newRoot),
            s.withdrawalsRoot,
            s.publicDataHash
        );
    }

    function ticket(bytes32 id) external view returns (Ticket memory) {
        return _ticket(id);
    }

    /// @inheritdoc IExchange
    function queueHash(uint64 length) external view returns (bytes32) {
        return _queueHashes[length];
    }

    function ownerOf(uint32 account) external view returns (address) {
        return _accounts[account].owner;
    }

    function commitKeyOf(uint32 account) external view returns (address) {
        return _accounts[account].commitKey;
    }

    function claimed(uint32 epoch_, uint32 account, uint8 asset) external view returns (bool) {
        return _claimed[_claimKey(epoch_, account, asset)];
    }
}
