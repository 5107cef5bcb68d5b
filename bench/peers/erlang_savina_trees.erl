%% The Savina programs whose actors are a tree that grows while they run. Protocols, sizes and
%% checks are those of bench/savina/NAME.cpp.
-module(erlang_savina_trees).
-export([run/3]).
-import(erlang_savina, [begin_inner/2, wait/0, results/1, sum/2, check/2, spawn_flooded/1, arrive/1,
                        fail/2, report/2, leave/3, leave/4, leave_at_once/3, add/3]).
-import(erlang_savina_random, [java/1, java_bits/2, java_below/2, java_gaussian/2]).
-include("erlang_savina.hrl").

-define(GRID, 500.0).
-define(ALPHA, 2).
-define(CHILDREN, 4).

-define(USUAL_COMPUTATION, 500).
-define(COMPUTATION_DEVIATION, 100).
-define(URGENT_PERCENT, 50).
-define(TREE_SEED, 2).

run(facloc, Run, #{'N' := Count}) ->
    Root = spawn(fun() -> quadrant_start(Run, root_plan(), [], 0, 0, []) end),
    Producer = spawn(fun() -> producer(Run, Root, Count, ?DEFAULT_SEED, 0) end),
    begin_inner(Run, 1),
    ?SEND(Producer, start),
    wait(),
    [{Facilities, Known, Customers, Depth}] = results(1),
    Quadrants = sum(Run, ended) - 1,
    Doubles = count_doubles(Count, ?DEFAULT_SEED, 0),
    check(Customers >= Count andalso Customers =< Count + Doubles,
          "each customer is counted, twice at most at borders"),
    check(Known + 1 =:= max(Facilities, 1), "the root hears of each facility"),
    %% The start; customers, the answers, the ways down; request_exit to all, whom all but the root
    %% answer. Only facilities on their way down may come too late.
    FacilitiesSent = sum(Run, second),
    Sent = 1 + 2 * Count + sum(Run, first) + FacilitiesSent + Quadrants + (Quadrants - 1),
    %% The published numbers are those of one queue for all actors, which no scheduler has.
    #outcome{sent = Sent, lost = FacilitiesSent - sum(Run, third),
             actors = ?CHILDREN * Facilities + 2,
             values = [{facilities_single_fifo, Facilities, {absolute, 2}},
                       {actors, Quadrants, {absolute, 2 * ?CHILDREN}},
                       {customers_single_fifo, Customers, {absolute, Doubles}}],
             notes = [{facilities, Facilities}, {customers, Customers}, {depth, Depth}]};

run(uct, Run, #{max_nodes := Max, binomial := Binomial}) ->
    Root = spawn_flooded(fun() -> root_start(Run, Binomial, Max) end),
    begin_inner(Run, 1),
    ?SEND(Root, plant_tree),
    wait(),
    [{Size, Height, Requests, Grants, Urgent}] = results(1),
    Made = sum(Run, ended) - 1,
    Families = Made div Binomial,  % one of them is the root's own
    check(Size =:= 1 + Binomial * (Grants + 1) andalso Size + Binomial > Max andalso Size =< Max,
          "the tree grows to its limit"),
    check(Made =:= Families * Binomial andalso Made < Size, "no node is made without a grant"),
    %% Each node is told to try, asks once and is terminated; each family made is told of, and
    %% walked.
    Walked = Binomial * (sum(Run, first) + 1),
    #outcome{sent = 1 + 3 * Made + Grants + Families - 1 + Walked,
             lost = Made - Requests + Grants - sum(Run, second), actors = Made + 1,
             values = [{final_size, Size}],
             notes = [{height, Height}, {nodes_made, Made + 1}, {requests, Requests},
                      {urgent_grants, Urgent}]}.

%% -- facloc

%% What a quadrant is from its begin to its end. Where it lies with its parent: top left, top right,
%% bottom left, bottom right from 0; 3 less that is the other side. The borders are part of the
%% area.
-record(quadrant, {run, parent, where, area, depth, facility}).
%% What changes in one that has split.
-record(split, {
    children,                               % {Area, Pid} of each
    deepest,
    known,                                  % facilities
    ended = 0,                              % children
    facilities = 0, customers = 0,          % of children that have ended
    forwarded = 0, facilities_sent,         % messages
    heard, handled                          % facilities, and the other messages
}).

root_plan() ->
    #quadrant{parent = nobody, where = unknown, area = {0.0, 0.0, ?GRID, ?GRID}, depth = 0}.

has({X1, Y1, X2, Y2}, {X, Y}) -> X >= X1 andalso Y >= Y1 andalso X =< X2 andalso Y =< Y2.

middle({X1, Y1, X2, Y2}) -> {(X1 + X2) / 2, (Y1 + Y2) / 2}.

%% Candidates are those of its parent's customers that it has.
quadrant_start(Run, Plan, Facilities, Known, Deepest, Candidates) ->
    Own = middle(Plan#quadrant.area),
    All = [Own | Facilities],
    Cost = lists:sum([nearest(At, All) || At <- Candidates]),
    leaf(Plan#quadrant{run = Run, facility = Own}, All, Known, Deepest, Cost, Candidates, 0, 0).

nearest(At, [First | Facilities]) -> nearest(At, Facilities, distance(At, First)).

nearest(_, [], Least) -> Least;
nearest(At, [First | Facilities], Least) ->
    nearest(At, Facilities, min(Least, distance(At, First))).

%% That all are floats is for erlc, which then computes without looking at each.
distance({X1, Y1}, {X2, Y2}) when is_float(X1), is_float(Y1), is_float(X2), is_float(Y2) ->
    math:sqrt((X1 - X2) * (X1 - X2) + (Y1 - Y2) * (Y1 - Y2)).

threshold() -> ?ALPHA * math:sqrt(2.0) * ?GRID.

%% Heard are facilities, Served the other messages.
leaf(Plan, Facilities, Known, Deepest, Cost, Customers, Heard, Served) ->
    receive
        {customer, Producer, X, Y} ->
            At = {X, Y},
            #quadrant{run = Run, area = Area} = Plan,
            ?REQUIRE(Run, has(Area, At), "a customer comes to a quadrant that has its point"),
            Dearer = Cost + nearest(At, Facilities),
            All = [At | Customers],
            case Dearer > threshold() of
                false ->
                    answer(Plan, Producer),
                    leaf(Plan, Facilities, Known, Deepest, Dearer, All, Heard, Served + 1);
                true ->
                    Split = split(Plan, Facilities, Known, Deepest, All),
                    answer(Plan, Producer),
                    inner(Plan, Split#split{heard = Heard, handled = Served + 1})
            end;
        {facility, At} ->
            leaf(Plan, [At | Facilities], Known + 1, Deepest, Cost, Customers, Heard + 1, Served);
        request_exit -> end_leaf(Plan, Known, Deepest, length(Customers), Heard, Served + 1)
    end.

answer(#quadrant{parent = nobody}, Producer) -> ?SEND(Producer, next);
answer(_, _) -> ok.

split(Plan, Facilities, Known, Deepest, Customers) ->
    #quadrant{run = Run, area = Area, depth = Depth} = Plan,
    Sent = tell_parent(Plan, Plan#quadrant.facility, Depth),
    Deeper = max(Deepest, Depth),
    Me = self(),
    Children = [begin
                    Child = #quadrant{parent = Me, where = Where, area = Part, depth = Depth + 1},
                    Own = [At || At <- Customers, has(Part, At)],
                    {Part, spawn(fun() ->
                        quadrant_start(Run, Child, Facilities, Known, Deeper, Own)
                    end)}
                end || {Where, Part} <- lists:enumerate(0, quarters(Area))],
    #split{children = Children, deepest = Deeper, known = Known, facilities_sent = Sent}.

quarters({X1, Y1, X2, Y2} = Area) ->
    {X, Y} = middle(Area),
    [{X1, Y, X, Y2}, {X, Y, X2, Y2}, {X1, Y1, X, Y}, {X, Y1, X2, Y}].

%% How many messages that makes.
tell_parent(#quadrant{parent = nobody}, _, _) -> 0;
tell_parent(#quadrant{parent = Parent, where = Where}, At, Depth) ->
    ?SEND(Parent, {facility, Where, Depth, At, self()}),
    1.

inner(Plan, State) ->
    receive
        {customer, Producer, X, Y} = Customer ->
            #quadrant{run = Run, area = Area} = Plan,
            ?REQUIRE(Run, has(Area, {X, Y}), "a customer comes to a quadrant that has its point"),
            ?SEND(first_with({X, Y}, State#split.children), Customer),
            answer(Plan, Producer),
            inner(Plan, State#split{forwarded = State#split.forwarded + 1,
                                    handled = State#split.handled + 1});
        {facility, At} ->
            [?SEND(Child, {facility, At}) || {_, Child} <- State#split.children],
            inner(Plan, heard(State, ?CHILDREN));
        {facility, Where, Depth, At, Child} ->
            {_, Child} = lists:nth(Where + 1, State#split.children),
            {_, Other} = lists:nth(?CHILDREN - Where, State#split.children),
            Sent = tell_parent(Plan, At, Depth),
            ?SEND(Other, {facility, At}),
            Heard = heard(State, Sent + 1),
            inner(Plan, Heard#split{deepest = max(Depth, State#split.deepest)});
        request_exit ->
            [?SEND(Child, request_exit) || {_, Child} <- State#split.children],
            inner(Plan, State#split{handled = State#split.handled + 1});
        {confirm_exit, Facilities, Customers} ->
            More = State#split{ended = State#split.ended + 1,
                               facilities = State#split.facilities + Facilities,
                               customers = State#split.customers + Customers,
                               handled = State#split.handled + 1},
            case More#split.ended of
                ?CHILDREN -> end_inner(Plan, More);
                _ -> inner(Plan, More)
            end
    end.

first_with(At, [{Area, Child} | Children]) ->
    case has(Area, At) of
        true -> Child;
        false -> first_with(At, Children)
    end.

heard(State, Sent) ->
    State#split{heard = State#split.heard + 1, known = State#split.known + 1,
                facilities_sent = State#split.facilities_sent + Sent}.

%% A leaf has sent nothing but its end, and as the root an answer to each customer.
end_leaf(#quadrant{run = Run} = Plan, Known, Deepest, Customers, Heard, Served) ->
    add(Run, third, Heard),
    Sent = confirm(Plan, 0, Known, Customers, Deepest),
    leave(Run, Sent + answers(Plan, Served - 1), Heard + Served, [facility]).

end_inner(#quadrant{run = Run} = Plan, State) ->
    #split{forwarded = Forwarded, facilities_sent = FacilitiesSent, heard = Heard,
           handled = Handled} = State,
    add(Run, first, Forwarded),
    add(Run, second, FacilitiesSent),
    add(Run, third, Heard),
    Sent = confirm(Plan, State#split.facilities + 1, State#split.known, State#split.customers,
                   State#split.deepest),
    leave(Run, Sent + Forwarded + FacilitiesSent + ?CHILDREN +
              answers(Plan, Handled - 1 - ?CHILDREN), Heard + Handled, [facility]).

answers(#quadrant{parent = nobody}, Customers) -> Customers;
answers(_, _) -> 0.

confirm(#quadrant{run = Run, parent = nobody}, Facilities, Known, Customers, Deepest) ->
    arrive(Run),
    report(Run, {Facilities, Known, Customers, Deepest}),
    0;
confirm(#quadrant{parent = Parent}, Facilities, _, Customers, _) ->
    ?SEND(Parent, {confirm_exit, Facilities, Customers}),
    1.

%% Places hug the axes: each is grid / (n + 1) from either.
draw(Random) ->
    X = ?NEXT_RANDOM(Random),
    Y = ?NEXT_RANDOM(X),
    {1 / (X + 1) * ?GRID, 1 / (Y + 1) * ?GRID, Y}.

producer(Run, Root, Left, Random, Handled) ->
    receive Begin when Begin =:= start; Begin =:= next -> ok end,
    case Left of
        0 -> ?SEND(Root, request_exit), leave(Run, Handled + 1, Handled + 1);
        _ ->
            {X, Y, Next} = draw(Random),
            ?SEND(Root, {customer, self(), X, Y}),
            producer(Run, Root, Left - 1, Next, Handled + 1)
    end.

%% How often customers may be counted twice: at the split of a quadrant the border between two
%% children is part of both. Such borders are at odd multiples of the grid over powers of two, so
%% each coordinate of a point doubles it at most once.
count_doubles(0, _, Doubles) -> Doubles;
count_doubles(Left, Random, Doubles) ->
    {X, Y, Next} = draw(Random),
    count_doubles(Left - 1, Next, Doubles + shares(X) * shares(Y) - 1).

shares(Coordinate) ->
    IsOdd = fun(Depth) ->
        Halves = Coordinate / (?GRID / (2 bsl Depth)),
        Halves == math:floor(Halves) andalso math:fmod(Halves, 2) == 1
    end,
    case lists:any(IsOdd, lists:seq(0, 15)) of  % 1 / (n + 1), n has 16 bits
        true -> 2;
        false -> 1
    end.

%% -- uct

-record(top, {
    run, binomial, max, random, spare = none, size = 1, height = 1, children = [],
    requests = 0, grants = 0, urgent = 0, heard = 0
}).

root_start(Run, Binomial, Max) ->
    receive plant_tree -> ok end,
    {_, Drawn} = draw_computation(#top{run = Run, binomial = Binomial, max = Max,
                                       random = java(?TREE_SEED)}),
    Children = make_children(Run, self(), Binomial, 2, 1),
    root(Drawn#top{height = 2, size = 1 + Binomial, children = Children}).

root(#top{run = Run, binomial = Binomial, max = Max} = Top) ->
    receive
        {should_generate, From, Height} ->
            ?REQUIRE(Run, Height > 1 andalso Height =< Top#top.height,
                     "no node is above the known height"),
            Asked = Top#top{requests = Top#top.requests + 1},
            case Top#top.size + Binomial > Max of
                true -> end_tree(Asked);
                false ->
                    {Bit, Random} = java_bits(Top#top.random, 1),
                    Drawn = Asked#top{random = Random},
                    root(case Bit of 0 -> Drawn; 1 -> grant(Drawn, From, Height) end)
            end;
        {update_grant, Child, From} ->
            check_grant(Run, Top#top.children, Child, From, Binomial),
            root(Top#top{heard = Top#top.heard + 1})
    end.

%% Ids follow one another, so who has which is known.
check_grant(Run, Children, Child, From, Binomial) ->
    ?REQUIRE(Run, Child >= 0 andalso
                  lists:nth((Child + Binomial - 1) rem Binomial + 1, Children) =:= From,
             "a child tells its parent of its grant").

grant(#top{binomial = Binomial, size = Size, height = Highest} = Top, From, Height) ->
    {Computation, Computed} = draw_computation(Top),
    {Percent, Random} = java_below(Computed#top.random, 100),
    Granted = Computed#top{random = Random, grants = Top#top.grants + 1, size = Size + Binomial,
                           height = max(Highest, Height + 1)},
    case Percent > ?URGENT_PERCENT of
        true ->
            ?SEND(From, {generate, Size, Computation}),
            Granted;
        false ->
            {Chosen, Next} = java_below(Random, Binomial),
            ?SEND(From, {generate_urgent, Chosen, Size, Computation}),
            Granted#top{random = Next, urgent = Top#top.urgent + 1}
    end.

draw_computation(#top{random = Random, spare = Spare} = Top) ->
    {Drawn, Next, Kept} = java_gaussian(Random, Spare),
    Rounded = floor(Drawn * ?COMPUTATION_DEVIATION + ?USUAL_COMPUTATION + 0.5),
    Moved = Top#top{random = Next, spare = Kept},
    case Rounded > 0 of
        true -> {Rounded, Moved};
        false -> draw_computation(Moved)
    end.

end_tree(#top{run = Run, binomial = Binomial, children = Children, requests = Requests,
              grants = Grants, heard = Heard} = Top) ->
    [?SEND(Child, traverse) || Child <- Children],
    [?SEND(Child, terminate_tree) || Child <- Children],
    add(Run, second, Heard),
    report(Run, {Top#top.size, Top#top.height, Requests, Grants, Top#top.urgent}),
    arrive(Run),
    leave_at_once(Run, 3 * Binomial + Grants, 1 + Requests + Heard).

%% All of a family are made before any is told to try.
make_children(Run, Top, Binomial, Height, FirstId) ->
    Parent = self(),
    All = [spawn(fun() -> node_start(Run, Top, Parent, Binomial, Height, Id) end)
           || Id <- lists:seq(FirstId, FirstId + Binomial - 1)],
    lists:foreach(fun(Child) -> ?SEND(Child, try_generate) end, All),
    All.

node_start(Run, Top, Parent, Binomial, Height, Id) ->
    receive try_generate -> ?SEND(Top, {should_generate, self(), Height}) end,
    leafless(Run, Top, Parent, Binomial, Height, Id, 0).

%% A node without children; what a grant says of its computation has no effect, as in the suite.
leafless(Run, Top, Parent, Binomial, Height, Id, Traversals) ->
    receive
        {generate, FirstId, _} ->
            family(Run, Top, Parent, Binomial, Height, Id, FirstId, Traversals);
        {generate_urgent, Chosen, FirstId, _} ->
            ?REQUIRE(Run, Chosen >= 0 andalso Chosen < Binomial,
                     "one of the children is the urgent one"),
            family(Run, Top, Parent, Binomial, Height, Id, FirstId, Traversals);
        traverse -> leafless(Run, Top, Parent, Binomial, Height, Id, Traversals + 1);
        terminate_tree -> leave(Run, 1, 2 + Traversals, [generate, generate_urgent])
    end.

family(Run, Top, Parent, Binomial, Height, Id, FirstId, Traversals) ->
    ?REQUIRE(Run, FirstId rem Binomial =:= 1 rem Binomial, "a node is granted ids of its own"),
    ?SEND(Parent, {update_grant, Id rem Binomial, self()}),
    parent(Run, Binomial, make_children(Run, Top, Binomial, Height + 1, FirstId), 0, Traversals, 0).

parent(Run, Binomial, Children, Heard, Before, Traversals) ->
    receive
        {update_grant, Child, From} ->
            check_grant(Run, Children, Child, From, Binomial),
            parent(Run, Binomial, Children, Heard + 1, Before, Traversals);
        traverse ->
            lists:foreach(fun(Child) -> ?SEND(Child, traverse) end, Children),
            parent(Run, Binomial, Children, Heard, Before, Traversals + 1);
        terminate_tree ->
            lists:foreach(fun(Child) -> ?SEND(Child, terminate_tree) end, Children),
            add(Run, first, Traversals),
            add(Run, second, Heard),
            leave(Run, 2 + (2 + Traversals) * Binomial, 3 + Heard + Before + Traversals,
                  [update_grant]);
        Other -> fail(Run, io_lib:format("a node with a family is told ~w", [Other]))
    end.
