// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Head, Layout} from "./Head.sol";
import {GoldilocksExtension} from "./GoldilocksExtension.sol";
import {IStarkVerifier} from "../interfaces/IStarkVerifier.sol";
import {OpenedValues} from "./OpenedValues.sol";
import {PublicBus} from "./PublicBus.sol";
import {Challenges, Replay} from "./Replay.sol";
import {StarkQueries} from "./StarkQueries.sol";
import {State} from "./State.sol";
import {Key, VerificationKeys} from "./VerificationKey.sol";

/// @title Generic verifier of hiding batch STARKs; see IStarkVerifier and docs/proof-format.md
contract StarkVerifier is IStarkVerifier {
    /// @inheritdoc IStarkVerifier
    address public immutable recordChecker;

    mapping(bytes32 vkHash => address[]) private _parts;

    constructor(StarkQueries queries_) {
        recordChecker = address(queries_);
    }

    /// @inheritdoc IStarkVerifier
    function registerKey(address[] calldata parts) external returns (bytes32 vkHash) {
        for (uint256 i; i < parts.length; ++i) {
            address part = parts[i];
            uint256 first;
            assembly ("memory-safe") {
                extcodecopy(part, 0, 0, 1)
                first := or(iszero(extcodesize(part)), byte(0, mload(0)))
            }
            if (first != 0) revert NotDataContract(part);
        }
        (uint256 ptr, uint256 length) = VerificationKeys.load(parts);
        assembly ("memory-safe") {
            vkHash := keccak256(ptr, length)
        }
        if (_parts[vkHash].length != 0) return vkHash;
        State.recordLength(VerificationKeys.parse(ptr, length)); // both reject what is no key
        _parts[vkHash] = parts;
        emit KeyRegistered(vkHash, length);
    }

    /// @inheritdoc IStarkVerifier
    function keyParts(bytes32 vkHash) external view returns (address[] memory) {
        return _parts[vkHash];
    }

    /// @inheritdoc IStarkVerifier
    function checkHead(bytes32 vkHash, bytes32 context, bytes calldata messages, bytes calldata head)
        external
        view
        returns (bytes memory state)
    {
        Key memory k = loadKey(vkHash);
        uint256 start;
        assembly ("memory-safe") {
            start := head.offset
        }
        Layout memory l = Head.measure(k, start);
        if (head.length != l.end - start) revert Length();
        (uint256 terminals, uint256 opened, uint256 finalPoly) = Head.decode(k, l);
        Challenges memory c = Replay.run(k, l, context);
        uint256 prefixes = PublicBus.check(k, c, messages, terminals, l.terminalCount);
        OpenedValues.checkConstraints(
            k, c, prefixes, terminals, opened, GoldilocksExtension.chain(GoldilocksExtension.ROOT_32_INVERSE)
        );
        uint256 sums = OpenedValues.batch(k, c.lambda, opened);
        return State.encode(k, l, c, vkHash, context, sums, finalPoly);
    }

    /// @inheritdoc IStarkVerifier
    function checkQueries(bytes calldata, uint256, bytes calldata) external view returns (uint256) {
        address target = recordChecker;
        assembly ("memory-safe") {
            // the same selector and arguments: the call is passed on as it is, and so is what comes back
            let data := mload(0x40)
            calldatacopy(data, 0, calldatasize())
            let success := staticcall(gas(), target, data, calldatasize(), 0, 0)
            returndatacopy(data, 0, returndatasize())
            if iszero(success) { revert(data, returndatasize()) }
            return(data, returndatasize())
        }
    }

    /// @inheritdoc IStarkVerifier
    function queryCount(bytes calldata state) external pure returns (uint256 count) {
        (count,) = State.records(state);
    }

    /// @inheritdoc IStarkVerifier
    function queryLength(bytes calldata state) external pure returns (uint256 length) {
        (, length) = State.records(state);
    }

    function loadKey(bytes32 vkHash) private view returns (Key memory) {
        address[] memory parts = _parts[vkHash];
        if (parts.length == 0) revert UnknownKey(vkHash);
        (uint256 ptr, uint256 length) = VerificationKeys.load(parts);
        return VerificationKeys.parse(ptr, length);
    }
}
