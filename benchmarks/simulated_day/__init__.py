"""A day of trading in minutes: a crowd of users, an open market, a broker and a Redis that fail; and a verdict.

`python -m benchmarks.simulated_day [--seconds 300]` starts its own servers: the site on two workers, PostgreSQL, Redis
and the simulator. Two hours of the market pass in five minutes: cached values expire 24 times as fast, while the
broker's limits stay as they are. A day of two minutes or more plays the whole timetable, a shorter one an excerpt.
"""
