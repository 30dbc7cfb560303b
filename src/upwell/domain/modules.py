"""Names of modules: which of them are the same one.

Letters compare in any case (alibaba 2.2: `scanner` and `Scanner` are one name). What is compared and looked up is a
module's key; people and devices are told its name as the owner spelt it, or the device, where nobody declared it.
"""

DEFAULT_MODULE = "default"  # the whole device
SOFTWARE_MODULE = "software"  # the applications of a device, beside its firmware `default`
STANDING = (DEFAULT_MODULE, SOFTWARE_MODULE)  # every product's; their names are their keys


def module_key(name: str) -> str:
    """Two names are one module exactly if their keys are equal. SQL says `lower(name)`."""
    return name.lower()


def module_name(name: str) -> str:
    """The name as it is kept: one of those that stand in its own spelling, any other as it is given."""
    key = module_key(name)
    return key if key in STANDING else name
