// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GoldilocksExtension as F} from "../src/verifier/GoldilocksExtension.sol";
import {Lanes} from "../src/verifier/Lanes.sol";
import {Memory} from "../src/verifier/Memory.sol";
import {Tape} from "../src/verifier/Tape.sol";
import {FuzzTest} from "./Cheats.sol";

/// @notice Random tapes, in groups of one kind and mixed, against one operation at a time.
contract TapeFuzz is FuzzTest {
    uint256 private constant P = 0xffffffff00000001;
    uint256 private constant COLUMNS = 40;
    uint256 private constant LEAVES = 26;

    struct Machine {
        uint256 local;
        uint256 next;
        bytes constants;
        uint256 nodes;
    }

    function setUpMachine(uint256 seed, uint256 count, bool largest) private pure returns (Machine memory m) {
        m.local = Memory.allocate(COLUMNS);
        m.next = Memory.allocate(COLUMNS);
        for (uint256 i = 0; i < 2 * COLUMNS; ++i) {
            uint256 x = uint256(keccak256(abi.encode(seed, i)));
            uint256 value = largest ? ((P - 1) << 128) | (P - 1) : ((x % P) << 128) | ((x >> 128) % P);
            Memory.store(m.local + 32 * i, value);
        }
        m.constants = new bytes(8 * COLUMNS + 32);
        for (uint256 i = 0; i < 8 * COLUMNS; ++i) {
            // every byte but the first of eight: canonical
            if (i % 8 != 0) m.constants[i] = bytes1(uint8(seed >> (i % 32)));
        }
        m.nodes = (Memory.allocate(count + 4) + 127) & ~uint256(31);
        for (uint256 i = 0; i < 3; ++i) {
            Memory.store(m.nodes - 96 + 32 * i, Memory.load(m.local + 32 * i));
        }
    }

    /// Leaves first, so that operands exist; then `run` operations of each drawn kind. `chained`: sums are of the node before
    /// and itself.
    function program(uint256 seed, uint256 count, uint256 run, uint256 kinds, bool chained)
        private
        pure
        returns (bytes memory tape)
    {
        tape = new bytes(5 * count + 32);
        uint256 op;
        for (uint256 i = 0; i < count; ++i) {
            uint256 x = uint256(keccak256(abi.encode(seed, "program", i)));
            uint256 a;
            uint256 b;
            if (i < LEAVES) {
                // six consecutive columns, six others, six constants, then one of each
                op = i < 6 ? 0 : i < 12 ? 1 : i < 18 ? 2 : i % 6;
                a = op > 2 ? 0 : i < 6 ? i + 3 : x % COLUMNS;
            } else {
                if ((i - LEAVES) % run == 0) op = 6 + (kinds == 3 ? (x >> 64) % 3 : kinds);
                // often the node before: chains within a group
                bool before = chained && op == 6;
                a = before || x & 3 == 0 ? i - 1 : (x >> 80) % i;
                b = before || x & 12 == 0 ? i - 1 : (x >> 120) % i;
            }
            tape[5 * i] = bytes1(uint8(op));
            (tape[5 * i + 1], tape[5 * i + 2]) = (bytes1(uint8(a >> 8)), bytes1(uint8(a)));
            (tape[5 * i + 3], tape[5 * i + 4]) = (bytes1(uint8(b >> 8)), bytes1(uint8(b)));
        }
    }

    function plain(Machine memory m, bytes memory tape, uint256 count) private pure returns (uint256[] memory v) {
        v = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 op = uint8(tape[5 * i]);
            uint256 a = (uint256(uint8(tape[5 * i + 1])) << 8) | uint8(tape[5 * i + 2]);
            uint256 b = (uint256(uint8(tape[5 * i + 3])) << 8) | uint8(tape[5 * i + 4]);
            if (op == 0) v[i] = Memory.load(m.local + 32 * a);
            else if (op == 1) v[i] = Memory.load(m.next + 32 * a);
            else if (op == 2) for (uint256 j = 0; j < 8; ++j) v[i] = (v[i] << 8) | uint8(m.constants[8 * a + j]);
            else if (op < 6) v[i] = Memory.load(m.nodes - 96 + 32 * (op - 3));
            else if (op == 6) v[i] = F.add(v[a], v[b]);
            else if (op == 7) v[i] = F.sub(v[a], v[b]);
            else v[i] = F.mul(v[a], v[b]);
        }
    }

    function check(uint256 seed, uint256 count, uint256 run, uint256 kinds, bool largest) private pure {
        Machine memory m = setUpMachine(seed, count, largest);
        bytes memory tape = program(seed, count, run, kinds, largest);
        uint256[] memory expected = plain(m, tape, count);
        uint256 p;
        uint256 constants;
        bytes memory bytesOfConstants = m.constants;
        assembly ("memory-safe") {
            p := add(tape, 32)
            constants := add(bytesOfConstants, 32)
        }
        Tape.run(p, count, m.nodes, (m.next << 128) | m.local, constants);
        for (uint256 i = 0; i < count; ++i) {
            uint256 value = Memory.load(m.nodes + 32 * i);
            require((value & ((1 << 128) - 1)) >> 116 == 0 && value >> 244 == 0, "a half is too long");
            equal(F.reduce(value), expected[i]);
        }
    }

    function testFuzz_operations(uint256 seed, uint256 count, uint256 run, uint256 kinds) external pure {
        check(seed, LEAVES + within(count, 0, 150), within(run, 1, 20), within(kinds, 0, 3), false);
    }

    /// Sums of sums of the largest elements: they double at every step, so halves fill up and are reduced in time.
    function testFuzz_longSums(uint256 seed, uint256 run) external pure {
        check(seed, LEAVES + 400, within(run, 1, 30), 0, true);
        check(seed, LEAVES + 400, within(run, 1, 30), 3, true);
    }

    function testFuzz_powersInLanes(uint256 a0, uint256 a1, uint256 count) external pure {
        uint256 base = ((a1 % P) << 128) | (a0 % P);
        count = within(count, 1, 60);
        uint256 up = Lanes.powers(base, count);
        uint256 down = Lanes.powersDown(base, count);
        uint256 power = 1;
        for (uint256 i = 0; i < count; ++i) {
            equal(Lanes.pack(Memory.load(up + 32 * i)), power);
            equal(Memory.load(up + 32 * i), Memory.load(down - 32 * (i + 1)));
            power = F.mul(power, base);
        }
    }
}
