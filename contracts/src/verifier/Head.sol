// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Decoding} from "./Decoding.sol";
import {Memory} from "./Memory.sol";
import {Shapes} from "./Shapes.sol";
import {Key} from "./VerificationKey.sol";

/// Calldata offsets of the parts of a head, in the order of the wire (docs/proof-format.md section 4).
struct Layout {
    uint256 capLength;
    uint256 mainCap;
    uint256 lookupWitness;
    uint256 permutationCap;
    uint256 terminals;
    uint256 terminalCount;
    uint256 quotientCap;
    uint256 oodWitness;
    uint256 opened;
    uint256 openedCount;
    uint256 batchWitness;
    uint256 rounds;
    uint256 roundLength;
    uint256 finalPoly;
    uint256 queryWitness;
    uint256 end;
}

/// @title The head of a proof: where its parts lie, and its field elements
library Head {
    function measure(Key memory k, uint256 head) internal pure returns (Layout memory l) {
        unchecked {
            uint256 cap = 32 << k.cap;
            uint256 p = head;
            for (uint256 i; i < k.shapes.length; ++i) {
                for (uint256 tree; tree < Shapes.TREES; ++tree) {
                    l.openedCount += Shapes.columns(k.shapes[i], tree) * Shapes.points(k.shapes[i], tree);
                }
                if (Shapes.columns(k.shapes[i], 2) != 0) l.terminalCount += 1;
            }
            l.capLength = cap;
            l.mainCap = p;
            p += cap;
            l.lookupWitness = p;
            if (k.lookupPow != 0) p += 8;
            l.permutationCap = p;
            p += cap;
            l.terminals = p;
            p += 16 * l.terminalCount;
            l.quotientCap = p;
            p += cap;
            l.oodWitness = p;
            if (k.oodPow != 0) p += 8;
            l.opened = p;
            p += 16 * l.openedCount;
            l.batchWitness = p;
            if (k.batchPow != 0) p += 8;
            l.rounds = p;
            l.roundLength = cap + (k.commitPow != 0 ? 8 : 0);
            p += k.rounds * l.roundLength;
            l.finalPoly = p;
            p += 16 * k.coefficients;
            l.queryWitness = p;
            if (k.queryPow != 0) p += 8;
            l.end = p;
        }
    }

    /// Decodes all elements of a head, in the order of the wire, to packed words.
    function decode(Key memory k, Layout memory l)
        internal
        pure
        returns (uint256 terminals, uint256 opened, uint256 finalPoly)
    {
        unchecked {
            terminals = Memory.allocate(l.terminalCount + 1);
            opened = Memory.allocate(l.openedCount + 1);
            finalPoly = Memory.allocate(k.coefficients + 1);
            uint256 masks = Decoding.masks();
            if (k.lookupPow != 0) Decoding.requireCanonical(l.lookupWitness);
            Decoding.extensions(l.terminals, l.terminalCount, terminals, masks);
            if (k.oodPow != 0) Decoding.requireCanonical(l.oodWitness);
            Decoding.extensions(l.opened, l.openedCount, opened, masks);
            if (k.batchPow != 0) Decoding.requireCanonical(l.batchWitness);
            if (k.commitPow != 0) {
                for (uint256 r; r < k.rounds; ++r) {
                    Decoding.requireCanonical(l.rounds + r * l.roundLength + l.capLength);
                }
            }
            Decoding.extensions(l.finalPoly, k.coefficients, finalPoly, masks);
            if (k.queryPow != 0) Decoding.requireCanonical(l.queryWitness);
        }
    }
}
