// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IExchange} from "../interfaces/IExchange.sol";
import {Goldilocks} from "../libraries/Goldilocks.sol";
import {Tokens} from "../libraries/Tokens.sol";
import {WithdrawalTree} from "../libraries/WithdrawalTree.sol";
import {Record} from "./Record.sol";

/// @title Accounts, deposits and claims; the queue (docs/protocol.md section 8)
abstract contract Accounts is Record {
    uint8 private constant KIND_KEY = 1;
    uint8 private constant KIND_DEPOSIT = 2;

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
        registrationFees += msg.value;
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
        uint256 amount = registrationFees;
        registrationFees = 0;
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
}
