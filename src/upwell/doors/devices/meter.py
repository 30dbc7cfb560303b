"""What devices do, as it is counted: logins, what is heard of them, what they are told."""

from upwell.meters.counting import Tally


class Devices:
    """Of one process, whichever way they come. Faces have few names; reasons are our own words."""

    def __init__(self) -> None:
        self.logins, self.login_refusals = Tally(), Tally()
        self.heard, self.offers, self.acknowledgements = Tally(), Tally(), Tally()
        self.not_understood = Tally()

    def accepted(self, face: str) -> None:
        """A login was."""
        self.logins.add(face, "accepted")

    def refused(self, face: str, reason: str) -> None:
        """A login was; what stands behind a colon is the device's and is not told."""
        face = face or "unknown"
        self.logins.add(face, "refused")
        self.login_refusals.add(face, reason.partition(":")[0])
