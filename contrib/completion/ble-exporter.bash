# Written by `make manual` from the parser of the program; docs/commands.md says how to install it.

_shtab_ble_exporter_subparsers=(capture decode discover doctor recover service)

_shtab_ble_exporter_capture_option_strings=(-h --help --force --seconds --megabytes --only-configured --only --config --adapter --mock --replay --mock-seed --mock-strangers)
_shtab_ble_exporter_decode_option_strings=(-h --help --key-file --key --config --mac --capture --service --json)
_shtab_ble_exporter_discover_option_strings=(-h --help --seconds --write --add --config --all --json --adapter --mock --replay --replay-speed --mock-seed --mock-strangers)
_shtab_ble_exporter_doctor_option_strings=(-h --help --config --config.file --web.listen-address --seconds --mock --json)
_shtab_ble_exporter_recover_option_strings=(-h --help --adapter --record --unblock --dry-run)
_shtab_ble_exporter_service_option_strings=(-h --help --apply --config --replace --purge)
_shtab_ble_exporter_option_strings=(-h --help --config --config.file --config.check --web.listen-address --web.systemd-socket --web.telemetry-path --web.max-requests --web.config.file --web.enable-lifecycle --log.level --log.format --version --mock --replay --replay-speed --mock-seed --mock-strangers --mock-loss --mock-order)

_shtab_ble_exporter_capture_pos_0_COMPGEN=_shtab_compgen_files
_shtab_ble_exporter_capture___config_COMPGEN=_shtab_compgen_files
_shtab_ble_exporter_capture___adapter_COMPGEN=_shtab_cmd_compgen_827dfde2
_shtab_ble_exporter_capture___replay_COMPGEN=_shtab_compgen_files
_shtab_ble_exporter_decode___key_file_COMPGEN=_shtab_compgen_files
_shtab_ble_exporter_decode___config_COMPGEN=_shtab_compgen_files
_shtab_ble_exporter_decode___capture_COMPGEN=_shtab_compgen_files
_shtab_ble_exporter_discover___write_COMPGEN=_shtab_compgen_files
_shtab_ble_exporter_discover___config_COMPGEN=_shtab_compgen_files
_shtab_ble_exporter_discover___adapter_COMPGEN=_shtab_cmd_compgen_827dfde2
_shtab_ble_exporter_discover___replay_COMPGEN=_shtab_compgen_files
_shtab_ble_exporter_doctor___config_COMPGEN=_shtab_compgen_files
_shtab_ble_exporter_doctor___config_file_COMPGEN=_shtab_compgen_files
_shtab_ble_exporter_recover___adapter_COMPGEN=_shtab_cmd_compgen_827dfde2
_shtab_ble_exporter_recover___record_COMPGEN=_shtab_compgen_files
_shtab_ble_exporter_service___config_COMPGEN=_shtab_compgen_files
_shtab_ble_exporter___config_COMPGEN=_shtab_compgen_files
_shtab_ble_exporter___config_file_COMPGEN=_shtab_compgen_files
_shtab_ble_exporter___web_config_file_COMPGEN=_shtab_compgen_files
_shtab_ble_exporter___replay_COMPGEN=_shtab_compgen_files

_shtab_ble_exporter_service_pos_0_choices=(install uninstall)
_shtab_ble_exporter_pos_0_choices=(capture decode discover doctor recover service)
_shtab_ble_exporter___log_level_choices=(DEBUG INFO WARNING ERROR)
_shtab_ble_exporter___log_format_choices=(text logfmt json)
_shtab_ble_exporter___mock_order_choices=(abab aaab)

_shtab_ble_exporter_capture__h_nargs=0
_shtab_ble_exporter_capture___help_nargs=0
_shtab_ble_exporter_capture___force_nargs=0
_shtab_ble_exporter_capture___only_configured_nargs=0
_shtab_ble_exporter_capture___mock_nargs=0
_shtab_ble_exporter_decode_pos_0_nargs='*'
_shtab_ble_exporter_decode__h_nargs=0
_shtab_ble_exporter_decode___help_nargs=0
_shtab_ble_exporter_decode___json_nargs=0
_shtab_ble_exporter_discover__h_nargs=0
_shtab_ble_exporter_discover___help_nargs=0
_shtab_ble_exporter_discover___all_nargs=0
_shtab_ble_exporter_discover___json_nargs=0
_shtab_ble_exporter_discover___mock_nargs=0
_shtab_ble_exporter_doctor__h_nargs=0
_shtab_ble_exporter_doctor___help_nargs=0
_shtab_ble_exporter_doctor___mock_nargs=0
_shtab_ble_exporter_doctor___json_nargs=0
_shtab_ble_exporter_recover__h_nargs=0
_shtab_ble_exporter_recover___help_nargs=0
_shtab_ble_exporter_recover___unblock_nargs=0
_shtab_ble_exporter_recover___dry_run_nargs=0
_shtab_ble_exporter_service__h_nargs=0
_shtab_ble_exporter_service___help_nargs=0
_shtab_ble_exporter_service___apply_nargs=0
_shtab_ble_exporter_service___replace_nargs=0
_shtab_ble_exporter_service___purge_nargs=0
_shtab_ble_exporter_pos_0_nargs=A...
_shtab_ble_exporter__h_nargs=0
_shtab_ble_exporter___help_nargs=0
_shtab_ble_exporter___config_check_nargs=0
_shtab_ble_exporter___web_systemd_socket_nargs=0
_shtab_ble_exporter___web_enable_lifecycle_nargs=0
_shtab_ble_exporter___version_nargs=0
_shtab_ble_exporter___mock_nargs=0


# Custom Preamble

# $1=COMP_WORDS[1]
_shtab_cmd_compgen_827dfde2() {
  compgen -W "$(ls /sys/class/bluetooth 2>/dev/null | grep -v :)" -- $1
}
# End Custom Preamble

# $1=COMP_WORDS[1]
_shtab_compgen_files() {
  compgen -f -- $1  # files
}

# $1=COMP_WORDS[1]
_shtab_compgen_dirs() {
  compgen -d -- $1  # recurse into subdirs
}

# $1=COMP_WORDS[1]
_shtab_replace_nonword() {
  echo "${1//[^[:word:]]/_}"
}

# set default values (called for the initial parser & any subparsers)
_set_parser_defaults() {
  local subparsers_var="${prefix}_subparsers[@]"
  sub_parsers=${!subparsers_var-}

  local current_option_strings_var="${prefix}_option_strings[@]"
  current_option_strings=${!current_option_strings_var}

  completed_positional_actions=0

  _set_new_action "pos_$completed_positional_actions" true
}

# $1=action identifier
# $2=positional action (bool)
# set all identifiers for an action's parameters
_set_new_action() {
  current_action="${prefix}_$(_shtab_replace_nonword $1)"

  local current_action_compgen_var=${current_action}_COMPGEN
  current_action_compgen="${!current_action_compgen_var-}"

  local current_action_choices_var="${current_action}_choices[@]"
  current_action_choices="${!current_action_choices_var-}"

  local current_action_nargs_var="${current_action}_nargs"
  if [ -n "${!current_action_nargs_var-}" ]; then
    current_action_nargs="${!current_action_nargs_var}"
  else
    current_action_nargs=1
  fi

  current_action_args_start_index=$(( $word_index + 1 - $pos_only ))

  current_action_is_positional=$2
}

# Notes:
# `COMPREPLY`: what will be rendered after completion is triggered
# `completing_word`: currently typed word to generate completions for
# `${!var}`: evaluates the content of `var` and expand its content as a variable
#     hello="world"
#     x="hello"
#     ${!x} -> ${hello} -> "world"
_shtab_ble_exporter() {
  local completing_word="${COMP_WORDS[COMP_CWORD]}"
  local previous_word="${COMP_WORDS[COMP_CWORD-1]}"
  local completed_positional_actions
  local current_action
  local current_action_args_start_index
  local current_action_choices
  local current_action_compgen
  local current_action_is_positional
  local current_action_nargs
  local current_option_strings
  local sub_parsers
  COMPREPLY=()

  local prefix=_shtab_ble_exporter
  local word_index=0
  local pos_only=0 # "--" delimiter not encountered yet
  _set_parser_defaults
  word_index=1

  # determine what arguments are appropriate for the current state
  # of the arg parser
  while [ $word_index -ne $COMP_CWORD ]; do
    local this_word="${COMP_WORDS[$word_index]}"

    if [[ $pos_only = 1 || " $this_word " != " -- " ]]; then
      if [[ -n $sub_parsers && " ${sub_parsers[@]} " == *" $this_word "* ]]; then
        # valid subcommand: add it to the prefix & reset the current action
        prefix="${prefix}_$(_shtab_replace_nonword $this_word)"
        _set_parser_defaults
      fi

      if [[ " ${current_option_strings[@]} " == *" $this_word "* ]]; then
        # a new action should be acquired (due to recognised option string or
        # no more input expected from current action);
        # the next positional action can fill in here
        _set_new_action $this_word false
      fi

      if [[ "$current_action_nargs" != "*" ]] && \
         [[ "$current_action_nargs" != "+" ]] && \
         [[ "$current_action_nargs" != "?" ]] && \
         [[ "$current_action_nargs" != *"..." ]] && \
         (( $word_index + 1 - $current_action_args_start_index - $pos_only >= \
            $current_action_nargs )); then
        $current_action_is_positional && let "completed_positional_actions += 1"
        _set_new_action "pos_$completed_positional_actions" true
      fi
    else
      pos_only=1 # "--" delimiter encountered
    fi

    let "word_index+=1"
  done

  # Generate the completions

  COMPREPLY=()
  if [[ $pos_only = 0 && "$completing_word" == -* &&
        ( -z "$current_action_compgen" || "$current_action_is_positional" = true ) ]]; then
    # optional argument started: use option strings
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(
      compgen -W "${current_option_strings[*]}" -- "$completing_word")
  elif [[ "$previous_word" =~ ^[0-9\&]*[\<\>]\>?$ ]]; then
    # handle redirection operators
    compopt -o filenames 2>/dev/null || : # bash>=4
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$completing_word")
  else
    # use choices & compgen
    local action_compgen_word="$completing_word"
    # handle tab-completing in the middle of a line (#248 <- #116)
    [[ -n "$current_action_compgen" && "$completing_word" == -* ]] && action_compgen_word=""
    [ -n "$current_action_compgen" ] && {
      [[ "$current_action_compgen" =~ _(file|dir|glob|FILE|DIR|GLOB)|File|Dir|Glob ]] &&
        compopt -o filenames 2>/dev/null || : # bash>=4
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(
        "$current_action_compgen" "$action_compgen_word")
    }
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(
      compgen -W "${current_action_choices[*]}" -- "$completing_word")
  fi

  if [[ ${#COMPREPLY[@]} = 0 ]]; then
    # native fallback matches are not necessarily filenames (e.g. variables)
    compopt +o filenames 2>/dev/null || : # bash>=4
  fi

  return 0
}

complete -o bashdefault -F _shtab_ble_exporter ble-exporter
