// activation: a model of how processes and metas get the right to run and lose it.
//
// Slots with their mailbox word (the cells of mailbox_word.pml), what lies in the word and in the
// owner's lanes, life, generation, the flows of a meta; workers that run slots as activation.cpp
// does, with held messages, lingering, hand-offs, calls and ends; one more worker that steals
// whatever lies anywhere; senders, killers and callees outside; a spawner that uses a slot again.
//
// Steps: one access to shared memory each, then what the owner does alone. A push is one step: its
// CAS loop ends by one CAS, whose outcome the word alone decides. Messages are counted by kind, in
// any order, each a chain of its own. Threads outside are alike and have no memory but the envelope
// in their hand, so they are counted by where they stand, which loses no interleaving and makes
// their number cheap. Run queues are places where a job lies; who is woken to run it is idle.pml's.
//
// Shown: every message is handled or accounted once; no slot is run by two at once or scheduled
// twice; what is for another generation is not handled; terminate runs once a tenant, of a meta
// after both flows; when nothing moves any more nobody is left with mail, waiting or runnable.
// Sizes: PROCESSES, METAS (slots), SENDS, HAND_SENDS (from handlers on the workers), KILLS, CALLS,
// RESPAWNS, STEALER (0 or 1). Planted bugs: BUG_….

#ifndef PROCESSES
#define PROCESSES 1
#endif
#ifndef METAS
#define METAS 0
#endif
#define SLOTS (PROCESSES + METAS)
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef SENDS
#define SENDS 1
#endif
#ifndef HAND_SENDS
#define HAND_SENDS 1
#endif
#ifndef KILLS
#define KILLS 0
#endif
#ifndef CALLS
#define CALLS 0
#endif
#ifndef RESPAWNS
#define RESPAWNS 0
#endif
#ifndef STEALER
#define STEALER 0
#endif

#include "mailbox_word.pml"

// Kinds of messages; a stale one is meant for another generation than the open mailbox's.
#define USER 0
#define EXIT 1
#define ANSWER 2
#define OVER 3
#define STALE_USER 4
#define STALE_CONTROL 5
#define KINDS 6

// Where a job lies. The last four are one for each worker.
#define NOWHERE 0
#define INJECTED 1
#define LIFO(w) (2 + w)
#define QUEUE(w) (6 + w)
#define LINGERING(w) (10 + w)

#define NOTHING_IN_HAND 0
#define MESSAGE_IN_HAND 1
#define ANSWER_IN_HAND 2

mtype = { free, starting, running, ending };

typedef slot {
  mtype word = closed;
  byte in_word[KINDS];
  bit has_held;  // a handled envelope, oldest in the word
  byte in_lanes[KINDS];
  byte generation;
  byte tenant;  // the generation that opened the mailbox last
  mtype life = free;
  byte place = NOWHERE;
  bit is_run;  // running_on
  bit is_kept;  // job.kept
  byte in_hand;
  bit is_suspended;  // job.run
  bit is_resumed;    // wants_resumption
  bit is_granted;    // a thread outside is about to schedule it
  // A meta's.
  byte flows;
  bit is_start_live;
  // Of the model.
  bit has_terminated;
};

slot at[SLOTS];
byte sends_left = SENDS;
byte hand_sends_left = HAND_SENDS;
byte kills_left = KILLS;
byte calls_left = CALLS;
byte respawns_left = RESPAWNS;
short outstanding = 0;  // sent, not yet handled or accounted
// Threads outside, by slot, generation of their envelope and kind, past their look at the slot's
// generation.
#define GENERATIONS 2
byte has_found[SLOTS * GENERATIONS * 3];
#define found_at(s, g, k) has_found[((s) * GENERATIONS + (g)) * 3 + (k)]
byte answers_due[SLOTS * GENERATIONS];
#define due_at(s, g) answers_due[(s) * GENERATIONS + (g)]

#define is_meta(s) ((s) >= PROCESSES)
#define in_word_count(s)                                                                      \
  (at[s].in_word[USER] + at[s].in_word[EXIT] + at[s].in_word[ANSWER] + at[s].in_word[OVER] + \
   at[s].in_word[STALE_USER] + at[s].in_word[STALE_CONTROL])
#define in_lanes_count(s)                                                                         \
  (at[s].in_lanes[USER] + at[s].in_lanes[EXIT] + at[s].in_lanes[ANSWER] + at[s].in_lanes[OVER] + \
   at[s].in_lanes[STALE_USER] + at[s].in_lanes[STALE_CONTROL])
#define has_control(s)                                                                \
  (at[s].in_lanes[EXIT] + at[s].in_lanes[ANSWER] + at[s].in_lanes[OVER] + \
       at[s].in_lanes[STALE_CONTROL] >                                                \
   0)
#define has_only_held(s) (at[s].word == owned_mail && at[s].has_held && in_word_count(s) == 0)

#if SLOTS == 1
#define some_place_is(p) (at[0].place == (p))
#else
#define some_place_is(p) (at[0].place == (p) || at[1].place == (p))
#endif

// In a step of the caller's: a message of `kind` for `generation` goes into the word, or is refused
// and accounted.
inline push_message(s, of_generation, kind, outcome) {
  if
  :: kind == USER -> push(at[s])
  :: else -> push_control(at[s])
  fi;
  if
  :: outcome == refused
  :: outcome != refused && of_generation == at[s].tenant ->
     at[s].in_word[kind]++;
     outstanding++
  :: else ->
     if
     :: kind == USER -> at[s].in_word[STALE_USER]++
     :: else -> at[s].in_word[STALE_CONTROL]++
     fi;
     outstanding++
  fi
}

// In a step: the right to run was granted, or is given on.
inline put_job(s, p) {
  assert(at[s].place == NOWHERE && !at[s].is_run);
  at[s].place = p
}

// schedule: the newest runs next, who was there before goes to the queue.
inline schedule_here(s, me) {
  assert(at[s].place == NOWHERE && !at[s].is_run);
#if SLOTS > 1
  if
  :: at[1 - s].place == LIFO(me) -> at[1 - s].place = QUEUE(me)
  :: else
  fi;
#endif
  at[s].place = LIFO(me)
}

inline own(s) {
  assert(!at[s].is_run);
  at[s].is_run = 1
}

// take, take_above: all that is in the word; the held one leaves it.
inline take_mail(s, k, outcome) {
  take(at[s]);
  k = 0;
  do
  :: k < KINDS ->
     at[s].in_lanes[k] = at[s].in_lanes[k] + at[s].in_word[k];
     at[s].in_word[k] = 0;
     k++
  :: else -> break
  od;
  k = 0;
  at[s].has_held = 0
}

// leave_as: has_held tells whether the CAS expects the held envelope or nothing.
inline leave_word(s, to_wait, outcome) {
  if
  :: at[s].has_held && in_word_count(s) == 0 -> at[s].has_held = 0; at[s].word = owned
  :: else
  fi;
  if
  :: to_wait -> try_wait(at[s])
  :: else -> try_park(at[s])
  fi;
  assert(outcome == parked || outcome == more)
}

// Pops any message of the lanes into `kind`; fairness between lanes lets each be next.
inline pop(s, kind) {
  if
  :: at[s].in_lanes[USER] > 0 -> kind = USER
  :: at[s].in_lanes[EXIT] > 0 -> kind = EXIT
  :: at[s].in_lanes[ANSWER] > 0 -> kind = ANSWER
  :: at[s].in_lanes[OVER] > 0 -> kind = OVER
  :: at[s].in_lanes[STALE_USER] > 0 -> kind = STALE_USER
  :: at[s].in_lanes[STALE_CONTROL] > 0 -> kind = STALE_CONTROL
  fi;
  at[s].in_lanes[kind]--
}

inline pop_control(s, kind) {
  if
  :: at[s].in_lanes[EXIT] > 0 -> kind = EXIT
  :: at[s].in_lanes[ANSWER] > 0 -> kind = ANSWER
  :: at[s].in_lanes[OVER] > 0 -> kind = OVER
  :: at[s].in_lanes[STALE_CONTROL] > 0 -> kind = STALE_CONTROL
  fi;
  at[s].in_lanes[kind]--
}

// A message at work; in `wants` what its owner wants then.
#define NO_WANTS 0
#define WANTS_EXIT 1
#define WANTS_SUSPENSION 2
inline attend(s, kind, wants) {
  wants = NO_WANTS;
  outstanding--;
  assert(outstanding >= 0);
  if
  :: kind == USER ->
     if
     :: !is_meta(s) && calls_left > 0 ->
        calls_left--;
        due_at(s, at[s].tenant)++;
        at[s].is_resumed = 0;
        wants = WANTS_SUSPENSION
     :: true
     fi
  :: kind == EXIT || kind == OVER -> wants = WANTS_EXIT
  :: kind == ANSWER ->
     if
     :: at[s].is_suspended -> at[s].is_resumed = 1
     :: else  // Late.
     fi
  :: else ->
#ifdef BUG_STALE_IS_HANDLED
     assert(false)
#else
     assert(kind == STALE_USER || kind == STALE_CONTROL)  // Accounted (S4).
#endif
  fi
}

// A handler goes on; it may call again.
inline resume(s, wants) {
  assert(at[s].is_suspended && at[s].is_resumed);
  at[s].is_resumed = 0;
  wants = NO_WANTS;
  if
  :: calls_left > 0 ->
     calls_left--;
     due_at(s, at[s].tenant)++;
     wants = WANTS_SUSPENSION
  :: true -> at[s].is_suspended = 0
  fi
}

inline end_generation(s) {
  assert(at[s].is_run && at[s].place == NOWHERE);
  at[s].life = ending;
  at[s].generation++
}

// What was left is accounted.
inline close_mailbox(s, k, outcome) {
  close(at[s]);
  assert(!at[s].has_held && !at[s].is_kept && at[s].in_hand == NOTHING_IN_HAND);
  outstanding = outstanding - in_word_count(s) - in_lanes_count(s);
  assert(outstanding >= 0);
  k = 0;
  do
  :: k < KINDS -> at[s].in_word[k] = 0; at[s].in_lanes[k] = 0; k++
  :: else -> break
  od;
  k = 0
}

// In a step.
inline terminate(s) {
  assert(!at[s].has_terminated);
  at[s].has_terminated = 1
}

// Both flows have left (F3).
inline finish_meta(s) {
  assert(at[s].flows == 0 && !at[s].is_start_live && at[s].word == closed && !at[s].is_run);
  terminate(s);
  at[s].life = free
}

// fetch_sub on flows: whether the caller was the last.
inline leave_flow(s, is_last) {
#ifdef BUG_FLOWS_IN_TWO_STEPS
  is_last = (at[s].flows == 1);
  at[s].flows--
#else
  d_step { is_last = (at[s].flows == 1); at[s].flows-- }
#endif
}

#define can_run_elsewhere(s, me) (at[s].place == QUEUE(me) || at[s].place == INJECTED)
#define can_be_stolen(s)                                                           \
  (at[s].place == LIFO(0) || at[s].place == LIFO(1) || at[s].place == QUEUE(0) ||  \
   at[s].place == QUEUE(1) || at[s].place == LINGERING(0) || at[s].place == LINGERING(1))

// A worker may run slot p; lingers_here: somebody is to be settled first.
#define run_options(p, me)                                                                       \
  :: atomic { at[p].place == LIFO(me) -> at[p].place = NOWHERE; s = p; own(p) };                 \
     goto run_slot                                                                               \
  :: atomic { at[p].place == LINGERING(me) -> at[p].place = NOWHERE; s = p };                    \
     goto settle                                                                                 \
  :: atomic {                                                                                    \
       me < WORKERS && can_run_elsewhere(p, me) && !some_place_is(LINGERING(me)) ->              \
       at[p].place = NOWHERE;                                                                    \
       s = p;                                                                                    \
       own(p)                                                                                    \
     };                                                                                          \
     goto run_slot                                                                               \
  :: atomic {                                                                                    \
       me >= WORKERS && at[p].place == QUEUE(me) && !some_place_is(LINGERING(me)) ->             \
       at[p].place = NOWHERE;                                                                    \
       s = p;                                                                                    \
       own(p)                                                                                    \
     };                                                                                          \
     goto run_slot                                                                               \
  :: atomic {                                                                                    \
       me >= WORKERS && can_be_stolen(p) && !some_place_is(LINGERING(me)) &&                     \
           !some_place_is(LIFO(me)) && !some_place_is(QUEUE(me)) ->                              \
       s = p                                                                                     \
     };                                                                                          \
     goto steal

// Another actor's handler, on this worker, sends to slot p, if its address is known, or answers it.
#define handler_options(p, me)                                                           \
  :: atomic { me < WORKERS && hand_sends_left > 0 && at[p].tenant >= 0 ->                \
       hand_sends_left--;                                                                \
       s = p;                                                                            \
       if                                                                                \
       :: of_generation = 0                                                              \
       :: at[p].tenant == 1 -> of_generation = 1                                         \
       fi                                                                                \
     };                                                                                  \
     goto hand_message                                                                   \
  :: atomic { me < WORKERS && !is_meta(p) && due_at(p, at[p].generation % GENERATIONS) > 0 && \
       at[p].place == LINGERING(me) && at[p].is_suspended ->                             \
       due_at(p, at[p].generation)--;                                                    \
       at[p].place = NOWHERE;                                                            \
       of_generation = at[p].generation;                                                 \
       s = p                                                                             \
     };                                                                                  \
     goto hand_answer

proctype worker(byte me) {
  byte s, k, kind, wants, of_generation;
  bit to_wait, is_last;
  mtype outcome;

end_next:
  if
  run_options(0, me)
  handler_options(0, me)
#if SLOTS > 1
  run_options(1, me)
  handler_options(1, me)
#endif
  fi;

  // -- run_process, run_suspended, run_meta: the slot is owned
run_slot:
  atomic {
    to_wait = at[s].is_suspended;
    if
    :: at[s].in_hand == MESSAGE_IN_HAND ->
       assert(at[s].is_kept && !at[s].is_suspended);
       at[s].in_hand = NOTHING_IN_HAND;
       at[s].is_kept = 0;
       if
       :: has_only_held(s) ->
          attend(s, USER, wants);
          if
          :: wants == WANTS_SUSPENSION -> at[s].is_suspended = 1; to_wait = 1
          :: else -> to_wait = 0
          fi;
          goto after_held
       :: else -> at[s].in_lanes[USER]++; goto absorb_above
       fi
    :: at[s].in_hand == ANSWER_IN_HAND ->
       assert(at[s].is_kept && at[s].is_suspended && at[s].is_resumed);
       at[s].in_hand = NOTHING_IN_HAND;
       outstanding--;
       if
       :: has_only_held(s) -> at[s].is_kept = 0; goto go_on_holding
       :: else
       fi
    :: else
    fi;
    if
    :: !at[s].is_kept -> goto run_mail
    :: at[s].is_kept && has_only_held(s) -> at[s].is_kept = 0; at[s].is_run = 0
    :: else -> at[s].is_kept = 0; goto drop_held
    fi
  };
  // go_on: stolen while it lingered, without new mail.
  atomic {
    leave_word(s, to_wait, outcome);
    if
    :: outcome == parked -> goto over
    :: else -> own(s)
    fi
  };
drop_held:
  atomic {
    if
    :: in_word_count(s) == 1 -> at[s].has_held = 0  // drop_beneath_one
    :: else -> take_mail(s, k, outcome)
    fi
  };
run_mail:
  atomic {
    assert(!at[s].has_held);
    if
    :: at[s].is_suspended ->
       if
       :: !has_control(s) && in_word_count(s) == 1 && at[s].in_word[ANSWER] == 1 ->
          at[s].in_word[ANSWER] = 0;  // lone_reply
          at[s].has_held = 1;
          attend(s, ANSWER, wants);
          goto go_on_holding
       :: else -> goto serve
       fi
    :: else
    fi;
    if
    :: in_lanes_count(s) == 0 && in_word_count(s) == 1 ->  // lone: it is held.
       if
       :: at[s].in_word[USER] == 1 -> kind = USER
       :: at[s].in_word[EXIT] == 1 -> kind = EXIT
       :: at[s].in_word[ANSWER] == 1 -> kind = ANSWER
       :: at[s].in_word[OVER] == 1 -> kind = OVER
       :: at[s].in_word[STALE_USER] == 1 -> kind = STALE_USER
       :: at[s].in_word[STALE_CONTROL] == 1 -> kind = STALE_CONTROL
       fi;
       at[s].in_word[kind] = 0;
       at[s].has_held = 1;
       attend(s, kind, wants);
       kind = 0;
       to_wait = 0;
       if
       :: wants == WANTS_SUSPENSION -> at[s].is_suspended = 1; to_wait = 1
       :: else
       fi;
       goto after_held
    :: else -> take_mail(s, k, outcome); goto backlog
    fi
  };

  // -- a held message is handled: leave_after, leave_wanting
after_held:
  atomic {
    if
    :: wants == WANTS_EXIT -> goto absorb_above
    :: wants != WANTS_EXIT && !is_meta(s) && has_only_held(s) ->  // It lingers (A4).
       at[s].is_run = 0;
       at[s].is_kept = 1;
#if SLOTS > 1
       if
       :: at[1 - s].place == LINGERING(me) ->
          at[1 - s].place = NOWHERE;
          put_job(s, LINGERING(me));
          s = 1 - s;
          goto settle
       :: else -> put_job(s, LINGERING(me))
       fi;
#else
       put_job(s, LINGERING(me));
#endif
       goto over
    :: wants != WANTS_EXIT ->
       at[s].is_run = 0;
       leave_word(s, to_wait, outcome);
       if
       :: outcome == parked -> goto over
       :: else -> own(s)
       fi
    fi
  };
absorb_above:
  atomic {
    take_mail(s, k, outcome);
    if
    :: wants == WANTS_EXIT -> goto end_of_slot
    :: wants != WANTS_EXIT && at[s].is_suspended -> goto serve_taken
    :: else -> goto backlog
    fi
  };

  // -- run_backlog: the word was taken
backlog:
  atomic {
    do
    :: in_lanes_count(s) > 0 ->
       pop(s, kind);
       attend(s, kind, wants);
       kind = 0;
       if
       :: wants == WANTS_EXIT -> goto end_of_slot
       :: wants == WANTS_SUSPENSION -> at[s].is_suspended = 1; goto run_mail
       :: else
       fi;
       if
       :: in_lanes_count(s) > 0 -> at[s].is_run = 0; put_job(s, QUEUE(me)); goto over  // Budget.
       :: true
       fi
    :: else -> break
    od
  };
  atomic {
    at[s].is_run = 0;
    leave_word(s, false, outcome);
    if
    :: outcome == parked -> goto over
    :: outcome == more -> put_job(s, QUEUE(me)); goto over  // Budget.
    :: outcome == more -> own(s)
    fi
  };
  atomic { take_mail(s, k, outcome); goto backlog };

  // -- an answer was handled and is held
go_on_holding:
  atomic {
    to_wait = 1;
    wants = WANTS_SUSPENSION;
    if
    :: at[s].is_resumed -> resume(s, wants)
    :: else
    fi;
    if
    :: wants == WANTS_SUSPENSION -> goto after_held
    :: else -> goto absorb_above
    fi
  };

  // -- serve_until_answered
serve:
  atomic { take_mail(s, k, outcome) };
serve_taken:
  atomic {
    do
    :: has_control(s) ->
       pop_control(s, kind);
       attend(s, kind, wants);
       kind = 0;
       if
       :: wants == WANTS_EXIT -> goto end_of_slot
       :: else
       fi;
       if
       :: at[s].is_run = 0; put_job(s, QUEUE(me)); goto over  // Budget.
       :: true
       fi
    :: else -> break
    od;
    if
    :: at[s].is_resumed ->
       resume(s, wants);
       if
       :: wants == WANTS_SUSPENSION -> goto serve
       :: else -> goto backlog
       fi
    :: else
    fi
  };
  atomic {
    at[s].is_run = 0;
    leave_word(s, true, outcome);
    if
    :: outcome == parked -> goto over
    :: else -> own(s); goto serve
    fi
  };

  // -- settle_lingering: taken from the lingering place
settle:
  if
  :: has_only_held(s)
  :: !has_only_held(s) -> goto settled_with_mail
  fi;
  atomic {
    at[s].is_kept = 0;
#ifdef BUG_SETTLE_WITHOUT_CHECK
    at[s].has_held = 0;
    at[s].word = (at[s].is_suspended -> waiting : idle);
    goto over;
#else
    leave_word(s, at[s].is_suspended, outcome);
    if
    :: outcome == parked -> goto over
    :: else -> at[s].is_kept = 1
    fi
#endif
  };
settled_with_mail:
  atomic { schedule_here(s, me); goto over };

  // -- end_process, leave_handler
end_of_slot:
  atomic {
    if
    :: !is_meta(s) -> terminate(s)
    :: else
    fi;
    end_generation(s)
  };
#ifdef BUG_LEAVES_BEFORE_CLOSE
  if
  :: is_meta(s) ->
     leave_flow(s, is_last);
     if
     :: is_last -> atomic { at[s].is_run = 0; finish_meta(s) }
     :: else
     fi
  :: else
  fi;
#endif
  atomic {
    close_mailbox(s, k, outcome);
    at[s].is_run = 0;
    if
    :: !is_meta(s) -> at[s].life = free; goto over
    :: else
    fi
  };
  leave_flow(s, is_last);
  atomic {
    if
#ifdef BUG_HANDLER_FLOW_TERMINATES
    :: true -> is_last = 0; finish_meta(s)
#else
    :: is_last -> is_last = 0; finish_meta(s)
#endif
    :: else
    fi;
    goto over
  };

  // -- a thief has seen slot s lie with another worker
steal:
#ifdef BUG_STEAL_IN_TWO_STEPS
  at[s].place = NOWHERE;
  atomic { own(s); goto run_slot };
#else
  atomic {
    if
    :: can_be_stolen(s) -> at[s].place = NOWHERE; own(s); goto run_slot
    :: else -> goto over
    fi
  };
#endif

  // -- a handler of another actor sends to slot s
hand_message:
  atomic {
    if
    :: at[s].generation != of_generation -> goto over  // find_tenant: unknown.
    :: else
    fi
  };
  atomic {
    if
    :: at[s].place == LINGERING(me) -> at[s].place = NOWHERE
    :: else -> goto hand_push
    fi
  };
  atomic {
    if
    :: !at[s].is_suspended && has_only_held(s) ->
       assert(of_generation == at[s].tenant);
       at[s].in_hand = MESSAGE_IN_HAND;
       outstanding++;
       schedule_here(s, me);
       goto over
    :: else -> put_job(s, LINGERING(me))
    fi
  };
hand_push:
  atomic {
    push_message(s, of_generation, USER, outcome);
    if
    :: outcome == schedule
    :: else -> goto over
    fi
  };
  atomic { schedule_here(s, me); goto over };

  // -- a callee answers by hand; its caller was taken from the lingering place
hand_answer:
  atomic {
    if
    :: has_only_held(s) ->
       at[s].in_hand = ANSWER_IN_HAND;
       at[s].is_resumed = 1;
       outstanding++;
       schedule_here(s, me);
       goto over
    :: else -> due_at(s, of_generation)++; put_job(s, LINGERING(me)); goto over
    fi
  };

over:
  atomic {
    s = 0;
    wants = 0;
    to_wait = 0;
    of_generation = 0;
    outcome = 0;
    goto end_next
  }
}

// The start flow of a blocking meta: it returns at any time, asked to or not.
proctype start_flow(byte s) {
  bit is_last;
  mtype outcome;
  if
  :: at[s].generation != 0 -> goto leaves
  :: at[s].generation == 0
  fi;
  atomic {
    push_message(s, 0, OVER, outcome);
    if
    :: outcome == schedule
    :: else -> goto leaves
    fi
  };
  atomic { put_job(s, INJECTED) };
leaves:
  at[s].is_start_live = 0;
  leave_flow(s, is_last);
  atomic {
    outcome = 0;
    if
    :: is_last -> is_last = 0; finish_meta(s)
    :: else
    fi
  }
}

// Threads outside. A step of one: it looks at the generation, pushes, or schedules.
#define find_options(s, g)                                                   \
  :: atomic { sends_left > 0 && at[s].tenant >= g ->                         \
       sends_left--;                                                         \
       if                                                                    \
       :: at[s].generation == g -> found_at(s, g, USER)++                    \
       :: else                                                               \
       fi                                                                    \
     }                                                                       \
  :: atomic { kills_left > 0 && at[s].tenant >= g ->                         \
       kills_left--;                                                         \
       if                                                                    \
       :: at[s].generation == g -> found_at(s, g, EXIT)++                    \
       :: else                                                               \
       fi                                                                    \
     }                                                                       \
  :: atomic { due_at(s, g) > 0 ->                                            \
       due_at(s, g)--;                                                       \
       if                                                                    \
       :: at[s].generation == g -> found_at(s, g, ANSWER)++                  \
       :: else                                                               \
       fi                                                                    \
     }
#define push_option(s, g, kind)                                              \
  :: atomic { found_at(s, g, kind) > 0 ->                                    \
       found_at(s, g, kind)--;                                               \
       push_message(s, g, kind, outcome);                                    \
       if                                                                    \
       :: outcome == schedule -> assert(!at[s].is_granted); at[s].is_granted = 1 \
       :: else                                                               \
       fi;                                                                   \
       outcome = 0                                                           \
     }
#define push_options(s, g) \
  push_option(s, g, USER)  \
  push_option(s, g, EXIT)  \
  push_option(s, g, ANSWER)
#define schedule_option(s) \
  :: atomic { at[s].is_granted -> at[s].is_granted = 0; put_job(s, INJECTED) }

proctype threads_outside() {
  mtype outcome;
end_outside:
  do
  find_options(0, 0)
  push_options(0, 0)
  schedule_option(0)
#if RESPAWNS > 0
  find_options(0, 1)
  push_options(0, 1)
#endif
#if SLOTS > 1
  find_options(1, 0)
  push_options(1, 0)
  schedule_option(1)
#endif
  od
}

// Opens a free slot for its next tenant.
inline spawn(s) {
  atomic {
    at[s].life = starting;
    own(s);
    assert(at[s].word == closed && in_word_count(s) == 0);
    at[s].is_suspended = 0;
    at[s].is_resumed = 0;
    at[s].has_terminated = 0;
    at[s].tenant = at[s].generation;
    at[s].word = owned
  };
  atomic {
    at[s].life = running;
    at[s].is_run = 0;
    try_park(at[s]);
    if
    :: outcome == parked -> outcome = 0
    :: outcome == more -> outcome = 0; put_job(s, INJECTED)
    fi
  }
}

proctype spawner() {
  mtype outcome;
end_spawner:
  do
  :: atomic { respawns_left > 0 && at[0].life == free -> respawns_left--; at[0].life = starting };
     spawn(0)
  od
}

// When nothing moves any more.
inline assert_quiet(s) {
  assert(at[s].place == NOWHERE && !at[s].is_run && !at[s].is_granted && !at[s].is_kept);
  assert(in_word_count(s) == 0 && in_lanes_count(s) == 0 && !at[s].has_held);
  assert(at[s].word == idle || at[s].word == closed);
  assert((at[s].word == closed) == (at[s].life == free));
  assert(at[s].has_terminated == (at[s].life == free));
  assert(!is_meta(s) || at[s].flows == 0)  // Its start flow has returned, so it has ended.
}

proctype monitor() {
  timeout;
  assert(outstanding == 0);
  assert_quiet(0);
#if SLOTS > 1
  assert_quiet(1)
#endif
}

init {
  byte i;
  atomic {
    i = 0;
    do
    :: i < SLOTS ->
       at[i].life = running;
       at[i].word = idle;
       if
       :: is_meta(i) -> at[i].flows = 2; at[i].is_start_live = 1; run start_flow(i)
       :: else
       fi;
       i++
    :: else -> break
    od;
    i = 0;
    do :: i < WORKERS + STEALER -> run worker(i); i++ :: else -> break od;
    run threads_outside();
#if RESPAWNS > 0
    run spawner();
#endif
    run monitor()
  }
}
