// mailbox_word: the table of src/actor/mailbox.hpp as transitions that the models run.
//
// One cell a line: the state, what the operation answers, the next state. "mistake" is the table's
// "-". check_table.py compares these lines with the table in the header and with the C++ test that
// walks it. What is in the word beside its state is the including model's, as is outcome.

mtype = { owned, owned_mail, idle, waiting, waiting_mail, closed };
mtype = { queued, schedule, refused, nothing, mail, parked, more };

#define cell(box, from, answer, to) :: box.word == from -> box.word = to; outcome = answer;
#define mistake(box, from) :: box.word == from -> assert(false);

inline push(box) {
  if
  cell(box, owned,        queued,   owned_mail)
  cell(box, owned_mail,   queued,   owned_mail)
  cell(box, idle,         schedule, owned_mail)
  cell(box, waiting,      queued,   waiting_mail)
  cell(box, waiting_mail, queued,   waiting_mail)
  cell(box, closed,       refused,  closed)
  fi
}

inline push_control(box) {
  if
  cell(box, owned,        queued,   owned_mail)
  cell(box, owned_mail,   queued,   owned_mail)
  cell(box, idle,         schedule, owned_mail)
#ifdef BUG_CONTROL_KEEPS_WAITING
  cell(box, waiting,      queued,   waiting_mail)
  cell(box, waiting_mail, queued,   waiting_mail)
#else
  cell(box, waiting,      schedule, owned_mail)
  cell(box, waiting_mail, schedule, owned_mail)
#endif
  cell(box, closed,       refused,  closed)
  fi
}

inline take(box) {
  if
  cell(box, owned,        nothing,  owned)
  cell(box, owned_mail,   mail,     owned)
  mistake(box, idle)
  mistake(box, waiting)
  mistake(box, waiting_mail)
  mistake(box, closed)
  fi
}

inline try_park(box) {
  if
  cell(box, owned,        parked,   idle)
#ifdef BUG_PARK_WITHOUT_CHECK
  cell(box, owned_mail,   parked,   idle)
#else
  cell(box, owned_mail,   more,     owned_mail)
#endif
  mistake(box, idle)
  mistake(box, waiting)
  mistake(box, waiting_mail)
  mistake(box, closed)
  fi
}

inline try_wait(box) {
  if
  cell(box, owned,        parked,   waiting)
#ifdef BUG_WAIT_WITHOUT_CHECK
  cell(box, owned_mail,   parked,   waiting_mail)
#else
  cell(box, owned_mail,   more,     owned_mail)
#endif
  mistake(box, idle)
  mistake(box, waiting)
  mistake(box, waiting_mail)
  mistake(box, closed)
  fi
}

inline close(box) {
  if
  cell(box, owned,        nothing,  closed)
  cell(box, owned_mail,   mail,     closed)
  mistake(box, idle)
  mistake(box, waiting)
  mistake(box, waiting_mail)
  mistake(box, closed)
  fi
}
