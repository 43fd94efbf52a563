"""The embedded development chain: py-evm behind ordinary JSON-RPC on the loopback address."""

from .engine import CHAIN_ID, DevelopmentChain, RpcError
from .server import ChainServer, serve

__all__ = ["CHAIN_ID", "ChainServer", "DevelopmentChain", "RpcError", "serve"]
