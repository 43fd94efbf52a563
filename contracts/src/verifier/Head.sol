// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GoldilocksExtension as G} from "./GoldilocksExtension.sol";
import {IStarkErrors} from "../interfaces/IStarkErrors.sol";
import {Decoding} from "./Decoding.sol";
import {ConstraintsAtZeta, Evaluation, Opened} from "./Constraints.sol";
import {Transcript, Transcripts} from "./Transcript.sol";
import {Shapes} from "./Shapes.sol";
import {Key, Table, VerificationKeys} from "./VerificationKey.sol";

/// Calldata offsets of the parts of a head, in the order of the wire (docs/proof-format.md section 4).
struct Layout {
    uint256 capLength;
    uint256 mainCap;
    uint256 lookupWitness;
    uint256 permutationCap;
    uint256 terminals;
    uint256 terminalCount;
    uint256 quotientCap;
    uint256 randomCap;
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

/// @title Everything of a proof but its queries
library Head {
    using Transcripts for Transcript;

    uint256 private constant P = 0xFFFFFFFF00000001;
    /// p << 137: two lanes of a sum, reduced in the upper one only (see `addMessages`).
    /// Messages whose fingerprints are kept in memory at a time.
    uint256 private constant RUN = 64;
    uint256 private constant LOW_LANE = 0x1FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF;
    uint256 private constant TOP = 0x8000000000000000800000000000000080000000000000008000000000000000;
    uint256 private constant NOT_TOP = 0x7FFFFFFFFFFFFFFF7FFFFFFFFFFFFFFF7FFFFFFFFFFFFFFF7FFFFFFFFFFFFFFF;
    uint256 private constant CARRY = 0x00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF;
    uint256 private constant LANES = 0x1FFFFFFFE000000020000000000000000000000000000000000;

    function measure(Key memory k, uint256 head) internal pure returns (Layout memory l) {
        unchecked {
            uint256 cap = 32 << k.cap;
            uint256 p = head;
            for (uint256 i; i < k.tables.length; ++i) {
                Table memory t = k.tables[i];
                uint256 shape = VerificationKeys.shapeOf(k, t);
                for (uint256 tree; tree < 4; ++tree) {
                    l.openedCount += Shapes.columns(shape, tree) * Shapes.points(shape, tree);
                }
                if (t.columns != 0) l.terminalCount += 1;
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
            l.randomCap = p;
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
            p += 16 << k.finalLog;
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
            terminals = allocate(l.terminalCount);
            opened = allocate(l.openedCount + 1);
            finalPoly = allocate(1 << k.finalLog);
            if (k.lookupPow != 0) Decoding.requireCanonical(l.lookupWitness);
            Decoding.extensions(l.terminals, l.terminalCount, terminals);
            if (k.oodPow != 0) Decoding.requireCanonical(l.oodWitness);
            Decoding.extensions(l.opened, l.openedCount, opened);
            if (k.batchPow != 0) Decoding.requireCanonical(l.batchWitness);
            if (k.commitPow != 0) {
                for (uint256 r; r < k.rounds; ++r) {
                    Decoding.requireCanonical(l.rounds + r * l.roundLength + l.capLength);
                }
            }
            Decoding.extensions(l.finalPoly, 1 << k.finalLog, finalPoly);
            if (k.queryPow != 0) Decoding.requireCanonical(l.queryWitness);
        }
    }

    /// Replays the transcript (section 3).
    function replay(Key memory k, Layout memory l, bytes32 context) internal pure returns (Challenges memory c) {
        unchecked {
            Transcript memory t = Transcripts.open(
                context,
                16 * l.openedCount + 4 * l.capLength + k.seedBatchLength + k.seedPcsLength + k.seedFriLength
                    + 16 * (k.tables.length + l.terminalCount) + (16 << k.finalLog) + 256
            );
            t.absorbMemory(k.seedBatchAt, k.seedBatchLength);
            for (uint256 i; i < k.tables.length; ++i) t.absorbSmall(k.tables[i].logHeight + 1);
            t.absorbCalldata(l.mainCap, l.capLength);
            if (k.lookupPow != 0 && !t.grind(k.lookupPow, l.lookupWitness)) revert IStarkErrors.LookupPow();
            c.lookupAlpha = t.ext();
            c.lookupBeta = t.ext();
            t.absorbCalldata(l.permutationCap, l.quotientCap - l.permutationCap);
            c.alpha = t.ext();
            t.absorbCalldata(l.quotientCap, 2 * l.capLength);
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
            t.absorbCalldata(l.finalPoly, 16 << k.finalLog);
            if (k.queryPow != 0 && !t.grind(k.queryPow, l.queryWitness)) revert IStarkErrors.QueryPow();
            c.indices = new uint256[](k.queries);
            uint256 mask = (1 << k.height) - 1;
            for (uint256 i; i < k.queries; ++i) c.indices[i] = t.word() & mask;
        }
    }

    /// Terminals and public messages sum to zero (section 5.3, step 4). Returns prefix(bus), one word per bus.
    function checkBuses(Key memory k, Challenges memory c, bytes calldata messages, uint256 terminals, uint256 count)
        internal
        pure
        returns (uint256 prefixes)
    {
        unchecked {
            uint256 width = k.messageWidth;
            uint256 powers = allocate(width + 16);
            // entry j belongs to beta^(width - 1 - j), as two lanes: a1 << 137 | a0
            uint256 power = 1;
            for (uint256 j = width; j != 0; --j) {
                store(powers + 32 * (j - 1), (power & type(uint64).max) | ((power >> 128) << 137));
                power = G.mul(power, c.lookupBeta);
            }
            prefixes = allocate(k.buses);
            for (uint256 bus; bus < k.buses; ++bus) {
                uint256 index = VerificationKeys.read(k.prefixesAt + bus, 1);
                store(prefixes + 32 * bus, G.add(c.lookupAlpha, G.scale(power, index + 1)));
            }
            (uint256 numerator, uint256 denominator) = addMessages(k, messages, prefixes, powers);
            uint256 sum;
            for (uint256 i; i < count; ++i) sum = G.add(sum, G.word(terminals + 32 * i));
            if (denominator == 0 || G.add(numerator, G.mul(sum, denominator)) != 0) revert IStarkErrors.Bus();
        }
    }

    /// Sum of 1 / D over the messages as one fraction. A fingerprint is sum m_i beta^(k-1-i): with two lanes in a word,
    /// one MULMOD by p << 137 multiplies both, leaves the lower product (128 bits) whole and reduces the upper one, so
    /// that hundreds of terms add up without a carry. Words of four zero fields (padding) are skipped.
    function addMessages(Key memory k, bytes calldata messages, uint256 prefixes, uint256 powers)
        private
        pure
        returns (uint256 numerator, uint256 denominator)
    {
        uint256 infos = messageInfos(k, prefixes, powers);
        uint256 room = allocate(2 * RUN);
        uint256 p;
        uint256 end;
        assembly ("memory-safe") {
            p := messages.offset
            end := add(p, messages.length)
        }
        denominator = 1;
        while (p < end) {
            uint256 full;
            (p, full) = sumFields(p, end, infos, room);
            (numerator, denominator) = addFractions(room, full, numerator, denominator);
        }
    }

    /// Fingerprints of up to RUN messages from calldata `p` on: per message the sum in two lanes and the prefix of its bus.
    /// Returns where the next message begins, and the end of what was written.
    function sumFields(uint256 p, uint256 end, uint256 infos, uint256 to) private pure returns (uint256, uint256) {
        uint256 bad;
        assembly ("memory-safe") {
            for { let full := add(to, mul(64, RUN)) } and(lt(p, end), lt(to, full)) {} {
                let entry := mload(add(infos, shl(5, byte(0, calldataload(p)))))
                if iszero(entry) {
                    bad := TOP
                    break
                }
                p := add(p, 1)
                let acc := 0
                let weight := mload(entry)
                let x
                // all but the last 16 fields or fewer
                for { let rest := add(p, mload(add(entry, 192))) } lt(p, rest) { p := add(p, 32) } {
                    x := calldataload(p)
                    bad := or(bad, and(x, add(and(x, NOT_TOP), CARRY)))
                    acc := add(acc, mulmod(shr(192, x), mload(weight), LANES))
                    acc := add(acc, mulmod(and(shr(128, x), 0xFFFFFFFFFFFFFFFF), mload(add(weight, 32)), LANES))
                    acc := add(acc, mulmod(and(shr(64, x), 0xFFFFFFFFFFFFFFFF), mload(add(weight, 64)), LANES))
                    acc := add(acc, mulmod(and(x, 0xFFFFFFFFFFFFFFFF), mload(add(weight, 96)), LANES))
                    weight := add(weight, 128)
                }
                x := and(calldataload(p), mload(add(entry, 64)))
                if x {
                    bad := or(bad, and(x, add(and(x, NOT_TOP), CARRY)))
                    acc := add(acc, mulmod(shr(192, x), mload(weight), LANES))
                    acc := add(acc, mulmod(and(shr(128, x), 0xFFFFFFFFFFFFFFFF), mload(add(weight, 32)), LANES))
                    acc := add(acc, mulmod(and(shr(64, x), 0xFFFFFFFFFFFFFFFF), mload(add(weight, 64)), LANES))
                    acc := add(acc, mulmod(and(x, 0xFFFFFFFFFFFFFFFF), mload(add(weight, 96)), LANES))
                }
                p := add(p, 32)
                weight := add(weight, 128)
                x := and(calldataload(p), mload(add(entry, 96)))
                if x {
                    bad := or(bad, and(x, add(and(x, NOT_TOP), CARRY)))
                    acc := add(acc, mulmod(shr(192, x), mload(weight), LANES))
                    acc := add(acc, mulmod(and(shr(128, x), 0xFFFFFFFFFFFFFFFF), mload(add(weight, 32)), LANES))
                    acc := add(acc, mulmod(and(shr(64, x), 0xFFFFFFFFFFFFFFFF), mload(add(weight, 64)), LANES))
                    acc := add(acc, mulmod(and(x, 0xFFFFFFFFFFFFFFFF), mload(add(weight, 96)), LANES))
                }
                p := add(p, 32)
                weight := add(weight, 128)
                x := and(calldataload(p), mload(add(entry, 128)))
                if x {
                    bad := or(bad, and(x, add(and(x, NOT_TOP), CARRY)))
                    acc := add(acc, mulmod(shr(192, x), mload(weight), LANES))
                    acc := add(acc, mulmod(and(shr(128, x), 0xFFFFFFFFFFFFFFFF), mload(add(weight, 32)), LANES))
                    acc := add(acc, mulmod(and(shr(64, x), 0xFFFFFFFFFFFFFFFF), mload(add(weight, 64)), LANES))
                    acc := add(acc, mulmod(and(x, 0xFFFFFFFFFFFFFFFF), mload(add(weight, 96)), LANES))
                }
                p := add(p, 32)
                weight := add(weight, 128)
                x := and(calldataload(p), mload(add(entry, 160)))
                if x {
                    bad := or(bad, and(x, add(and(x, NOT_TOP), CARRY)))
                    acc := add(acc, mulmod(shr(192, x), mload(weight), LANES))
                    acc := add(acc, mulmod(and(shr(128, x), 0xFFFFFFFFFFFFFFFF), mload(add(weight, 32)), LANES))
                    acc := add(acc, mulmod(and(shr(64, x), 0xFFFFFFFFFFFFFFFF), mload(add(weight, 64)), LANES))
                    acc := add(acc, mulmod(and(x, 0xFFFFFFFFFFFFFFFF), mload(add(weight, 96)), LANES))
                }
                p := add(p, mload(add(entry, 224))) // from the fourth word to the end
                mstore(to, acc)
                mstore(add(to, 32), mload(add(entry, 32)))
                to := add(to, 64)
            }
            bad := or(and(bad, TOP), gt(p, end))
        }
        if (bad != 0) revert IStarkErrors.Message();
        return (p, to);
    }

    /// Adds 1 / (prefix - fingerprint) for all messages between `from` and `to`. 1 / d is conjugate(d) / norm(d) with the
    /// norm in F, so the common denominator stays in F.
    function addFractions(uint256 from, uint256 to, uint256 numerator, uint256 denominator)
        private
        pure
        returns (uint256, uint256)
    {
        assembly ("memory-safe") {
            let n0 := and(numerator, 0xFFFFFFFFFFFFFFFF)
            let n1 := shr(128, numerator)
            for {} lt(from, to) { from := add(from, 64) } {
                // prefix - fingerprint, conjugated; the lanes are below 2^137 and 2^74
                let acc := mload(from)
                let d1 := mload(add(from, 32))
                let d0 := mod(sub(add(and(d1, 0xFFFFFFFFFFFFFFFF), shl(80, P)), and(acc, LOW_LANE)), P)
                d1 := mod(add(shr(137, acc), sub(P, shr(128, d1))), P)
                let norm := mod(add(mul(d0, d0), sub(shl(137, P), mul(7, mul(d1, d1)))), P)
                n0 := mod(add(mul(n0, norm), mul(d0, denominator)), P)
                n1 := mod(add(mul(n1, norm), mul(d1, denominator)), P)
                denominator := mulmod(denominator, norm, P)
            }
            numerator := or(shl(128, n1), n0)
        }
        return (numerator, denominator);
    }

    /// For each byte a word: 0, or, if it is a bus that some table uses, the address of eight words: address of the first
    /// field's weight; prefix(bus); masks of the four words with the last 16 fields or fewer; bytes of the fields before
    /// these; and what these have beyond (modulo 2^256: short of) 96 bytes.
    function messageInfos(Key memory k, uint256 prefixes, uint256 powers) private pure returns (uint256 infos) {
        unchecked {
            infos = allocate(256);
            assembly ("memory-safe") {
                calldatacopy(infos, calldatasize(), 8192)
            }
            for (uint256 bus; bus < k.buses; ++bus) {
                if (VerificationKeys.read(k.prefixesAt + bus, 1) == 255) continue;
                uint256 width = VerificationKeys.read(k.widthsAt + bus, 1);
                uint256 last = width == 0 ? 0 : ((width - 1) & 15) + 1;
                uint256 entry = allocate(8);
                store(infos + 32 * bus, entry);
                store(entry, powers + 32 * (k.messageWidth - width));
                store(entry + 32, G.word(prefixes + 32 * bus));
                for (uint256 i; i < 4; ++i) {
                    uint256 fields = last > 4 * i ? last - 4 * i : 0;
                    store(entry + 64 + 32 * i, fields > 3 ? type(uint256).max : ~(type(uint256).max >> (64 * fields)));
                }
                store(entry + 192, 8 * (width - last));
                store(entry + 224, 8 * last - 96);
            }
        }
    }

    /// Constraints of every table (section 5.3, steps 5 to 10).
    function checkConstraints(
        Key memory k,
        Challenges memory c,
        uint256 prefixes,
        uint256 terminals,
        uint256 opened,
        uint256 rootInverses
    ) internal pure {
        unchecked {
            Evaluation memory e;
            e.alpha = c.alpha;
            e.zeta = c.zeta;
            e.rootInversesAt = rootInverses;
            e.prefixesAt = prefixes;
            e.betaPowersAt = lanesOfPowers(c.lookupBeta, k.messageWidth);
            e.zetaPowersAt = allocate(33);
            uint256 power = c.zeta;
            for (uint256 i; i < 33; ++i) {
                store(e.zetaPowersAt + 32 * i, power);
                power = G.mul(power, power);
            }
            uint256 zetaMinusOne = G.sub(c.zeta, 1);
            if (zetaMinusOne == 0) revert IStarkErrors.OodPoint();
            e.inverseZetaMinusOne = G.inverse(zetaMinusOne);

            uint256 count = k.tables.length;
            uint256 nodes;
            Opened[] memory o = new Opened[](count);
            uint256 ptr = opened + 128 * count; // past the random tree
            for (uint256 i; i < count; ++i) {
                Table memory t = k.tables[i];
                if (t.operations > nodes) nodes = t.operations;
                o[i].localAt = ptr;
                ptr += 32 * (t.width + 2);
                o[i].nextAt = ptr;
                if (t.readsNext != 0) ptr += 32 * (t.width + 2);
            }
            for (uint256 i; i < count; ++i) {
                o[i].quotientAt = ptr;
                ptr += 128 << k.tables[i].logChunks;
            }
            for (uint256 i; i < count; ++i) {
                uint256 width = 64 * (k.tables[i].columns + 2);
                if (k.tables[i].columns == 0) continue;
                o[i].permutationAt = ptr;
                o[i].permutationNextAt = ptr + width;
                o[i].terminal = G.word(terminals);
                ptr += 2 * width;
                terminals += 32;
            }
            e.nodesAt = allocate(nodes + 3) + 96;
            for (uint256 i; i < count; ++i) ConstraintsAtZeta.check(k, k.tables[i], e, o[i]);
        }
    }

    /// Sums of the opened values in the batching (section 5.4): one word per height and opening point, at
    /// sums + 64 height (at zeta) and sums + 64 height + 32 (at the next point).
    function batchOpened(Key memory k, uint256 lambda, uint256 opened) internal pure returns (uint256 sums) {
        unchecked {
            sums = allocate(66);
            uint256 factors = allocate(33);
            uint256 widest;
            for (uint256 i; i < 33; ++i) store(factors + 32 * i, 1);
            for (uint256 i; i < k.tables.length; ++i) {
                uint256 shape = VerificationKeys.shapeOf(k, k.tables[i]);
                store(sums + 64 * Shapes.height(shape), 0);
                store(sums + 64 * Shapes.height(shape) + 32, 0);
                for (uint256 tree; tree < 4; ++tree) {
                    if (Shapes.columns(shape, tree) > widest) widest = Shapes.columns(shape, tree);
                }
            }
            uint256 powers = lanesOfPowers(lambda, widest + 1);
            for (uint256 tree; tree < 4; ++tree) {
                for (uint256 i; i < k.tables.length; ++i) {
                    uint256 shape = VerificationKeys.shapeOf(k, k.tables[i]);
                    uint256 width = Shapes.columns(shape, tree);
                    uint256 height = Shapes.height(shape);
                    uint256 power = G.word(powers + 64 * width);
                    power = (power & type(uint64).max) | ((power >> 137) << 128);
                    for (uint256 point; point < Shapes.points(shape, tree); ++point) {
                        uint256 factor = G.word(factors + 32 * height);
                        uint256 ptr = sums + 64 * height + 32 * point;
                        store(ptr, G.add(G.word(ptr), G.mul(factor, dot(opened, width, powers))));
                        store(factors + 32 * height, G.mul(factor, power));
                        opened += 32 * width;
                    }
                }
            }
        }
    }

    /// For k < count: base^k and X base^k as two lanes each (a1 << 137 | a0), 64 bytes a power.
    function lanesOfPowers(uint256 base, uint256 count) private pure returns (uint256 powers) {
        powers = allocate(2 * count);
        assembly ("memory-safe") {
            let b0 := and(base, 0xFFFFFFFFFFFFFFFF)
            let b1 := shr(128, base)
            let a0 := 1
            let a1 := 0
            for { let p := powers let end := add(powers, shl(6, count)) } lt(p, end) { p := add(p, 64) } {
                mstore(p, or(shl(137, a1), a0))
                mstore(add(p, 32), or(shl(137, a0), mod(mul(7, a1), P)))
                let next := mod(add(mul(a0, b0), mul(7, mul(a1, b1))), P)
                a1 := mod(add(mul(a0, b1), mul(a1, b0)), P)
                a0 := next
            }
        }
    }

    /// sum of v_i base^i over `count` <= 500 packed words; the lower lane stays below 2^137 (see `addMessages`).
    function dot(uint256 values, uint256 count, uint256 powers) private pure returns (uint256 sum) {
        assembly ("memory-safe") {
            let end := add(values, shl(5, count))
            if and(count, 1) {
                end := sub(end, 32)
                let v := mload(end)
                let w := add(powers, shl(6, sub(count, 1)))
                sum :=
                    add(
                        mulmod(and(v, 0xFFFFFFFFFFFFFFFF), mload(w), LANES),
                        mulmod(shr(128, v), mload(add(w, 32)), LANES)
                    )
            }
            for {} lt(values, end) { values := add(values, 64) } {
                let v := mload(values)
                sum :=
                    add(
                        sum,
                        add(
                            mulmod(and(v, 0xFFFFFFFFFFFFFFFF), mload(powers), LANES),
                            mulmod(shr(128, v), mload(add(powers, 32)), LANES)
                        )
                    )
                v := mload(add(values, 32))
                sum :=
                    add(
                        sum,
                        add(
                            mulmod(and(v, 0xFFFFFFFFFFFFFFFF), mload(add(powers, 64)), LANES),
                            mulmod(shr(128, v), mload(add(powers, 96)), LANES)
                        )
                    )
                powers := add(powers, 128)
            }
            sum := or(shl(128, mod(shr(137, sum), P)), mod(and(sum, LOW_LANE), P))
        }
    }

    function allocate(uint256 words) internal pure returns (uint256 ptr) {
        assembly ("memory-safe") {
            ptr := mload(0x40)
            mstore(0x40, add(ptr, shl(5, words)))
        }
    }

    function store(uint256 ptr, uint256 value) internal pure {
        assembly ("memory-safe") {
            mstore(ptr, value)
        }
    }
}
