// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice EIP-712 messages by which a commit key commits, replaces and cancels (docs/protocol.md section 8).
library CommitSignature {
    bytes32 private constant DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant MESSAGE_TYPE = keccak256(
        "CommitMessage(uint64 venue,uint64 batch,uint32 account,uint64 sequence,uint64 c0,uint64 c1,uint64 c2,uint64 c3)"
    );
    /// @dev Half of the curve's order: an s above it is the mirror image of a valid signature.
    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    function domain(uint256 chainId, address exchange) internal pure returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPE, keccak256("sealbook"), keccak256("1"), chainId, exchange));
    }

    function digest(bytes32 domain_, uint256 venue, uint256 batch, uint256 account, uint256 sequence, uint256 commitment)
        internal
        pure
        returns (bytes32)
    {
        bytes32 message = keccak256(
            abi.encode(
                MESSAGE_TYPE,
                venue,
                batch,
                account,
                sequence,
                commitment >> 192,
                uint256(uint64(commitment >> 128)),
                uint256(uint64(commitment >> 64)),
                uint256(uint64(commitment))
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain_, message));
    }

    /// @return signer zero if the signature is not one, or not in its canonical form (low s, v 27 or 28)
    function recover(bytes32 digest_, bytes32 r, bytes32 s, uint8 v) internal pure returns (address signer) {
        if (uint256(s) > HALF_ORDER || (v != 27 && v != 28)) return address(0);
        return ecrecover(digest_, v, r, s);
    }
}
