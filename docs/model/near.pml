/*
 * near.pml - copies in a process, and the listener that receives invalidations (local/near_cache.py, local/listener.py, storage/tracking.py).
 *
 * Time goes on at any moment, and anything may take any time. Redis keeps one queue to the listener: invalidations
 * (BCAST tracking) and the answers to its PINGs, in the order in which things happened.
 *
 * Checked: a copy that is shown was replaced, if at all, by a write that was answered at most TRUST before the read began;
 * what was asked of Redis itself is never stale.
 *
 * Defects: -DRECEIPT (confirmed_until is when the answer came, not when the PING was sent), -DUNTICKETED (a copy is filled
 * under the counts of the moment at which it is filled), -DUNFLUSHED (copies stay when the listener reconnects),
 * -DFLUSHED_FIRST (they go before it is told of changes again, not after), -DUNORDERED (Redis answers PINGs first).
 */

#ifndef WRITES
#define WRITES 2
#endif
#ifndef READERS
#define READERS 1
#endif
#ifndef ENDS
#define ENDS 6          /* the last moment */
#endif
#ifndef LOST
#define LOST 1          /* how often the listener's connection is lost */
#endif
#define TRUST 1         /* CACHE_NEAR_TRUST */
#define NEVER 255
#define MISS 255

byte t;                 /* clock.boottime() */
byte db, answered;
byte at[WRITES + 1];    /* when a version was answered */
byte value = MISS;      /* in Redis */

/* Redis's end of the listener's connection. */
bool subscribed; byte line;        /* the generation of the connection */
mtype = { changed, pong };
chan pipe = [4] of { mtype };
bool ping;                          /* under way to Redis */

/* The process. */
byte confirmed = NEVER;                 /* copies.confirmed_until; NEVER: -inf */
byte count;                         /* _drops of the tag, and _flushes */
byte copy = MISS, copy_count;       /* the copy of the key */
bool over;

inline forget() { count++; copy = MISS }

active proctype Clock() {
    do
    :: d_step { t < ENDS -> t++ }
    :: over -> break
    od
}

active proctype Writer() {
    byte left = WRITES;
    do
    :: left > 0 -> left--;
        db++;
        /* generations.invalidate_tags: the generation goes, the value is valid no more, and Redis tells who listens */
        atomic {
            value = MISS;
            if
            :: subscribed -> pipe!changed
            :: else
            fi
        };
        d_step { answered = db; at[db] = t }
    :: else -> break
    od
}

/* Redis answers PINGs in their turn. */
active proctype Redis() {
end:
    do
#ifdef UNORDERED
    :: atomic { ping && subscribed && nfull(pipe) && !pipe?[changed] -> ping = false; pipe!pong }
    :: atomic { ping && subscribed && nfull(pipe) && pipe?[changed] -> ping = false; pipe?changed; pipe!pong; pipe!changed }
#else
    :: atomic { ping && subscribed && nfull(pipe) -> ping = false; pipe!pong }
#endif
    od
}

active proctype Network() {
    byte left = LOST;
end:
    do
    :: d_step { left > 0 && subscribed -> left--; subscribed = false; ping = false;
            do
            :: pipe?_
            :: empty(pipe) -> break
            od
        }
    od
}

active proctype Listener() {
    byte asked = NEVER, sent;
connect:
    skip;
#ifdef FLUSHED_FIRST
    d_step { forget() };
#endif
    d_step {                                    /* TrackingConnection: a new connection, on which nothing is under way */
        do
        :: pipe?_
        :: empty(pipe) -> break
        od;
        ping = false; subscribed = true
    };
#ifndef FLUSHED_FIRST
#ifndef UNFLUSHED
    d_step { forget() };                        /* "from here on everything is confirmed" */
#endif
#endif
    d_step { sent = t; asked = NEVER };
    d_step { asked = sent; if :: subscribed -> ping = true :: else fi };    /* ask_for_a_sign */
    do
    :: atomic { pipe?changed -> forget() }
    :: atomic { pipe?pong ->
#ifdef RECEIPT
            confirmed = t;
#else
            confirmed = asked;
#endif
            asked = NEVER }
    :: atomic { asked == NEVER && subscribed && t < ENDS -> sent = t; asked = sent };
        d_step { if :: subscribed -> ping = true :: else fi }
    :: !subscribed ->                           /* noticed, by an error or DEAF */
#ifdef UNFLUSHED
        confirmed = NEVER;
#else
        d_step { confirmed = NEVER; forget() };
#endif
        goto connect
    :: over -> break
    od
}

/* A thread that reads: hits.near_copy, else hits.stored (reserve, MGET, fill), loading what is missing. */
active [READERS] proctype Reader() {
    byte began, seen, ticket, v;
    do
    :: t < ENDS ->
        d_step { began = t; seen = answered };
        if
        :: d_step { confirmed != NEVER && t - confirmed <= TRUST && copy != MISS && copy_count == count -> v = copy };
            /* what it shows may be older than what was answered, but not by more than TRUST */
            assert(v >= seen || began <= at[v + 1] + TRUST)
        :: d_step { !(confirmed != NEVER && t - confirmed <= TRUST && copy != MISS && copy_count == count) ->
                ticket = count };
            d_step {
                if
                :: value == MISS -> value = db          /* loaded under a lease, and stored: lease.pml */
                :: else
                fi;
                v = value
            };
            assert(v >= seen);
#ifdef UNTICKETED
            d_step { copy = v; copy_count = count }
#else
            d_step { if :: count == ticket -> copy = v; copy_count = ticket :: else fi }
#endif
        fi;
        d_step { began = 0; seen = 0; ticket = 0; v = 0 }
    :: t == ENDS -> break
    od;
    over = true
}
