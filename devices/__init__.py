"""Who speaks and sends: profiles, radios, batteries, traffic and policies of mobile devices."""

from devices.battery import BatteryBank, build_batteries, lifetime_s
from devices.catalogue import Entry, catalogue
from devices.delivery import Delivery, HoldBuffer, stream_blocks
from devices.errors import DeviceError
from devices.fleet import GroupTraffic, build_traffic
from devices.ledger import Charge, RadioLedger
from devices.local import LocalRecognizer, load_local
from devices.policy import Context, Policy, build_policy
from devices.profile import HostRating, Profile, build_profile, load_profile, profiles
from devices.radio import Phase, Radio
from devices.radios import build_radio, load_radio, radios
from devices.sessions import ClosedLoopTraffic
from devices.timeline import Activity, Segment, timeline
from devices.traffic import Traffic

__all__ = [
    "Activity",
    "BatteryBank",
    "Charge",
    "ClosedLoopTraffic",
    "Context",
    "Delivery",
    "DeviceError",
    "Entry",
    "GroupTraffic",
    "HoldBuffer",
    "HostRating",
    "LocalRecognizer",
    "Phase",
    "Policy",
    "Profile",
    "Radio",
    "RadioLedger",
    "Segment",
    "Traffic",
    "build_batteries",
    "build_policy",
    "build_profile",
    "build_radio",
    "build_traffic",
    "catalogue",
    "lifetime_s",
    "load_local",
    "load_profile",
    "load_radio",
    "profiles",
    "radios",
    "stream_blocks",
    "timeline",
]
