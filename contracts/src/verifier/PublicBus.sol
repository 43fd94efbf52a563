// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GoldilocksExtension as G} from "./GoldilocksExtension.sol";
import {IStarkErrors} from "../interfaces/IStarkErrors.sol";
import {Memory} from "./Memory.sol";
import {Challenges} from "./Replay.sol";
import {Key, VerificationKeys} from "./VerificationKey.sol";

/// @title The public messages: the side of the buses that the verifier closes (docs/proof-format.md section 5.3)
library PublicBus {
    uint256 private constant P = 0xFFFFFFFF00000001;
    /// p << 137: two lanes of a sum, reduced in the upper one only (see `addMessages`).
    uint256 private constant LANES = 0x1FFFFFFFE000000020000000000000000000000000000000000;
    uint256 private constant LOW_LANE = 0x1FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF;
    /// Messages whose fingerprints are kept in memory at a time.
    uint256 private constant ROOM = 64;
    /// Starts a run in the place of a bus: no tape has so many buses.
    uint256 private constant RUNS = 255;
    /// Sizes of the fields of entries that `addPairs` takes: four and eight bytes.
    uint256 private constant PAIR = 0x0408;
    uint256 private constant TOP = 0x8000000000000000800000000000000080000000000000008000000000000000;
    uint256 private constant NOT_TOP = 0x7FFFFFFFFFFFFFFF7FFFFFFFFFFFFFFF7FFFFFFFFFFFFFFF7FFFFFFFFFFFFFFF;
    uint256 private constant CARRY = 0x00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF00000000FFFFFFFF;

    /// Entries of a run: address of the bus's words (see `messageInfos`), where the fields' sizes are, number of fields.
    struct Run {
        uint256 entry;
        uint256 sizes;
        uint256 width;
    }

    /// Terminals and public messages sum to zero (step 4). Returns prefix(bus), one word per bus.
    function check(Key memory k, Challenges memory c, bytes calldata messages, uint256 terminals, uint256 count)
        internal
        pure
        returns (uint256 prefixes)
    {
        unchecked {
            uint256 width = k.messageWidth;
            uint256 powers = Memory.allocate(width + 16);
            // entry j belongs to beta^(width - 1 - j), as two lanes: a1 << 137 | a0
            uint256 power = 1;
            for (uint256 j = width; j != 0; --j) {
                Memory.store(powers + 32 * (j - 1), (power & type(uint64).max) | ((power >> 128) << 137));
                power = G.mul(power, c.lookupBeta);
            }
            prefixes = Memory.allocate(k.buses);
            for (uint256 bus; bus < k.buses; ++bus) {
                uint256 index = VerificationKeys.read(k.prefixesAt + bus, 1);
                Memory.store(prefixes + 32 * bus, G.add(c.lookupAlpha, G.scale(power, index + 1)));
            }
            (uint256 numerator, uint256 denominator) = addMessages(k, messages, prefixes, powers);
            uint256 sum;
            for (uint256 i; i < count; ++i) sum = G.add(sum, Memory.load(terminals + 32 * i));
            if (denominator == 0 || G.add(numerator, G.mul(sum, denominator)) != 0) revert IStarkErrors.Bus();
        }
    }

    /// Sum of 1 / D over the messages as one fraction. A fingerprint is sum m_i beta^(k-1-i): with two lanes in a word,
    /// one MULMOD by p << 137 multiplies both, leaves the lower product (128 bits) whole and reduces the upper one, so
    /// that hundreds of terms add up without a carry.
    function addMessages(Key memory k, bytes calldata messages, uint256 prefixes, uint256 powers)
        private
        pure
        returns (uint256 numerator, uint256 denominator)
    {
        uint256 infos = messageInfos(k, prefixes, powers);
        uint256 room = Memory.allocate(2 * ROOM);
        uint256 p;
        uint256 end;
        assembly ("memory-safe") {
            p := messages.offset
            end := add(p, messages.length)
        }
        denominator = 1;
        while (p < end) {
            if (load(p) >> 248 == RUNS) {
                (p, numerator, denominator) = addRun(p, end, infos, room, numerator, denominator);
                continue;
            }
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
            for { let full := add(to, mul(64, ROOM)) } and(lt(p, end), lt(to, full)) {} {
                let bus := byte(0, calldataload(p))
                let entry := mload(add(infos, shl(5, bus)))
                if iszero(entry) {
                    if xor(bus, RUNS) { bad := TOP }
                    break
                }
                p := add(p, 1)
                let next := add(p, mload(add(entry, 128)))
                let weight := mload(entry)
                let acc := 0
                let x
                for { let last := add(p, mload(add(entry, 64))) } lt(p, last) { p := add(p, 32) } {
                    x := calldataload(p)
                    bad := or(bad, and(x, add(and(x, NOT_TOP), CARRY)))
                    acc :=
                        add(
                            acc,
                            add(
                                add(
                                    mulmod(shr(192, x), mload(weight), LANES),
                                    mulmod(and(shr(128, x), 0xFFFFFFFFFFFFFFFF), mload(add(weight, 32)), LANES)
                                ),
                                add(
                                    mulmod(and(shr(64, x), 0xFFFFFFFFFFFFFFFF), mload(add(weight, 64)), LANES),
                                    mulmod(and(x, 0xFFFFFFFFFFFFFFFF), mload(add(weight, 96)), LANES)
                                )
                            )
                        )
                    weight := add(weight, 128)
                }
                x := and(calldataload(p), mload(add(entry, 96)))
                {
                    bad := or(bad, and(x, add(and(x, NOT_TOP), CARRY)))
                    acc :=
                        add(
                            acc,
                            add(
                                add(
                                    mulmod(shr(192, x), mload(weight), LANES),
                                    mulmod(and(shr(128, x), 0xFFFFFFFFFFFFFFFF), mload(add(weight, 32)), LANES)
                                ),
                                add(
                                    mulmod(and(shr(64, x), 0xFFFFFFFFFFFFFFFF), mload(add(weight, 64)), LANES),
                                    mulmod(and(x, 0xFFFFFFFFFFFFFFFF), mload(add(weight, 96)), LANES)
                                )
                            )
                        )
                }
                p := next
                mstore(to, acc)
                mstore(add(to, 32), mload(add(entry, 32)))
                to := add(to, 64)
            }
            bad := or(and(bad, TOP), gt(p, end))
        }
        if (bad != 0) revert IStarkErrors.Message();
        return (p, to);
    }

    /// Adds the messages of the run at `p`: 255, bus, u32 their number, the bytes of each field, the fields. Returns where
    /// the next item begins.
    function addRun(uint256 p, uint256 end, uint256 infos, uint256 room, uint256 numerator, uint256 denominator)
        private
        pure
        returns (uint256 next, uint256, uint256)
    {
        Run memory run;
        assembly ("memory-safe") {
            let start := calldataload(p)
            let entry := mload(add(infos, shl(5, byte(1, start))))
            let width := shr(3, mul(mload(add(entry, 128)), iszero(iszero(entry))))
            let sizes := add(p, 6)
            p := add(sizes, width)
            let length := 0
            let bad := 0
            for { let s := sizes } lt(s, p) { s := add(s, 1) } {
                let size := byte(0, calldataload(s))
                bad := or(bad, gt(size, 8))
                length := add(length, size)
            }
            next := add(p, mul(and(shr(208, start), 0xFFFFFFFF), length))
            // neither the number nor the length may be zero, and a bus that is none has no fields
            if or(or(bad, eq(next, p)), gt(next, end)) { next := 0 }
            mstore(run, entry)
            mstore(add(run, 32), sizes)
            mstore(add(run, 64), width)
        }
        if (next == 0) revert IStarkErrors.Message();
        if (run.width == 2 && load(run.sizes) >> 240 == PAIR) {
            (p, numerator, denominator) = addPairs(p, next, run.entry, numerator, denominator);
        }
        while (p < next) {
            uint256 full;
            (p, full) = sumEntries(p, next, run, room);
            (numerator, denominator) = addFractions(room, full, numerator, denominator);
        }
        return (next, numerator, denominator);
    }

    /// As `sumFields`, from a run's entries.
    function sumEntries(uint256 p, uint256 end, Run memory run, uint256 to) private pure returns (uint256, uint256) {
        uint256 bad;
        assembly ("memory-safe") {
            let entry := mload(run)
            let sizes := mload(add(run, 32))
            let last := add(sizes, mload(add(run, 64)))
            for { let full := add(to, mul(64, ROOM)) } and(lt(p, end), lt(to, full)) { to := add(to, 64) } {
                let acc := 0
                let weight := mload(entry)
                for { let s := sizes } lt(s, last) { s := add(s, 1) } {
                    let size := byte(0, calldataload(s))
                    let x := shr(sub(256, shl(3, size)), calldataload(p))
                    bad := or(bad, iszero(lt(x, P)))
                    acc := add(acc, mulmod(x, mload(weight), LANES))
                    weight := add(weight, 32)
                    p := add(p, size)
                }
                mstore(to, acc)
                mstore(add(to, 32), mload(add(entry, 32)))
            }
        }
        if (bad != 0) revert IStarkErrors.Message();
        return (p, to);
    }

    /// Adds 1 / (prefix - a beta - b) for entries of a 32-bit a and a 64-bit b, two at a time and all in one pass: most of
    /// what is public is of this kind. With a beta1 - prefix1 above and prefix0 + p - a beta0 - b below, the conjugate of
    /// the denominator has two lanes that stay below 2^98 without a reduction, and all products with them below 2^230.
    /// A last entry without a partner is left over: the first result is where what is left begins.
    function addPairs(uint256 p, uint256 end, uint256 entry, uint256 numerator, uint256 denominator)
        private
        pure
        returns (uint256, uint256, uint256)
    {
        uint256 bad;
        assembly ("memory-safe") {
            let weight := mload(mload(entry))
            weight := or(shl(137, shr(137, weight)), sub(P, and(weight, LOW_LANE)))
            let base := mload(add(entry, 32))
            base := or(shl(137, sub(P, shr(128, base))), add(P, and(base, 0xFFFFFFFFFFFFFFFF)))
            // the numerator is in scratch memory, for want of places on the stack
            mstore(0, and(numerator, 0xFFFFFFFFFFFFFFFF))
            mstore(32, shr(128, numerator))
            end := sub(end, 12)
            for {} lt(p, end) { p := add(p, 24) } {
                let x := calldataload(p)
                let d := and(shr(160, x), 0xFFFFFFFFFFFFFFFF)
                bad := or(bad, add(d, 0xFFFFFFFF))
                d := sub(add(mul(shr(224, x), weight), base), d)
                x := shr(137, d)
                d := and(d, LOW_LANE)
                let norm := mod(add(mul(d, d), sub(shl(140, P), mul(7, mul(x, x)))), P)

                let y := calldataload(add(p, 12))
                let e := and(shr(160, y), 0xFFFFFFFFFFFFFFFF)
                bad := or(bad, add(e, 0xFFFFFFFF))
                e := sub(add(mul(shr(224, y), weight), base), e)
                y := shr(137, e)
                e := and(e, LOW_LANE)
                let other := mod(add(mul(e, e), sub(shl(140, P), mul(7, mul(y, y)))), P)

                // both fractions over the product of their norms
                x := add(mul(x, other), mul(y, norm))
                d := add(mul(d, other), mul(e, norm))
                norm := mulmod(norm, other, P)
                mstore(0, mod(add(mul(mload(0), norm), mul(d, denominator)), P))
                mstore(32, mod(add(mul(mload(32), norm), mul(x, denominator)), P))
                denominator := mulmod(denominator, norm, P)
            }
            numerator := or(shl(128, mload(32)), mload(0))
            // a sum reaches 2^64 where b is p or more
            bad := shr(64, bad)
        }
        if (bad != 0) revert IStarkErrors.Message();
        return (p, numerator, denominator);
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

    /// For each byte a word: 0, or, if it is a bus that some table uses, the address of five words: address of the first
    /// field's weight; prefix(bus); bytes of the words of four fields before the last word; mask of the last word, which
    /// holds one to four fields; bytes of all fields.
    function messageInfos(Key memory k, uint256 prefixes, uint256 powers) private pure returns (uint256 infos) {
        unchecked {
            infos = Memory.allocate(256);
            assembly ("memory-safe") {
                calldatacopy(infos, calldatasize(), 8192)
            }
            for (uint256 bus; bus < k.buses; ++bus) {
                if (VerificationKeys.read(k.prefixesAt + bus, 1) == 255) continue;
                uint256 width = VerificationKeys.read(k.widthsAt + bus, 1);
                uint256 last = width == 0 ? 0 : ((width - 1) & 3) + 1;
                uint256 entry = Memory.allocate(5);
                Memory.store(infos + 32 * bus, entry);
                Memory.store(entry, powers + 32 * (k.messageWidth - width));
                Memory.store(entry + 32, Memory.load(prefixes + 32 * bus));
                Memory.store(entry + 64, 8 * (width - last));
                Memory.store(entry + 96, last == 4 ? type(uint256).max : ~(type(uint256).max >> (64 * last)));
                Memory.store(entry + 128, 8 * width);
            }
        }
    }

    function load(uint256 place) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(place)
        }
    }
}
