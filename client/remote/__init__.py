"""A client in another process: ``sealbook agent`` holds keys and store and reveals; programs trade through it."""
