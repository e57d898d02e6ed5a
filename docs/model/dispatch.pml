/*
 * dispatch.pml - the records of the outbox: who writes them, who carries them out, and which are deleted.
 *
 * The code (systemcache/invalidation/):
 *   commit     the write and its record together: the trigger's INSERT (triggers.record_statements)
 *   Writer     outbox.dispatch: reads which records are committed, generations.invalidate_tags, deletes those
 *   Foreign    another program (psql, the sqlite3 shell): it commits, and the site is not told
 *   Recovery   outbox.replay, every 0.5 s in each process of the site
 *   Reader     fetching/read.py: what Redis holds, or a load that is stored (lease.pml has the steps in between)
 *
 * A record is a number that is never used twice (a sequence; AUTOINCREMENT). -DSQLITE: one writer at a time, and a new
 * record takes the place of the one that is there. Otherwise, as on PostgreSQL, each transaction has its own.
 *
 * Checked: as long as Redis holds a value that a committed write has replaced, a record is there, or the process that
 * wrote is about to tell Redis; and a write that a living process of the site has answered is never outlived.
 *
 * Mutants: NO_TRIGGER (a foreign write leaves no record), BEFORE_COMMIT (Redis is told before the commit), DELETE_FIRST
 * (the record goes before Redis is told), BY_TAG (all records of the tag are deleted), LATE_READ (they are read after
 * Redis was told), KEEP_OLD (a record that is there is taken for the new write's), NO_REPLAY (recovery does nothing).
 */

#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef RECOVERIES
#define RECOVERIES 1
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#define MISS 255

byte db;                   /* committed version of the row */
byte answered;
byte value = MISS;         /* in Redis, valid */
byte records;              /* the committed records: a bit for each */
byte next_record = 1, crashes, telling, finished;
bool locked;               /* SQLite's write lock */

#ifdef SQLITE
#define begin_write() atomic { !locked -> locked = true }
#define end_write() locked = false
#else
#define begin_write() skip
#define end_write() skip
#endif

inline new_record() {
#ifdef SQLITE
    records = 0;
#endif
    records = records | next_record; next_record = next_record << 1
}

inline leave_record() {
#ifdef KEEP_OLD
    if :: records == 0 -> new_record() :: else fi
#else
    new_record()
#endif
}

/* Read what is committed, tell Redis, delete what was read. */
inline carry_out() {
#ifdef LATE_READ
    value = MISS;
    seen = records;
#else
    seen = records;
#ifdef DELETE_FIRST
    records = records & ~seen;
    if
    :: true
    :: d_step { crashes < CRASHES -> crashes++ }; goto dead
    fi;
#endif
    value = MISS;
#endif
#ifdef BY_TAG
    records = 0;
#else
    records = records & ~seen;
#endif
    seen = 0
}

proctype Writer() {
    byte seen, mine;
#ifdef BEFORE_COMMIT
    value = MISS;
#endif
    begin_write();
    d_step {                                        /* the commit: the row and its record */
        db++; mine = db; telling++;
#ifndef BEFORE_COMMIT
        leave_record()
#endif
    };
    end_write();
#ifndef BEFORE_COMMIT
    if
    :: true
    :: d_step { crashes < CRASHES -> crashes++ }; goto dead          /* between commit and dispatch */
    fi;
    carry_out();
#endif
    d_step { if :: mine > answered -> answered = mine :: else fi };
dead:
    skip;
    d_step { telling--; finished++ }
}

proctype Foreign() {
    begin_write();
    d_step {
        db++;
#ifndef NO_TRIGGER
        leave_record()
#endif
    };
    end_write();
    finished++
}

/* One process's recovery; it may be killed between any two steps, and another process has its own. */
proctype Recovery() {
    byte seen;
end:
    do
#ifdef NO_REPLAY
    :: false -> skip
#else
    :: carry_out()
#endif
    od;
dead:
    skip
}

proctype Reader() {
    byte asked, shown;
end:
    do
    :: d_step { asked = answered };
        d_step {
            if :: value == MISS -> value = db :: else fi;
            shown = value
        };
        assert(shown >= asked);
        d_step { asked = 0; shown = 0 }
    od
}

/* Whatever is wrong in Redis is on record, or a process that lives is about to tell it. */
active proctype Watch() {
end:
    do
    :: d_step { assert(value == MISS || value == db || records != 0 || telling > 0) }
    od
}

init {
    atomic {
        byte w;
        for (w : 1 .. WRITERS) { run Writer() }
        run Foreign(); run Reader();
        for (w : 1 .. RECOVERIES) { run Recovery() }
    }
}

#ifdef LIVE
/* Once all writes have ended, recovery puts Redis right. */
ltl heard_of { [] ((finished == WRITERS + 1) -> <> (value == MISS || value == db)) }
#endif
