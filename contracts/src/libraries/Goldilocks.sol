// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IExchange} from "../interfaces/IExchange.sol";

/// @notice Field elements and digests. A packed digest holds its four elements from the most significant 64 bits down.
library Goldilocks {
    uint256 internal constant MODULUS = 0xffffffff00000001;

    /// @notice Packs a digest; every element must be canonical.
    function pack(uint64[4] calldata digest) internal pure returns (uint256 packed) {
        for (uint256 i = 0; i < 4; ++i) {
            require(digest[i] < MODULUS, IExchange.NotCanonical(digest[i]));
            packed = (packed << 64) | digest[i];
        }
    }

    function unpack(uint256 packed) internal pure returns (uint64[4] memory digest) {
        for (uint256 i = 0; i < 4; ++i) {
            digest[i] = uint64(packed >> (192 - 64 * i));
        }
    }

    /// @notice Whether all four elements of a packed digest are canonical.
    function isCanonical(uint256 packed) internal pure returns (bool) {
        for (uint256 i = 0; i < 4; ++i) {
            if (uint64(packed >> (64 * i)) >= MODULUS) return false;
        }
        return true;
    }
}
