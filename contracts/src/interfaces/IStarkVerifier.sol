// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IStarkErrors} from "./IStarkErrors.sol";

/// @title Generic verifier of hiding batch STARKs
/// @notice Checks proofs of any program whose verification key is registered. A verification key (tape, table
/// heights, proof parameters) is content-addressed by its keccak256: whoever registers it cannot change it.
/// A proof is checked in one call of `checkHead` and one or more calls of `checkQueries`; the contract keeps nothing
/// about proofs. The caller must store `keccak256(state)` after `checkHead`, demand it before every `checkQueries`,
/// remember which query records were checked, and accept the statement only when all `queryCount(state)` records were.
/// @dev Every rejection is a custom error of `IStarkErrors`. The byte formats are those of docs/proof-format.md.
interface IStarkVerifier is IStarkErrors {
    /// @notice A verification key became known.
    event KeyRegistered(bytes32 indexed vkHash, uint256 length);

    /// @notice Registers a verification key that lies in the code of data contracts.
    /// @param parts data contracts in order; each one's code is a STOP byte (0x00) followed by key bytes
    /// @return vkHash keccak256 of the concatenated key bytes
    function registerKey(address[] calldata parts) external returns (bytes32 vkHash);

    /// @notice The data contracts of a key; empty if it is not registered.
    function keyParts(bytes32 vkHash) external view returns (address[] memory parts);

    /// @notice Checks everything of a proof but its queries: transcript, grinding, the sum over the public messages,
    /// and the constraints at the out-of-domain point.
    /// @param vkHash registered verification key
    /// @param context hash of everything that the proof must be bound to; absorbed first by the transcript
    /// @param messages public messages, packed: 1 byte bus, then the bus's number of fields of 8 bytes big-endian
    /// @param head first part of the wire proof
    /// @return state all that `checkQueries` needs; it contains `vkHash` and `context`
    function checkHead(bytes32 vkHash, bytes32 context, bytes calldata messages, bytes calldata head)
        external
        view
        returns (bytes memory state);

    /// @notice Checks the consecutive query records `first`, `first + 1`, ... of the proof that `state` stands for.
    /// @param state exactly the bytes that `checkHead` returned (the caller checks their hash)
    /// @param first index of the first record
    /// @param queries one or more whole records, as many as fit
    /// @return count number of records checked, at least 1
    function checkQueries(bytes calldata state, uint256 first, bytes calldata queries)
        external
        view
        returns (uint256 count);

    /// @notice The contract that checks query records: `checkQueries` passes calls on to its function of the same name. A
    /// caller who calls it directly saves a copy of the records.
    function recordChecker() external view returns (address);

    /// @notice Number of query records that the proof of `state` has: 1..256.
    function queryCount(bytes calldata state) external pure returns (uint256);

    /// @notice Bytes of one query record of the proof of `state`.
    function queryLength(bytes calldata state) external pure returns (uint256);
}
