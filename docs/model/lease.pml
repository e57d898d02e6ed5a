/*
 * lease.pml - one key of a strict family: reads, loads under leases, writes, and what Redis may lose meanwhile.
 *
 * What stands for what in the code (systemcache/):
 *   Reader    fetching/read.py: hits.stored, then load_or_wait: leases.acquire, load_with_lease, leases.store or release
 *   Writer    invalidation/outbox.py: dispatch after a commit: generations.invalidate_tags
 *   greet     storage/connection.py: check_epoch and CHECK_EPOCH, before the first command of each new connection
 *   ACQUIRE, STORE, ABANDON   the Lua of storage/leases.py (ABANDON: RELEASE), each one atomic step as Redis takes it
 *   Losses    leases that end, keys that are evicted or flushed; and a Redis that comes back with older data
 *   Network   a STORE whose client gave it up (timeout) and that Redis takes later all the same
 *
 * A word (generation, epoch) is random in the code: here a number that is never used twice. 0: the key is missing.
 * A version is the number of writes that are committed. `answered` is what a reader may not fall behind of.
 *
 * Checked: a read never returns less than what was answered when it began (assert in `returns`);
 *          no lease is granted while another stands (assert in `acquire`); a process that is done has released its lease.
 *
 * Mutants: NO_LEASE (every process stores), NO_GENERATION (an invalidation deletes the value, and a load under way does
 * not hear of it), NO_EPOCH (a new connection does not compare the epoch), BLIND_GENERATION, BLIND_EPOCH (a read does not
 * compare them), BLIND_STALE (nor does one of the stale value), COUNTER (a generation that was lost begins again with the
 * same word), FORMER_LEASE (a lease of former generations keeps others waiting), NO_TOKEN (a store does not look whose the
 * lease is), UNCHECKED (nor at the generations), RELEASE_ANY (releasing a lease may release another's).
 * -DSURVIVE is a bound and no mutant: data go back while connections stay, as in a failover behind a proxy that keeps them.
 */

#ifndef READERS
#define READERS 2
#endif
#ifndef READS
#define READS 2          /* of each reader */
#endif
#ifndef WRITES
#define WRITES 2
#endif
#ifndef LOSSES
#define LOSSES 2         /* evictions, leases that end, values whose TTL ends */
#endif
#ifndef RESTARTS
#define RESTARTS 1
#endif
#ifndef LATE
#define LATE 1           /* stores given up by their clients */
#endif

#define MISS 255

typedef Entry {          /* version + 1 (0: none), and the words under which its load began */
    byte v, e, g;
};

/* The source and its ghost. */
byte db, answered;

/* What Redis holds: value, old:, gen:, epoch: (its word and the run id in it), lease: (token and words). */
typedef Data {
    Entry val, old;
    byte gen, epoch, epoch_run;
    byte lease, lease_e, lease_g;
    bool cooling;
};
Data redis, disk;
byte life = 1, word;     /* Redis's run id; the last word made */

byte conn[READERS + 1];  /* the run that a process's connections were greeted in; it is also its _server["run_id"] */
bool holds[READERS], voided[READERS];  /* ghosts: loads under a lease; which was lost or overruled since */
byte through, crashed, networks;

/* A store in progress whose sender no longer waits for it. */
bool late; Entry late_entry; byte late_token, late_left = LATE;

#ifdef BLIND_GENERATION
#define good(x) (x.v != 0 && redis.epoch != 0 && redis.gen != 0 && x.e == redis.epoch)
#else
#ifdef BLIND_EPOCH
#define good(x) (x.v != 0 && redis.epoch != 0 && redis.gen != 0 && x.g == redis.gen)
#else
#define good(x) (x.v != 0 && redis.epoch != 0 && redis.gen != 0 && x.e == redis.epoch && x.g == redis.gen)
#endif
#endif
#ifdef COUNTER
#define new_generation() redis.gen = 1
#else
#define new_generation() word++; redis.gen = word
#endif

hidden byte q, r;        /* for loops within one step */

inline void_all() {
    for (q : 0 .. READERS - 1) { voided[q] = true };
    q = 0
}

inline copy_entry(to, from) { to.v = from.v; to.e = from.e; to.g = from.g }

inline copy_data(to, from) {
    copy_entry(to.val, from.val); copy_entry(to.old, from.old);
    to.gen = from.gen; to.epoch = from.epoch; to.epoch_run = from.epoch_run;
    to.lease = from.lease; to.lease_e = from.lease_e; to.lease_g = from.lease_g; to.cooling = from.cooling
}

/* connection.check_epoch: a connection that is new begins with CHECK_EPOCH. It is one step with the command that follows: what others
   do between the two they could also do before. */
inline greet(p) {
    if
    :: conn[p] != life ->
        conn[p] = life;
#ifndef NO_EPOCH
        if
        :: redis.epoch == 0 || redis.epoch_run != life ->
            word++; redis.epoch = word; redis.epoch_run = life; void_all()
        :: else
        fi
#endif
    :: else
    fi
}

/* leases.ACQUIRE. granted: 1 the lease, 0 another loads, 2 the source has just failed. found: MISS or a version. */
inline acquire(p) {
    d_step {
        greet(p);
        if
        :: redis.epoch == 0 -> word++; redis.epoch = word; redis.epoch_run = conn[p]; void_all()
        :: else
        fi;
        if
        :: redis.gen == 0 -> new_generation(); void_all()
        :: else
        fi;
        found = MISS; is_old = false;
        if
        :: redis.val.v != 0 -> if :: good(redis.val) -> found = redis.val.v - 1 :: else fi
        :: redis.val.v == 0 -> if
#ifdef BLIND_STALE
               :: redis.old.v != 0 -> found = redis.old.v - 1; is_old = true
#else
               :: good(redis.old) -> found = redis.old.v - 1; is_old = true
#endif
               :: else fi
        fi;
        if
#ifndef NO_LEASE
#ifdef FORMER_LEASE
        :: redis.lease != 0 && redis.lease != token ->
            assert(redis.lease_e == redis.epoch && redis.lease_g == redis.gen);    /* it waits for a load that is stored */
            granted = (redis.cooling -> 2 : 0)
#else
        :: redis.lease != 0 && redis.lease_e == redis.epoch && redis.lease_g == redis.gen && redis.lease != token ->
            granted = (redis.cooling -> 2 : 0)
#endif
#endif
        :: else ->
            redis.lease = token; redis.lease_e = redis.epoch; redis.lease_g = redis.gen; redis.cooling = false;
            granted = 1; my_e = redis.epoch; my_g = redis.gen;
#ifndef NO_LEASE
            /* At most one load while a lease stands: no other process holds one that was not lost or overruled. */
            for (r : 0 .. READERS - 1) { assert(r == p || !holds[r] || voided[r]) };
#endif
            holds[p] = true; voided[p] = false
        fi
    }
}

/* leases.STORE of an entry under a token. */
inline STORE(entry_v, entry_e, entry_g, by) {
#ifdef NO_LEASE
        if :: redis.gen == 0 -> word++; redis.gen = word :: else fi;
        redis.val.v = entry_v; redis.val.e = redis.epoch; redis.val.g = redis.gen;
        redis.lease = 0
#else
        if
#ifdef NO_TOKEN
        :: true ->
#else
        :: redis.lease == by && redis.lease_e == entry_e && redis.lease_g == entry_g && !redis.cooling ->
#endif
            if
#ifdef UNCHECKED
            :: true ->
                redis.val.v = entry_v; redis.val.e = redis.epoch; redis.val.g = redis.gen;
#else
            :: redis.epoch == entry_e && redis.gen == entry_g ->
                redis.val.v = entry_v; redis.val.e = entry_e; redis.val.g = entry_g;
#endif
                copy_entry(redis.old, redis.val)
            :: else
            fi;
            redis.lease = 0
        :: else
        fi
#endif
}

/* leases.RELEASE; `rest`: the source is left alone for a moment (Read.release_lease with a stale value). */
inline abandon(p, rest) {
    d_step {
        greet(p);
        if
#ifdef RELEASE_ANY
        :: redis.lease != 0 && !redis.cooling ->
#else
        :: redis.lease == token && !redis.cooling ->
#endif
            if :: rest -> redis.cooling = true :: else -> redis.lease = 0 fi
        :: else
        fi;
        holds[p] = false
    }
}

inline returns(version) {
    assert(version >= seen);
    goto again
}

proctype Reader(byte p) {
    byte left = READS, seen, found, granted, v, my_e, my_g, token = 2 * p + 1;
    bool is_old;
again:
    if
    :: left == 0 -> through++; goto done
    :: left > 0 -> d_step {
            left--; seen = answered;
            found = 0; granted = 0; v = 0; my_e = 0; my_g = 0; is_old = false; holds[p] = false
        }
    fi;
    /* entries.read: one MGET. */
    d_step { greet(p); found = (good(redis.val) -> redis.val.v - 1 : MISS) };
    if
    :: found != MISS -> returns(found)
    :: else
    fi;
lead:
    acquire(p);
    if
    :: found != MISS && !is_old ->   /* stored meanwhile */
        if
        :: granted == 1 -> abandon(p, false)
        :: else
        fi;
        returns(found)
    :: else
    fi;
    if
    :: granted == 2 && found != MISS -> returns(found)            /* Read.as_stale */
    :: granted == 2 && found == MISS -> v = db; returns(v)          /* Read.load_or_stale: stored nowhere */
    :: granted == 0 ->
        if
        :: v = db; returns(v)                                         /* patience is over: a load without a lease */
        :: redis.lease == 0 || redis.lease_e != redis.epoch || redis.lease_g != redis.gen || redis.cooling -> goto lead  /* leases.wait */
        fi
    :: else                                                           /* granted */
    fi;
    /* Read.load_with_lease */
    if
    :: d_step { v = db; holds[p] = false }                            /* the source answers */
    :: d_step { holds[p] = false }; abandon(p, found != MISS);          /* it fails */
        if
        :: found != MISS -> returns(found)                            /* the old value, marked stale */
        :: else -> goto again                                         /* its error */
        fi
    :: crashed == 0 -> crashed++; through++; goto done                /* the process dies: its lease ends by itself */
    fi;
    if
    :: d_step { greet(p); STORE(v + 1, my_e, my_g, token) }
    :: d_step {                                                       /* given up: Redis takes it later, or never */
            late_left > 0 ->
            late_left--; late = true; late_token = token; late_entry.v = v + 1; late_entry.e = my_e; late_entry.g = my_g;
            token = token + 1                                         /* tokens are never used twice */
        }
    fi;
    returns(v);
done:
    skip
}

proctype Writer() {
    byte left = WRITES;
    do
    :: left > 0 ->
        left--;
        db++;                                   /* the commit (with its record: outbox.pml) */
#ifdef NO_GENERATION
        d_step { greet(READERS); redis.val.v = 0; redis.old.v = 0 };    /* the value is deleted, and nothing else */
#else
        d_step { greet(READERS); redis.gen = 0; void_all() };    /* generations.invalidate_tags: UNLINK of the generation */
#endif
        answered = db
    :: else -> break
    od
}

proctype Losses() {
    byte left = LOSSES;
    do
    :: left > 0 && redis.lease != 0 -> d_step { redis.lease = 0; redis.cooling = false; void_all(); left-- }
    :: left > 0 && redis.gen != 0 -> d_step { redis.gen = 0; void_all(); left-- }
    :: left > 0 && redis.epoch != 0 -> d_step { redis.epoch = 0; redis.epoch_run = 0; void_all(); left-- }
    :: left > 0 && redis.val.v != 0 -> d_step { redis.val.v = 0; redis.val.e = 0; redis.val.g = 0; left-- }
    :: left == 0 || through == READERS -> break
    od
}

proctype Disk() {
    byte left = RESTARTS;
    /* At any moment Redis writes down what it holds; what comes later is lost when it is restarted, or was not yet
       replicated when a replica takes over. */
    do
    :: left > 0 -> d_step { copy_data(disk, redis) };
        d_step {
            copy_data(redis, disk); left--;
#ifdef SURVIVE
            for (q : 0 .. READERS) { if :: conn[q] == life -> conn[q] = life + 1 :: else fi };
#endif
            life++;
            void_all()
        }
    :: break
    od
}

proctype Network() {
    bool given_back;
    if
    :: late
    :: !late && through == READERS -> goto done
    fi;
    do
    :: late -> d_step { STORE(late_entry.v, late_entry.e, late_entry.g, late_token); late = false }
    :: !given_back -> given_back = true;
        /* leases.unconfirmed.release, by recovery: the lease may be this process's still. */
        d_step { if :: redis.lease == late_token && !redis.cooling -> redis.lease = 0 :: else fi }
    :: given_back -> break
    od;
done:
    networks++
}

init {
    atomic {
        byte p;
        for (p : 0 .. READERS - 1) { run Reader(p) }
        run Writer(); run Losses();
#if RESTARTS
        run Disk();
#endif
#if LATE
        run Network();
#endif
    };
    /* The lock is released: when all are through, no lease is left that will be neither released nor expire. */
    (through == READERS && networks == (LATE > 0 -> 1 : 0));
    assert(redis.lease == 0 || crashed > 0 || redis.cooling || life > 1)
}
