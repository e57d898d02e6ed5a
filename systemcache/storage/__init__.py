"""Redis, and nothing else: the only package that sends it commands.

Every function raises StoreUnavailable, and nothing else, when Redis cannot be used.

Values stand under the site's prefix, under their documented keys. Redis also holds auxiliary keys, each with a TTL:

    epoch:<prefix>                the run id of the Redis under which all values were stored, and a random part
    gen:<prefix>:<tag>            a tag's generation, a random word; invalidating a tag deletes it
    lease:<prefix>:<key>          who loads the value now, and under which generations
    wake:<prefix>:<key>           a list that holds one element once a load has ended: waiters block on it
    old:<prefix>:<key>            the value once more, for longer, for families with `stale_for`
    stats:<prefix>                the counts of all processes, and the last batch that each of them has added
    series:<prefix>:<family>:<n>  the same counts by the minute, ten minutes a key
    series:<prefix>:<family>:30m:<n>  the same by the half hour, five hours a key
    audit:<prefix>                the largest staleness that the auditor has found, by family and layer
    violations:<prefix>           the last stale answers that it has found
    refresh:<prefix>:<family>     which value of a family was asked for from its source in this second, and since when
    recent:<prefix>:<names>       what was asked for lately, with the time
    lead:<prefix>:<work>          the process that leads a piece of work
    status:<prefix>:<work>        what the leader of a piece of work says of itself
    marks:<prefix>                when Redis and the site were started
    calls:<prefix>:<limit>        the calls that count against a rate limit now, and those that wait for a slot
    events:<prefix>:<part>        the event log: what programs are told of (event_log.py)

A value is valid while epoch and generations are those under which its load began. An evicted auxiliary key makes a
miss; it never makes an old value valid again.
"""
