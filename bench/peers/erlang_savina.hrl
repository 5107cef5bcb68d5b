%% What the Savina programs in Erlang share: the run they are part of, and how they send.

%% A run of a program. One record serves all runs of a machine and is a literal to all processes, so
%% that to hand it on copies nothing.
-record(run, {
    driver,      % the process that runs the program
    missing,     % an atomics array: how many have yet to arrive
    sums,        % a counters array, see erlang_savina.erl
    angle        % of the work of fjthrput and fjcreate; here, or it would be worked out by erlc
}).

%% What came out of it.
-record(outcome, {
    sent,          % messages, the driver's included
    lost = 0,      % of these, to processes that had ended
    actors,
    values,        % {Key, Number or list}, to be compared with what is published; a third element
                   % is how far a number may be off: {relative or absolute, Tolerance}
    notes = []     % {Key, Number} that differs from run to run and is worth telling
}).

%% Every message of a program is sent so. Planted, one of them is lost, doubled or spoiled.
-ifdef(PLANT).
-define(SEND(To, Message), erlang_savina_plant:send(To, Message)).
-else.
-define(SEND(To, Message), (To) ! (Message)).
-endif.

%% What the protocol promises; a macro, since some stand in loops.
-define(REQUIRE(Run, Holds, Promise),
    case Holds of
        true -> ok;
        false -> erlang_savina:fail(Run, Promise ++ ": no")
    end).

%% The suite's own generator: 16 bits.
-define(NEXT_RANDOM(Value), (((Value) * 1309 + 13849) band 65535)).
-define(DEFAULT_SEED, 74755).
