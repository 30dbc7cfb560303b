"""A dialect that no vendor speaks, registered without an edit of the server: management by REST, devices by HTTP
polling or pushed to by MQTT. It is here to prove that a tongue is a folder and its rows (issue 10, number 5)."""

from toy.devices import ToyFace
from toy.management import Toy
from toy.pushed import PushedToyFace
from upwell.doors.devices.vendors import FaceRow
from upwell.doors.management.tongue import Tongue

TONGUE = Tongue(dialect="toy", rest=lambda _: Toy())
FACE = FaceRow(dialect="toy", mqtt=lambda _: PushedToyFace(), http=lambda _: ToyFace())
