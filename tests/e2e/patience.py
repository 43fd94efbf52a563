"""Windows for a machine that stalls: reveals count for 100 seconds of blocks, and end as soon as all are there."""

PATIENT = (400, 4)
"""For :class:`sealbook.demo.stage.Stage`."""
