"""A node under faults: a chain that reorganises, a disk that tears, a clock that jumps; all of it repeatable."""
