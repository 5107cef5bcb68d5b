%% The Savina programs about single messages, in the order of the suite. Protocols, sizes and checks
%% are those of bench/savina/NAME.cpp.
-module(erlang_savina_micro).
-export([run/3]).
-import(erlang_savina, [expect_arrivals/2, begin_inner/2, wait/0, results/1, sum/2, check/2,
                        spawn_flooded/1, arrive/1, report/2, leave/3, leave/4]).
-include("erlang_savina.hrl").

run(pingpong, Run, #{'N' := Rounds}) ->
    Pong = spawn(fun() -> pong(Run, 0) end),
    Ping = spawn(fun() -> ping(Run, Pong, Rounds, 0) end),
    begin_inner(Run, 1),
    ?SEND(Ping, start),
    wait(),
    [Count] = results(1),
    check(Count =:= Rounds, "pong hears every ping"),
    #outcome{sent = 3 * Rounds + 1, actors = 2,
             values = [{pong_count, Count}, {messages, sum(Run, sent)}]};

run(count, Run, #{'N' := Increments}) ->
    Counter = spawn_flooded(fun() -> counter(Run, 0) end),
    Producer = spawn(fun() -> producer(Run, Counter, Increments) end),
    begin_inner(Run, 1),
    ?SEND(Producer, increment),
    wait(),
    [Counted] = results(1),
    check(Counted =:= Increments, "the counter has counted every message when it is asked"),
    #outcome{sent = Increments + 3, actors = 2,
             values = [{count, Counted}, {messages, sum(Run, sent)}]};

run(fjthrput, Run, #{'N' := Rounds, 'A' := Actors}) ->
    expect_arrivals(Run, Actors),
    All = [spawn_flooded(fun() -> joiner(Run, Run#run.angle, Rounds, 0, 0.0) end)
           || _ <- lists:seq(1, Actors)],
    begin_inner(Run, Actors * Rounds),
    distribute(All, Rounds),
    wait(),
    [{Handled, Result}] = lists:usort(results(Actors)),
    check(Handled =:= Rounds, "each actor handles all its messages"),
    #outcome{sent = Actors * Rounds, actors = Actors,
             values = [{handled_per_actor, Handled}, {messages, sum(Run, sent)},
                       {work_result, Result, {relative, 1.0e-15}}]};

%% The leaves have nobody to tell their result, so each compares it with one that is published.
run(fjcreate, Run, #{'N' := Actors}) ->
    expect_arrivals(Run, Actors),
    Result = fork_join_work(Run#run.angle),
    begin_inner(Run, Actors),
    create(Run, Result, Actors),
    wait(),
    #outcome{sent = Actors, actors = Actors,
             values = [{actors, sum(Run, ended)}, {messages, sum(Run, sent)},
                       {work_result, Result, {relative, 1.0e-15}}]};

run(threadring, Run, #{'N' := Actors, 'R' := Count}) ->
    expect_arrivals(Run, Actors),
    Ring = [spawn(fun() -> runner_start(Run, Place, Actors) end)
            || Place <- lists:seq(0, Actors - 1)],
    begin_inner(Run, Actors + 1),
    lists:zipwith(fun(Pid, Next) -> ?SEND(Pid, {data, Next}) end, Ring, tl(Ring) ++ [hd(Ring)]),
    ?SEND(hd(Ring), {ping, Count}),
    wait(),
    All = results(Actors),
    {Pings, Leaves, LeavesSent} = lists:unzip3([Counts || {_, _, Counts} <- All]),
    [Holder] = [Place || {Place, Lasts, _} <- All, Lasts > 0],
    check(lists:sum(Pings) =:= Count + 1, "the token is passed on as often as it says"),
    check(Holder =:= Count rem Actors, "the token ends where the ring puts it"),
    #outcome{sent = Actors + (Count + 1) + (Actors + 1), lost = 1, actors = Actors,
             values = [{pings_handled, lists:sum(Pings)}, {final_holder, Holder},
                       {exit_sends, lists:sum(LeavesSent)}, {exits_handled, lists:sum(Leaves)}]};

run(chameneos, Run, #{chameneos := Chameneos, meetings := Meetings}) ->
    begin_inner(Run, 0),
    spawn(fun() -> mall_start(Run, Chameneos, Meetings) end),
    wait(),
    {Malls, Each} = lists:partition(fun is_tuple/1, results(Chameneos + 1)),
    [{mall, Sum, Faded}] = Malls,
    check(Sum =:= 2 * Meetings andalso Sum =:= lists:sum(Each), "each meeting is counted by two"),
    check(Faded =:= Chameneos, "each chameneo fades once"),
    #outcome{sent = 4 * Meetings + 3 * Chameneos, actors = Chameneos + 1,
             values = [{sum_meetings, Sum}, {faded, Faded}, {messages, sum(Run, sent)}],
             notes = [{fewest_meetings_of_one, lists:min(Each)},
                      {most_meetings_of_one, lists:max(Each)}]};

run(big, Run, #{'N' := Pings, 'W' := Peers}) ->
    expect_arrivals(Run, Peers),
    Sink = spawn(fun() -> sink_start(Run, Peers) end),
    All = [spawn(fun() -> peer_start(Run, Sink, Index, Pings, Peers) end)
           || Index <- lists:seq(0, Peers - 1)],
    Neighbours = list_to_tuple(All),
    begin_inner(Run, 1 + 2 * Peers),
    ?SEND(Sink, {neighbours, Neighbours}),
    [?SEND(Each, {neighbours, Neighbours}) || Each <- All],
    [?SEND(Each, {pong, -1}) || Each <- All],
    wait(),
    {Indices, Received, Pongs} = lists:unzip3(lists:sort(results(Peers))),
    Weighted = lists:zipwith(fun(Index, Count) -> (Index + 1) * Count end, Indices, Received),
    check(lists:usort(Pongs) =:= [Pings], "each peer gets a pong for each of its pings"),
    check(lists:sum(Received) =:= Pings * Peers, "each ping is received"),
    #outcome{sent = (Peers + 1) + Peers + 2 * Pings * Peers + 2 * Peers, actors = Peers + 1,
             values = [{pings, lists:sum(Received)}, {pongs, lists:sum(Pongs)},
                       {weighted_sum, lists:sum(Weighted)},
                       {min, lists:min(Received)}, {max, lists:max(Received)},
                       {pings_received_0_9, lists:sublist(Received, 10)}]};

run(fib, Run, #{n := N}) ->
    Root = spawn(fun() -> adder(Run, nobody) end),
    begin_inner(Run, 1),
    ?SEND(Root, {question, N}),
    wait(),
    [Result] = results(1),
    check(Result =:= fibonacci(N, 0, 1), "the root has the number of Fibonacci"),
    %% Each leaf of the tree adds 1, and all others have two children. The root answers nobody.
    Actors = 2 * Result - 1,
    #outcome{sent = 2 * Actors - 1, actors = Actors,
             values = [{result, Result}, {actors, sum(Run, ended)}, {messages, sum(Run, sent)}]}.

%% -- pingpong

pong(Run, Count) ->
    receive
        {send_ping, From} -> ?SEND(From, {send_pong, self()}), pong(Run, Count + 1);
        stop -> report(Run, Count), leave(Run, Count, Count + 1)
    end.

ping(Run, Pong, Left, Handled) ->
    receive
        {send_pong, Pong} when Left > 0 -> ?SEND(self(), again), ping(Run, Pong, Left, Handled + 1);
        {send_pong, Pong} ->
            ?SEND(Pong, stop),
            arrive(Run),
            leave(Run, Handled + 1, Handled + 1);
        Begin when Begin =:= start; Begin =:= again ->
            ?SEND(Pong, {send_ping, self()}),
            ping(Run, Pong, Left - 1, Handled + 1)
    end.

%% -- count

producer(Run, Counter, Increments) ->
    receive increment -> flood(Counter, Increments) end,
    ?SEND(Counter, {retrieve, self()}),
    receive {result, Counted} -> report(Run, Counted) end,
    arrive(Run),
    leave(Run, Increments + 1, 2).

flood(_, 0) -> ok;
flood(Counter, Left) ->
    ?SEND(Counter, increment),
    flood(Counter, Left - 1).

counter(Run, Count) ->
    receive
        increment -> counter(Run, Count + 1);
        {retrieve, From} -> ?SEND(From, {result, Count}), leave(Run, 1, Count + 1)
    end.

%% -- fjthrput and fjcreate

%% sin(37.2) squared; erlc does not see the angle.
fork_join_work(Angle) ->
    Sine = math:sin(Angle),
    Sine * Sine.

distribute(_, 0) -> ok;
distribute(All, Left) ->
    lists:foreach(fun(Pid) -> ?SEND(Pid, message) end, All),
    distribute(All, Left - 1).

joiner(Run, _, Expected, Expected, Result) ->
    report(Run, {Expected, Result}),
    arrive(Run),
    leave(Run, 0, Expected);
joiner(Run, Angle, Expected, Handled, _) ->
    receive message -> ok end,
    Result = fork_join_work(Angle),
    ?REQUIRE(Run, Result > 0, "the work has a positive result"),
    joiner(Run, Angle, Expected, Handled + 1, Result).

create(_, _, 0) -> ok;
create(Run, Result, Left) ->
    ?SEND(spawn(fun() -> leaf(Run, Result) end), message),
    create(Run, Result, Left - 1).

leaf(Run, Wanted) ->
    receive message -> ok end,
    Result = fork_join_work(Run#run.angle),
    ?REQUIRE(Run, Result =:= Wanted, "the work has the result it has elsewhere"),
    arrive(Run),
    leave(Run, 0, 1).

%% -- threadring

runner_start(Run, Place, Actors) ->
    receive {data, Next} -> runner(Run, Next, Place, Actors, 0, 0) end.

%% Lasts: pings with nothing left.
runner(Run, Next, Place, Actors, Pings, Lasts) ->
    receive
        {ping, Left} when Left > 0 ->
            ?SEND(Next, {ping, Left - 1}),
            runner(Run, Next, Place, Actors, Pings + 1, Lasts);
        {ping, _} ->
            ?SEND(Next, {leave, Actors}),
            runner(Run, Next, Place, Actors, Pings + 1, Lasts + 1);
        {leave, Left} ->
            Passed = pass_leave(Next, Left),
            report(Run, {Place, Lasts, {Pings, 1, Lasts + Passed}}),
            arrive(Run),
            leave(Run, Pings + Passed, Pings + 2, [leave])
    end.

pass_leave(Next, Left) when Left > 0 -> ?SEND(Next, {leave, Left - 1}), 1;
pass_leave(_, _) -> 0.

%% -- chameneos

mall_start(Run, Chameneos, Meetings) ->
    Mall = self(),
    [spawn(fun() -> chameneo_start(Run, Mall, Index rem 3) end)
     || Index <- lists:seq(0, Chameneos - 1)],
    mall(Run, Chameneos, Meetings, none, 0, 0, 0, 0).

mall(Run, Chameneos, Left, Waiting, Sum, Faded, Sent, Handled) ->
    receive
        {meet, Who, _} when Left =:= 0 ->
            ?SEND(Who, fade),
            mall(Run, Chameneos, Left, Waiting, Sum, Faded, Sent + 1, Handled + 1);
        {meet, Who, _} when Waiting =:= none ->
            mall(Run, Chameneos, Left, Who, Sum, Faded, Sent, Handled + 1);
        {meet, _, _} = Meet ->
            ?SEND(Waiting, Meet),
            mall(Run, Chameneos, Left - 1, none, Sum, Faded, Sent + 1, Handled + 1);
        {meeting_count, Count} when Faded + 1 =:= Chameneos ->
            report(Run, {mall, Sum + Count, Faded + 1}),
            arrive(Run),
            leave(Run, Sent, Handled + 1);
        {meeting_count, Count} ->
            mall(Run, Chameneos, Left, Waiting, Sum + Count, Faded + 1, Sent, Handled + 1)
    end.

%% Red, yellow and blue are 0, 1 and 2.
complement(Own, Own) -> Own;
complement(Own, Other) when Own >= 0, Own =< 2, Other >= 0, Other =< 2 -> 3 - Own - Other.

chameneo_start(Run, Mall, Colour) ->
    ?SEND(Mall, {meet, self(), Colour}),
    chameneo(Run, Mall, Colour, 0, 1, 0).

chameneo(Run, Mall, Colour, Meetings, Sent, Handled) ->
    receive
        {meet, Partner, Other} ->
            New = complement(Colour, Other),
            ?SEND(Partner, {change, New}),
            ?SEND(Mall, {meet, self(), New}),
            chameneo(Run, Mall, New, Meetings + 1, Sent + 2, Handled + 1);
        {change, New} ->
            ?SEND(Mall, {meet, self(), New}),
            chameneo(Run, Mall, New, Meetings + 1, Sent + 1, Handled + 1);
        fade ->
            ?SEND(Mall, {meeting_count, Meetings}),
            report(Run, Meetings),
            leave(Run, Sent + 1, Handled + 1)
    end.

%% -- big

sink_start(Run, Peers) ->
    receive {neighbours, All} -> sink(Run, All, Peers) end.

sink(Run, All, 0) ->
    [?SEND(Each, finish) || Each <- tuple_to_list(All)],
    leave(Run, tuple_size(All), 1 + tuple_size(All));
sink(Run, All, Missing) ->
    receive finish -> sink(Run, All, Missing - 1) end.

peer_start(Run, Sink, Index, Pings, Peers) ->
    receive {neighbours, All} -> ok end,
    ?REQUIRE(Run, tuple_size(All) =:= Peers, "all peers are neighbours"),
    peer(Run, Sink, All, Index, Pings, Pings, -1, Index, 0).

%% Pinged is who has yet to answer, Random the last number drawn, Received counts pings.
peer(Run, Sink, All, Index, Pings, Left, Pinged, Random, Received) ->
    receive
        {ping, From} ->
            ?SEND(element(From + 1, All), {pong, Index}),
            peer(Run, Sink, All, Index, Pings, Left, Pinged, Random, Received + 1);
        {pong, Pinged} when Left > 0 ->
            Drawn = ?NEXT_RANDOM(Random),
            Other = Drawn rem tuple_size(All),
            ?SEND(element(Other + 1, All), {ping, Index}),
            peer(Run, Sink, All, Index, Pings, Left - 1, Other, Drawn, Received);
        {pong, Pinged} ->
            ?SEND(Sink, finish),
            peer(Run, Sink, All, Index, Pings, 0, none, Random, Received);
        finish ->
            report(Run, {Index, Received, Pings - Left}),
            arrive(Run),
            leave(Run, Received + Pings + 1, 1 + Received + (Pings + 1) + 1)
    end.

%% -- fib

adder(Run, Parent) ->
    receive
        {question, N} when N =< 2 -> answer(Run, Parent, 1, 0, 1);
        {question, N} ->
            Me = self(),
            ?SEND(spawn(fun() -> adder(Run, Me) end), {question, N - 1}),
            ?SEND(spawn(fun() -> adder(Run, Me) end), {question, N - 2}),
            receive {response, One} -> ok end,
            receive {response, Other} -> answer(Run, Parent, One + Other, 2, 3) end
    end.

answer(Run, nobody, Value, Sent, Handled) ->
    report(Run, Value),
    arrive(Run),
    leave(Run, Sent, Handled);
answer(Run, Parent, Value, Sent, Handled) ->
    ?SEND(Parent, {response, Value}),
    leave(Run, Sent + 1, Handled).

fibonacci(1, _, Value) -> Value;
fibonacci(N, Last, Value) -> fibonacci(N - 1, Value, Last + Value).
