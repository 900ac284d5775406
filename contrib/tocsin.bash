# bash completion for tocsin

_tocsin_names() { # NAME of each object of a list of the API
    tocsin "$@" --json 2>/dev/null | grep -o '"name":"[^"]*"' | cut -d'"' -f4
}

_tocsin_numbers() {
    tocsin incidents --json 2>/dev/null | grep -o '"number":[0-9]*' | cut -d: -f2
}

_tocsin() {
    local cur prev command options="--json --url --token --help" words=""
    cur=${COMP_WORDS[COMP_CWORD]}
    prev=${COMP_WORDS[COMP_CWORD - 1]}
    command=${COMP_WORDS[1]}
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        words="serve check test explain alerts incidents ack release silence route receiver oncall calendar
            deliveries history status reload send convert import demo help version"
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
        return
    fi
    case $prev in
    --config | --junit | --rules)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    --data-dir)
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        return
        ;;
    --for | --deploy-after | --recover-after)
        mapfile -t COMPREPLY < <(compgen -W "15m 1h 2h 4h 1d" -- "$cur")
        return
        ;;
    --state)
        words="active pending expired all"
        [ "$command" = alerts ] && words="firing pending all"
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
        return
        ;;
    --type)
        mapfile -t COMPREPLY < <(compgen -W "gauge counter delta" -- "$cur")
        return
        ;;
    --priority)
        mapfile -t COMPREPLY < <(compgen -W "P1 P2 P3 P4 P5" -- "$cur")
        return
        ;;
    esac
    case $command in
    serve) options="--config --listen --redis --data-dir --rules --statsd --workers --shadow
        --log-json --verbose --help" ;;
    oncall | calendar) options="$options --at --zone --config" ;;
    check) options="$options --config --cost --live" ;;
    test) options="$options --config --junit --watch" ;;
    explain) options="$options --tree" words="$(_tocsin_numbers)" ;;
    alerts) options="$options --state --limit" ;;
    incidents) options="$options --all --limit" words="$(_tocsin_numbers)" ;;
    ack) options="$options --for --note" words="$(_tocsin_numbers)" ;;
    release) words="$(_tocsin_numbers)" ;;
    silence)
        options="$options --for --until --start --comment --dry-run --wide --any-priority --id --yes
            --state"
        [ "$COMP_CWORD" -eq 2 ] && words="list expire during $(_tocsin_numbers)"
        [ "${COMP_WORDS[2]}" = expire ] &&
            words=$(tocsin silence list --json 2>/dev/null | grep -o '"short":"[^"]*"' | cut -d'"' -f4)
        ;;
    convert)
        options="--json --help -o"
        [ "$COMP_CWORD" -eq 2 ] && words=alertmanager
        if [ "$COMP_CWORD" -gt 2 ]; then
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            return
        fi
        ;;
    import)
        options="--json --help -o --at"
        [ "$COMP_CWORD" -eq 2 ] && words=oncall
        if [ "$COMP_CWORD" -gt 2 ]; then
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            return
        fi
        ;;
    route) options="$options --priority --at" ;;
    receiver)
        [ "$COMP_CWORD" -eq 2 ] && words="list test"
        [ "$prev" = test ] && words="$(_tocsin_names receiver)"
        ;;
    deliveries)
        options="$options --all"
        [ "$COMP_CWORD" -eq 2 ] && words="list show retry drop"
        [ "$COMP_CWORD" -eq 3 ] && words="$(_tocsin_numbers)"
        ;;
    history) options="$options --limit" ;;
    reload) options="$options --dry-run" ;;
    send)
        options="$options --type --time --lines --follow"
        [ "$COMP_CWORD" -eq 2 ] && words="metric event"
        ;;
    demo) options="$options --for --healthy --deploy-after --recover-after" ;;
    esac
    case $cur in
    -*) mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur") ;;
    *)
        if [ "$command" = check ] || [ "$command" = test ]; then
            mapfile -t COMPREPLY < <(compgen -f -X '!*.lua' -- "$cur")
        else
            mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
        fi
        ;;
    esac
}

complete -o filenames -o bashdefault -F _tocsin tocsin
