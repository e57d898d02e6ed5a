/*
 * outbox.pml - a write commits, leaves a record, invalidates; with Redis out of reach of one process or of both.
 *
 * Two processes, W that writes and R that reads. The code (systemcache/):
 *   Writer    the trigger leaves a record; outbox.dispatch: generations.invalidate_tags, then the record is deleted
 *   Recovery    recovery.run_once, every 0.5 s: outbox.replay while the breaker is closed, else breaker.probe(replay_after_outage)
 *   Reader    fetching/read.py: entries.read; what is missing is loaded and stored (one step here: lease.pml has the others)
 *   breaker   breaker.py; `clean` is _failures == _failures_known, `takes` is _allows_invalidations
 *
 * due[v]: the invalidation of version v was not done when its write was answered (or its writer has died): 1 until a round of R's
 * recovery looks for records, 2 until that round ends, then 3. 0: its invalidation was done. "Within one round" is: while it is 1 or 2.
 *
 * Checked: what R shows was replaced only by a write whose invalidation is due for less than a round (0.5 s); what W shows was
 * never replaced by a write of its own (READ_W).
 *
 * What is not promised, each by -D with a counter-example (docs/cache/failures.md gives the bound, 0.5 s):
 *   REACHABLE  none is due if Redis was within W's reach when the write was answered: not while W's breaker is open
 *   RETURNS    none is due if R's breaker was open then: not if R is back before W
 *   STRICT     no stale read at all; with COMMIT_WAIT (a write whose invalidation could not be done is answered when its
 *              record is gone or a round of R's recovery has ended) it would hold
 * -DNEAR: R has a near copy, and Redis may refuse writes while it answers PINGs.
 * Mutants: NEAR_UNASKED (a copy is shown while the breaker is open), NO_OUTBOX (no record), NO_SETBACKS (the breaker closes whatever came up meanwhile), CLOSE_FIRST (it closes as
 * soon as Redis answers, and replays then). Proposal: COMMIT_WAIT (a write whose invalidation could not be done is answered only
 * when its record is gone or a round of R's recovery has ended): with STRICT, no stale read at all.
 */

#ifndef WRITES
#define WRITES 2
#endif
#ifndef CHANGES
#define CHANGES 1        /* how often Redis goes out of reach: of one process, or of both */
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#define MISS 255
#define W 0
#define R 1

byte db, answered;
bool record[WRITES + 1];              /* PendingInvalidation */
byte due[WRITES + 1];
byte value = MISS;                    /* in Redis, under the generation that stands */
bool up[2], open[2], clean[2], takes[2];
bool refusing;                        /* Redis answers reads and PINGs, and takes no writes: full disk, a replica, no replicas */
byte copy = MISS;                     /* R's near copy; its listener is told at once while R can reach Redis */
bool dead;                            /* W */
hidden byte k;

#define takes_writes(p) (up[p] && !refusing)

/* The generation is deleted, and listeners are told (near.pml has what may come in between). */
inline invalidate() { value = MISS; copy = MISS }

inline failed(p) { open[p] = true; clean[p] = false; takes[p] = false }

inline look_for_records(p) {
    for (k : 1 .. WRITES) {
        pending[k] = record[k]; any = any || record[k];
        if :: p == R && due[k] == 1 -> due[k] = 2 :: else fi
    };
    k = 0
}

inline round_ends(p) {
    if
    :: p == R -> for (k : 1 .. WRITES) { if :: due[k] == 2 -> due[k] = 3 :: else fi }; k = 0
    :: else
    fi
}

/* The invalidation, and the deletion of the records after it. */
inline carry_out(p) {
    if
    :: takes_writes(p) ->
        for (k : 1 .. WRITES) { if :: pending[k] -> invalidate(); record[k] = false :: else fi };
        k = 0
    :: else -> failed(p); any = false
    fi
}

proctype Writer() {
    byte left = WRITES;
    bool undone;
    do
    :: left == 0 -> break
    :: left > 0 ->
        d_step { left--; db++;
#ifndef NO_OUTBOX
            record[db] = true
#endif
        };
#if CRASHES
        if
        :: true
        :: d_step { dead = true; due[db] = 1 }; break            /* the write was never answered */
        fi;
#endif
        /* generations.invalidate_tags: breaker.refuse_invalidation, then the command */
        d_step {
            undone = open[W] && !takes[W];
            if :: undone -> clean[W] = false :: else fi
        };
        if
        :: !undone -> d_step { if :: takes_writes(W) -> invalidate() :: else -> failed(W); undone = true fi }
        :: else
        fi;
        d_step {
            if
            :: !undone -> record[db] = false
            :: undone ->
#ifdef REACHABLE
                due[db] = (up[W] -> 3 : 1)
#else
#ifdef RETURNS
                due[db] = (open[R] -> 3 : 1)
#else
                due[db] = 1
#endif
#endif
            fi
        };
#ifdef COMMIT_WAIT
        (!undone || due[db] == 3 || !record[db]);
#endif
        answered = db
    od
}

proctype Recovery(byte p) {
    bool pending[WRITES + 1], any, in_order;
    do
    :: p == W && dead -> break
    :: !open[p] && !(p == W && dead) ->                          /* outbox.replay */
        d_step { look_for_records(p) };
        if
        :: any ->
            d_step {
                if
                :: open[p] && !takes[p] -> clean[p] = false      /* Breaker.refuse_invalidation */
                :: else -> carry_out(p)
                fi
            }
        :: else
        fi;
        d_step { any = false; for (k : 1 .. WRITES) { pending[k] = false }; k = 0; round_ends(p) }
    :: open[p] && !(p == W && dead) ->                           /* Breaker.probe(outbox.replay_after_outage): generations.probe */
        d_step {
            in_order = false; any = up[p];
            if
            :: any -> takes[p] = true; clean[p] = true           /* Breaker.allow_invalidations */
            :: else -> failed(p)
            fi;
#ifdef CLOSE_FIRST
            if :: any -> open[p] = false :: else fi
#endif
        };
        if
        :: any ->
            d_step { look_for_records(p); any = true };
            d_step { carry_out(p); in_order = any }              /* generations.replay_invalidations */
        :: else
        fi;
        d_step {                                                  /* Breaker._finish_probe */
            takes[p] = false;
            if
#ifdef NO_SETBACKS
            :: in_order -> open[p] = false
#else
            :: in_order && clean[p] -> open[p] = false
#endif
            :: else
            fi;
            in_order = false; any = false; for (k : 1 .. WRITES) { pending[k] = false }; k = 0;
            round_ends(p)
        }
    od
}

/* What a process shows. */
proctype Reader(byte p) {
    byte seen, v, was[WRITES + 2];
    do
    :: p == W && dead -> break
    :: !(p == W && dead) ->
        d_step {
            seen = answered;
            for (k : 1 .. WRITES) { was[k] = due[k] };
            k = 0
        };
        d_step {
            v = MISS;
            if
#ifdef NEAR
#ifdef NEAR_UNASKED
            :: p == R && up[R] && copy != MISS -> v = copy
#else
            :: p == R && up[R] && copy != MISS && !open[R] -> v = copy        /* hits.near_copy: it asks the breaker, too */
            :: p == R && open[R] -> copy = MISS
#endif
#endif
            :: open[p]                                            /* its source alone (local/degraded.py) */
            :: !open[p] && up[p] ->
                v = value;
                if :: value == MISS && !refusing -> value = db :: else fi;
#ifdef NEAR
                if :: p == R -> copy = value :: else fi
#endif
            :: !open[p] && !up[p] -> failed(p)
            fi
        };
        d_step {
            if
            :: v != MISS && v < seen ->
#ifdef STRICT
                assert(false);
#endif
                assert(p == R && (was[v + 1] == 1 || was[v + 1] == 2))
            :: else
            fi;
            v = 0; seen = 0; for (k : 1 .. WRITES) { was[k] = 0 }; k = 0
        }
    od
}

proctype Reach() {
    byte left = CHANGES;
end:
    do
    :: d_step { left > 0 && up[W] -> up[W] = false; left-- }
    :: d_step { left > 0 && up[R] -> up[R] = false; left-- }
    :: d_step { left > 0 && up[W] && up[R] -> up[W] = false; up[R] = false; left-- }
    :: d_step { !up[W] -> up[W] = true }
    :: d_step { !up[R] -> up[R] = true; copy = MISS }      /* the listener reconnects */
#ifdef NEAR
    :: d_step { left > 0 && !refusing -> refusing = true; left-- }
    :: d_step { refusing -> refusing = false }
#endif
    od
}

init {
    d_step { up[W] = true; up[R] = true; clean[W] = true; clean[R] = true };
    atomic {
        run Writer(); run Recovery(W); run Recovery(R); run Reader(R); run Reach();
#ifdef READ_W
        run Reader(W);
#endif
    }
}
