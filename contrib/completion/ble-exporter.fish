# Written by `make manual` from the parser of the program; docs/commands.md says how to install it.


# Parse current commandline:
# - _shtab_ble_exporter_cmdpath=(sub)command path seen so far
# - _shtab_ble_exporter_npos=number of positional arguments given after it
# - options are skipped based on _shtab_ble_exporter_opts_with_value & _shtab_ble_exporter_commands lists
function _shtab_ble_exporter_scan
  set -g _shtab_ble_exporter_cmdpath ''
  set -g _shtab_ble_exporter_npos 0
  set -l tokens (commandline -opc)
  set -e tokens[1]
  set -l expect_value 0
  for t in $tokens
    if test $expect_value -eq 1
      set expect_value 0
      continue
    end
    switch "$t"
      case '--*=*'
        continue
      case '-*'
        if contains -- $t $_shtab_ble_exporter_opts_with_value
          set expect_value 1
        end
        continue
      case '*'
        if test $_shtab_ble_exporter_npos -eq 0
          set -l candidate $t
          if test -n "$_shtab_ble_exporter_cmdpath"
            set candidate "$_shtab_ble_exporter_cmdpath $t"
          end
          if contains -- $candidate $_shtab_ble_exporter_commands
            set -g _shtab_ble_exporter_cmdpath $candidate
            continue
          end
        end
        set -g _shtab_ble_exporter_npos (math $_shtab_ble_exporter_npos + 1)
    end
  end
end

# Condition helper: true if the current (sub)command path equals the given one.
function _shtab_ble_exporter_using
  _shtab_ble_exporter_scan
  test "$_shtab_ble_exporter_cmdpath" = "$argv"
end

set -g _shtab_ble_exporter_commands capture decode discover doctor recover service
set -g _shtab_ble_exporter_opts_with_value --adapter --add --capture --config --config.file --key --key-file --log.format --log.level --mac --megabytes --mock-loss --mock-order --mock-seed --mock-strangers --only --record --replay --replay-speed --seconds --service --web.config.file --web.listen-address --web.max-requests --web.telemetry-path --write

complete -c ble-exporter -e
complete -c ble-exporter -f

complete -c ble-exporter -n _shtab_ble_exporter_using -s h -l help -d 'show this help message and exit'
complete -c ble-exporter -n _shtab_ble_exporter_using -l config -l config.file -xka "(__fish_complete_path (commandline -ct))" -d 'configuration (default: config.yaml)'
complete -c ble-exporter -n _shtab_ble_exporter_using -l config.check -d 'check the configuration and exit'
complete -c ble-exporter -n _shtab_ble_exporter_using -l web.listen-address -x -d 'listen here, in place of listen_address and listen_port: :8000, 127.0.0.1:8000, [::1]:8000; repeatable'
complete -c ble-exporter -n _shtab_ble_exporter_using -l web.systemd-socket -d 'take the listening sockets from systemd, in place of listen_address and listen_port (docs/systemd.md)'
complete -c ble-exporter -n _shtab_ble_exporter_using -l web.telemetry-path -x -d 'path of the metrics (default: /metrics)'
complete -c ble-exporter -n _shtab_ble_exporter_using -l web.max-requests -x -d 'how many scrapes may wait for an answer at once; others get 503 (default: 8)'
complete -c ble-exporter -n _shtab_ble_exporter_using -l web.config.file -xka "(__fish_complete_path (commandline -ct))" -d 'TLS, passwords and headers, in the format of Prometheus'"'"' exporters (docs/security.md)'
complete -c ble-exporter -n _shtab_ble_exporter_using -l web.enable-lifecycle -d 'let anybody who reaches the port reload the configuration: POST /-/reload (SIGHUP always reloads it)'
complete -c ble-exporter -n _shtab_ble_exporter_using -l log.level -xka "DEBUG INFO WARNING ERROR" -d 'DEBUG, INFO, WARNING or ERROR, in place of log_level'
complete -c ble-exporter -n _shtab_ble_exporter_using -l log.format -xka "text logfmt json" -d 'text (default), logfmt or json; the last two have fields for device, address, adapter and reason'
complete -c ble-exporter -n _shtab_ble_exporter_using -l version -d 'show program'"'"'s version number and exit'
complete -c ble-exporter -n _shtab_ble_exporter_using -l mock -d 'simulate the radio'
complete -c ble-exporter -n _shtab_ble_exporter_using -l replay -xka "(__fish_complete_path (commandline -ct))" -d 'replay a capture once: btsnoop (of `capture`, btmon, Android) or text'
complete -c ble-exporter -n _shtab_ble_exporter_using -l replay-speed -x -d 'play X seconds of the capture per second, 0.1 to 1000 (default: 1)'
complete -c ble-exporter -n _shtab_ble_exporter_using -l mock-seed -x -d 'random seed; the same seed gives the same packets'
complete -c ble-exporter -n _shtab_ble_exporter_using -l mock-strangers -x -d 'number of unknown devices in range (default: 0)'
complete -c ble-exporter -n _shtab_ble_exporter_using -l mock-loss -x -d 'fraction of packets lost, 0 to 0.99 (default: 0)'
complete -c ble-exporter -n _shtab_ble_exporter_using -l mock-order -xka "abab aaab" -d 'packet order of the firmware: abab since v5.1_2 (default), aaab before'
complete -c ble-exporter -n '_shtab_ble_exporter_using; and test $_shtab_ble_exporter_npos -eq 0' -a capture -d 'record what is received, for a bug report or btmon'
complete -c ble-exporter -n '_shtab_ble_exporter_using capture' -s h -l help -d 'show this help message and exit'
complete -c ble-exporter -n '_shtab_ble_exporter_using capture' -l force -d 'overwrite FILE'
complete -c ble-exporter -n '_shtab_ble_exporter_using capture' -l seconds -x -d 'seconds to record, 1 to 604800 (default: 60); Ctrl-C ends earlier'
complete -c ble-exporter -n '_shtab_ble_exporter_using capture' -l megabytes -x -d 'end when FILE has this size; default and maximum: 10, the most that the exporter can replay'
complete -c ble-exporter -n '_shtab_ble_exporter_using capture' -l only-configured -d 'record only the devices in the configuration'
complete -c ble-exporter -n '_shtab_ble_exporter_using capture' -l only -x -d 'record only this device; can be repeated, and combined with --only-configured'
complete -c ble-exporter -n '_shtab_ble_exporter_using capture' -l config -xka "(__fish_complete_path (commandline -ct))" -d 'configuration with the devices, the adapters and the ear (default: config.yaml, if it exists)'
complete -c ble-exporter -n '_shtab_ble_exporter_using capture' -l adapter -xka "(ls /sys/class/bluetooth 2>/dev/null | grep -v :)" -d 'Bluetooth adapter (default: the configuration'"'"'s)'
complete -c ble-exporter -n '_shtab_ble_exporter_using capture' -l mock -d 'simulate the radio'
complete -c ble-exporter -n '_shtab_ble_exporter_using capture' -l replay -xka "(__fish_complete_path (commandline -ct))" -d 'replay a capture once: btsnoop (of `capture`, btmon, Android) or text'
complete -c ble-exporter -n '_shtab_ble_exporter_using capture' -l mock-seed -x -d 'random seed; the same seed gives the same packets'
complete -c ble-exporter -n '_shtab_ble_exporter_using capture' -l mock-strangers -x -d 'number of unknown devices in range (default: 8)'
complete -c ble-exporter -n '_shtab_ble_exporter_using capture; and test $_shtab_ble_exporter_npos -eq 0' -ka "(__fish_complete_path (commandline -ct))" -d 'the file to write; without --force, it must not exist'
complete -c ble-exporter -n '_shtab_ble_exporter_using; and test $_shtab_ble_exporter_npos -eq 0' -a decode -d 'explain each byte of a payload'
complete -c ble-exporter -n '_shtab_ble_exporter_using decode' -s h -l help -d 'show this help message and exit'
complete -c ble-exporter -n '_shtab_ble_exporter_using decode' -l key-file -xka "(__fish_complete_path (commandline -ct))" -d 'a file with the key'"'"'s 32 hex digits; - reads standard input'
complete -c ble-exporter -n '_shtab_ble_exporter_using decode' -l key -x -d 'the key itself; it appears in the shell'"'"'s history and in the list of processes'
complete -c ble-exporter -n '_shtab_ble_exporter_using decode' -l config -xka "(__fish_complete_path (commandline -ct))" -d 'a configuration with the bindkey for the sender'"'"'s address'
complete -c ble-exporter -n '_shtab_ble_exporter_using decode' -l mac -x -d 'the sender'"'"'s address, such as A4:C1:38:00:00:01'
complete -c ble-exporter -n '_shtab_ble_exporter_using decode' -l capture -xka "(__fish_complete_path (commandline -ct))" -d 'explain the packets in this capture; with --mac, those of one sender'
complete -c ble-exporter -n '_shtab_ble_exporter_using decode' -l service -x -d 'the UUID of the service data: fcd2, 181c, 181e, 181a, fe95; or advertising for a whole advertising payload (default: guess)'
complete -c ble-exporter -n '_shtab_ble_exporter_using decode' -l json -d 'print one JSON document'
complete -c ble-exporter -n '_shtab_ble_exporter_using; and test $_shtab_ble_exporter_npos -eq 0' -a discover -d 'find the sensors in range, and add them to the configuration'
complete -c ble-exporter -n '_shtab_ble_exporter_using discover' -s h -l help -d 'show this help message and exit'
complete -c ble-exporter -n '_shtab_ble_exporter_using discover' -l seconds -x -d 'seconds to listen, 1 to 3600 (default: 30); Ctrl-C stops earlier'
complete -c ble-exporter -n '_shtab_ble_exporter_using discover' -l write -xka "(__fish_complete_path (commandline -ct))" -d 'add the sensors that you choose to this configuration'
complete -c ble-exporter -n '_shtab_ble_exporter_using discover' -l add -x -d 'with --write: add this sensor, and ask only for its bindkey; can be repeated'
complete -c ble-exporter -n '_shtab_ble_exporter_using discover' -l config -xka "(__fish_complete_path (commandline -ct))" -d 'configuration whose devices are marked as configured (default: config.yaml, if it exists)'
complete -c ble-exporter -n '_shtab_ble_exporter_using discover' -l all -d 'also list devices that send no known format'
complete -c ble-exporter -n '_shtab_ble_exporter_using discover' -l json -d 'print one JSON document at the end; ask no questions'
complete -c ble-exporter -n '_shtab_ble_exporter_using discover' -l adapter -xka "(ls /sys/class/bluetooth 2>/dev/null | grep -v :)" -d 'Bluetooth adapter (default: the configuration'"'"'s first)'
complete -c ble-exporter -n '_shtab_ble_exporter_using discover' -l mock -d 'simulate the radio'
complete -c ble-exporter -n '_shtab_ble_exporter_using discover' -l replay -xka "(__fish_complete_path (commandline -ct))" -d 'replay a capture once: btsnoop (of `capture`, btmon, Android) or text'
complete -c ble-exporter -n '_shtab_ble_exporter_using discover' -l replay-speed -x -d 'play X seconds of the capture per second, 0.1 to 1000 (default: 1)'
complete -c ble-exporter -n '_shtab_ble_exporter_using discover' -l mock-seed -x -d 'random seed; the same seed gives the same packets'
complete -c ble-exporter -n '_shtab_ble_exporter_using discover' -l mock-strangers -x -d 'number of unknown devices in range (default: 8)'
complete -c ble-exporter -n '_shtab_ble_exporter_using; and test $_shtab_ble_exporter_npos -eq 0' -a doctor -d 'check everything that can prevent readings'
complete -c ble-exporter -n '_shtab_ble_exporter_using doctor' -s h -l help -d 'show this help message and exit'
complete -c ble-exporter -n '_shtab_ble_exporter_using doctor' -l config -l config.file -xka "(__fish_complete_path (commandline -ct))" -d 'configuration (default: config.yaml)'
complete -c ble-exporter -n '_shtab_ble_exporter_using doctor' -l web.listen-address -x -d 'check this port, if the service is started with this option; repeatable'
complete -c ble-exporter -n '_shtab_ble_exporter_using doctor' -l seconds -x -d 'seconds to listen, 0 to 3600 (default: 10); 0 skips the check of the sensors'
complete -c ble-exporter -n '_shtab_ble_exporter_using doctor' -l mock -d 'simulate the radio; its packets are not encrypted'
complete -c ble-exporter -n '_shtab_ble_exporter_using doctor' -l json -d 'print one JSON document at the end'
complete -c ble-exporter -n '_shtab_ble_exporter_using; and test $_shtab_ble_exporter_npos -eq 0' -a recover -d 'reset a Bluetooth adapter that hangs, as root'
complete -c ble-exporter -n '_shtab_ble_exporter_using recover' -s h -l help -d 'show this help message and exit'
complete -c ble-exporter -n '_shtab_ble_exporter_using recover' -l adapter -xka "(ls /sys/class/bluetooth 2>/dev/null | grep -v :)" -d 'the adapter, even if the exporter has not given up on it'
complete -c ble-exporter -n '_shtab_ble_exporter_using recover' -l record -xka "(__fish_complete_path (commandline -ct))" -d 'the exporter'"'"'s record of resets (default: /run/ble_exporter/adapter_resets.json)'
complete -c ble-exporter -n '_shtab_ble_exporter_using recover' -l unblock -d 'unblock the adapter if rfkill blocks it in software'
complete -c ble-exporter -n '_shtab_ble_exporter_using recover' -l dry-run -d 'change nothing; print what would be done'
complete -c ble-exporter -n '_shtab_ble_exporter_using; and test $_shtab_ble_exporter_npos -eq 0' -a service -d 'install the program as a systemd service, or remove the service'
complete -c ble-exporter -n '_shtab_ble_exporter_using service' -s h -l help -d 'show this help message and exit'
complete -c ble-exporter -n '_shtab_ble_exporter_using service' -l apply -d 'do it, as root, instead of printing what would be done'
complete -c ble-exporter -n '_shtab_ble_exporter_using service' -l config -xka "(__fish_complete_path (commandline -ct))" -d 'install: the configuration to begin with (default: one without sensors)'
complete -c ble-exporter -n '_shtab_ble_exporter_using service' -l replace -d 'install: replace an installed unit that differs'
complete -c ble-exporter -n '_shtab_ble_exporter_using service' -l purge -d 'uninstall: also remove the configuration, the state, the logs and the user'
complete -c ble-exporter -n '_shtab_ble_exporter_using service; and test $_shtab_ble_exporter_npos -eq 0' -ka "install uninstall" -d 'install or uninstall'
