"""A day of trading in minutes: a crowd of users, an open market, a broker and a Redis that fail; and a verdict.

`python -m benchmarks.day [--seconds 300]` starts its own servers: the site on two workers, PostgreSQL, Redis, the
simulator. Two hours of the market pass in five minutes: what the site keeps gets old 24 times as fast, while the limits
of the broker stay as they are. From two minutes on the whole timetable is played, below that a short one.
"""
