/*
 * singleflight.pml - callers of one process join one load, and get its outcome only if it is known to be current for them.
 *
 * The code (systemcache/): fetching/read.py: run (since), load_once, load_or_wait, load_with_lease (stored_at);
 * Read.load_with_lease (stored_at), source.Loaded (current_at). An outcome is a waiter's if outcome.current_at >= since: here the
 * set of callers that had come at that moment (`came`) is kept in place of the time. A caller that starts again leaves
 * all those sets.
 *
 * A second process (Other) loads the same key, a writer commits and drops.
 *
 * Checked: what a caller returns is not less than what was answered when it came; no caller waits for ever.
 * Defects: -DANY (every waiter takes the outcome), -DLATE (current_at is taken after the store and not before it).
 */

#ifndef CALLERS
#define CALLERS 3
#endif
#ifndef READS
#define READS 2
#endif
#ifndef WRITES
#define WRITES 2
#endif
#define NOBODY 255
#define OTHER CALLERS
#define MISS 255

byte db, answered;
byte value = MISS;               /* in Redis, of the generation that stands; a drop takes it away */
byte lease = NOBODY; bool dropped;  /* the lease; something was dropped since it was taken */
byte through;

/* This process: the leader of the flight, the callers that have come, those that wait, and what they got. */
byte leader = NOBODY;
bool came[CALLERS], waits[CALLERS], sound[CALLERS], kept[CALLERS], ready[CALLERS], mine[CALLERS];
byte got[CALLERS];
hidden byte i;

/* current_at = moment(): callers that have come until now may have the outcome. */
#define now_sound(set) for (i : 0 .. CALLERS - 1) { set[i] = came[i] }; i = 0

/* SingleFlight._lead: the outcome is everybody's who waits; SingleFlight.run looks at current_at. */
inline lands(outcome) {
    for (i : 0 .. CALLERS - 1) {
        if
        :: waits[i] ->
            waits[i] = false; ready[i] = true; got[i] = outcome;
#ifdef ANY
            mine[i] = true
#else
            mine[i] = sound[i]
#endif
        :: else
        fi
    };
    i = 0; leader = NOBODY
}

proctype Caller(byte me) {
    byte left = READS, seen, v;
    bool granted;
begin:
    if
    :: left == 0 -> through++; goto done
    :: left > 0 -> d_step {
            /* since = moment() */
            left--; seen = answered; came[me] = true; sound[me] = false; kept[me] = false; v = 0; granted = false
        }
    fi;
look:
    skip;
    /* entries.read */
    d_step { v = value };
    if
    :: v != MISS -> assert(v >= seen); goto begin
    :: else
    fi;
    /* SingleFlight.run */
    if
    :: d_step { leader == NOBODY -> leader = me }
    :: d_step { leader != NOBODY -> waits[me] = true };
        ready[me];
        d_step { ready[me] = false; v = got[me]; got[me] = 0 };
        if
        :: mine[me] -> mine[me] = false; assert(v >= seen); goto begin
        :: else -> goto look                                /* it may be older: ask again (Read.load_once) */
        fi
    fi;
lead:
    skip;
    /* Read.load_or_wait: current_at, then leases.ACQUIRE */
    d_step { now_sound(sound) };
    d_step {
        v = value;
        if
        :: lease != NOBODY && !dropped -> granted = false
        :: else -> granted = true; lease = me; dropped = false
        fi
    };
    if
    :: v != MISS ->
        if
        :: granted -> d_step { if :: lease == me -> lease = NOBODY :: else fi }
        :: else
        fi;
        goto land
    :: v == MISS && !granted -> (lease == NOBODY || dropped || value != MISS); goto lead   /* leases.wait */
    :: else
    fi;
    /* source.Loaded: current_at, then the loader */
    d_step { now_sound(sound) };
    v = db;
    /* Read.load_with_lease: stored_at = moment(), then leases.STORE */
#ifndef LATE
    d_step { now_sound(kept) };
#endif
    d_step {
        granted = (lease == me && !dropped);
        if :: granted -> value = v :: else fi;
        if :: lease == me -> lease = NOBODY; dropped = false :: else fi
    };
#ifdef LATE
    d_step { now_sound(kept) };
#endif
    if
    :: granted -> d_step { for (i : 0 .. CALLERS - 1) { sound[i] = kept[i] }; i = 0 }
    :: else
    fi;
land:
    skip;
    d_step { lands(v) };
    assert(v >= seen);
    goto begin;
done:
    skip
}

/* Another process that loads the same key. */
proctype Other() {
    byte v;
    bool granted;
    d_step {
        v = value;
        if
        :: lease != NOBODY && !dropped -> granted = false
        :: else -> granted = true; lease = OTHER; dropped = false
        fi
    };
    if
    :: granted ->
        v = db;
        d_step {
            if :: lease == OTHER && !dropped -> value = v :: else fi;
            if :: lease == OTHER -> lease = NOBODY; dropped = false :: else fi
        }
    :: else
    fi
}

proctype Writer() {
    byte left = WRITES;
    do
    :: left > 0 -> left--;
        db++;
        d_step { value = MISS; dropped = true };    /* generations.invalidate_tags */
        answered = db
    :: else -> break
    od
}

init {
    atomic {
        byte me;
        for (me : 0 .. CALLERS - 1) { run Caller(me) }
        run Other(); run Writer()
    };
    (through == CALLERS);
    assert(leader == NOBODY && (lease == NOBODY || lease == OTHER))
}
