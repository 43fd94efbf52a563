// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IExchange} from "../interfaces/IExchange.sol";
import {CommitSignature} from "../libraries/CommitSignature.sol";
import {EpochStatement} from "../libraries/EpochStatement.sol";
import {Scratch} from "../libraries/Scratch.sol";
import {VerifierCalls} from "../libraries/VerifierCalls.sol";
import {Record} from "./Record.sol";

/// @title Settlement by a proof
/// @dev Sequential: the state root, the prices and the queue pointer change only together with the number of settled
/// batches, so a ticket that starts at the first unsettled batch was made for this state.
abstract contract Settlements is Record {
    /// @dev Bytes of one commit signature: u64 client sequence, r, s, v.
    uint256 private constant SIGNATURE = 73;

    /// @inheritdoc IExchange
    function openSettlement(
        bytes calldata publicData,
        bytes calldata queueEntries,
        bytes calldata signatures,
        bytes calldata head,
        bytes calldata queries
    ) external guarded onlyOperator returns (bytes32 id) {
        require(msg.sender == tx.origin && msg.sender.code.length == 0, NotDirect());
        Effects memory effects;
        bytes memory state;
        Ticket memory opened;
        (effects, opened, state) = _open(publicData, queueEntries, signatures, head);
        id = keccak256(abi.encode(opened.stateHash, opened.effectsHash));
        require(_tickets[id].stateHash == 0, TicketExists(id));
        uint256 count = queries.length == 0 ? 0 : VerifierCalls.checkQueries(verifier, state, queries);
        opened.bitmap = _ones(count);
        bool complete = opened.bitmap == _ones(opened.queryCount) && !opened.signaturesPending;
        if (complete) state = "";
        emit HeadChecked(id, effects.firstBatch, effects, state);
        if (count > 0) emit QueriesChecked(id, 0, count);
        if (complete) _apply(id, effects);
        else _tickets[id] = opened;
    }

    function _open(
        bytes calldata publicData,
        bytes calldata queueEntries,
        bytes calldata signatures,
        bytes calldata head
    ) private view returns (Effects memory effects, Ticket memory opened, bytes memory state) {
        bytes memory messages;
        (messages, effects, opened) = _state(publicData, queueEntries, signatures, head.length);
        state = _checkHead(effects, messages, head);
        opened.stateHash = keccak256(state);
        opened.effectsHash = keccak256(abi.encode(effects));
        opened.queryCount = uint16(verifier.queryCount(state));
    }

    /// @dev What the epoch states, from the public data and the contract's own record.
    function _state(
        bytes calldata publicData,
        bytes calldata queueEntries,
        bytes calldata signatures,
        uint256 headLength
    ) private view returns (bytes memory messages, Effects memory effects, Ticket memory opened) {
        (effects.firstBatch, effects.batches, effects.tier) = EpochStatement.header(publicData);
        EpochStatement.Outcome memory outcome;
        EpochStatement.Inputs memory inputs = _inputs(effects);
        inputs.headroom = headLength;
        effects.publicDataHash = Scratch.hash(publicData);
        (messages, outcome) = EpochStatement.build(publicData, queueEntries, inputs);
        effects.queueEnd = _batches[effects.firstBatch + effects.batches - 1].cut;
        require(outcome.queueHash == _queueHashes[effects.queueEnd], WrongQueueEntries());
        if (outcome.missingBatches > 0) {
            uint64 last = effects.firstBatch + uint64(outcome.missingBatches) - 1;
            uint64 deadline = _batches[last].sealBlock + REVEAL_WINDOW;
            require(block.number > deadline, DeadlineNotPassed(last, deadline));
        }
        effects.newRoot = outcome.newRoot;
        effects.references = outcome.references;
        effects.withdrawalsRoot = outcome.withdrawalsRoot;

        bytes calldata missing = publicData[outcome.missingStart:outcome.missingEnd];
        opened.signaturesPending = outcome.charged > 0 && signatures.length == 0;
        if (opened.signaturesPending) opened.missingHash = Scratch.hash(missing);
        else _checkSignatures(effects.firstBatch, missing, signatures);
    }

    function _inputs(Effects memory effects) private view returns (EpochStatement.Inputs memory inputs) {
        require(effects.firstBatch == _settledBatches, NotNext(effects.firstBatch, _settledBatches));
        uint256 length = effects.batches;
        require(length > 0 && length <= MAX_BATCHES, BadEpochLength(effects.batches));
        uint64 last = effects.firstBatch + uint64(length) - 1;
        require(last < _sealedBatches, BatchesNotSealed(last, _sealedBatches));
        require(effects.tier < _tiers.length, UnknownTier(effects.tier));

        inputs.bus = PUBLIC_BUS;
        inputs.venue = venue;
        inputs.firstBatch = effects.firstBatch;
        inputs.missFee = MISS_FEE;
        inputs.feeAsset = FEE_ASSET;
        inputs.assets = _assets.length;
        inputs.emptyRoot = EMPTY_COMMITMENTS;
        inputs.oldRoot = _stateRoot;
        inputs.queueStart = _queueSettled;
        inputs.queueHash = _queueHashes[_queueSettled];
        inputs.markets = new EpochStatement.Market[](_markets.length);
        for (uint256 m = 0; m < inputs.markets.length; ++m) {
            StoredMarket memory s = _markets[m];
            inputs.markets[m] =
                EpochStatement.Market(s.base, s.quote, s.lower, s.upper, s.feePpm, s.referencePrice);
        }
        inputs.batches = new EpochStatement.Batch[](length);
        uint256 cut = inputs.queueStart;
        for (uint256 k = 0; k < length; ++k) {
            uint64 number = effects.firstBatch + uint64(k);
            StoredBatch memory s = _batches[number];
            require(s.count == 0 || s.beacon != 0, BeaconMissing(number));
            inputs.batches[k] = EpochStatement.Batch(s.root, s.count, s.cut - cut, s.beacon);
            cut = s.cut;
        }
    }

    /// @dev The messages are not absorbed by the proof's transcript, so the context binds them: otherwise roots and
    /// queue entries could be chosen after the challenges are known.
    function _checkHead(Effects memory effects, bytes memory messages, bytes calldata head)
        private
        view
        returns (bytes memory)
    {
        bytes32 vkHash = _tiers[effects.tier];
        bytes32 context = keccak256(
            abi.encode(block.chainid, address(this), vkHash, effects.publicDataHash, keccak256(messages))
        );
        return VerifierCalls.checkHead(verifier, vkHash, context, messages, head.length, head);
    }

    /// @inheritdoc IExchange
    function checkSignatures(bytes32 id, bytes calldata missing, bytes calldata signatures) external guarded {
        Ticket storage opened = _ticket(id);
        require(opened.signaturesPending, NoSignaturesPending(id));
        require(keccak256(missing) == opened.missingHash, WrongMissing(id));
        // The list is of the first unsettled batch on; a ticket of an older one can never be settled.
        uint256 count = _checkSignatures(_settledBatches, missing, signatures);
        opened.signaturesPending = false;
        emit SignaturesChecked(id, count);
    }

    /// @dev `missing` was parsed before: every charged leaf needs the signature of its account's commit key.
    function _checkSignatures(uint64 firstBatch, bytes calldata missing, bytes calldata signatures)
        private
        view
        returns (uint256 count)
    {
        for (uint256 place = 0; place < missing.length; place += EpochStatement.MISSING) {
            if (missing[place + 36] == 0) continue;
            uint256 offset = count * SIGNATURE;
            require(signatures.length >= offset + SIGNATURE, WrongSignatureLength(signatures.length, offset + SIGNATURE));
            bytes calldata signature = signatures[offset:offset + SIGNATURE];
            uint256 account = uint24(bytes3(missing[place + 1:place + 4]));
            bytes32 digest = CommitSignature.digest(
                domainSeparator,
                venue,
                firstBatch + uint8(missing[place]),
                account,
                uint64(bytes8(signature[0:8])),
                uint256(bytes32(missing[place + 4:place + 36]))
            );
            address signer = CommitSignature.recover(
                digest, bytes32(signature[8:40]), bytes32(signature[40:72]), uint8(signature[72])
            );
            require(signer != address(0) && signer == _accounts[account].commitKey, BadSignature(count));
            ++count;
        }
        require(
            signatures.length == count * SIGNATURE, WrongSignatureLength(signatures.length, count * SIGNATURE)
        );
    }

    /// @inheritdoc IExchange
    function checkQueries(bytes32 id, bytes calldata state, uint256 first, bytes calldata queries) external guarded {
        _checkQueries(id, state, first, queries);
    }

    /// @inheritdoc IExchange
    function settle(bytes32 id, Effects calldata effects) external guarded {
        _settle(id, effects);
    }

    /// @inheritdoc IExchange
    function checkQueriesAndSettle(
        bytes32 id,
        bytes calldata state,
        uint256 first,
        bytes calldata queries,
        Effects calldata effects
    ) external guarded {
        _checkQueries(id, state, first, queries);
        _settle(id, effects);
    }

    function _checkQueries(bytes32 id, bytes calldata state, uint256 first, bytes calldata queries) private {
        Ticket storage opened = _ticket(id);
        require(keccak256(state) == opened.stateHash, WrongState(id));
        uint256 count = verifier.checkQueries(state, first, queries);
        // first + count <= 256 is the verifier's promise; a shift beyond the word would only lose bits.
        opened.bitmap |= (_ones(count) << first);
        emit QueriesChecked(id, first, count);
    }

    function _settle(bytes32 id, Effects calldata effects) private {
        Ticket storage opened = _ticket(id);
        require(keccak256(abi.encode(effects)) == opened.effectsHash, WrongEffects(id));
        require(effects.firstBatch == _settledBatches, NotNext(effects.firstBatch, _settledBatches));
        uint256 bitmap = opened.bitmap;
        require(bitmap == _ones(opened.queryCount), QueriesPending(id, bitmap));
        require(!opened.signaturesPending, SignaturesPending(id));
        delete _tickets[id];
        _apply(id, effects);
    }

    /// @dev The proof is complete: the new state takes effect.
    function _apply(bytes32 id, Effects memory effects) private {
        uint32 number = _epochs;
        _epochs = number + 1;
        _epochData[number] = StoredEpoch(
            effects.newRoot,
            effects.withdrawalsRoot,
            effects.publicDataHash,
            effects.firstBatch,
            uint64(block.number),
            effects.batches,
            effects.tier
        );
        uint64 end = effects.firstBatch + effects.batches;
        for (uint64 b = effects.firstBatch; b < end; ++b) {
            _batches[b].settledEpoch = number + 1;
        }
        for (uint256 m = 0; m < effects.references.length; ++m) {
            _markets[m].referencePrice = effects.references[m];
        }
        _stateRoot = effects.newRoot;
        _settledBatches = end;
        _queueSettled = effects.queueEnd;
        emit Settled(number, id, effects.firstBatch, effects);
    }

    /// @dev The lowest `count` bits set.
    function _ones(uint256 count) private pure returns (uint256) {
        return count > 255 ? type(uint256).max : (1 << count) - 1;
    }
}
