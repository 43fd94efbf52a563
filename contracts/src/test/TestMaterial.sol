// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IExchange} from "../interfaces/IExchange.sol";
import {EpochStatement} from "../libraries/EpochStatement.sol";

/// @title TEST ONLY: accepts every proof whose head does not start with 0xff
/// @notice Lets tests reach what lies behind the proof. `contracts/deploy.py` refuses to deploy it.
contract TestOnlyVerifier {
    error RefusedByTest();

    function checkHead(bytes32 vkHash, bytes32 context, bytes calldata messages, bytes calldata head)
        external
        pure
        returns (bytes memory)
    {
        require(head.length == 0 || head[0] != 0xff, RefusedByTest());
        return abi.encode(vkHash, context, keccak256(messages), keccak256(head));
    }

    function recordChecker() external view returns (address) {
        return address(this);
    }

    /// @notice One record per byte.
    function checkQueries(bytes calldata, uint256 first, bytes calldata queries) external pure returns (uint256) {
        require(queries.length > 0 && first + queries.length <= 3, RefusedByTest());
        return queries.length;
    }

    function queryCount(bytes calldata) external pure returns (uint256) {
        return 3;
    }
}

/// @title TEST ONLY: shows what the Exchange's parser makes of public data
contract TestOnlyStatement {
    function build(bytes calldata data, bytes calldata entries, EpochStatement.Inputs memory inputs)
        external
        pure
        returns (bytes memory messages, EpochStatement.Outcome memory outcome)
    {
        return EpochStatement.build(data, entries, inputs);
    }
}

/// @title TEST ONLY: a token with bad manners
/// @notice `manner`: 0 returns nothing, 1 keeps a fee of one base unit, 2 calls the exchange back, 3 returns false,
/// 4 takes more than it was asked to leave (the exchange's balance falls).
contract TestOnlyToken {
    uint8 public manner;
    mapping(address => uint256) public balanceOf;

    constructor(uint8 manner_) {
        manner = manner_;
    }

    function mint(address to, uint256 value) external {
        balanceOf[to] += value;
    }

    function setManner(uint8 manner_) external {
        manner = manner_;
    }

    function transfer(address to, uint256 value) external {
        _move(msg.sender, to, value);
    }

    function transferFrom(address from, address to, uint256 value) external {
        _move(from, to, value);
    }

    function _move(address from, address to, uint256 value) private {
        if (manner == 2) IExchange(msg.sender).collectRegistrationFees();
        if (manner == 4) {
            balanceOf[msg.sender] -= 1;
            return;
        }
        balanceOf[from] -= value;
        balanceOf[to] += manner == 1 ? value - 1 : value;
        if (manner == 3) {
            assembly {
                mstore(0, 0)
                return(0, 0x20)
            }
        }
    }
}

/// @title TEST ONLY: an account that refuses the native coin, or calls back when it is paid
contract TestOnlyAccount {
    IExchange private immutable EXCHANGE;
    bool public callsBack;

    constructor(IExchange exchange) {
        EXCHANGE = exchange;
    }

    function register(uint64[4] calldata keyRoot, address commitKey) external payable {
        EXCHANGE.register{value: msg.value}(keyRoot, commitKey);
    }

    function setCallsBack() external {
        callsBack = true;
    }

    receive() external payable {
        require(callsBack, "refused");
        EXCHANGE.collectRegistrationFees();
    }
}
