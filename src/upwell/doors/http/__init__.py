"""HTTP/1.1 as the doors of owners and of polling devices speak it: every bound of a connection, and ASGI above."""
