%% Erlang's distribution between two processes, over TCP. See compare.py for how it is run:
%% `netbench:server()`, `netbench:client()` with -extra NODE WORKLOAD N.
-module(netbench).
-export([server/0, client/0, sink/1]).

-define(PAYLOAD, 64).
-define(LARGE, 65536).
-define(HUGE, 1000000).
-define(MANY, 64).

server() ->
    register(sink, spawn(?MODULE, sink, [0])),
    register(bulk, spawn(?MODULE, sink, [0])),
    [register(numbered(I), spawn(?MODULE, sink, [0])) || I <- lists:seq(1, ?MANY)],
    io:format("ready~n"),
    %% It ends with its standard input.
    eof = io:get_line(""),
    halt().

sink(N) ->
    receive
        {put, B} when byte_size(B) =:= ?PAYLOAD; byte_size(B) =:= ?LARGE; byte_size(B) =:= ?HUGE -> sink(N + 1);
        {echo, From, B} -> From ! {echo, B}, sink(N);
        {count, From} -> From ! {count, N}, sink(N)
    end.

numbered(I) -> list_to_atom("sink" ++ integer_to_list(I)).

client() ->
    [Node, Workload, N] = init:get_plain_arguments(),
    Server = list_to_atom(Node),
    pong = net_adm:ping(Server),
    measure(Workload, Server, list_to_integer(N)),
    halt().

find(Node, Name) -> rpc:call(Node, erlang, whereis, [Name]).

payload(Bytes) -> binary:copy(<<7>>, Bytes).

measure("ask", Node, N) ->
    times("ask", echoes(find(Node, sink), N));
measure("ask64", Node, N) ->
    Pid = find(Node, sink),
    Each = N div ?MANY,
    rate("ask64", Each * ?MANY, ?PAYLOAD, timed(fun() -> many([fun() -> echo(Pid, Each) end || _ <- lists:seq(1, ?MANY)]) end));
measure("send", Node, N) ->
    Pid = find(Node, sink),
    rate("send", N, ?PAYLOAD, timed(fun() -> put(Pid, N, payload(?PAYLOAD)) end));
measure("large", Node, N) ->
    Pid = find(Node, bulk),
    rate("large", N, ?LARGE, timed(fun() -> put(Pid, N, payload(?LARGE)) end));
measure("pairs", Node, N) ->
    Pids = [find(Node, numbered(I)) || I <- lists:seq(1, ?MANY)],
    Each = N div ?MANY,
    rate("pairs", Each * ?MANY, ?PAYLOAD, timed(fun() -> many([fun() -> put(P, Each, payload(?PAYLOAD)) end || P <- Pids]) end));
measure("ask_beside", Node, N) ->
    Bulk = find(Node, bulk),
    spawn(fun() -> stream(Bulk, payload(?HUGE), 0) end),
    times("ask_beside", echoes(find(Node, sink), N));
measure("spawn", Node, N) ->
    spawns(Node, N div 10, []),
    times("spawn", spawns(Node, N, []));
measure(Workload, _, _) ->
    io:format("{\"workload\":\"~s\",\"skip\":true}~n", [Workload]).

now_ns() -> erlang:monotonic_time(nanosecond).

timed(F) -> T = now_ns(), F(), now_ns() - T.

many(Fs) ->
    Me = self(),
    [spawn_link(fun() -> F(), Me ! done end) || F <- Fs],
    [receive done -> ok end || _ <- Fs].

echo(_, 0) -> ok;
echo(Pid, N) -> one(Pid, payload(?PAYLOAD)), echo(Pid, N - 1).

one(Pid, B) -> Pid ! {echo, self(), B}, receive {echo, B} -> ok end.

echoes(Pid, N) ->
    echo(Pid, N div 10),
    echoes(Pid, N, []).

echoes(_, 0, Each) -> Each;
echoes(Pid, N, Each) -> B = payload(?PAYLOAD), T = now_ns(), one(Pid, B), echoes(Pid, N - 1, [now_ns() - T | Each]).

put(Pid, N, B) ->
    send(Pid, B, N),
    Pid ! {count, self()},
    N = receive {count, Count} -> Count end.

send(_, _, 0) -> ok;
send(Pid, B, N) -> Pid ! {put, B}, send(Pid, B, N - 1).

stream(Pid, B, Sent) ->
    send(Pid, B, 4),
    Pid ! {count, self()},
    Count = Sent + 4,
    receive {count, Count} -> stream(Pid, B, Count) end.

spawns(_, 0, Each) -> Each;
spawns(Node, N, Each) ->
    T = now_ns(),
    {Pid, Ref} = spawn_monitor(Node, ?MODULE, sink, [0]),
    exit(Pid, shutdown),
    receive {'DOWN', Ref, process, Pid, shutdown} -> ok end,
    spawns(Node, N - 1, [now_ns() - T | Each]).

times(Workload, Each) ->
    Sorted = list_to_tuple(lists:sort(Each)),
    N = tuple_size(Sorted),
    At = fun(Part) -> element(min(N, N * Part div 1000 + 1), Sorted) / 1000 end,
    io:format("{\"workload\":\"~s\",\"n\":~w,\"p50_us\":~.2f,\"p99_us\":~.2f,\"p999_us\":~.2f}~n",
              [Workload, N, At(500), At(990), At(999)]).

rate(Workload, N, Bytes, Took) ->
    Rate = N * 1.0e9 / Took,
    io:format("{\"workload\":\"~s\",\"n\":~w,\"per_s\":~w,\"mb_s\":~.1f}~n", [Workload, N, round(Rate), Rate * Bytes / 1.0e6]).
