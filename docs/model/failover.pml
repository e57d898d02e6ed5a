/*
 * failover.pml - a replica that missed the last invalidations takes over; connections may or may not survive it.
 *
 * Servers A (master at first) and B (its replica, behind by any lag). Process R reads, W writes; a invalidation is answered by the
 * server that it was sent to, not by the replica. greeting.greet: a new connection makes everything a
 * miss that was stored under another run id; `own[s]`: the epoch on s is s's own.
 *
 * -DCUT    both processes lose their connections and open new ones to B (TCP proxies that close, Sentinel, a new address)
 * -DKEEP   a proxy goes on with B on connections that stay open            (without FENCE: no process greets B)
 * -DSPLIT  R stays with A, which lives on; W goes to B                     (without FENCE: R receives nothing, up to the TTL)
 * -DFENCE  as in the code (invalidation/fencing.py): the database names the run id in use; a process that finds another
 *          one there than its connections' (a round of recovery, 0.5 s) connects again. Checked then: not stale for longer than a round.
 */

#define A 0
#define B 1
#define W 0
#define R 1
#define MISS 255
#ifndef WRITES
#define WRITES 3
#endif

byte db, answered;
byte value[2] = MISS;
bool own[2];
byte at[2];                    /* the server that a process's connections end at */
byte known_run[2];               /* the server whose run id they were known_run with */
bool promoted;
byte fence;                    /* in the database: the server whose run id is in use */
byte due[WRITES + 1];          /* answered: 1 until R's recovery looks, 2 until that round ends, then 3 */
hidden byte k;

inline connect(p, s) {
    at[p] = s; known_run[p] = s;
    if
    :: !own[s] -> value[s] = MISS; own[s] = true; fence = s
    :: else
    fi
}

proctype Writer() {
    byte left = WRITES;
    do
    :: left == 0 -> break
    :: left > 0 -> d_step { left--; db++ };
        d_step { value[at[W]] = MISS };
        d_step { answered = db; due[db] = 1 }
    od
}

proctype Reader() {
    byte seen, v, was[WRITES + 2];
    do
    :: d_step { seen = answered; for (k : 1 .. WRITES) { was[k] = due[k] }; k = 0 };
        d_step {
            v = value[at[R]];
            if
            :: v == MISS -> value[at[R]] = db
            :: v != MISS && v < seen ->
#ifdef FENCE
                /* due when the read began, or when Redis was asked */
                assert(was[v + 1] == 1 || was[v + 1] == 2 || due[v + 1] == 1 || due[v + 1] == 2)
#else
                assert(false)
#endif
            :: else
            fi;
            v = 0; seen = 0; for (k : 1 .. WRITES) { was[k] = 0 }; k = 0
        }
    od
}

/* A's stream to B, as far as it comes. */
proctype Replication() {
end:
    do
    :: d_step { !promoted -> value[B] = value[A] }
    :: d_step { promoted -> skip }; break
    od
}

proctype Failover() {
    byte p;
    d_step {
        promoted = true;
        /* what was invalidated only at A has to be invalidated again */
        for (k : 1 .. WRITES) { if :: due[k] != 0 -> due[k] = 1 :: else fi };
        k = 0;
#ifdef CUT
        connect(W, B); connect(R, B)
#endif
#ifdef KEEP
        at[W] = B; at[R] = B
#endif
#ifdef SPLIT
        connect(W, B)
#endif
    };
#ifdef KEEP
    /* sooner or later somebody opens one more connection */
    if
    :: d_step { connect(W, B) }
    :: true
    fi
#endif
}

#ifdef FENCE
proctype Recovery() {
    bool other;
    do
    :: d_step {
            /* the record in the database, and INFO on a connection that is in use */
            other = (fence != known_run[R]) || (at[R] != known_run[R]);
            for (k : 1 .. WRITES) { if :: due[k] == 1 -> due[k] = 2 :: else fi };
            k = 0
        };
        d_step {
            if
            :: other && fence != known_run[R] -> connect(R, fence)
            :: other && fence == known_run[R] -> connect(R, at[R])
            :: else
            fi;
            other = false;
            for (k : 1 .. WRITES) { if :: due[k] == 2 -> due[k] = 3 :: else fi };
            k = 0
        }
    od
}
#endif

init {
    d_step { own[A] = true; fence = A };
    atomic {
        run Writer(); run Reader(); run Replication(); run Failover();
#ifdef FENCE
        run Recovery();
#endif
    }
}
