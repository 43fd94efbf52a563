// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IStarkVerifier} from "./IStarkVerifier.sol";

/// @title The venue's account of record on L1
/// @notice Takes deposits, orders the operator's seals, and accepts a new state only with a proof that the batches were
/// cleared by the published program (docs/protocol.md sections 8 to 11). Everything that is configured is frozen at
/// deployment: nobody can change parameters or move funds.
/// @dev A digest is four canonical Goldilocks elements (each below 2^64 - 2^32 + 1). Amounts are units of an asset.
/// Not here yet: forced operations, the operator's bond, freeze and escape.
interface IExchange {
    // ------------------------------------------------------------------------------------------------ configuration

    /// @notice An asset. `token` zero is the chain's native coin; `unit` base units of the token are one unit here.
    struct AssetConfig {
        address token;
        uint256 unit;
    }

    /// @notice A market: asset numbers, price band in ticks (quote units per lot), fee, price before the first trade.
    struct MarketConfig {
        uint8 base;
        uint8 quote;
        uint32 lower;
        uint32 upper;
        uint32 feePpm;
        uint32 initialReference;
    }

    /// @notice All parameters of the version.
    /// @param verifier generic proof verifier
    /// @param operator who seals batches and opens settlements
    /// @param feeAddress L1 address of account 0, which collects fees
    /// @param missFee units of `feeAsset` that a missing reveal costs
    /// @param registrationFee wei for an account number
    /// @param revealWindow blocks after the seal in which reveals count
    /// @param beaconDelay blocks from the seal to the block whose hash is the draw; not below `revealWindow` if nobody
    /// may know the draw while reveals are open
    /// @param minSealInterval blocks between two seals
    /// @param maxCount most commitments in a batch
    /// @param publicBus bus of the program on which this contract speaks
    /// @param tiers hashes of the verification keys, smallest tier first
    struct Config {
        IStarkVerifier verifier;
        address operator;
        address feeAddress;
        uint64 missFee;
        uint8 feeAsset;
        uint256 registrationFee;
        uint64 revealWindow;
        uint64 beaconDelay;
        uint64 minSealInterval;
        uint16 maxCount;
        uint8 publicBus;
        AssetConfig[] assets;
        MarketConfig[] markets;
        bytes32[] tiers;
    }

    // ------------------------------------------------------------------------------------------------------- records

    /// @notice A sealed batch. `settledEpoch` is the number of its epoch plus one, 0 while it is unsettled.
    struct Batch {
        uint64[4] root;
        uint16 count;
        uint16 version;
        uint64 sealBlock;
        uint64 cut;
        uint32 settledEpoch;
        bytes32 beacon;
    }

    /// @notice An epoch of consecutive batches, settled by one proof.
    struct Epoch {
        uint64 firstBatch;
        uint8 batches;
        uint8 tier;
        uint64 settledBlock;
        uint64[4] newRoot;
        bytes32 withdrawalsRoot;
        bytes32 publicDataHash;
    }

    /// @notice All that a settlement changes; `settle` is given it again and compares its hash.
    /// @param references price of every market after the epoch
    /// @param queueEnd number of queue entries applied since deployment
    struct Effects {
        uint64 firstBatch;
        uint8 batches;
        uint8 tier;
        uint256 newRoot;
        uint64 queueEnd;
        uint32[] references;
        bytes32 withdrawalsRoot;
        bytes32 publicDataHash;
    }

    /// @notice A settlement in progress.
    /// @param missingHash hash of the list of missing leaves; zero if their signatures came with it
    /// @param bitmap bit i is set once query record i was checked
    struct Ticket {
        bytes32 stateHash;
        bytes32 effectsHash;
        bytes32 missingHash;
        uint256 bitmap;
        uint16 queryCount;
        bool signaturesPending;
    }

    // -------------------------------------------------------------------------------------------------------- events

    event Registered(uint32 indexed account, address indexed owner, address commitKey);
    /// @notice An entry joined the queue. Kind 1: `value` is a key root. Kind 2: `value[0]` units of `asset`.
    event Queued(uint64 indexed position, uint8 kind, uint32 indexed account, uint8 asset, uint64[4] value);
    event Sealed(uint64 indexed batch, uint64[4] root, uint16 count, uint64 cut, uint16 version);
    event BeaconRecorded(uint64 indexed batch, bytes32 beacon);
    /// @notice A settlement was opened; its transaction's input is that of `openSettlement` and holds the public data, the
    /// queue entries and the head of the proof. `state` is what the other steps need: empty where there are none, because
    /// this transaction settled.
    event HeadChecked(bytes32 indexed id, uint64 indexed firstBatch, Effects effects, bytes state);
    /// @notice Query records `first` to `first + count - 1` hold; the transaction's input holds them.
    event QueriesChecked(bytes32 indexed id, uint256 first, uint256 count);
    event SignaturesChecked(bytes32 indexed id, uint256 count);
    event Settled(uint32 indexed epoch, bytes32 indexed id, uint64 indexed firstBatch, Effects effects);
    event Claimed(uint32 indexed epoch, uint32 indexed account, uint8 asset, uint64 amount, address to);

    // -------------------------------------------------------------------------------------------------------- errors

    /// @notice A parameter given at deployment is out of range.
    error BadConfig(string field);
    error Reentered();
    error NotOperator(address caller);
    /// @notice The operator must call from an account without code, not through a contract: whoever follows the venue
    /// reads the public data from the transaction's input.
    error NotDirect();
    error AlreadyRegistered(address owner, uint32 account);
    error NotRegistered(address owner);
    error AccountsExhausted();
    error WrongRegistrationFee(uint256 paid, uint256 required);
    error ZeroCommitKey();
    error ZeroKeyRoot();
    /// @notice A number is not below the field's modulus.
    error NotCanonical(uint64 element);
    /// @notice The account's last key root still waits in the queue.
    error RekeyPending(uint32 account);
    error UnknownAsset(uint8 asset);
    error WrongValue(uint256 paid, uint256 required);
    error ZeroAmount();
    /// @notice What arrived is not a whole number of units.
    error NotWholeUnits(uint256 received, uint256 unit);
    error CustodyCap(uint8 asset, uint256 credited);
    error TransferFailed(address token);
    /// @notice The next batch to be sealed is another one.
    error WrongBatch(uint64 given, uint64 expected);
    error SealTooEarly(uint64 earliestBlock);
    error CountTooLarge(uint16 count, uint16 maximum);
    error EmptyBatchRoot();
    error NotSealed(uint64 batch);
    error NoBeaconNeeded(uint64 batch);
    error BeaconTooEarly(uint64 batch, uint64 earliestBlock);
    error BeaconAlreadyRecorded(uint64 batch);
    error BeaconMissing(uint64 batch);
    /// @notice The public data end before `field` is complete.
    error Truncated(string field);
    error TrailingBytes(string field, uint256 count);
    /// @notice A field of the public data has a value that no honest settlement has.
    error BadField(string field, uint256 index);
    /// @notice Entry `index` of a list does not come after the entry before it.
    error NotIncreasing(string field, uint256 index);
    /// @notice The settlement does not start at the first unsettled batch.
    error NotNext(uint64 given, uint64 expected);
    error BadEpochLength(uint8 batches);
    error BatchesNotSealed(uint64 last, uint64 sealedBatches);
    error UnknownTier(uint8 tier);
    error WrongQueueEntries();
    /// @notice A leaf may be called missing only after its batch's deadline.
    error DeadlineNotPassed(uint64 batch, uint64 deadline);
    error WrongSignatureLength(uint256 given, uint256 expected);
    error BadSignature(uint256 index);
    error TicketExists(bytes32 id);
    error UnknownTicket(bytes32 id);
    error WrongState(bytes32 id);
    error WrongMissing(bytes32 id);
    error NoSignaturesPending(bytes32 id);
    error SignaturesPending(bytes32 id);
    error QueriesPending(bytes32 id, uint256 bitmap);
    error WrongEffects(bytes32 id);
    error UnknownEpoch(uint32 epoch);
    error NotInEpoch(uint32 epoch, uint32 account, uint8 asset);
    error AlreadyClaimed(uint32 epoch, uint32 account, uint8 asset);
    error NoOwner(uint32 account);

    // ------------------------------------------------------------------------------------------------------ accounts

    /// @notice Opens an account for the caller. Pays exactly the registration fee.
    /// @param keyRoot root of the account's one-time key tree
    /// @param commitKey address that signs the account's commitments; cannot be changed
    function register(uint64[4] calldata keyRoot, address commitKey) external payable returns (uint32 account);

    /// @notice Replaces the caller's key root, through the queue. One at a time.
    function rekey(uint64[4] calldata keyRoot) external;

    /// @notice Deposits to the caller's account. `amount` in base units; what arrives must be whole units.
    function deposit(uint8 asset, uint256 amount) external payable;

    /// @notice Pays a withdrawal of a settled epoch to the account's address. Anybody may call it.
    /// @param path sibling hashes from the leaf to the epoch's withdrawals root
    function claim(uint32 epoch, uint32 account, uint8 asset, uint64 amount, bytes32[] calldata path) external;

    /// @notice Sends the collected registration fees to the fee address. Anybody may call it.
    function collectRegistrationFees() external;

    // ------------------------------------------------------------------------------------------------------- batches

    /// @notice Fixes a batch: operator only, in order, once. Also records pending beacons.
    /// @param root root over exactly `count` commitment leaves
    function seal(uint64 batch, uint64[4] calldata root, uint16 count) external;

    /// @notice Records the hash of the block `beaconDelay` after the seal. Anybody may call it.
    /// @dev 256 blocks later the hash is gone and a fixed constant takes its place.
    function recordBeacon(uint64 batch) external;

    // ---------------------------------------------------------------------------------------------------- settlement

    /// @notice First step: parses the public data, and checks the head of the proof against it. Operator only: public
    /// data become known here, and while the venue's liveness is the operator's there is one proof to wait for. All
    /// later steps are open to anybody, since they can only finish what was opened. The call must be the transaction:
    /// its input is where the public data are published.
    /// @param publicData docs/protocol.md section 10
    /// @param queueEntries the epoch's queue entries, 37 bytes each: kind, u24 account, asset, 4 x u64
    /// @param signatures for every charged missing leaf: u64 client sequence, r, s, v. May be left empty and given later
    /// @param head first part of the proof
    /// @param queries query records from the first on, as many as there is room for; may be empty. Where they and the
    /// signatures are all that the proof needs, the new state takes effect at once
    function openSettlement(
        bytes calldata publicData,
        bytes calldata queueEntries,
        bytes calldata signatures,
        bytes calldata head,
        bytes calldata queries
    ) external returns (bytes32 id);

    /// @notice Checks the commit keys' signatures for the charged missing leaves, if they were not given at the opening.
    /// @param missing the list of missing leaves, exactly as in the public data
    function checkSignatures(bytes32 id, bytes calldata missing, bytes calldata signatures) external;

    /// @notice Checks query records of the proof. In any order; a record may be checked twice.
    /// @param state exactly the bytes of the event `HeadChecked`
    function checkQueries(bytes32 id, bytes calldata state, uint256 first, bytes calldata queries) external;

    /// @notice Last step: all records and signatures were checked, the new state takes effect.
    function settle(bytes32 id, Effects calldata effects) external;

    /// @notice `checkQueries` for the records that are still pending, and `settle`, in one transaction.
    function checkQueriesAndSettle(
        bytes32 id,
        bytes calldata state,
        uint256 first,
        bytes calldata queries,
        Effects calldata effects
    ) external;

    // --------------------------------------------------------------------------------------------------------- views

    function venue() external view returns (uint64);
    function domainSeparator() external view returns (bytes32);
    function parameters()
        external
        view
        returns (
            uint16 version,
            uint64 missFee,
            uint8 feeAsset,
            uint256 registrationFee,
            uint64 revealWindow,
            uint64 beaconDelay,
            uint64 minSealInterval,
            uint16 maxCount,
            uint8 publicBus
        );
    function verifier() external view returns (IStarkVerifier);
    function operator() external view returns (address);
    function assetList() external view returns (AssetConfig[] memory);
    function marketList() external view returns (MarketConfig[] memory);
    function tierList() external view returns (bytes32[] memory);
    /// @notice Price of every market after the last settled batch.
    function references() external view returns (uint32[] memory);
    function stateRoot() external view returns (uint64[4] memory);
    /// @notice Progress: batches sealed, batches settled, epochs settled, queue entries, those cut, those settled.
    function progress()
        external
        view
        returns (
            uint64 sealedBatches,
            uint64 settledBatches,
            uint32 epochs,
            uint64 queueLength,
            uint64 queueCut,
            uint64 queueSettled
        );
    function batch(uint64 number) external view returns (Batch memory);
    function epoch(uint32 number) external view returns (Epoch memory);
    function ticket(bytes32 id) external view returns (Ticket memory);
    /// @notice Hash of the queue's first `length` entries.
    function queueHash(uint64 length) external view returns (bytes32);
    /// @notice Account numbers are assigned from 2 upward; this is the next one.
    function nextAccount() external view returns (uint32);
    /// @notice The caller-visible account of an address; 0 if it has none.
    function accountOf(address owner) external view returns (uint32);
    function ownerOf(uint32 account) external view returns (address);
    function commitKeyOf(uint32 account) external view returns (address);
    /// @notice Units credited minus units claimed.
    function custody(uint8 asset) external view returns (uint256);
    /// @notice Wei of registration fees that were not collected yet.
    function registrationFees() external view returns (uint256);
    function claimed(uint32 epoch, uint32 account, uint8 asset) external view returns (bool);
}
