"""All checks, in the order in which they are told."""

from __future__ import annotations

from agent.doctor.broker import check_broker
from agent.doctor.camera import check_camera
from agent.doctor.certificates import check_certificates
from agent.doctor.finding import Check
from agent.doctor.machine import check_clock, check_gstreamer, check_processor, check_providers
from agent.doctor.model import check_model
from agent.doctor.storage import check_disk, check_outbox
from agent.doctor.web import check_evidence, check_page

CHECKS = (
    Check("camera", check_camera),
    Check("GStreamer", check_gstreamer),
    Check("providers", check_providers),
    Check("processor", check_processor),
    Check("clock", check_clock),
    Check("outbox", check_outbox),
    Check("broker", check_broker),
    Check("certificates", check_certificates),
    Check("page", check_page),
    Check("evidence", check_evidence),
    Check("disk", check_disk, alone=True),
    Check("model", check_model, alone=True),
)
