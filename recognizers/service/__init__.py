"""Service times of the edge server and coding times of the devices, from committed calibrations."""

from recognizers.service.calibration import CalibrationError, calibrations, load_calibration
from recognizers.service.encode import encode_cost
from recognizers.service.service_time import ServiceTime, load_service

__all__ = [
    "CalibrationError",
    "ServiceTime",
    "calibrations",
    "encode_cost",
    "load_calibration",
    "load_service",
]
