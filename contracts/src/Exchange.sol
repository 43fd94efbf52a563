// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IExchange} from "./interfaces/IExchange.sol";
import {IStarkVerifier} from "./interfaces/IStarkVerifier.sol";
import {CommitSignature} from "./libraries/CommitSignature.sol";
import {EpochStatement} from "./libraries/EpochStatement.sol";
import {HeadCall} from "./libraries/HeadCall.sol";
import {Goldilocks} from "./libraries/Goldilocks.sol";
import {Tokens} from "./libraries/Tokens.sol";
import {WithdrawalTree} from "./libraries/WithdrawalTree.sol";

/// @title The venue's account of record on L1
/// @dev See IExchange. Settlement is sequential: the state root, the prices and the queue pointer change only together
/// with the number of settled batches, so a ticket that starts at the first unsettled batch was made for this state.
contract Exchange is IExchange {
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

    uint256 private constant CUSTODY_CAP = 1 << 62;
    uint256 private constant ACCOUNTS = 1 << 20;
    uint256 private constant SIGNATURE = 73;
    /// @dev Beacons that one seal records at most, so that its gas stays bounded.
    uint256 private constant BEACONS_PER_SEAL = 4;
    uint8 private constant KIND_KEY = 1;
    uint8 private constant KIND_DEPOSIT = 2;

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
    address private immutable FEE_ADDRESS;
    uint64 public immutable venue;
    bytes32 public immutable domainSeparator;
    uint64 private immutable MISS_FEE;
    uint8 private immutable FEE_ASSET;
    uint256 private immutable REGISTRATION_FEE;
    uint64 private immutable REVEAL_WINDOW;
    uint64 private immutable BEACON_DELAY;
    uint64 private immutable MIN_SEAL_INTERVAL;
    uint16 private immutable BATCH_LIMIT;
    uint8 private immutable PUBLIC_BUS;

    AssetConfig[] private _assets;
    StoredMarket[] private _markets;
    bytes32[] private _tiers;

    uint64 private _sealedBatches;
    uint64 private _settledBatches;
    uint64 private _nextBeacon;
    uint32 private _epochs;
    uint64 private _queueLength;
    uint64 private _queueCut;
    uint64 private _queueSettled;
    uint32 public nextAccount = 2;
    uint256 private _stateRoot = EMPTY_STATE;
    uint256 private _registrationFees;

    mapping(uint256 => StoredBatch) private _batches;
    mapping(uint256 => StoredEpoch) private _epochData;
    mapping(uint256 => bytes32) private _queueHashes; // by number of entries
    mapping(uint256 => Account) private _accounts;
    mapping(address => uint32) public accountOf;
    mapping(uint8 => uint256) public custody;
    mapping(bytes32 => Ticket) private _tickets;
    mapping(bytes32 => bool) private _claimed;
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

    // ------------------------------------------------------------------------------------------------------ accounts

    /// @inheritdoc IExchange
    function register(uint64[4] calldata keyRoot, address commitKey)
        external
        payable
        guarded
        returns (uint32 account)
    {
        require(msg.value == REGISTRATION_FEE, WrongRegistrationFee(msg.value, REGISTRATION_FEE));
        account = accountOf[msg.sender];
        require(account == 0 && msg.sender != FEE_ADDRESS, AlreadyRegistered(msg.sender, account));
        require(commitKey != address(0), ZeroCommitKey());
        account = nextAccount;
        require(account < ACCOUNTS, AccountsExhausted());
        nextAccount = account + 1;
        accountOf[msg.sender] = account;
        _accounts[account].owner = msg.sender;
        _accounts[account].commitKey = commitKey;
        _registrationFees += msg.value;
        emit Registered(account, msg.sender, commitKey);
        _enqueueKey(account, keyRoot);
    }

    /// @inheritdoc IExchange
    function rekey(uint64[4] calldata keyRoot) external guarded {
        uint32 account = _callerAccount();
        require(_accounts[account].keyPosition <= _queueSettled, RekeyPending(account));
        _enqueueKey(account, keyRoot);
    }

    /// @inheritdoc IExchange
    function deposit(uint8 asset, uint256 amount) external payable guarded {
        uint32 account = _callerAccount();
        require(asset < _assets.length, UnknownAsset(asset));
        AssetConfig memory config = _assets[asset];
        bool native = config.token == address(0);
        uint256 value = native ? amount : 0;
        require(msg.value == value, WrongValue(msg.value, value));
        uint256 received = native ? amount : Tokens.pull(config.token, msg.sender, amount);
        require(received > 0, ZeroAmount());
        require(received % config.unit == 0, NotWholeUnits(received, config.unit));
        uint256 units = received / config.unit;
        uint256 total = custody[asset];
        require(units < CUSTODY_CAP && total + units < CUSTODY_CAP, CustodyCap(asset, total));
        custody[asset] = total + units;
        _enqueue(KIND_DEPOSIT, account, asset, units << 192);
    }

    /// @inheritdoc IExchange
    function claim(uint32 epoch_, uint32 account, uint8 asset, uint64 amount, bytes32[] calldata path)
        external
        guarded
    {
        require(epoch_ < _epochs, UnknownEpoch(epoch_));
        bytes32 root = _epochData[epoch_].withdrawalsRoot;
        bytes32 leaf = WithdrawalTree.leaf(account, asset, amount);
        require(
            root != 0 && account < ACCOUNTS && WithdrawalTree.climb(leaf, path) == root,
            NotInEpoch(epoch_, account, asset)
        );
        bytes32 key = _claimKey(epoch_, account, asset);
        require(!_claimed[key], AlreadyClaimed(epoch_, account, asset));
        address to = _accounts[account].owner;
        require(to != address(0), NoOwner(account));
        _claimed[key] = true;
        custody[asset] -= amount;
        emit Claimed(epoch_, account, asset, amount, to);
        AssetConfig memory config = _assets[asset];
        Tokens.push(config.token, to, amount * config.unit);
    }

    /// @inheritdoc IExchange
    function collectRegistrationFees() external guarded {
        uint256 amount = _registrationFees;
        _registrationFees = 0;
        Tokens.push(address(0), FEE_ADDRESS, amount);
    }

    function _callerAccount() private view returns (uint32 account) {
        account = accountOf[msg.sender];
        require(account != 0, NotRegistered(msg.sender));
    }

    function _enqueueKey(uint32 account, uint64[4] calldata keyRoot) private {
        uint256 packed = Goldilocks.pack(keyRoot);
        require(packed != 0, ZeroKeyRoot());
        _accounts[account].keyPosition = _queueLength + 1;
        _enqueue(KIND_KEY, account, 0, packed);
    }

    function _enqueue(uint8 kind, uint32 account, uint8 asset, uint256 value) private {
        uint64 position = _queueLength;
        bytes memory entry = abi.encodePacked(kind, uint24(account), asset, value);
        _queueHashes[position + 1] = keccak256(abi.encodePacked(_queueHashes[position], position, entry));
        _queueLength = position + 1;
        emit Queued(position, kind, account, asset, Goldilocks.unpack(value));
    }

    // ------------------------------------------------------------------------------------------------------- batches

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

    // ---------------------------------------------------------------------------------------------------- settlement

    /// @inheritdoc IExchange
    function openSettlement(
        bytes calldata publicData,
        bytes calldata queueEntries,
        bytes calldata signatures,
        bytes calldata head
    ) external guarded onlyOperator returns (bytes32 id) {
        Effects memory effects;
        bytes memory messages;
        Ticket memory opened;
        (messages, effects, opened) = _state(publicData, queueEntries, signatures, head.length);
        bytes memory state = _checkHead(effects, messages, head);
        opened.stateHash = keccak256(state);
        opened.effectsHash = keccak256(abi.encode(effects));
        opened.queryCount = uint16(verifier.queryCount(state));
        id = keccak256(abi.encode(opened.stateHash, opened.effectsHash));
        require(_tickets[id].stateHash == 0, TicketExists(id));
        _tickets[id] = opened;
        emit HeadChecked(id, effects.firstBatch, publicData, queueEntries, effects, state);
    }

    /// @dev What the epoch states, from the public data and the contract's own record.
    function _state(
        bytes calldata publicData,
        bytes calldata queueEntries,
        bytes calldata signatures,
        uint256 headLength
    ) private view returns (bytes memory messages, Effects memory effects, Ticket memory opened) {
        (effects.firstBatch, effects.batches, effects.tier) = EpochStatement.header(publicData);
        EpochStatement.Outcome memory outcome;
        EpochStatement.Inputs memory inputs = _inputs(effects);
        inputs.headroom = headLength;
        (messages, outcome) = EpochStatement.build(publicData, queueEntries, inputs);
        effects.queueEnd = _batches[effects.firstBatch + effects.batches - 1].cut;
        require(outcome.queueHash == _queueHashes[effects.queueEnd], WrongQueueEntries());
        if (outcome.missingBatches > 0) {
            uint64 last = effects.firstBatch + uint64(outcome.missingBatches) - 1;
            uint64 deadline = _batches[last].sealBlock + REVEAL_WINDOW;
            require(block.number > deadline, DeadlineNotPassed(last, deadline));
        }
        effects.newRoot = outcome.newRoot;
        effects.references = outcome.references;
        effects.withdrawalsRoot = outcome.withdrawalsRoot;
        effects.publicDataHash = keccak256(publicData);

        bytes calldata missing = publicData[outcome.missingStart:outcome.missingEnd];
        opened.missingHash = keccak256(missing);
        opened.signaturesPending = outcome.charged > 0 && signatures.length == 0;
        if (!opened.signaturesPending) _checkSignatures(effects.firstBatch, missing, signatures);
    }

    function _inputs(Effects memory effects) private view returns (EpochStatement.Inputs memory inputs) {
        require(effects.firstBatch == _settledBatches, NotNext(effects.firstBatch, _settledBatches));
        uint256 length = effects.batches;
        require(length > 0 && length <= MAX_BATCHES, BadEpochLength(effects.batches));
        uint64 last = effects.firstBatch + uint64(length) - 1;
        require(last < _sealedBatches, BatchesNotSealed(last, _sealedBatches));
        require(effects.tier < _tiers.length, UnknownTier(effects.tier));

        inputs.bus = PUBLIC_BUS;
        inputs.venue = venue;
        inputs.firstBatch = effects.firstBatch;
        inputs.missFee = MISS_FEE;
        inputs.feeAsset = FEE_ASSET;
        inputs.assets = _assets.length;
        inputs.emptyRoot = EMPTY_COMMITMENTS;
        inputs.oldRoot = _stateRoot;
        inputs.queueStart = _queueSettled;
        inputs.queueHash = _queueHashes[_queueSettled];
        inputs.markets = new EpochStatement.Market[](_markets.length);
        for (uint256 m = 0; m < inputs.markets.length; ++m) {
            StoredMarket memory s = _markets[m];
            inputs.markets[m] =
                EpochStatement.Market(s.base, s.quote, s.lower, s.upper, s.feePpm, s.referencePrice);
        }
        inputs.batches = new EpochStatement.Batch[](length);
        uint256 cut = inputs.queueStart;
        for (uint256 k = 0; k < length; ++k) {
            uint64 number = effects.firstBatch + uint64(k);
            StoredBatch memory s = _batches[number];
            require(s.count == 0 || s.beacon != 0, BeaconMissing(number));
            inputs.batches[k] = EpochStatement.Batch(s.root, s.count, s.cut - cut, s.beacon);
            cut = s.cut;
        }
    }

    /// @dev The messages are not absorbed by the proof's transcript, so the context binds them: otherwise roots and
    /// queue entries could be chosen after the challenges are known.
    function _checkHead(Effects memory effects, bytes memory messages, bytes calldata head)
        private
        view
        returns (bytes memory)
    {
        bytes32 vkHash = _tiers[effects.tier];
        bytes32 context = keccak256(
            abi.encode(block.chainid, address(this), vkHash, effects.publicDataHash, keccak256(messages))
        );
        return HeadCall.run(verifier, vkHash, context, messages, head.length, head);
    }

    /// @inheritdoc IExchange
    function checkSignatures(bytes32 id, bytes calldata missing, bytes calldata signatures) external guarded {
        Ticket storage opened = _ticket(id);
        require(opened.signaturesPending, NoSignaturesPending(id));
        require(keccak256(missing) == opened.missingHash, WrongMissing(id));
        // The list is of the first unsettled batch on; a ticket of an older one can never be settled.
        uint256 count = _checkSignatures(_settledBatches, missing, signatures);
        opened.signaturesPending = false;
        emit SignaturesChecked(id, count);
    }

    /// @dev `missing` was parsed before: every charged leaf needs the signature of its account's commit key.
    function _checkSignatures(uint64 firstBatch, bytes calldata missing, bytes calldata signatures)
        private
        view
        returns (uint256 count)
    {
        for (uint256 place = 0; place < missing.length; place += EpochStatement.MISSING) {
            if (missing[place + 36] == 0) continue;
            uint256 offset = count * SIGNATURE;
            require(signatures.length >= offset + SIGNATURE, WrongSignatureLength(signatures.length, offset + SIGNATURE));
            bytes calldata signature = signatures[offset:offset + SIGNATURE];
            uint256 account = uint24(bytes3(missing[place + 1:place + 4]));
            bytes32 digest = CommitSignature.digest(
                domainSeparator,
                venue,
                firstBatch + uint8(missing[place]),
                account,
                uint64(bytes8(signature[0:8])),
                uint256(bytes32(missing[place + 4:place + 36]))
            );
            address signer = CommitSignature.recover(
                digest, bytes32(signature[8:40]), bytes32(signature[40:72]), uint8(signature[72])
            );
            require(signer != address(0) && signer == _accounts[account].commitKey, BadSignature(count));
            ++count;
        }
        require(
            signatures.length == count * SIGNATURE, WrongSignatureLength(signatures.length, count * SIGNATURE)
        );
    }

    /// @inheritdoc IExchange
    function checkQueries(bytes32 id, bytes calldata state, uint256 first, bytes calldata queries) external guarded {
        Ticket storage opened = _ticket(id);
        require(keccak256(state) == opened.stateHash, WrongState(id));
        uint256 count = verifier.checkQueries(state, first, queries);
        // first + count <= 256 is the verifier's promise; a shift beyond the word would only lose bits.
        opened.bitmap |= (_ones(count) << first);
        emit QueriesChecked(id, first, count);
    }

    /// @inheritdoc IExchange
    function settle(bytes32 id, Effects calldata effects) external guarded {
        Ticket storage opened = _ticket(id);
        require(keccak256(abi.encode(effects)) == opened.effectsHash, WrongEffects(id));
        require(effects.firstBatch == _settledBatches, NotNext(effects.firstBatch, _settledBatches));
        uint256 bitmap = opened.bitmap;
        require(bitmap == _ones(opened.queryCount), QueriesPending(id, bitmap));
        require(!opened.signaturesPending, SignaturesPending(id));
        delete _tickets[id];

        uint32 number = _epochs;
        _epochs = number + 1;
        _epochData[number] = StoredEpoch(
            effects.newRoot,
            effects.withdrawalsRoot,
            effects.publicDataHash,
            effects.firstBatch,
            uint64(block.number),
            effects.batches,
            effects.tier
        );
        uint64 end = effects.firstBatch + effects.batches;
        for (uint64 b = effects.firstBatch; b < end; ++b) {
            _batches[b].settledEpoch = number + 1;
        }
        for (uint256 m = 0; m < effects.references.length; ++m) {
            _markets[m].referencePrice = effects.references[m];
        }
        _stateRoot = effects.newRoot;
        _settledBatches = end;
        _queueSettled = effects.queueEnd;
        emit Settled(number, id, effects.firstBatch, effects);
    }

    function _ticket(bytes32 id) private view returns (Ticket storage opened) {
        opened = _tickets[id];
        require(opened.stateHash != 0, UnknownTicket(id));
    }

    /// @dev The lowest `count` bits set.
    function _ones(uint256 count) private pure returns (uint256) {
        return count > 255 ? type(uint256).max : (1 << count) - 1;
    }

    function _claimKey(uint32 epoch_, uint32 account, uint8 asset) private pure returns (bytes32) {
        return bytes32((uint256(epoch_) << 64) | (uint256(account) << 8) | asset);
    }

    // --------------------------------------------------------------------------------------------------------- views

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
