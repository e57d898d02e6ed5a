"""Makes the rows that the harness writes, and a program's token; tells the token."""

from tests.systemcache.promises.setup import prepare

prepare()

import json  # noqa: E402 - needs Django
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from django.contrib.auth.models import User  # noqa: E402

from systemcache.models import ApiToken  # noqa: E402
from tests.systemcache.promises.board import Board  # noqa: E402
from tests.systemcache.promises.world import LANES, Lane  # noqa: E402

board = Board(Path(sys.argv[1]))
for lane in range(LANES):
    Lane(board, lane).make()
user = User.objects.create(username="program", is_staff=True, is_superuser=True)
print(json.dumps({"token": ApiToken.issue(user, "harness")}))
