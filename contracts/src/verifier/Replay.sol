// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IStarkErrors} from "../interfaces/IStarkErrors.sol";
import {Layout} from "./Head.sol";
import {Transcript, Transcripts} from "./Transcript.sol";
import {Key} from "./VerificationKey.sol";

/// What the transcript yields.
struct Challenges {
    uint256 lookupAlpha;
    uint256 lookupBeta;
    uint256 alpha;
    uint256 zeta;
    uint256 lambda;
    /// one word per FRI round
    uint256[] betas;
    uint256[] indices;
}

/// @title The transcript of a head (docs/proof-format.md section 3)
library Replay {
    using Transcripts for Transcript;

    function run(Key memory k, Layout memory l, bytes32 context) internal pure returns (Challenges memory c) {
        unchecked {
            Transcript memory t = Transcripts.open(
                context,
                16 * l.openedCount + 4 * l.capLength + k.seedBatchLength + k.seedPcsLength + k.seedFriLength
                    + 16 * (k.tables.length + l.terminalCount) + (32 << k.finalLog) + 256
            );
            t.absorbMemory(k.seedBatchAt, k.seedBatchLength);
            for (uint256 i; i < k.tables.length; ++i) t.absorbSmall(k.tables[i].logHeight);
            t.absorbCalldata(l.mainCap, l.capLength);
            if (k.lookupPow != 0 && !t.grind(k.lookupPow, l.lookupWitness)) revert IStarkErrors.LookupPow();
            c.lookupAlpha = t.ext();
            c.lookupBeta = t.ext();
            t.absorbCalldata(l.permutationCap, l.quotientCap - l.permutationCap);
            c.alpha = t.ext();
            t.absorbCalldata(l.quotientCap, l.capLength);
            t.absorbZeros(32); // where the prover's library absorbs a commitment that this format does without
            if (k.oodPow != 0 && !t.grind(k.oodPow, l.oodWitness)) revert IStarkErrors.OodPow();
            c.zeta = t.ext();
            t.absorbMemory(k.seedPcsAt, k.seedPcsLength);
            t.absorbCalldata(l.opened, 16 * l.openedCount);
            if (k.batchPow != 0 && !t.grind(k.batchPow, l.batchWitness)) revert IStarkErrors.BatchPow();
            c.lambda = t.ext();
            t.absorbMemory(k.seedFriAt, k.seedFriLength);
            c.betas = new uint256[](k.rounds);
            for (uint256 r; r < k.rounds; ++r) {
                uint256 ptr = l.rounds + r * l.roundLength;
                t.absorbCalldata(ptr, l.capLength);
                if (k.commitPow != 0 && !t.grind(k.commitPow, ptr + l.capLength)) revert IStarkErrors.CommitPow();
                c.betas[r] = t.ext();
            }
            t.absorbCalldata(l.finalPoly, 16 * k.coefficients);
            t.absorbZeros(16 * ((2 << k.finalLog) - k.coefficients));
            if (k.queryPow != 0 && !t.grind(k.queryPow, l.queryWitness)) revert IStarkErrors.QueryPow();
            c.indices = new uint256[](k.queries);
            uint256 mask = (1 << k.height) - 1;
            for (uint256 i; i < k.queries; ++i) c.indices[i] = t.word() & mask;
        }
    }
}
