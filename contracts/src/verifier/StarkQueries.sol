// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IStarkErrors} from "../interfaces/IStarkErrors.sol";
import {Queries} from "./Queries.sol";

/// @title The query half of StarkVerifier, a contract of its own because of the limit of code size
contract StarkQueries is IStarkErrors {
    /// As IStarkVerifier.checkQueries.
    function checkQueries(bytes calldata state, uint256 first, bytes calldata queries)
        external
        pure
        returns (uint256 count)
    {
        return Queries.check(state, first, queries);
    }
}
