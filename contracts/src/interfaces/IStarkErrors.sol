// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Reasons for which a proof is rejected
/// @notice One error for each reason of docs/proof-format.md section 7, under the same name.
interface IStarkErrors {
    /// The head, or the queries, do not have exactly the length that the verification key implies.
    error Length();
    /// A public message names an unknown bus, is cut short, or has a field that is not canonical.
    error Message();
    /// A field element is not below p.
    error Element();
    /// The grinding witness before the lookup challenges misses its difficulty.
    error LookupPow();
    /// The grinding witness before the out-of-domain point misses its difficulty.
    error OodPow();
    /// The grinding witness before the batching challenge misses its difficulty.
    error BatchPow();
    /// A grinding witness before a folding challenge misses its difficulty.
    error CommitPow();
    /// The grinding witness before the query indices misses its difficulty.
    error QueryPow();
    /// Terminals and public messages do not sum to zero, or a message has a zero denominator.
    error Bus();
    /// The out-of-domain point lies in a trace or chunk domain.
    error OodPoint();
    /// The constraints of a table do not hold at the out-of-domain point.
    error Constraints();
    /// A row does not belong to the commitment of its input tree.
    error Merkle();
    /// A query point is an opening point.
    error QueryPoint();
    /// A row of a folding round does not belong to its commitment.
    error FriMerkle();
    /// A folding challenge is a point of the row to be folded.
    error FoldPoint();
    /// A folded value is not that of the final polynomial.
    error FinalPoly();

    /// The verification key was never registered.
    error UnknownKey(bytes32 vkHash);
    /// Not a verification key of this version, or one beyond the limits of this contract.
    error UnsupportedKey();
    /// A part of a key is not a data contract (code that starts with a STOP byte).
    error NotDataContract(address part);
    /// Not a state that `checkHead` returns.
    error InvalidState();
}
