"""The site with its clock moved into the trading hours of the same day, at whatever hour the day is played.

DAY_SHIFT: seconds. Only the broker's side asks what time of the market it is; how old values are is real time.
"""

import os
from datetime import datetime, timedelta

from tradingsite.wsgi import application  # isort: split

from broker import clock
from broker.clock import IST

__all__ = ["application"]

SHIFT = timedelta(seconds=float(os.environ["DAY_SHIFT"]))
clock.now = lambda: datetime.now(IST) + SHIFT
