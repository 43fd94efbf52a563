"""The demonstration: the whole main job on real parts, then a cheating operator (``sealbook demo``)."""
