"""What Django's own error pages hide, even with DEBUG on."""

import re
from types import FrameType
from typing import Any

from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter

SECRET_NAME = re.compile(r"token|code|secret|passw|checksum|authoriz|cookie|session|parameters|headers|body|sent", re.I)


class StrictReporterFilter(SafeExceptionReporterFilter):
    """Django's filter shows everything with DEBUG on; this one never does, and also hides variables by name."""

    # Addresses of databases and of Redis may contain a password, and the headers for a collector of traces a token.
    hidden_settings = re.compile(rf"{SafeExceptionReporterFilter.hidden_settings.pattern}|URL|LOCATION|OTLP", re.I)

    def is_active(self, request: HttpRequest | None) -> bool:
        return True

    def get_traceback_frame_variables(self, request: Any, tb_frame: FrameType) -> Any:
        found = super().get_traceback_frame_variables(request, tb_frame)
        return [(name, self.cleansed_substitute if SECRET_NAME.search(name) else value) for name, value in found]
