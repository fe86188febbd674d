# shellcheck shell=bash
# Runs the demo in the foreground: weir-server, weir-edge, weir-demo-feed, and the backend of its page.
#
# Each part runs in a session of its own, so that Ctrl-C reaches only this script, which then ends them in order; and
# each is told by the kernel when this script is gone. A part that dies is started again after a back-off of 1 s,
# doubled up to 30 s; one that had lived for a minute begins at 1 s again. The script looks five times a second: bash's
# `wait -n` may miss a child that ends while it is busy with another.

usage_up() {
  cat <<'U'
Examples:
  ./dev up                                                    the demo on 127.0.0.1:8080
  ./dev up --http-port 8090 --grpc-port 50061 --data /tmp/w   a second one beside it

Usage: ./dev up [--grpc-port N] [--http-port N] [--data DIR]
  --grpc-port N   weir-server's gRPC, default 50051; 0 takes a free one
  --http-port N   weir-edge's HTTP, default 8080; 0 takes a free one
  --data DIR      log, keys and the parts' own logs; default build/dev-data (or WEIR_DEV_DATA)
Installs and builds what is missing first. Ctrl-C ends everything.
U
}

declare -A up_pid up_started up_delay up_due up_command # all by part
up_stopping=0

# port_taken PORT: somebody on this machine answers there.
port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# claim_port WHAT PORT OPTION
claim_port() {
  (($2 == 0)) || ! port_taken "$2" || die "port $2 of $1 is taken; ${3:-end what listens there}"
}

# up_start PART [STDOUT]: with the command in up_command[PART].
up_start() {
  local part=$1 command
  IFS=$'\x1f' read -r -a command <<<"${up_command[$part]}"
  setsid setpriv --pdeathsig TERM "${command[@]}" >"${2:-/dev/null}" 2>>"$data/logs/$part.log" </dev/null 5<&- 6<&- 7<&- 8<&- 9<&- &
  up_pid[$part]=$!
  up_started[$part]=$SECONDS
  # The signal to end may have come in between.
  ((!up_stopping)) || kill -TERM "${up_pid[$part]}" 2>/dev/null || true
}

# up_start_ready PART FD: starts a part that says when it is ready, and leaves the rest of that line in $ready. The part's
# stdout is a fifo that stays open as FD.
up_start_ready() {
  local part=$1 fd=$2 fifo=$data/$1.out line=
  rm -f "$fifo"
  mkfifo "$fifo"
  up_start "$part" "$fifo"
  eval "exec $fd<\"\$fifo\""
  rm -f "$fifo"
  if ! read -r -u "$fd" line; then # its end, not a line
    ((up_stopping)) || up_show_log "$part"
    return 1
  fi
  ready=${line#*ready: }
}

# ready_port KEY: the port of `KEY=HOST:PORT` in $ready.
ready_port() {
  local word
  for word in $ready; do
    [[ $word == "$1="* ]] && echo "${word##*:}"
  done
}

up_show_log() { tail -n 8 "$data/logs/$1.log" | sed "s/^/    $1: /" >&2; }

up_join() {
  local IFS=$'\x1f'
  echo "$*"
}

up_stop() {
  ((up_stopping)) || step "Stopping"
  up_stopping=1
  local part
  # The readers first, so that they do not see the server go.
  for part in backend feed edge server; do
    [[ -z ${up_pid[$part]:-} ]] || kill -TERM "${up_pid[$part]}" 2>/dev/null || true
  done
}

up_tick() { read -r -t 0.2 -u 7 || true; }

up_alive() { [[ -n ${up_pid[$1]:-} ]] && kill -0 "${up_pid[$1]}" 2>/dev/null; }

# A part has ended: says so, and sets when it is due again.
up_on_end() {
  local part=$1 code=0
  wait "${up_pid[$part]}" 2>/dev/null || code=$?
  unset "up_pid[$part]"
  ((up_stopping)) && return
  ((SECONDS - up_started[$part] < 60)) || up_delay[$part]=1
  note "$part ended (exit code $code); starting it again in ${up_delay[$part]} s. Its last words:"
  up_show_log "$part"
  up_due[$part]=$((SECONDS + up_delay[$part]))
  up_delay[$part]=$((up_delay[$part] * 2 < 30 ? up_delay[$part] * 2 : 30))
}

# Keeps the parts running until a signal comes.
up_watch() {
  local part
  while ((!up_stopping)); do
    up_tick
    for part in "${!up_pid[@]}"; do
      up_alive "$part" || up_on_end "$part"
    done
    for part in "${!up_due[@]}"; do
      if ((!up_stopping && SECONDS >= up_due[$part])); then
        unset "up_due[$part]"
        note "starting $part again"
        up_start "$part"
      fi
    done
  done
}

# Waits until every part has ended; kills what has not after 15 s.
up_finish() {
  local part deadline=$((SECONDS + 15))
  while ((${#up_pid[@]})); do
    for part in "${!up_pid[@]}"; do
      if ! up_alive "$part"; then
        up_on_end "$part"
      elif ((SECONDS > deadline)); then
        note "$part still runs after 15 s; killing it"
        kill -KILL "${up_pid[$part]}" 2>/dev/null || true
      fi
    done
    ((${#up_pid[@]} == 0)) || up_tick
  done
}

# up_config NAME: the demo's configuration; with other data a copy that names its keys.
up_config() {
  if [[ $data == "$DATA_DEFAULT" ]]; then
    echo "$ROOT/demo/$1.yaml"
  else
    local config
    config=$(<"$ROOT/demo/$1.yaml")
    config=${config//"../build/dev-data"/"$data"}
    printf '%s\n' "${config//"../build/"/"$ROOT/build/"}" >"$data/$1.yaml"
    echo "$data/$1.yaml"
  fi
}

up_server_command() {
  up_join "$(bin weir-server)" --config "$server_config" --data-dir "$data/events" \
    --listen "127.0.0.1:$grpc_port" --admin-listen "127.0.0.1:$server_admin"
}

up_edge_command() {
  up_join "$(bin weir-edge)" --config "$edge_config" --static "$data/page" --server "127.0.0.1:$grpc_port" \
    --listen "127.0.0.1:$http_port" --admin-listen "127.0.0.1:$edge_admin"
}

up_backend_command() {
  up_join env "PYTHONPATH=$ROOT/build/python:$ROOT/clients/python" PYTHONDONTWRITEBYTECODE=1 \
    /usr/bin/python3 "$ROOT/demo/backend/main.py" --server "127.0.0.1:$grpc_port" --port "$backend_port" \
    --token-file "$data/tokens/backend.jwt" --key "$data/keys/hs256.key" --origin "http://127.0.0.1:$http_port" --origin "http://localhost:$http_port"
}

cmd_up() {
  local grpc_port=50051 http_port=8080 server_admin=9902 edge_admin=9901 backend_port=0 data=${WEIR_DEV_DATA:-$DATA_DEFAULT}
  local ready server_config edge_config part moved=0
  while (($#)); do
    case $1 in
      --grpc-port)
        need_value "$1" $#
        port_or_die "$1" "$2"
        grpc_port=$((10#$2)) moved=1
        shift
        ;;
      --http-port)
        need_value "$1" $#
        port_or_die "$1" "$2"
        http_port=$((10#$2)) moved=1
        shift
        ;;
      --data)
        need_value "$1" $#
        data=$2
        shift
        ;;
      *) usage_error "up: unknown word '$1'; see ./dev up --help" ;;
    esac
    shift
  done

  install_packages build
  install_npm
  build release "${PROGRAMS[@]}"
  build_page
  build_python
  mkdir -p "$data/logs"
  data=$(cd "$data" && pwd)
  # Held while this script lives, so that no second one takes the page, keys and logs from under it.
  exec 5>"$data/up.lock"
  flock -n 5 || die "a demo with its data in $data is running; end it, or give this one another directory with --data (and ports with --http-port and --grpc-port)"
  # A copy, because its config.json is this demo's own.
  rm -rf "$data/page"
  cp -R "$ROOT/build/page" "$data/page"
  make_keys "$data"
  make_tokens "$data"
  server_config=$(up_config server)
  edge_config=$(up_config edge)

  # A demo on ports of its own does not insist on the admin ports of the first one.
  if ((moved)) && port_taken "$server_admin"; then server_admin=0; fi
  if ((moved)) && port_taken "$edge_admin"; then edge_admin=0; fi
  claim_port "weir-server's gRPC" "$grpc_port" "choose another with --grpc-port"
  claim_port "weir-edge's HTTP" "$http_port" "choose another with --http-port"
  claim_port "weir-server's admin listener" "$server_admin"
  claim_port "weir-edge's admin listener" "$edge_admin"

  for part in server edge feed backend; do
    : >"$data/logs/$part.log"
    up_delay[$part]=1
  done
  # A fifo that nobody writes to: reading it with a time limit is a pause that needs no process.
  rm -f "$data/tick"
  mkfifo "$data/tick"
  exec 7<>"$data/tick"
  rm -f "$data/tick"
  trap up_stop INT TERM HUP
  trap 'up_stop; up_finish' EXIT

  # Once a port is known, a restart takes the same one again.
  step "Starting"
  up_command[server]=$(up_server_command)
  if up_start_ready server 8; then
    grpc_port=$(ready_port grpc) server_admin=$(ready_port admin)
    up_command[server]=$(up_server_command)
    note "weir-server  gRPC 127.0.0.1:$grpc_port, admin http://127.0.0.1:$server_admin"
  elif ((!up_stopping)); then
    die "weir-server does not start; its log is $data/logs/server.log"
  fi
  if ((!up_stopping)); then
    up_command[edge]=$(up_edge_command)
    if up_start_ready edge 9; then
      http_port=$(ready_port http) edge_admin=$(ready_port admin)
      up_command[edge]=$(up_edge_command)
      note "weir-edge    HTTP http://127.0.0.1:$http_port, admin http://127.0.0.1:$edge_admin"
    elif ((!up_stopping)); then
      die "weir-edge does not start; its log is $data/logs/edge.log"
    fi
  fi
  if ((!up_stopping)); then
    up_command[feed]=$(up_join "$(bin weir-demo-feed)" --server "127.0.0.1:$grpc_port" \
      --token-file "$data/tokens/feed.jwt" --cars "$ROOT/node_modules/vega-datasets/data/cars.json")
    up_start feed
    up_command[backend]=$(up_backend_command)
    if up_start_ready backend 6; then
      backend_port=$(ready_port http)
      up_command[backend]=$(up_backend_command)
      printf '{"backend": "http://127.0.0.1:%s"}\n' "$backend_port" >"$data/page/config.json"
      note "backend      http://127.0.0.1:$backend_port, for the page's tokens"
    elif ((!up_stopping)); then
      die "the page's backend does not start; its log is $data/logs/backend.log"
    fi
  fi
  if ((!up_stopping)); then
    note "logs         $data/logs"
    note "for weir     export WEIR_SERVER=127.0.0.1:$grpc_port WEIR_TOKEN_FILE=$data/tokens/developer.jwt"
    step "The demo: http://127.0.0.1:$http_port/"
    note "Ctrl-C ends it"
  fi

  up_watch
  up_finish
  trap - EXIT
  step "Ended"
}
