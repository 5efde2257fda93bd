"""The devices to fit: data-sheet facts and the rows that measured them."""

from __future__ import annotations

from dataclasses import dataclass, field

from benchmarks.devices.rows import Selection

GIB = 1 << 30

_NEON = ("neon",)
_DOT = ("neon", "neonfp16", "neondot")
_I8MM = ("neon", "neonfp16", "neondot", "neoni8mm")


@dataclass(frozen=True)
class Gpu:
    """GPU rows of a device: the name the rows carry, and where they are."""

    name: str
    selection: Selection


@dataclass(frozen=True)
class Device:
    """One profile to fit.

    Attributes:
        name: Profile name.
        title: Name for people.
        soc: System on chip.
        core: Core and clock.
        cores: Cores of that kind.
        isa: Features, by micro-kernel suffix.
        ram: Bytes of the smallest variant sold.
        phone: Phones leave a model a quarter of the memory, boards half.
        rows: Single-thread rows.
        more_threads: Rows of the same device with more threads.
        gpu: GPU rows.
        notes: What to know, dropped rows included.
    """

    name: str
    title: str
    soc: str
    core: str
    cores: int
    isa: tuple[str, ...]
    ram: int
    rows: Selection
    phone: bool = False
    more_threads: tuple[Selection, ...] = ()
    gpu: Gpu | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def half_arithmetic(self) -> bool:
        """Whether the core computes in fp16 (asimdhp)."""
        return "neonfp16" in self.isa


def _vulkan(name: str, device: str, threads: int = 1, powersave: str = "0") -> Gpu:
    return Gpu(name, Selection(device, "ncnn", threads, powersave))


_PI3 = "Raspberry Pi 3 Model B+"
_PI4 = "Raspberry Pi 4 Model B"
_RK3399 = "Rockchip RK3399 (Cortex-A72 1.8GHz x 2"
_RK3588 = "Rockchip RK3588 (Quad Core A76 2.4GHz"
_CM4 = "OrangePicm4"
_VIM3 = "Khadas VIM3, Amlogic A311D"
_K970 = "Kirin 970 (Cortex-A73"
_SD660 = "Qualcomm SDM660"
_SD810 = "Qualcomm MSM8994"
_SD821 = "Qualcomm MSM8996 Pro"
_SD410 = "Qualcomm MSM8916"
_TX2 = "NVIDIA Jetson TX2 NX"
_ROCK3A = "Rock3A, Rockchip RK3568"
_UNO_Q = "Arduino UNO Q"
_SM8550 = "Qualcomm SM8550-AB"
_D9300 = "MediaTek Dimensity 9300"
_PADDLE = "Paddle-Lite 2.11 armv8"

_OLD_RK3588 = (
    "Rows of another RK3588 board (benchmark/README.md:2723, single thread) are dropped: MobileNetV1 takes 1.8 times "
    "as long as on this board and twice as long as on a Raspberry Pi 5 (same core, same clock), which points to its "
    "governor."
)
_BAD_G610 = (
    "GPU rows of Station-M3 (benchmark/README.md:2887) are dropped: VGG-16 in 0.6 ms and ResNet-18 in 0.7 ms are "
    "faster than the GPU can compute, so that run must have failed."
)


def _paddle(device: str) -> Selection:
    return Selection(device, _PADDLE, 1, "")


def _opencl(name: str, device: str) -> Gpu:
    return Gpu(name, Selection(device, "Paddle-Lite 2.11", 1, ""))


DEVICES: tuple[Device, ...] = (
    Device(
        "raspberry-pi-3b-plus",
        "Raspberry Pi 3 Model B+",
        "Broadcom BCM2837B0",
        "Cortex-A53 1.4 GHz",
        4,
        _NEON,
        GIB,
        Selection(_PI3),
        more_threads=(Selection(_PI3, threads=4),),
        notes=(
            "Raspberry Pi Zero 2 W has the same core at 1.0 GHz; its single-thread rows are a third slower than the "
            "clock explains (perhaps a 32-bit build), so no profile is fitted to them.",
        ),
    ),
    Device(
        "raspberry-pi-4b",
        "Raspberry Pi 4 Model B",
        "Broadcom BCM2711",
        "Cortex-A72 1.8 GHz",
        4,
        _NEON,
        GIB,
        Selection(_PI4),
        more_threads=(Selection(_PI4, threads=4),),
    ),
    Device(
        "raspberry-pi-5",
        "Raspberry Pi 5",
        "Broadcom BCM2712",
        "Cortex-A76 2.4 GHz",
        4,
        _DOT,
        2 * GIB,
        Selection("Raspberry Pi 5 Broadcom BCM2712, Cortex-A76"),
        notes=(
            "Its 4-thread rows (benchmark/README.md:1928) are dropped: MobileNetV1 is slower there with four threads "
            "than with one, which points to throttling. The GPU rows are llvmpipe, a CPU rasteriser: dropped too.",
        ),
    ),
    Device(
        "rk3399-a72",
        "RK3399 boards, big cores",
        "Rockchip RK3399",
        "Cortex-A72 1.8 GHz",
        2,
        _NEON,
        2 * GIB,
        Selection(_RK3399, powersave="2"),
        more_threads=(Selection(_RK3399, threads=2, powersave="2"),),
        gpu=_vulkan("Mali-T860", _RK3399, 1, "2"),
    ),
    Device(
        "rk3399-a53",
        "RK3399 boards, little cores",
        "Rockchip RK3399",
        "Cortex-A53 1.5 GHz",
        4,
        _NEON,
        2 * GIB,
        Selection(_RK3399, powersave="1"),
        more_threads=(Selection(_RK3399, threads=4, powersave="1"),),
    ),
    Device(
        "rk3588-a76",
        "RK3588 boards, big cores",
        "Rockchip RK3588",
        "Cortex-A76 2.4 GHz",
        4,
        _DOT,
        4 * GIB,
        Selection(_RK3588),
        more_threads=(Selection(_RK3588, threads=4, powersave="2"),),
        gpu=_vulkan("Mali-G610", "Rockchip RK3588 (Cortex-A76", 1, "2"),
        notes=(_OLD_RK3588, _BAD_G610),
    ),
    Device(
        "rk3566-a55",
        "Orange Pi CM4 and other RK3566 boards",
        "Rockchip RK3566",
        "Cortex-A55 1.8 GHz",
        4,
        _DOT,
        GIB,
        Selection(_CM4),
        more_threads=(Selection(_CM4, threads=4),),
        gpu=_vulkan("Mali-G52", "Station-M2/ROC-RK3566-PC", 1, "0"),
    ),
    Device(
        "rk3568-a55",
        "Radxa ROCK 3A",
        "Rockchip RK3568",
        "Cortex-A55 2.0 GHz",
        4,
        _DOT,
        2 * GIB,
        Selection(_ROCK3A),
        more_threads=(Selection(_ROCK3A, threads=4),),
        notes=(
            "Slower than the RK3566 profile in spite of the faster clock; the source does not say which version of the "
            "library or which governor each of them ran.",
        ),
    ),
    Device(
        "khadas-vim3-a73",
        "Khadas VIM3, big cores",
        "Amlogic A311D",
        "Cortex-A73 2.2 GHz",
        4,
        _NEON,
        2 * GIB,
        Selection(_VIM3, powersave="2"),
        more_threads=(Selection(_VIM3, threads=4, powersave="2"),),
        gpu=_vulkan("Mali-G52", _VIM3, 6, "2"),
    ),
    Device(
        "arduino-uno-q",
        "Arduino UNO Q",
        "Qualcomm QRB2210",
        "Cortex-A53 2.0 GHz",
        4,
        _NEON,
        2 * GIB,
        Selection(_UNO_Q),
        more_threads=(Selection(_UNO_Q, threads=4),),
    ),
    Device(
        "jetson-tx2-nx",
        "NVIDIA Jetson TX2 NX",
        "NVIDIA Tegra X2",
        "Denver2 or Cortex-A57 2.0 GHz",
        4,
        _NEON,
        4 * GIB,
        Selection(_TX2),
        gpu=_vulkan("NVIDIA Tegra X2", _TX2, 1, "0"),
        notes=("The source does not say which of its two kinds of core ran the single thread.",),
    ),
    Device(
        "kirin-970",
        "HiSilicon Kirin 970 phones",
        "HiSilicon Kirin 970",
        "Cortex-A73 2.4 GHz",
        4,
        _NEON,
        4 * GIB,
        Selection(_K970, powersave="2"),
        phone=True,
        more_threads=(Selection(_K970, threads=4, powersave="2"),),
        gpu=_vulkan("Mali-G72", _K970, 1, "2"),
    ),
    Device(
        "snapdragon-410",
        "Snapdragon 410 boards",
        "Qualcomm MSM8916",
        "Cortex-A53 1.2 GHz",
        4,
        _NEON,
        GIB,
        Selection(_SD410),
        more_threads=(Selection(_SD410, threads=4),),
    ),
    Device(
        "snapdragon-660",
        "Snapdragon 660 phones",
        "Qualcomm SDM660",
        "Kryo 260 Gold 2.2 GHz",
        4,
        _NEON,
        3 * GIB,
        Selection(_SD660, powersave="2"),
        phone=True,
        gpu=_vulkan("Adreno 512", _SD660, 1, "2"),
    ),
    Device(
        "snapdragon-810",
        "Snapdragon 810 phones",
        "Qualcomm MSM8994",
        "Cortex-A57 2.0 GHz",
        4,
        _NEON,
        3 * GIB,
        Selection(_SD810, powersave="2"),
        phone=True,
        more_threads=(Selection(_SD810, threads=4, powersave="2"),),
        gpu=_vulkan("Adreno 430", _SD810, 1, "2"),
    ),
    Device(
        "snapdragon-821",
        "Snapdragon 821 phones",
        "Qualcomm MSM8996 Pro",
        "Kryo 2.35 GHz",
        2,
        _NEON,
        3 * GIB,
        Selection(_SD821),
        phone=True,
        more_threads=(Selection(_SD821, threads=4),),
    ),
    Device(
        "snapdragon-8-gen-2",
        "Snapdragon 8 Gen 2 phones",
        "Qualcomm SM8550-AB",
        "Cortex-X3 3.2 GHz",
        1,
        _I8MM,
        8 * GIB,
        Selection(_SM8550, powersave="2"),
        phone=True,
        more_threads=(Selection(_SM8550, threads=4, powersave="2"),),
        gpu=_vulkan("Adreno 740", _SM8550, 1, "2"),
    ),
    Device(
        "dimensity-9300",
        "Dimensity 9300 phones",
        "MediaTek MT6989",
        "Cortex-X4 3.25 GHz",
        1,
        _I8MM,
        12 * GIB,
        Selection(_D9300, powersave="2"),
        phone=True,
        more_threads=(Selection(_D9300, threads=4, powersave="2"),),
        gpu=_vulkan("Mali-G720-Immortalis MC12", _D9300, 1, "2"),
    ),
    Device(
        "snapdragon-835",
        "Xiaomi Mi 6 (Snapdragon 835)",
        "Qualcomm MSM8998",
        "Kryo 280 Gold 2.45 GHz",
        4,
        _NEON,
        4 * GIB,
        _paddle("Snapdragon 835 (Mi 6)"),
        phone=True,
        gpu=_opencl("Adreno 540", "Snapdragon 835 (Mi 6)"),
    ),
    Device(
        "snapdragon-845",
        "Xiaomi Mi 8 (Snapdragon 845)",
        "Qualcomm SDM845",
        "Kryo 385 Gold 2.8 GHz",
        4,
        ("neon", "neonfp16"),
        6 * GIB,
        _paddle("Snapdragon 845 (Mi 8)"),
        phone=True,
        gpu=_opencl("Adreno 630", "Snapdragon 845 (Mi 8)"),
    ),
    Device(
        "snapdragon-865",
        "Xiaomi Mi 10 (Snapdragon 865)",
        "Qualcomm SM8250",
        "Cortex-A77 2.84 GHz",
        1,
        _DOT,
        8 * GIB,
        _paddle("Snapdragon 865 (Mi 10)"),
        phone=True,
        gpu=_opencl("Adreno 650", "Snapdragon 865 (Mi 10)"),
    ),
    Device(
        "kirin-980",
        "Huawei Mate 20 (Kirin 980)",
        "HiSilicon Kirin 980",
        "Cortex-A76 2.6 GHz",
        2,
        _DOT,
        4 * GIB,
        _paddle("Kirin 980 (Mate 20)"),
        phone=True,
        gpu=_opencl("Mali-G76MP10", "Kirin 980 (Mate 20)"),
    ),
    Device(
        "kirin-990",
        "Huawei Mate 30 (Kirin 990)",
        "HiSilicon Kirin 990",
        "Cortex-A76 2.86 GHz",
        2,
        _DOT,
        6 * GIB,
        _paddle("Kirin 990 (Mate 30)"),
        phone=True,
        gpu=_opencl("Mali-G76MP16", "Kirin 990 (Mate 30)"),
    ),
)
"""Every device with rows to fit."""
