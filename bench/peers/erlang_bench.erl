%% The workloads of actor-bench in Erlang; erlang_bench.py compiles and runs it, one workload a virtual
%% machine: main(Name, Threads, Runs, Parameters) prints a line a run. Each message is {Tag, Number, ...}
%% with a number that its receiver checks; whoever finds a wrong one reports {void, Why} to the referee.
%%
%% The referee is the process that runs main. Actors report to it:
%%   {arrived, Time}       when they have seen all that they should, with the clock they read
%%   {tally, Sent, Done}   when they end, so that every message sent and handled is counted
-module(erlang_bench).
-export([main/1]).

-define(GO, 16#60).
%% A number on its way. Planted, one that is 2 comes out wrong, and every run must fail.
-ifdef(PLANT).
-define(NUMBER(N), (case N of 2 -> 1 bsl 40; _ -> N end)).
-else.
-define(NUMBER(N), N).
-endif.

main(Words) ->
    [Name, Threads, Runs, Patience | Given] = [unicode:characters_to_list(Word) || Word <- Words],
    Parameters = parameters(Given),
    Schedulers = erlang:system_info(schedulers_online),
    case integer_to_list(Schedulers) of
        Threads -> ok;
        _ -> give_up("the machine has another number of schedulers")
    end,
    put(patience, list_to_integer(Patience) * 1000),
    [run(Name, Threads, Parameters) || _ <- lists:seq(1, list_to_integer(Runs))],
    halt(0).

parameters([]) -> #{};
parameters([Name, Value | Rest]) -> (parameters(Rest))#{list_to_atom(Name) => list_to_integer(Value)}.

run(Name, Threads, Parameters) ->
    Before = erlang:system_info(process_count),
    put(actors, []),
    {Value, Unit, Messages} = workload(list_to_atom(Name), Parameters),
    verify(Messages, Before),
    io:format("~s ~s ~.2f ~s~n", [Name, Threads, float(Value), Unit]).

%% -- the referee

give_up(Why) ->
    io:format(standard_error, "~s~n", [Why]),
    halt(1, [{flush, true}]).

%% Every actor is made here or hands in its tally by itself.
make(Body) ->
    Pid = spawn_opt(Body, []),
    put(actors, [Pid | get(actors)]),
    Pid.

begin_all(Pids) -> lists:foreach(fun(Pid) -> Pid ! {go, ?GO} end, Pids).

%% Seconds from before Begin until Parties actors have arrived.
time(Parties, Begin) ->
    Start = erlang:monotonic_time(),
    Begin(),
    End = await(Parties, Start, Start, get(patience)),
    erlang:convert_time_unit(End - Start, native, nanosecond) / 1.0e9.

await(0, _, Last, _) -> Last;
await(Parties, Start, Last, Patience) ->
    Left = max(0, Patience - erlang:convert_time_unit(erlang:monotonic_time() - Start, native,
                                                      millisecond)),
    receive
        {arrived, At} -> await(Parties - 1, Start, max(Last, At), Patience);
        {void, Why} -> give_up(Why)
    after Left -> give_up("not done in time")
    end.

%% The actors end; exactly Messages were sent and handled (the referee's own are the first of the pair).
verify({Outside, Messages}, Before) ->
    Actors = get(actors),
    case lists:all(fun is_process_alive/1, Actors) of
        true -> ok;
        false -> give_up("an actor that should live has ended")
    end,
    lists:foreach(fun(Pid) -> Pid ! stop end, Actors),
    {Sent, Done} = tallies(length(Actors) + late(), Outside, 0),
    case {Sent, Done} of
        {Messages, Messages} -> ok;
        _ -> give_up(io_lib:format("~b messages were sent and ~b handled instead of ~b",
                                   [Sent, Done, Messages]))
    end,
    await_processes(Before, 1000).

late() -> case get(late) of undefined -> 0; Count -> put(late, 0), Count end.

tallies(0, Sent, Done) -> {Sent, Done};
tallies(Missing, Sent, Done) ->
    receive
        {tally, S, D} -> tallies(Missing - 1, Sent + S, Done + D);
        {void, Why} -> give_up(Why);
        {arrived, _} -> give_up("more actors came to an end than there are")
    after get(patience) -> give_up("an actor does not end")
    end.

await_processes(_, 0) -> give_up("a process does not end");
await_processes(Before, Tries) ->
    case erlang:system_info(process_count) =< Before of
        true -> ok;
        false -> timer:sleep(10), await_processes(Before, Tries - 1)
    end.

%% -- what actors call

expect(Number, Number, _, _) -> ok;
expect(Got, Wanted, Who, Referee) ->
    Referee ! {void, io_lib:format("~s got number ~w instead of ~w", [Who, Got, Wanted])},
    exit(normal).

arrive(Referee) -> Referee ! {arrived, erlang:monotonic_time()}.

%% At its end an actor hands in its counts; a message that it never took is missing in them.
leave(Referee, Sent, Done) -> Referee ! {tally, Sent, Done}.

%% Waits to be stopped, having seen all that it should; counts what still comes.
rest(Referee, Sent, Done) ->
    receive
        stop -> leave(Referee, Sent, Done);
        _ -> rest(Referee, Sent, Done + 1)
    end.

%% -- workloads: {Value, Unit, {Messages from outside, Messages in all}}

workload(pingpong, #{rounds := Rounds}) ->
    Me = self(),
    Ponger = make(fun() -> ponger(Me, 0) end),
    Pinger = make(fun() ->
        receive {go, Go} -> expect(Go, ?GO, "pinger", Me) end,
        Ponger ! {ball, 0, self()},
        pinger(Me, Ponger, Rounds, 0)
    end),
    Seconds = time(1, fun() -> begin_all([Pinger]) end),
    {Seconds * 1.0e9 / (2 * Rounds), "ns", {1, 1 + 2 * Rounds}};

workload(ring, #{actors := Actors, hops := Hops}) ->
    Me = self(),
    All = [make(fun() -> runner_start(Me, Place, Actors, Hops) end)
           || Place <- lists:seq(0, Actors - 1)],
    time(Actors, fun() ->
        lists:zipwith(fun(Pid, Next) -> Pid ! {neighbour, ?GO, Next} end, All,
                      tl(All) ++ [hd(All)])
    end),
    Seconds = time(1, fun() -> hd(All) ! {token, 0} end),
    {Seconds * 1.0e9 / Hops, "ns", {Actors + 1, Actors + 1 + Hops}};

workload(count, #{messages := Messages}) -> flood(1, 1, Messages);
workload(nn, #{pairs := Pairs, messages := Messages}) -> flood(Pairs, Pairs, Messages);
workload(mbox, #{senders := Senders, messages := Messages}) -> flood(Senders, 1, Messages);

workload(fjthrput, #{actors := Actors, messages := Messages}) ->
    Me = self(),
    All = [make(fun() -> joiner(Me, 0, Messages) end) || _ <- lists:seq(1, Actors)],
    Driver = make(fun() ->
        receive {go, Go} -> expect(Go, ?GO, "driver", Me) end,
        distribute(All, 0, Messages),
        rest(Me, Actors * Messages, 1)
    end),
    Seconds = time(Actors, fun() -> begin_all([Driver]) end),
    {Actors * Messages / Seconds / 1.0e6, "M/s", {1, 1 + Actors * Messages}};

workload(fjcreate, #{actors := Actors}) ->
    Me = self(),
    All = roll_call(Actors),
    Driver = make(fun() ->
        receive {go, Go} -> expect(Go, ?GO, "driver", Me) end,
        create(Me, All, 0, Actors),
        rest(Me, Actors, 1)
    end),
    Seconds = time(1, fun() -> begin_all([Driver]) end),
    hand_in(All),
    {Actors / Seconds / 1.0e3, "k/s", {1, 1 + Actors}};

workload(big, #{actors := Actors, pings := Pings}) ->
    Me = self(),
    All = [make(fun() -> player_start(Me, Index, Actors, Pings) end)
           || Index <- lists:seq(0, Actors - 1)],
    Roster = list_to_tuple(All),
    time(Actors, fun() -> lists:foreach(fun(Pid) -> Pid ! {roster, ?GO, Roster} end, All) end),
    Seconds = time(Actors, fun() -> begin_all(All) end),
    Messages = 2 * Actors * Pings,
    {Messages / Seconds / 1.0e6, "M/s", {2 * Actors, 2 * Actors + Messages}};

workload(chameneos, #{creatures := Creatures, meetings := Meetings}) ->
    Me = self(),
    Mall = make(fun() -> mall(Me, Creatures, Meetings) end),
    All = [make(fun() -> creature_start(Me, Mall, Index) end)
           || Index <- lists:seq(0, Creatures - 1)],
    Seconds = time(1, fun() -> begin_all(All) end),
    {Meetings / Seconds / 1.0e3, "k/s", {Creatures, 4 * Creatures + 4 * Meetings}};

workload(idle, #{actors := Actors}) ->
    Me = self(),
    Before = resident_bytes(),
    All = roll_call(Actors),
    Driver = make(fun() -> dormitory(Me, All, Actors) end),
    time(1, fun() -> begin_all([Driver]) end),
    Grown = resident_bytes() - Before,
    time(1, fun() -> begin_all([Driver]) end),
    hand_in(All),
    {Grown / Actors, "B", {2, 2 + Actors}};

%% As gen_server's call does it: a monitor whose alias takes the answer, and a time limit.
workload(call, #{rounds := Rounds}) ->
    Me = self(),
    Callee = make(fun() -> callee(Me, 0) end),
    Client = make(fun() ->
        receive {go, Go} -> expect(Go, ?GO, "client", Me) end,
        ask(Me, Callee, 0, Rounds),
        arrive(Me),
        rest(Me, Rounds, 1 + Rounds)
    end),
    Seconds = time(1, fun() -> begin_all([Client]) end),
    {Seconds * 1.0e9 / Rounds, "ns", {1, 1 + 2 * Rounds}}.

%% -- pingpong

ponger(Referee, Expected) ->
    receive
        {ball, Number, From} ->
            expect(Number, Expected, "ponger", Referee),
            From ! {ball, ?NUMBER(Number), self()},
            ponger(Referee, Expected + 1);
        stop -> leave(Referee, Expected, Expected)
    end.

pinger(Referee, Ponger, Rounds, Round) ->
    receive
        {ball, Number, _} -> expect(Number, Round, "pinger", Referee)
    end,
    case Round + 1 of
        Rounds -> arrive(Referee), rest(Referee, Rounds, 1 + Rounds);
        Next -> Ponger ! {ball, ?NUMBER(Next), self()}, pinger(Referee, Ponger, Rounds, Next)
    end.

%% -- ring

runner_start(Referee, Place, Actors, Hops) ->
    receive {neighbour, Go, Next} -> expect(Go, ?GO, "runner", Referee) end,
    arrive(Referee),
    runner(Referee, Next, Place, Actors, Hops, 0, 1).

runner(Referee, Next, Expected, Actors, Hops, Sent, Done) ->
    receive
        {token, Hops} ->
            expect(Hops, Expected, "runner", Referee),
            arrive(Referee),
            runner(Referee, Next, Expected + Actors, Actors, Hops, Sent, Done + 1);
        {token, Number} ->
            expect(Number, Expected, "runner", Referee),
            Next ! {token, ?NUMBER((Number + 1))},
            runner(Referee, Next, Expected + Actors, Actors, Hops, Sent + 1, Done + 1);
        stop -> leave(Referee, Sent, Done)
    end.

%% -- floods

flood(Senders, Receivers, Messages) ->
    Me = self(),
    Each = Senders div Receivers,
    All = lists:append([
        begin
            To = make(fun() -> receiver(Me, expectations(Each), Each * Messages, 0) end),
            [make(fun() -> flooder(Me, To, From, Messages) end) || From <- lists:seq(1, Each)]
        end
        || _ <- lists:seq(1, Receivers)]),
    Seconds = time(Receivers, fun() -> begin_all(All) end),
    {Senders * Messages / Seconds / 1.0e6, "M/s", {Senders, Senders + Senders * Messages}}.

flooder(Referee, To, From, Messages) ->
    receive {go, Go} -> expect(Go, ?GO, "sender", Referee) end,
    send_all(To, From, 0, Messages),
    rest(Referee, Messages, 1).

send_all(_, _, Messages, Messages) -> ok;
send_all(To, From, Number, Messages) ->
    To ! {item, ?NUMBER(Number), From},
    send_all(To, From, Number + 1, Messages).

%% What is expected of each sender, written in place: a tuple of 120 would be copied at each message.
expectations(Senders) -> counters:new(Senders, []).

receiver(Referee, Expected, 0, Done) -> arrive(Referee), receiver(Referee, Expected, -1, Done);
receiver(Referee, Expected, Missing, Done) ->
    receive
        {item, Number, From} ->
            expect(Number, counters:get(Expected, From), "receiver", Referee),
            counters:add(Expected, From, 1),
            receiver(Referee, Expected, Missing - 1, Done + 1);
        stop -> leave(Referee, 0, Done)
    end.

%% -- fjthrput

joiner(Referee, Messages, Messages) -> arrive(Referee), rest(Referee, 0, Messages);
joiner(Referee, Expected, Messages) ->
    receive
        {item, Number} ->
            expect(Number, Expected, "receiver", Referee),
            joiner(Referee, Expected + 1, Messages)
    end.

distribute(_, Messages, Messages) -> ok;
distribute(All, Number, Messages) ->
    lists:foreach(fun(Pid) -> Pid ! {item, ?NUMBER(Number)} end, All),
    distribute(All, Number + 1, Messages).

%% -- fjcreate

%% How many are yet to come (1) and have come (2), for actors that end by themselves.
roll_call(Actors) ->
    All = atomics:new(2, []),
    atomics:put(All, 1, Actors),
    All.

hand_in(All) ->
    self() ! {tally, 0, atomics:get(All, 2)},
    put(late, 1).

create(_, _, Actors, Actors) -> ok;
create(Referee, All, Number, Actors) ->
    spawn(fun() -> leaf(Referee, All, Number) end) ! {item, ?NUMBER(Number)},
    create(Referee, All, Number + 1, Actors).

leaf(Referee, All, Expected) ->
    receive {item, Number} -> expect(Number, Expected, "leaf", Referee) end,
    atomics:add(All, 2, 1),
    case atomics:sub_get(All, 1, 1) of
        0 -> arrive(Referee);
        _ -> ok
    end.

%% -- big

player_start(Referee, Index, Actors, Pings) ->
    receive {roster, Go, Roster} -> expect(Go, ?GO, "player", Referee) end,
    arrive(Referee),
    player(Referee, Roster, Index, Actors, Pings, Index + 1, 0, 0, 1).

player(Referee, Roster, Index, Actors, Pings, Random, Round, Sent, Done) ->
    receive
        {ping, Number, From} ->
            From ! {pong, Number},
            player(Referee, Roster, Index, Actors, Pings, Random, Round, Sent + 1, Done + 1);
        {pong, Number} ->
            expect(Number, Round, "player", Referee),
            case Round + 1 of
                Pings ->
                    arrive(Referee),
                    player(Referee, Roster, Index, Actors, Pings, Random, Pings, Sent, Done + 1);
                Next ->
                    Drawn = ping_somebody(Roster, Index, Actors, Random, Next),
                    player(Referee, Roster, Index, Actors, Pings, Drawn, Next, Sent + 1, Done + 1)
            end;
        {go, Go} ->
            expect(Go, ?GO, "player", Referee),
            Drawn = ping_somebody(Roster, Index, Actors, Random, 0),
            player(Referee, Roster, Index, Actors, Pings, Drawn, 0, Sent + 1, Done + 1);
        stop -> leave(Referee, Sent, Done)
    end.

%% Not the others' 64-bit generator, which would be big integers here; its cost is like theirs.
ping_somebody(Roster, Index, Actors, Random, Round) ->
    Drawn = (Random * 1103515245 + 12345) band 16#7fffffff,
    Other = ((Drawn bsr 8) * (Actors - 1)) bsr 23,
    Place = case Other >= Index of true -> Other + 1; false -> Other end,
    element(Place + 1, Roster) ! {ping, ?NUMBER(Round), self()},
    Drawn.

%% -- chameneos

complement(A, A) -> A;
complement(A, B) -> 3 - A - B.

mall(Referee, Creatures, Meetings) ->
    Expected = expectations(Creatures),
    mall(Referee, Expected, Creatures, Meetings, Meetings, none, 0, 0).

mall(Referee, Expected, Creatures, Meetings, Left, Waiting, Sent, Done) ->
    receive
        {meet, Number, Index, Colour, Who} ->
            expect(Number, counters:get(Expected, Index + 1), "mall", Referee),
            counters:add(Expected, Index + 1, 1),
            case {Left, Waiting} of
                {0, _} ->
                    Who ! {closed, Number},
                    mall(Referee, Expected, Creatures, Meetings, 0, none, Sent + 1, Done + 1);
                {_, none} ->
                    mall(Referee, Expected, Creatures, Meetings, Left, {Who, Number}, Sent,
                         Done + 1);
                {_, {First, Its}} ->
                    First ! {partner, Its, Number, Who, Colour},
                    mall(Referee, Expected, Creatures, Meetings, Left - 1, none, Sent + 1,
                         Done + 1)
            end;
        {total, Met} -> totals(Referee, Creatures - 1, 2 * Meetings - Met, Sent, Done + 1);
        stop -> leave(Referee, Sent, Done)
    end.

%% Once the first creature has told its total, others may still come to the mall.
totals(Referee, 0, Missing, Sent, Done) ->
    expect(Missing, 0, "mall", Referee),
    arrive(Referee),
    rest(Referee, Sent, Done);
totals(Referee, Creatures, Missing, Sent, Done) ->
    receive
        {total, Met} -> totals(Referee, Creatures - 1, Missing - Met, Sent, Done + 1);
        {meet, Number, _, _, Who} ->
            Who ! {closed, Number},
            totals(Referee, Creatures, Missing, Sent + 1, Done + 1)
    end.

creature_start(Referee, Mall, Index) ->
    receive {go, Go} -> expect(Go, ?GO, "creature", Referee) end,
    Colour = Index rem 3,
    Mall ! {meet, 0, Index, Colour, self()},
    creature(Referee, Mall, Index, Colour, 0, 1, 1).

creature(Referee, Mall, Index, Colour, Met, Sent, Done) ->
    receive
        {partner, Mine, Theirs, Other, Its} ->
            expect(Mine, Met, "creature that waited", Referee),
            New = complement(Colour, Its),
            Other ! {changed, Theirs, New},
            Mall ! {meet, ?NUMBER((Met + 1)), Index, New, self()},
            creature(Referee, Mall, Index, New, Met + 1, Sent + 2, Done + 1);
        {changed, Number, New} ->
            expect(Number, Met, "creature that came", Referee),
            Mall ! {meet, ?NUMBER((Met + 1)), Index, New, self()},
            creature(Referee, Mall, Index, New, Met + 1, Sent + 1, Done + 1);
        {closed, Number} ->
            expect(Number, Met, "creature at the end", Referee),
            Mall ! {total, Met},
            creature(Referee, Mall, Index, Colour, Met, Sent + 1, Done + 1);
        stop -> leave(Referee, Sent, Done)
    end.

%% -- idle

dormitory(Referee, All, Actors) ->
    receive {go, First} -> expect(First, ?GO, "driver", Referee) end,
    Beds = [spawn(fun() -> sleeper(Referee, All, Number) end) || Number <- lists:seq(0, Actors - 1)],
    arrive(Referee),
    receive {go, Second} -> expect(Second, ?GO, "driver", Referee) end,
    wake(Beds, 0),
    rest(Referee, Actors, 2).

wake([], _) -> ok;
wake([Bed | Beds], Number) ->
    Bed ! {poke, ?NUMBER(Number)},
    wake(Beds, Number + 1).

sleeper(Referee, All, Expected) ->
    receive {poke, Number} -> expect(Number, Expected, "sleeper", Referee) end,
    atomics:add(All, 2, 1),
    case atomics:sub_get(All, 1, 1) of
        0 -> arrive(Referee);
        _ -> ok
    end.

resident_bytes() ->
    {ok, Text} = file:read_file("/proc/self/statm"),
    [_, Resident | _] = string:lexemes(Text, " "),
    binary_to_integer(Resident) * 4096.

%% -- call

callee(Referee, Expected) ->
    receive
        {ask, Number, Tag} ->
            expect(Number, Expected, "callee", Referee),
            Tag ! {Tag, Number},
            callee(Referee, Expected + 1);
        stop -> leave(Referee, Expected, Expected)
    end.

ask(_, _, Rounds, Rounds) -> ok;
ask(Referee, Callee, Round, Rounds) ->
    Tag = erlang:monitor(process, Callee, [{alias, demonitor}]),
    Callee ! {ask, ?NUMBER(Round), Tag},
    receive
        {Tag, Number} ->
            erlang:demonitor(Tag, [flush]),
            expect(Number, Round, "client", Referee);
        {'DOWN', Tag, _, _, _} -> Referee ! {void, "a call failed"}
    after 60000 -> Referee ! {void, "a call failed"}
    end,
    ask(Referee, Callee, Round + 1, Rounds).
