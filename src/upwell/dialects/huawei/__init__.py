"""Huawei Cloud IoTDA, API version 5: its management API and its devices (reference huawei)."""
