/*
 * snapshot.pml - a load in a transaction whose snapshot may be older than the write, beside ordinary readers.
 *
 * The code (systemcache/):
 *   Old        a reader in a REPEATABLE READ transaction, or beside an open iterator of SQLite
 *              (fetching/read.py: load_or_wait, load_with_lease, store; invalidation/snapshots.py: is_current)
 *   Fresh      a reader that joins that load (local/singleflight.py), or reads by itself
 *   Writer     a commit, then generations.invalidate_tags
 *
 * Checked: an ordinary reader is never shown less than what was answered when it came.
 * Mutants: UNCHECKED (the snapshot is not looked at), CHECKED_BEFORE (before the lease, not under it), SHARED (callers
 * who wait are handed what was loaded under an old snapshot).
 */

#ifndef WRITES
#define WRITES 2
#endif
#define MISS 255

byte db, answered, value = MISS, gen = 1;
byte lease_gen;               /* the generation of the lease that stands; 0: none */
bool flying, landed, may_join; byte outcome;

proctype Writer() {
    byte left = WRITES;
    do
    :: left > 0 -> left--;
        db++;
        d_step { gen++; value = MISS };
        answered = db
    :: else -> break
    od
}

proctype Old() {
    byte snapshot, mine;
    bool current, granted;
    if
    :: snapshot = db; (true)             /* taken now, and kept */
    :: snapshot = MISS                     /* READ COMMITTED: each statement sees what is committed */
    fi;
    flying = true;
#ifdef CHECKED_BEFORE
    current = (snapshot == MISS || snapshot == db);
#endif
    /* leases.acquire */
    d_step { granted = (lease_gen != gen); if :: granted -> lease_gen = gen; mine = gen :: else fi };
    if
    :: !granted || value != MISS -> goto land_nothing
    :: else
    fi;
#ifdef UNCHECKED
    current = true;
#endif
#ifndef CHECKED_BEFORE
#ifndef UNCHECKED
    current = (snapshot == MISS || snapshot == db);     /* snapshots.is_current, under the lease */
#endif
#endif
    outcome = (snapshot == MISS -> db : snapshot);      /* the load */
    /* Read.store: current_at is NEVER if the snapshot was old */
    d_step {
        may_join = false;
        if
        :: current && lease_gen == mine && gen == mine -> value = outcome; may_join = true
        :: else
        fi;
#ifdef SHARED
        may_join = true;
#endif
        if :: lease_gen == mine -> lease_gen = 0 :: else fi;
        landed = true; flying = false
    };
    goto done;
land_nothing:
    skip;
    d_step { landed = true; may_join = false; flying = false; if :: granted && lease_gen == mine -> lease_gen = 0 :: else fi };
done:
    skip
}

proctype Fresh() {
    byte seen, shown;
    bool joined;
    d_step { seen = answered; joined = flying; landed = false };
    if
    :: joined -> (landed || !flying);
        if
        :: may_join -> shown = outcome
        :: else -> d_step { if :: value == MISS -> value = db :: else fi; shown = value }
        fi
    :: !joined -> d_step { if :: value == MISS -> value = db :: else fi; shown = value }
    fi;
    /* A joined outcome is shown only if it is known to be current for who came before the store: singleflight.pml. */
    assert(shown >= seen)
}

init { atomic { run Writer(); run Old(); run Fresh(); run Fresh() } }
