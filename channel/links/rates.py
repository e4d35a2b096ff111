"""From a signal-to-noise ratio to bits per second and hertz: attenuated Shannon bound and CQI tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SNR_FLOOR_DB = -10.0  # TR 36.942, A.2: no throughput below

# TR 36.942, A.2, uplink: attenuation 0.4 and 2.0 bit/s/Hz at most; both remembered, unverified (the downlink's 0.6 and
# 4.4 were read).
UPLINK_ATTENUATION, UPLINK_CEILING = 0.4, 2.0

# Spectral efficiency of LTE's CQI 1 to 15: ns-3 lte-amc.cc, from R1-081483.
LTE_CQI = (0.15, 0.23, 0.38, 0.60, 0.88, 1.18, 1.48, 1.91, 2.41, 2.73, 3.32, 3.90, 4.52, 5.12, 5.55)
# NR CQI table 2 (up to 256QAM), TS 38.214, as several public simulators have it; all but the first are efficiencies of
# its MCS table 2, which was read.
NR_CQI = (
    0.1523, 0.3770, 0.8770, 1.4766, 1.9141, 2.4063, 2.7305, 3.3223, 3.9023, 4.5234, 5.1152, 5.5547, 6.2266, 6.9141,
    7.4063,
)  # fmt: skip
# ns-3's adaptive modulation chooses the highest CQI below log2(1 + SNR / gap), gap = -ln(5 BER) / 1.5 with a bit error
# ratio of 5e-5 (Piro et al., 2011); remembered, unverified.
CQI_GAP = -np.log(5.0 * 5e-5) / 1.5
PUSCH_DATA_SHARE = 12.0 / 14.0  # two of fourteen symbols carry reference signals


def shannon(snr_db: Array) -> Array:
    """Attenuated Shannon bound of the uplink in bit/s/Hz; 0 below -10 dB."""
    efficiency = np.minimum(UPLINK_ATTENUATION * np.log2(1.0 + 10.0 ** (snr_db / 10.0)), UPLINK_CEILING)
    return np.asarray(np.where(snr_db < SNR_FLOOR_DB, 0.0, efficiency))


def _by_cqi(table: tuple[float, ...], snr_db: Array) -> Array:
    """Efficiency of the highest CQI that the channel carries; below the first, the first in part.

    Where even CQI 1 is too much, repetitions carry it more slowly, down to -10 dB.
    """
    steps = np.asarray(table)
    bound = np.log2(1.0 + 10.0 ** (snr_db / 10.0) / CQI_GAP)
    index = np.searchsorted(steps, bound, side="right")
    efficiency = np.where(index > 0, steps[np.maximum(index, 1) - 1], bound)
    return np.asarray(np.where(snr_db < SNR_FLOOR_DB, 0.0, efficiency * PUSCH_DATA_SHARE))


def lte_cqi(snr_db: Array) -> Array:
    """Spectral efficiency by LTE's CQI table in bit/s/Hz."""
    return _by_cqi(LTE_CQI, snr_db)


def nr_cqi(snr_db: Array) -> Array:
    """Spectral efficiency by NR's CQI table 2 in bit/s/Hz."""
    return _by_cqi(NR_CQI, snr_db)


RATE_MODELS: Mapping[str, Callable[[Array], Array]] = {
    "shannon": shannon,
    "lte-cqi": lte_cqi,
    "nr-cqi": nr_cqi,
}
