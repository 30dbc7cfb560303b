"""Backups: the database as of one moment, and every object that its packages stand for, beside each other.

Holds: the database's part is one snapshot; objects are listed and read after it, and what a package stands for is never
deleted, so nothing that the snapshot names is lacking. What says that a backup is whole is written last of all. Each
part is under the digest of its bytes, as they lie there and as they were; with recipients each is an age file that
they alone can open. Refuses: to write where something is, to restore where something is.
"""
