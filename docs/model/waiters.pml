/*
 * waiters.pml - who sleeps while another loads is woken, and all come through.
 *
 * The code (systemcache/): Read.load_or_wait (acquire, load, store or release, else leases.wait and again); leases.ACQUIRE,
 * STORE and ABANDON; leases.wait: BLMOVE of the list wake:<key> onto itself, so that a woken waiter leaves the signal for
 * the next. The signal ends after SIGNAL_TTL (0.5 s), a wait after conf.wait_slice() (0.2 s), a lease by itself.
 *
 * Checked: no waiter is left asleep (no invalid end state; with -DSLICES, by the LTL formula under weak fairness), and no
 * lease is left behind.
 *
 * -DSLICES     a wait ends by itself          -DEXPIRES   the signal may end before a waiter has come to it
 * -DCRASH      a loader may die               -DDROP      a write may drop the generation during a load
 * Defects: -DPOP (the signal is taken away, BLPOP), -DSILENT (a store that is refused wakes no waiter)
 */

#ifndef CALLERS
#define CALLERS 4
#endif
#define NOBODY 255

byte lease = NOBODY;     /* lease:<key>: its holder */
bool outdated;           /* the lease was taken under another generation */
bool signal;             /* wake:<key> has its element */
bool value;              /* a fresh value stands in Redis */
byte through, crashed;
bool dropped;

/* The end of leases.STORE and ABANDON: the lease goes, the waiters are woken. */
inline wake() { lease = NOBODY; outdated = false; signal = true }

proctype Caller(byte me) {
    bool granted, found;
again:
    /* leases.ACQUIRE */
    skip;
    d_step {
        found = value;
        if
        :: lease != NOBODY && !outdated -> granted = false
        :: else -> granted = true; lease = me; outdated = false; signal = false
        fi
    };
    if
    :: found && granted ->                              /* it was stored meanwhile: leases.release */
        d_step { if :: lease == me || lease == NOBODY -> wake() :: else fi };
        goto done
    :: found && !granted -> goto done
    :: !found && !granted ->
        /* leases.wait */
        if
#ifdef POP
        :: d_step { signal -> signal = false }
#else
        :: signal                                       /* BLMOVE onto itself: it stays */
#endif
#ifdef SLICES
        :: true
#endif
        fi;
        goto again
    :: else
    fi;
    /* the load */
    if
    :: true
#ifdef CRASH
    :: d_step { crashed == 0 -> crashed = 1; through++ }; goto dead
#endif
    fi;
    /* leases.STORE */
    d_step {
        if
        :: lease == me && !outdated -> value = true; wake()
#ifndef SILENT
        :: lease == me && outdated -> wake()            /* refused: something was invalidated. The waiters ask again */
#else
        :: lease == me && outdated -> lease = NOBODY; outdated = false
#endif
        :: lease == NOBODY -> wake()                    /* it has ended meanwhile */
        :: else                                         /* another's by now: its end will wake them */
        fi
    };
done:
    through++;
dead:
    skip
}

proctype Time() {
end:
    do
#ifdef EXPIRES
    :: d_step { signal -> signal = false }
#endif
#ifdef CRASH
    :: d_step { lease != NOBODY && crashed == 1 -> lease = NOBODY; outdated = false; crashed = 2 }   /* the dead one's */
#endif
#ifdef INVALIDATED
    :: d_step { !dropped -> dropped = true; value = false; outdated = (lease != NOBODY) }
#endif
    :: d_step { through == CALLERS -> skip }; break
    od;
    assert(lease == NOBODY || crashed == 1)
}

init {
    atomic {
        byte me;
        for (me : 0 .. CALLERS - 1) { run Caller(me) }
        run Time()
    }
}

#ifdef SLICES
ltl all_come_through { <> (through == CALLERS) }
#endif
