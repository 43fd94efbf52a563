"""Gas of the on-chain verifier for a proof, as JSON: ``python scripts/verifier_gas.py [vector.json]``.

The vector has the fields of ``tests/proofs/vectors/tiny.json``. ``execution`` is what the call itself uses,
measured by a contract around it; ``transaction`` adds the intrinsic gas and calldata (EIP-2028) or is the
floor of EIP-7623, whichever is higher, for the verifier's own calldata alone.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from eth_tester import EthereumTester, PyEVMBackend
from hexbytes import HexBytes
from web3 import EthereumTesterProvider, Web3

from contracts.verifier import CALLDATA_LIMIT, StarkVerifier, WireProof

DEFAULT = Path(__file__).parent.parent / "tests" / "proofs" / "vectors" / "tiny.json"
BLOCK_GAS = 100_000_000
ROOM = CALLDATA_LIMIT - 12 * 1024
"""Bytes of query records in one transaction; the rest is for the state and the envelope."""
# calls the address in the first word with the rest of the calldata; returns (gas used, success)
METER = bytes.fromhex("602036038060205f375a5f5f835f5f355afa905a90035f5260205260405ff3")


def intrinsic(data: bytes) -> tuple[int, int]:
    """Intrinsic gas without and with the floor price."""
    zeros = data.count(0)
    tokens = zeros + 4 * (len(data) - zeros)
    return 21_000 + 4 * tokens, 21_000 + 10 * tokens


def measure(verifier: StarkVerifier, meter: str, name: str, *arguments: Any) -> dict[str, int]:
    data = bytes.fromhex(verifier.contract.encode_abi(name, list(arguments))[2:])
    target = bytes(12) + bytes.fromhex(verifier.address[2:])
    out = verifier.w3.eth.call(
        {"to": Web3.to_checksum_address(meter), "data": HexBytes(target + data), "gas": BLOCK_GAS // 2}
    )
    used, success = int.from_bytes(out[:32], "big"), int.from_bytes(out[32:], "big")
    if not success:
        raise SystemExit(f"{name} reverted")
    base, floor = intrinsic(data)
    return {
        "calldata_bytes": len(data),
        "execution": used,
        "floor": floor,
        "transaction": max(base + used, floor),
    }


def main() -> None:
    vector = json.loads((Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT).read_text())
    vk, context, messages, wire = (bytes.fromhex(vector[name]) for name in ("vk", "context", "messages", "proof"))
    genesis = PyEVMBackend.generate_genesis_params({"gas_limit": BLOCK_GAS})
    w3 = Web3(EthereumTesterProvider(EthereumTester(PyEVMBackend(genesis_parameters=genesis))))
    sender = w3.eth.accounts[0]
    verifier = StarkVerifier.deploy(w3, sender)
    code = bytes.fromhex(f"61{len(METER):04x}80600a5f395ff3") + METER
    meter = w3.eth.wait_for_transaction_receipt(w3.eth.send_transaction({"from": sender, "data": HexBytes(code)}))
    address = str(meter["contractAddress"])

    name = verifier.register_key(vk, sender)
    proof = WireProof.split(wire, vector["head_length"], vector["record_length"])
    state = verifier.check_head(name, context, messages, proof.head)
    size = proof.record_length
    figures: dict[str, Any] = {
        "key_bytes": len(vk),
        "message_bytes": len(messages),
        "head_bytes": len(proof.head),
        "record_bytes": size,
        "records": proof.query_count,
        "state_bytes": len(state),
        "head": measure(verifier, address, "checkHead", name, context, messages, proof.head),
        "queries": [
            measure(verifier, address, "checkQueries", state, first, records) for first, records in proof.chunks(ROOM)
        ],
    }
    one, two = (measure(verifier, address, "checkQueries", state, 0, proof.queries[: n * size]) for n in (1, 2))
    figures["record_execution"] = two["execution"] - one["execution"]
    figures["call_execution"] = one["execution"] - figures["record_execution"]
    figures["total"] = figures["head"]["transaction"] + sum(call["transaction"] for call in figures["queries"])
    json.dump(figures, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
