// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IExchange} from "./IExchange.sol";
import {IStarkVerifier} from "./IStarkVerifier.sol";

/// @title What a venue owes, proven, against what it holds, counted
/// @notice Anybody may show that the balances of all accounts under the Exchange's current state root sum to the stated
/// liabilities. The proof says nothing else about any account. In the transaction that opens it, the contract compares:
/// for each asset, liabilities plus deposits that wait in the queue must not exceed what the Exchange has on its books
/// (the rest are withdrawals that wait for their owners), and the books must not exceed what it really has.
/// A proof that fits one transaction is taken by `open` alone; otherwise `checkQueries` follows as often as needed, and
/// `conclude`.
/// @dev All amounts are units of the venue, not base units of the token. Nobody can make the contract say that a
/// venue is solvent with a false proof; anybody can make it say that a venue is not, with a true one.
interface ISolvency {
    /// @notice An asset at one moment. Sound if liabilities + pending <= custody <= held.
    /// @param liabilities sum of all balances under the state root, proven
    /// @param pending deposits in the queue that no settled batch has applied
    /// @param custody credited minus claimed, by the Exchange's books
    /// @param held what the Exchange has of the token, in whole units, without uncollected registration fees
    struct Position {
        uint64 liabilities;
        uint64 pending;
        uint64 custody;
        uint256 held;
    }

    /// @notice What was shown, about the block in which the proof was opened.
    /// @param epoch number of epochs that were settled then
    /// @param solvent whether every position was sound
    struct Statement {
        uint64[4] root;
        uint32 epoch;
        uint64 blockNumber;
        uint64 time;
        uint8 tier;
        bool solvent;
        Position[] positions;
    }

    /// @notice A proof in progress.
    struct Ticket {
        bytes32 stateHash;
        bytes32 statementHash;
        uint256 bitmap;
        uint16 queryCount;
    }

    /// @notice A proof was opened: what `checkQueries` and `conclude` need. `state` is the verifier's.
    event Opened(bytes32 indexed id, address indexed by, Statement statement, bytes state);
    /// @notice Query records `first .. first + count - 1` hold.
    event QueriesChecked(bytes32 indexed id, uint256 first, uint256 count);
    /// @notice The statement is proven. `number` counts from 0.
    event Concluded(uint256 indexed number, bytes32 indexed id, bool indexed solvent, Statement statement);

    /// The tier has no verification key here.
    error UnknownTier(uint8 tier);
    /// The root is not the Exchange's current state root: prove the current one.
    error StaleRoot(uint64[4] given, uint64[4] current);
    /// There must be one liability for each asset of the Exchange.
    error WrongAssets(uint256 given, uint256 wanted);
    /// A sum of balances is below 2^62.
    error LiabilityTooLarge(uint8 asset, uint64 liability);
    /// The entries are not those that wait in the Exchange's queue; others may have come since.
    error WrongQueueEntries(uint256 given, uint256 waiting);
    error TicketExists(bytes32 id);
    error UnknownTicket(bytes32 id);
    /// The state is not the one that `open` noted.
    error WrongState(bytes32 id);
    /// Not every query record was checked; the bitmap has those that were.
    error QueriesPending(bytes32 id, uint256 bitmap);
    /// The statement is not the one that was opened.
    error WrongStatement(bytes32 id);
    /// Nothing was proven yet.
    error NothingProven();

    /// @notice States the liabilities, checks the head of the proof, takes stock of what is held.
    /// @param tier which of `tierList`
    /// @param root the Exchange's current state root
    /// @param liabilities units owed per asset
    /// @param queueEntries the queue's entries that no settled batch has applied, 37 bytes each as in a settlement
    /// @param head first part of the wire proof
    /// @param queries the first query records, as many as fit; if all do, the statement is concluded at once
    function open(
        uint8 tier,
        uint64[4] calldata root,
        uint64[] calldata liabilities,
        bytes calldata queueEntries,
        bytes calldata head,
        bytes calldata queries
    ) external returns (bytes32 id);

    /// @notice Checks consecutive query records of an opened proof.
    /// @param state from the event `Opened`
    function checkQueries(bytes32 id, bytes calldata state, uint256 first, bytes calldata queries) external;

    /// @notice Last step: records the statement once every query record was checked.
    /// @param statement from the event `Opened`
    function conclude(bytes32 id, Statement calldata statement) external;

    function exchange() external view returns (IExchange);
    function verifier() external view returns (IStarkVerifier);
    /// @notice Hashes of the verification keys by tier.
    function tierList() external view returns (bytes32[] memory);
    function ticket(bytes32 id) external view returns (Ticket memory);
    /// @notice How many statements were concluded.
    function count() external view returns (uint256);
    /// @notice The statement that was concluded last.
    function latest() external view returns (Statement memory);
}
