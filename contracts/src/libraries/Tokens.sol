// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IExchange} from "../interfaces/IExchange.sol";

interface IERC20 {
    function balanceOf(address owner) external view returns (uint256);
    function transfer(address to, uint256 amount) external returns (bool);
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
}

/// @notice Moves tokens and the native coin (token zero). Tokens that return nothing are accepted, false is not.
library Tokens {
    /// @return received what arrived, measured
    function pull(address token, address from, uint256 amount) internal returns (uint256 received) {
        uint256 before = IERC20(token).balanceOf(address(this));
        _call(token, abi.encodeCall(IERC20.transferFrom, (from, address(this), amount)));
        uint256 balance = IERC20(token).balanceOf(address(this));
        require(balance >= before, IExchange.TransferFailed(token));
        return balance - before;
    }

    function push(address token, address to, uint256 amount) internal {
        if (token == address(0)) {
            (bool paid,) = to.call{value: amount}("");
            require(paid, IExchange.TransferFailed(token));
        } else {
            _call(token, abi.encodeCall(IERC20.transfer, (to, amount)));
        }
    }

    function balanceOf(address token, address owner) internal view returns (uint256) {
        return IERC20(token).balanceOf(owner);
    }

    function _call(address token, bytes memory data) private {
        (bool done, bytes memory answer) = token.call(data);
        bool accepted = answer.length == 0 ? token.code.length > 0 : answer.length == 32 && uint256(bytes32(answer)) == 1;
        require(done && accepted, IExchange.TransferFailed(token));
    }
}
