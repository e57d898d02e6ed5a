"""What Django's own error pages leave out, with DEBUG on as well."""

import re
from types import FrameType
from typing import Any

from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter

SECRET_NAME = re.compile(r"token|code|secret|passw|checksum|authoriz|cookie|session|parameters|headers|body|sent", re.I)


class SecretsHidden(SafeExceptionReporterFilter):
    """Django's filter shows everything with DEBUG on; this one never does, and hides variables by their names too."""

    def is_active(self, request: HttpRequest | None) -> bool:
        return True

    def get_traceback_frame_variables(self, request: Any, tb_frame: FrameType) -> Any:
        found = super().get_traceback_frame_variables(request, tb_frame)
        return [(name, self.cleansed_substitute if SECRET_NAME.search(name) else value) for name, value in found]
