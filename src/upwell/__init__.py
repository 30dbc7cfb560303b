"""Upwell: self-hosted over-the-air firmware updates in the tongues of Alibaba Cloud IoT, Tuya and Huawei IoTDA."""

__version__ = "0.2.0.dev0"
