"""The venue: what one operator runs (``docs/protocol.md`` sections 1, 2, 6 to 9).

A pure core, and shells around it::

    wire, digests            messages of clients and venue; asyncapi: the document made from them
    events, batch, registry, ledger, lifecycle, state
                             what happened, and the state that follows from it
    shelf, snapshot          batches and state as the journal keeps them
    engine, depth            clearing a batch; the operator's own ladders
    openings, epoch_input    checking reveals; input of the proof
    desk, leases, views, notices, streams, subscriptions
                             what a request means; what clients are told
    clock, settings          the operator's policy
    ------------------------ input and output below
    journal, vault, recorder every event on disk before it is acknowledged
    server, connections, corked, limits, refusals
                             WebSockets
    metrics, observe, status figures and health
    l1, gateway, threads     the exchange contract
    proving, prover_runner, epochs
                             proofs, in a process of their own
    node, memory             all of it together
"""
