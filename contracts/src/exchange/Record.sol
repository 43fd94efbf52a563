// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IExchange} from "../interfaces/IExchange.sol";
import {IStarkVerifier} from "../interfaces/IStarkVerifier.sol";
import {CommitSignature} from "../libraries/CommitSignature.sol";

/// @title What the Exchange knows: its parameters, frozen at deployment, and its storage
/// @dev The rooms of the contract inherit from here: Accounts, Batches, Settlements.
abstract contract Record is IExchange {
    uint16 public constant VERSION = 1;
    uint256 public constant MAX_QUEUE = 64;
    uint256 public constant MAX_BATCHES = 16;
    uint256 public constant MAX_COUNT = 256;
    uint256 public constant MAX_ASSETS = 14;
    uint256 public constant MAX_MARKETS = 16;
    /// @notice Most accounts of a batch times assets: each may change and be withdrawn, and all of it is published in
    /// the one transaction that opens a settlement.
    uint256 public constant MAX_HOLDINGS = 2048;
    /// @notice Stands for a beacon that nobody recorded in time.
    bytes32 public constant FALLBACK_BEACON = keccak256("sealbook fallback beacon 1");
    /// @dev Roots of empty trees of depth 8 (commitments) and 24 (state).
    uint256 internal constant EMPTY_COMMITMENTS =
        0x9ede67256ee369395070044386de8bb8a881951436772ce2df99f91913736241;
    uint256 internal constant EMPTY_STATE =
        0x641ed4458675ffd3969642b5e6959534e11215ab5980dedeaca7bc76ff5c5e55;

    uint256 internal constant CUSTODY_CAP = 1 << 62;
    uint256 internal constant ACCOUNTS = 1 << 20;

    struct StoredBatch {
        uint256 root;
        bytes32 beacon;
        uint64 sealBlock;
        uint64 cut;
        uint32 settledEpoch;
        uint16 count;
        uint16 version;
    }

    struct StoredMarket {
        uint8 base;
        uint8 quote;
        uint32 lower;
        uint32 upper;
        uint32 feePpm;
        uint32 initialReference;
        uint32 referencePrice;
    }

    struct Account {
        address owner;
        uint64 keyPosition; // of the last key entry in the queue, plus one
        address commitKey;
    }

    struct StoredEpoch {
        uint256 newRoot;
        bytes32 withdrawalsRoot;
        bytes32 publicDataHash;
        uint64 firstBatch;
        uint64 settledBlock;
        uint8 batches;
        uint8 tier;
    }

    IStarkVerifier public immutable verifier;
    address public immutable operator;
    address internal immutable FEE_ADDRESS;
    uint64 public immutable venue;
    bytes32 public immutable domainSeparator;
    uint64 internal immutable MISS_FEE;
    uint8 internal immutable FEE_ASSET;
    uint256 internal immutable REGISTRATION_FEE;
    uint64 internal immutable REVEAL_WINDOW;
    uint64 internal immutable BEACON_DELAY;
    uint64 internal immutable MIN_SEAL_INTERVAL;
    uint16 internal immutable BATCH_LIMIT;
    uint8 internal immutable PUBLIC_BUS;

    AssetConfig[] internal _assets;
    StoredMarket[] internal _markets;
    bytes32[] internal _tiers;

    uint64 internal _sealedBatches;
    uint64 internal _settledBatches;
    uint64 internal _nextBeacon;
    uint32 internal _epochs;
    uint64 internal _queueLength;
    uint64 internal _queueCut;
    uint64 internal _queueSettled;
    uint32 public nextAccount = 2;
    uint256 internal _stateRoot = EMPTY_STATE;
    uint256 public registrationFees;

    mapping(uint256 => StoredBatch) internal _batches;
    mapping(uint256 => StoredEpoch) internal _epochData;
    mapping(uint256 => bytes32) internal _queueHashes; // by number of entries
    mapping(uint256 => Account) internal _accounts;
    mapping(address => uint32) public accountOf;
    mapping(uint8 => uint256) public custody;
    mapping(bytes32 => Ticket) internal _tickets;
    mapping(bytes32 => bool) internal _claimed;
    bool private transient _entered;

    modifier guarded() {
        require(!_entered, Reentered());
        _entered = true;
        _;
        _entered = false;
    }

    modifier onlyOperator() {
        require(msg.sender == operator, NotOperator(msg.sender));
        _;
    }

    constructor(Config memory config) {
        require(address(config.verifier).code.length > 0, BadConfig("verifier"));
        require(config.operator != address(0), BadConfig("operator"));
        require(config.feeAddress != address(0), BadConfig("feeAddress"));
        require(config.revealWindow > 0, BadConfig("revealWindow"));
        require(config.beaconDelay > 0, BadConfig("beaconDelay"));
        require(config.maxCount > 1 && config.maxCount <= MAX_COUNT, BadConfig("maxCount"));
        require(uint256(config.maxCount) * config.assets.length <= MAX_HOLDINGS, BadConfig("maxCount"));
        require(config.missFee < CUSTODY_CAP, BadConfig("missFee"));
        require(config.feeAsset < config.assets.length, BadConfig("feeAsset"));
        require(config.tiers.length > 0 && config.tiers.length < 256, BadConfig("tiers"));
        verifier = config.verifier;
        operator = config.operator;
        FEE_ADDRESS = config.feeAddress;
        MISS_FEE = config.missFee;
        FEE_ASSET = config.feeAsset;
        REGISTRATION_FEE = config.registrationFee;
        REVEAL_WINDOW = config.revealWindow;
        BEACON_DELAY = config.beaconDelay;
        MIN_SEAL_INTERVAL = config.minSealInterval;
        BATCH_LIMIT = config.maxCount;
        PUBLIC_BUS = config.publicBus;
        venue = uint64(uint256(keccak256(abi.encode(block.chainid, address(this)))) & ((1 << 63) - 1));
        domainSeparator = CommitSignature.domain(block.chainid, address(this));
        _configureAssets(config.assets);
        _configureMarkets(config.markets, config.assets.length);
        _tiers = config.tiers;
        _accounts[0].owner = config.feeAddress;
    }

    function _configureAssets(AssetConfig[] memory assets) private {
        require(assets.length > 0 && assets.length <= MAX_ASSETS, BadConfig("assets"));
        for (uint256 a = 0; a < assets.length; ++a) {
            require(assets[a].token == address(0) || assets[a].token.code.length > 0, BadConfig("assets.token"));
            require(assets[a].unit > 0, BadConfig("assets.unit"));
            _assets.push(assets[a]);
        }
    }

    function _configureMarkets(MarketConfig[] memory markets, uint256 assets) private {
        require(markets.length > 0 && markets.length <= MAX_MARKETS, BadConfig("markets"));
        for (uint256 i = 0; i < markets.length; ++i) {
            MarketConfig memory m = markets[i];
            require(m.base < assets && m.quote < assets && m.base != m.quote, BadConfig("markets.assets"));
            require(m.lower > 0 && m.lower <= m.upper && m.upper < 1 << 31, BadConfig("markets.band"));
            require(
                m.lower <= m.initialReference && m.initialReference <= m.upper, BadConfig("markets.initialReference")
            );
            require(m.feePpm <= 1_000_000, BadConfig("markets.feePpm"));
            _markets.push(
                StoredMarket(m.base, m.quote, m.lower, m.upper, m.feePpm, m.initialReference, m.initialReference)
            );
        }
    }

    function _claimKey(uint32 epoch_, uint32 account, uint8 asset) internal pure returns (bytes32) {
        return bytes32((uint256(epoch_) << 64) | (uint256(account) << 8) | asset);
    }

    function _ticket(bytes32 id) internal view returns (Ticket storage opened) {
        opened = _tickets[id];
        require(opened.stateHash != 0, UnknownTicket(id));
    }
}
