"""The SDK: keys and salts, orders, connection, reveal agent, local verification. Public names:
:mod:`sealbook`.
"""
