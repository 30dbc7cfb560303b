"""Devices whose SDKs are in C, imitated byte by byte from the reference. They share no code with the server."""
