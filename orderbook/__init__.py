"""The venue: what one operator runs (``docs/protocol.md`` sections 1, 2, 6 to 9).

A pure core, and shells around it::

    wire, digests            messages of clients and venue
    events, batch, registry, ledger, lifecycle, state
                             what happened, and the state that follows from it
    engine, depth            clearing a batch; the operator's own ladders
    openings, epoch_input    checking reveals; input of the proof
    desk, views, notices     what a request means; what clients are told
    clock, settings          the operator's policy
    ------------------------ input and output below
    journal, vault, recorder every event on disk before it is acknowledged
    server, limits           WebSockets
    l1, gateway, threads     the exchange contract
    proving, prover_runner, epochs
                             proofs, in a process of their own
    node                     all of it together
"""
