// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IExchange} from "./interfaces/IExchange.sol";
import {ISolvency} from "./interfaces/ISolvency.sol";
import {IStarkVerifier} from "./interfaces/IStarkVerifier.sol";
import {EpochStatement} from "./libraries/EpochStatement.sol";
import {Goldilocks} from "./libraries/Goldilocks.sol";
import {Tokens} from "./libraries/Tokens.sol";

/// @title Proofs of solvency of one Exchange; see ISolvency
/// @dev Holds nothing and owns nothing: it only reads the Exchange, the tokens and the verifier.
contract Solvency is ISolvency {
    /// @dev Tags of the public messages; `proofs/solvency/public.py` is the twin.
    uint64 private constant TAG_SUBTREE = 1;
    uint64 private constant TAG_LIABILITY = 3;
    uint256 private constant AMOUNTS = 1 << 62;
    uint256 private constant QUEUE_ENTRY = 37;
    uint8 private constant KIND_DEPOSIT = 2;

    IExchange public immutable exchange;
    IStarkVerifier public immutable verifier;
    uint8 private immutable PUBLIC_BUS;

    bytes32[] private _tiers;
    mapping(bytes32 id => Ticket) private _tickets;
    Statement private _latest;
    uint256 public count;

    /// @param tiers hashes of the verification keys, registered with the Exchange's verifier, smallest first
    constructor(IExchange exchange_, uint8 publicBus, bytes32[] memory tiers) {
        exchange = exchange_;
        verifier = exchange_.verifier();
        PUBLIC_BUS = publicBus;
        _tiers = tiers;
    }

    /// @inheritdoc ISolvency
    function open(
        uint8 tier,
        uint64[4] calldata root,
        uint64[] calldata liabilities,
        bytes calldata queueEntries,
        bytes calldata head,
        bytes calldata queries
    ) external returns (bytes32 id) {
        require(tier < _tiers.length, UnknownTier(tier));
        uint64[4] memory current = exchange.stateRoot();
        require(keccak256(abi.encode(root)) == keccak256(abi.encode(current)), StaleRoot(root, current));
        Statement memory statement;
        statement.root = root;
        statement.tier = tier;
        statement.blockNumber = uint64(block.number);
        statement.time = uint64(block.timestamp);
        statement.positions = _positions(liabilities);
        statement.epoch = _countPending(statement.positions, queueEntries);
        statement.solvent = _sound(statement.positions);

        bytes memory state = _checkHead(_tiers[tier], _messages(root, liabilities), head);
        Ticket memory opened;
        opened.stateHash = keccak256(state);
        opened.statementHash = keccak256(abi.encode(statement));
        opened.queryCount = uint16(verifier.queryCount(state));
        if (queries.length > 0) opened.bitmap = _ones(verifier.checkQueries(state, 0, queries));
        id = keccak256(abi.encode(opened.stateHash, opened.statementHash));
        if (opened.bitmap == _ones(opened.queryCount)) {
            _record(id, statement);
            return id;
        }
        require(_tickets[id].stateHash == 0, TicketExists(id));
        _tickets[id] = opened;
        emit Opened(id, msg.sender, statement, state);
    }

    /// @inheritdoc ISolvency
    function checkQueries(bytes32 id, bytes calldata state, uint256 first, bytes calldata queries) external {
        Ticket storage opened = _ticket(id);
        require(keccak256(state) == opened.stateHash, WrongState(id));
        uint256 checked = verifier.checkQueries(state, first, queries);
        opened.bitmap |= (_ones(checked) << first);
        emit QueriesChecked(id, first, checked);
    }

    /// @inheritdoc ISolvency
    function conclude(bytes32 id, Statement calldata statement) external {
        Ticket storage opened = _ticket(id);
        require(keccak256(abi.encode(statement)) == opened.statementHash, WrongStatement(id));
        uint256 bitmap = opened.bitmap;
        require(bitmap == _ones(opened.queryCount), QueriesPending(id, bitmap));
        delete _tickets[id];
        _record(id, statement);
    }

    function _record(bytes32 id, Statement memory statement) private {
        uint256 number = count;
        count = number + 1;
        // A proof that was opened earlier and concluded later is no news.
        if (number == 0 || statement.blockNumber >= _latest.blockNumber) _latest = statement;
        emit Concluded(number, id, statement.solvent, statement);
    }

    // ---------------------------------------------------------------------------------------------------- what is held

    function _positions(uint64[] calldata liabilities) private view returns (Position[] memory positions) {
        IExchange.AssetConfig[] memory assets = exchange.assetList();
        require(liabilities.length == assets.length, WrongAssets(liabilities.length, assets.length));
        positions = new Position[](assets.length);
        for (uint256 a = 0; a < assets.length; ++a) {
            require(liabilities[a] < AMOUNTS, LiabilityTooLarge(uint8(a), liabilities[a]));
            Position memory position = positions[a];
            position.liabilities = liabilities[a];
            position.custody = uint64(exchange.custody(uint8(a)));
            position.held = _held(assets[a].token) / assets[a].unit;
        }
    }

    /// @dev Base units of the Exchange. Registration fees lie in the same native balance and belong to the venue.
    function _held(address token) private view returns (uint256) {
        if (token == address(0)) return address(exchange).balance - exchange.registrationFees();
        return Tokens.balanceOf(token, address(exchange));
    }

    /// @dev Adds what waits in the queue to the positions; gives the number of settled epochs.
    function _countPending(Position[] memory positions, bytes calldata entries) private view returns (uint32) {
        (,, uint32 epochs, uint64 length,, uint64 settled) = exchange.progress();
        uint256 waiting = length - settled;
        require(entries.length == waiting * QUEUE_ENTRY, WrongQueueEntries(entries.length / QUEUE_ENTRY, waiting));
        bytes32 hash = exchange.queueHash(settled);
        for (uint256 i = 0; i < waiting; ++i) {
            bytes calldata entry = entries[i * QUEUE_ENTRY:(i + 1) * QUEUE_ENTRY];
            hash = EpochStatement.chain(hash, settled + i, entry);
            if (uint8(entry[0]) != KIND_DEPOSIT) continue;
            uint256 asset = uint8(entry[4]);
            // The hash is checked below; until then an entry may name any asset and any amount.
            require(asset < positions.length, WrongQueueEntries(waiting, waiting));
            unchecked {
                positions[asset].pending += uint64(bytes8(entry[5:13]));
            }
        }
        require(hash == exchange.queueHash(length), WrongQueueEntries(waiting, waiting));
        return epochs;
    }

    function _sound(Position[] memory positions) private pure returns (bool sound) {
        sound = true;
        for (uint256 a = 0; a < positions.length; ++a) {
            Position memory p = positions[a];
            if (uint256(p.liabilities) + p.pending > p.custody || p.custody > p.held) sound = false;
        }
    }

    // ------------------------------------------------------------------------------------------------- what is proven

    /// @dev The request to count every leaf below the root, and the claim for each asset that anybody holds.
    function _messages(uint64[4] calldata root, uint64[] calldata liabilities)
        private
        view
        returns (bytes memory messages)
    {
        messages = abi.encodePacked(PUBLIC_BUS, TAG_SUBTREE, uint128(0), bytes32(Goldilocks.pack(root)));
        for (uint256 a = 0; a < liabilities.length; ++a) {
            if (liabilities[a] == 0) continue;
            messages = abi.encodePacked(messages, PUBLIC_BUS, TAG_LIABILITY, uint64(a), liabilities[a], bytes32(0));
        }
    }

    /// @dev The messages are not absorbed by the proof's transcript, so the context binds them.
    function _checkHead(bytes32 vkHash, bytes memory messages, bytes calldata head)
        private
        view
        returns (bytes memory)
    {
        bytes32 context = keccak256(abi.encode(block.chainid, address(this), vkHash, keccak256(messages)));
        return verifier.checkHead(vkHash, context, messages, head);
    }

    function _ticket(bytes32 id) private view returns (Ticket storage opened) {
        opened = _tickets[id];
        require(opened.stateHash != 0, UnknownTicket(id));
    }

    /// @dev The lowest `n` bits set.
    function _ones(uint256 n) private pure returns (uint256) {
        return n > 255 ? type(uint256).max : (1 << n) - 1;
    }

    // --------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc ISolvency
    function tierList() external view returns (bytes32[] memory) {
        return _tiers;
    }

    /// @inheritdoc ISolvency
    function ticket(bytes32 id) external view returns (Ticket memory) {
        return _ticket(id);
    }

    /// @inheritdoc ISolvency
    function latest() external view returns (Statement memory) {
        require(count > 0, NothingProven());
        return _latest;
    }
}
