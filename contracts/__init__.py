"""Solidity contracts: sources, compiled artifacts, deployment and Python bindings."""
