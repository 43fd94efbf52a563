// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Exchange} from "../src/Exchange.sol";
import {IExchange} from "../src/interfaces/IExchange.sol";
import {IStarkVerifier} from "../src/interfaces/IStarkVerifier.sol";
import {WithdrawalTree} from "../src/libraries/WithdrawalTree.sol";
import {TestOnlyVerifier} from "../src/test/TestMaterial.sol";
import {DevelopmentToken} from "../src/tokens/DevelopmentToken.sol";
import {Cheats, FuzzTest} from "./Cheats.sol";

/// @notice Drives an Exchange whose verifier accepts everything, in any order, and keeps its own books. What a proof
/// would guarantee (nobody withdraws more than is there) the driver keeps to itself.
/// Asset 0 is a token of 1000 base units a unit, asset 1 the native coin with a unit of 5 wei.
contract Driver is FuzzTest {
    struct Withdrawal {
        uint32 epoch;
        uint32 account;
        uint8 asset;
        uint64 amount;
        bytes32[] path;
        bool claimed;
    }

    uint256 public constant REGISTRATION_FEE = 3;
    address private constant OPERATOR = address(0x09e7a704);
    uint256 private constant EMPTY = 0x9ede67256ee369395070044386de8bb8a881951436772ce2df99f91913736241;

    DevelopmentToken public immutable TOKEN = new DevelopmentToken("T", "T", 18);
    Exchange public immutable EXCHANGE;
    uint256[2] public UNIT = [uint256(1000), 5];

    address[] private _owners;
    bytes[] private _queue;
    bytes32[] private _hashes = [bytes32(0)];
    uint64[] private _cuts;
    Withdrawal[] private _withdrawals;
    uint256[2] public deposited;
    uint256[2] public withdrawn;
    uint256[2] public paid;
    uint256 public fees;
    uint256 private _height = 1000;
    uint64 public settledBatches;
    uint64 public settledQueue;
    uint32 public epochs;

    constructor() {
        IExchange.Config memory config;
        config.verifier = IStarkVerifier(address(new TestOnlyVerifier()));
        config.operator = OPERATOR;
        config.feeAddress = address(0xfee);
        config.missFee = 50;
        config.registrationFee = REGISTRATION_FEE;
        config.revealWindow = 2;
        config.beaconDelay = 2;
        config.minSealInterval = 1;
        config.maxCount = 256;
        config.publicBus = 3;
        config.assets = new IExchange.AssetConfig[](2);
        config.assets[0] = IExchange.AssetConfig(address(TOKEN), UNIT[0]);
        config.assets[1] = IExchange.AssetConfig(address(0), UNIT[1]);
        config.markets = new IExchange.MarketConfig[](1);
        config.markets[0] = IExchange.MarketConfig(1, 0, 90, 110, 1000, 100);
        config.tiers = new bytes32[](1);
        config.tiers[0] = keccak256("tier");
        EXCHANGE = new Exchange(config);
        _advance(1);
    }

    function _advance(uint256 blocks) private {
        _height += blocks;
        CHEATS.roll(_height);
    }

    function _record(uint8 kind, uint256 account, uint8 asset, uint256 value) private {
        bytes memory entry = abi.encodePacked(kind, uint24(account), asset, value);
        uint256 position = _queue.length;
        _hashes.push(keccak256(abi.encodePacked(_hashes[position], uint64(position), entry)));
        _queue.push(entry);
    }

    function _root(uint256 seed) private pure returns (uint64[4] memory root, uint256 packed) {
        for (uint256 i = 0; i < 4; ++i) {
            root[i] = uint64(uint256(keccak256(abi.encode(seed, i))) % 0xffffffff00000000) + 1;
            packed = (packed << 64) | root[i];
        }
    }

    // ------------------------------------------------------------------------------------------------------- actions

    function register(uint256 seed) external {
        address owner = address(uint160(uint256(keccak256(abi.encode(seed)))));
        if (EXCHANGE.accountOf(owner) != 0) return;
        (uint64[4] memory root, uint256 packed) = _root(seed);
        CHEATS.deal(owner, REGISTRATION_FEE);
        CHEATS.prank(owner);
        uint32 account = EXCHANGE.register{value: REGISTRATION_FEE}(root, owner);
        equal(account, 2 + _owners.length);
        _owners.push(owner);
        fees += REGISTRATION_FEE;
        _record(1, account, 0, packed);
    }

    function rekey(uint256 who, uint256 seed) external {
        if (_owners.length == 0) return;
        uint256 index = who % _owners.length;
        (uint64[4] memory root, uint256 packed) = _root(seed);
        bool pending = false;
        bytes4 head = bytes4(abi.encodePacked(uint8(1), uint24(2 + index)));
        for (uint256 i = settledQueue; i < _queue.length && !pending; ++i) {
            pending = bytes4(_queue[i]) == head;
        }
        CHEATS.prank(_owners[index]);
        try EXCHANGE.rekey(root) {
            require(!pending, "two keys pending");
            _record(1, 2 + index, 0, packed);
        } catch (bytes memory reason) {
            require(pending && bytes4(reason) == IExchange.RekeyPending.selector, "rekey");
        }
    }

    function deposit(uint256 who, bool native, uint64 units, uint8 crumbs) external {
        if (_owners.length == 0) return;
        uint256 index = who % _owners.length;
        uint8 asset = native ? 1 : 0;
        uint256 rest = uint256(crumbs) % UNIT[asset];
        if (crumbs % 4 != 0) rest = 0;
        uint256 value = uint256(units >> 8) * UNIT[asset] + rest;
        address owner = _owners[index];
        if (native) {
            CHEATS.deal(owner, value);
        } else {
            TOKEN.mint(owner, value);
            CHEATS.prank(owner);
            TOKEN.approve(address(EXCHANGE), value);
        }
        CHEATS.prank(owner);
        try EXCHANGE.deposit{value: native ? value : 0}(asset, value) {
            require(value > 0 && rest == 0, "crumbs or nothing accepted");
            deposited[asset] += units >> 8;
            _record(2, 2 + index, asset, uint256(units >> 8) << 192);
        } catch (bytes memory reason) {
            bytes4 selector = bytes4(reason);
            bool whole = value > 0 && rest == 0;
            require(
                selector == (value == 0 ? IExchange.ZeroAmount.selector : IExchange.NotWholeUnits.selector) && !whole,
                "deposit"
            );
        }
    }

    function seal(uint256 seed, uint8 count) external {
        _advance(1 + seed % 3);
        uint16 leaves = seed % 3 == 0 ? 0 : 1 + uint16(count);
        (uint64[4] memory root,) = _root(seed);
        if (leaves == 0) root = _unpack(EMPTY);
        CHEATS.prank(OPERATOR);
        EXCHANGE.seal(uint64(_cuts.length), root, leaves);
        uint64 before = _cuts.length == 0 ? 0 : _cuts[_cuts.length - 1];
        uint64 pending = uint64(_queue.length) - before;
        _cuts.push(before + (pending > 64 ? 64 : pending));
    }

    function _unpack(uint256 packed) private pure returns (uint64[4] memory digest) {
        for (uint256 i = 0; i < 4; ++i) {
            digest[i] = uint64(packed >> (192 - 64 * i));
        }
    }

    /// Settles some of the sealed batches, with up to eight withdrawals.
    function settle(uint256 seed) external {
        uint256 open = _cuts.length - settledBatches;
        if (open == 0) return;
        uint8 length = uint8(1 + seed % (open > 16 ? 16 : open));
        _advance(3);
        bytes memory data = _settlementHead(seed, length);
        Withdrawal[] memory list = _choose(seed);
        data = abi.encodePacked(data, uint16(0), uint16(0), uint16(list.length));
        for (uint256 i = 0; i < list.length; ++i) {
            data = abi.encodePacked(data, uint24(list[i].account), list[i].asset, list[i].amount);
        }
        _settle(data, length, list);
    }

    function _settlementHead(uint256 seed, uint8 length) private returns (bytes memory data) {
        (, uint256 root) = _root(seed);
        data = abi.encodePacked(settledBatches, length, uint8(0), root);
        for (uint64 b = settledBatches; b < settledBatches + length; ++b) {
            IExchange.Batch memory batch = EXCHANGE.batch(b);
            if (batch.count == 0) continue;
            if (batch.beacon == 0) EXCHANGE.recordBeacon(b);
            data = abi.encodePacked(data, uint32(90 + seed % 21), uint32(seed % 7));
        }
    }

    function _choose(uint256 seed) private returns (Withdrawal[] memory list) {
        list = new Withdrawal[](_owners.length == 0 ? 0 : seed % 9);
        uint256 used = 0;
        uint256 account = 1;
        for (uint256 i = 0; i < list.length; ++i) {
            account += 1 + uint256(keccak256(abi.encode(seed, i))) % 3;
            uint8 asset = uint8(uint256(keccak256(abi.encode(i, seed))) % 2);
            uint256 left = deposited[asset] - withdrawn[asset];
            if (left == 0 || account >= 2 + _owners.length) continue;
            uint64 amount = uint64(1 + uint256(keccak256(abi.encode(seed, i, left))) % left);
            withdrawn[asset] += amount;
            list[used].account = uint32(account);
            list[used].asset = asset;
            list[used++].amount = amount;
        }
        assembly ("memory-safe") {
            mstore(list, used)
        }
    }

    function _settle(bytes memory data, uint8 length, Withdrawal[] memory list) private {
        uint64 queueEnd = _cuts[settledBatches + length - 1];
        bytes memory entries;
        for (uint256 i = settledQueue; i < queueEnd; ++i) {
            entries = abi.encodePacked(entries, _queue[i]);
        }
        _refuseWhatIsNotDirect(data, entries);
        CHEATS.recordLogs();
        CHEATS.prank(OPERATOR, OPERATOR);
        bytes32 id = EXCHANGE.openSettlement(data, entries, "", "", "");
        Cheats.Log[] memory logs = CHEATS.getRecordedLogs();
        (IExchange.Effects memory effects, bytes memory state) =
            abi.decode(logs[logs.length - 1].data, (IExchange.Effects, bytes));
        _tryToSettle(id, effects, IExchange.QueriesPending.selector);
        EXCHANGE.checkQueries(id, state, 0, "12");
        _tryToSettle(id, effects, IExchange.QueriesPending.selector);
        EXCHANGE.checkQueries(id, state, 1, "12");
        effects.newRoot ^= 1;
        _tryToSettle(id, effects, IExchange.WrongEffects.selector);
        effects.newRoot ^= 1;
        equal(effects.queueEnd, queueEnd);
        EXCHANGE.settle(id, effects);
        _tryToSettle(id, effects, IExchange.UnknownTicket.selector);
        settledBatches += length;
        settledQueue = queueEnd;
        _keep(list, effects.withdrawalsRoot);
        ++epochs;
    }

    /// From the operator, but called by another; from an operator with code.
    function _refuseWhatIsNotDirect(bytes memory data, bytes memory entries) private {
        CHEATS.prank(OPERATOR);
        _tryToOpen(data, entries);
        CHEATS.etch(OPERATOR, hex"00");
        CHEATS.prank(OPERATOR, OPERATOR);
        _tryToOpen(data, entries);
        CHEATS.etch(OPERATOR, "");
    }

    function _tryToOpen(bytes memory data, bytes memory entries) private {
        try EXCHANGE.openSettlement(data, entries, "", "", "") {
            revert("opened");
        } catch (bytes memory reason) {
            require(bytes4(reason) == IExchange.NotDirect.selector, "open");
        }
    }

    function _tryToSettle(bytes32 id, IExchange.Effects memory effects, bytes4 expected) private {
        try EXCHANGE.settle(id, effects) {
            revert("settled");
        } catch (bytes memory reason) {
            require(bytes4(reason) == expected, "settle");
        }
    }

    function _keep(Withdrawal[] memory list, bytes32 root) private {
        for (uint256 i = 0; i < list.length; ++i) {
            bytes32[] memory level = new bytes32[](list.length);
            for (uint256 j = 0; j < list.length; ++j) {
                level[j] = WithdrawalTree.leaf(list[j].account, list[j].asset, list[j].amount);
            }
            Withdrawal storage kept = _withdrawals.push();
            (kept.epoch, kept.account, kept.asset) = (epochs, list[i].account, list[i].asset);
            kept.amount = list[i].amount;
            uint256 index = i;
            uint256 length = list.length;
            while (length > 1) {
                if (index ^ 1 < length) kept.path.push(level[index ^ 1]);
                for (uint256 j = 0; 2 * j < length; ++j) {
                    bytes32 a = level[2 * j];
                    bytes32 b = 2 * j + 1 < length ? level[2 * j + 1] : bytes32(0);
                    level[j] = b == 0 ? a : keccak256(a < b ? abi.encodePacked(a, b) : abi.encodePacked(b, a));
                }
                index >>= 1;
                length = (length + 1) / 2;
            }
            equal(level[0], root);
        }
    }

    function claim(uint256 which, uint64 more) external {
        if (_withdrawals.length == 0) return;
        Withdrawal storage w = _withdrawals[which % _withdrawals.length];
        if (more % 4 != 0) {
            unchecked {
                _tryToClaim(w, w.amount + more, IExchange.NotInEpoch.selector);
            }
            return;
        }
        if (w.claimed) {
            _tryToClaim(w, w.amount, IExchange.AlreadyClaimed.selector);
            return;
        }
        address owner = _owners[w.account - 2];
        uint256 before = w.asset == 0 ? TOKEN.balanceOf(owner) : owner.balance;
        EXCHANGE.claim(w.epoch, w.account, w.asset, w.amount, w.path);
        w.claimed = true;
        paid[w.asset] += w.amount;
        uint256 received = (w.asset == 0 ? TOKEN.balanceOf(owner) : owner.balance) - before;
        equal(received, w.amount * UNIT[w.asset]);
    }

    function _tryToClaim(Withdrawal storage w, uint64 amount, bytes4 expected) private {
        try EXCHANGE.claim(w.epoch, w.account, w.asset, amount, w.path) {
            revert("claimed");
        } catch (bytes memory reason) {
            require(bytes4(reason) == expected, "claim");
        }
    }

    function collectFees() external {
        uint256 before = address(0xfee).balance;
        EXCHANGE.collectRegistrationFees();
        equal(address(0xfee).balance - before, fees);
        fees = 0;
    }

    // --------------------------------------------------------------------------------------------------------- books

    function queueLength() external view returns (uint256) {
        return _queue.length;
    }

    function queueHash(uint256 length) external view returns (bytes32) {
        return _hashes[length];
    }

    function withdrawals() external view returns (uint256) {
        return _withdrawals.length;
    }

    function sealedBatches() external view returns (uint256) {
        return _cuts.length;
    }

    function lastCut() external view returns (uint256) {
        return _cuts.length == 0 ? 0 : _cuts[_cuts.length - 1];
    }
}

/// @notice What must hold after any sequence of the driver's actions.
contract ExchangeInvariants is FuzzTest {
    Driver private _driver;
    Exchange private _exchange;

    function setUp() external {
        _driver = new Driver();
        _exchange = _driver.EXCHANGE();
    }

    /// @notice Tells the runner whom to call.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_driver);
    }

    /// @notice The driver reaches every step: otherwise the invariants would hold of an Exchange that does nothing.
    function testFuzz_theDriverSettlesAndClaims(uint256 seed) external {
        for (uint256 i = 0; i < 5; ++i) {
            _driver.register(i);
            _driver.deposit(i, false, type(uint64).max, 0);
            _driver.deposit(i, true, type(uint64).max, 0);
        }
        for (uint256 epoch = 0; epoch < 4; ++epoch) {
            for (uint256 b = 0; b < 3; ++b) {
                _driver.rekey(uint256(keccak256(abi.encode(seed, epoch, b))), seed);
                _driver.seal(uint256(keccak256(abi.encode(epoch, seed, b))), uint8(seed >> (8 * b)));
            }
            // 2 modulo 3 and modulo 9: all three batches, two withdrawals or fewer
            _driver.settle(9 * (uint256(keccak256(abi.encode(seed, epoch))) >> 8) + 2);
        }
        equal(_driver.epochs(), 4);
        equal(_driver.settledBatches(), 12);
        equal(_driver.settledQueue(), _driver.queueLength());
        require(_driver.settledQueue() > 15, "no rekey");
        require(_driver.withdrawals() > 0, "no withdrawals");
        for (uint256 i = 0; i < _driver.withdrawals(); ++i) {
            _driver.claim(i, 1);
            _driver.claim(i, 0);
            _driver.claim(i, 0);
        }
        for (uint256 asset = 0; asset < 2; ++asset) {
            equal(_driver.paid(asset), _driver.withdrawn(asset));
        }
        _driver.collectFees();
        this.invariant_custodyIsDepositsLessClaims();
        this.invariant_theContractHoldsWhatItOwes();
        this.invariant_theQueueIsWhatWasQueued();
    }

    function invariant_custodyIsDepositsLessClaims() external view {
        for (uint8 asset = 0; asset < 2; ++asset) {
            equal(_exchange.custody(asset), _driver.deposited(asset) - _driver.paid(asset));
        }
    }

    function invariant_theContractHoldsWhatItOwes() external view {
        equal(_driver.TOKEN().balanceOf(address(_exchange)), _exchange.custody(0) * _driver.UNIT(0));
        equal(address(_exchange).balance, _exchange.custody(1) * _driver.UNIT(1) + _driver.fees());
    }

    function invariant_theQueueIsWhatWasQueued() external view {
        (uint64 sealedBatches, uint64 settled, uint32 epochs, uint64 length, uint64 cut, uint64 done) =
            _exchange.progress();
        equal(length, _driver.queueLength());
        equal(_exchange.queueHash(length), _driver.queueHash(length));
        equal(cut, _driver.lastCut());
        equal(done, _driver.settledQueue());
        equal(sealedBatches, _driver.sealedBatches());
        equal(settled, _driver.settledBatches());
        equal(epochs, _driver.epochs());
        require(done <= cut && cut <= length && settled <= sealedBatches, "pointers");
    }
}
