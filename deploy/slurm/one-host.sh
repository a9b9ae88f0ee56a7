#!/usr/bin/env bash
# A SLURM of several nodes on this one host, to try a cluster description or to test:
#
#   deploy/slurm/one-host.sh start FOLDER [NODES]   prints the line that points clients to it
#   deploy/slurm/one-host.sh stop FOLDER
#
# Needs root and Debian's slurm-wlm and munge.  Nothing outside FOLDER is changed.  Every
# node is a slurmd of its own; there are no cgroups, no accounting and no limits, so this
# is no way to run a real cluster.
set -euo pipefail

what=${1:?start or stop}
folder=$(realpath -m "${2:?a folder}")
nodes=${3:-4}
first_port=${SLURM_FIRST_PORT:-16817}
host=$(hostname -s)
export SLURM_CONF=$folder/slurm.conf

stop() {
    local pid
    for pid in "$folder"/spool/*.pid "$folder"/state/slurmctld.pid "$folder"/munge/pid; do
        [ -f "$pid" ] && kill "$(cat "$pid")" 2>/dev/null || true
    done
}

write_configuration() {
    cat >"$SLURM_CONF" <<CONF
ClusterName=consilience
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$first_port
SlurmUser=slurm
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool/%n
SlurmctldPidFile=$folder/state/slurmctld.pid
SlurmdPidFile=$folder/spool/%n.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
MailProg=/bin/true
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
NodeName=n[1-$nodes] NodeHostname=$host NodeAddr=127.0.0.1 Port=[$((first_port + 1))-$((first_port + nodes))] CPUs=$(nproc) CoresPerSocket=$(nproc) ThreadsPerCore=1 RealMemory=4000 State=UNKNOWN
PartitionName=batch Nodes=n[1-$nodes] Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:4
CONF
}

start() {
    local number
    mkdir -p "$folder"/{munge,state,log,spool}
    chmod 755 "$folder" "$folder"/*
    chown munge: "$folder/munge"
    chown slurm: "$folder/state" "$folder/log"
    if [ ! -f "$folder/munge/key" ]; then
        (umask 077 && head -c 1024 /dev/urandom >"$folder/munge/key")
        chown munge: "$folder/munge/key"
        chmod 400 "$folder/munge/key"
    fi
    runuser -u munge -- munged --key-file="$folder/munge/key" \
        --socket="$folder/munge/socket" --pid-file="$folder/munge/pid" \
        --log-file="$folder/munge/log" --seed-file="$folder/munge/seed"
    write_configuration
    slurmctld
    for number in $(seq "$nodes"); do
        slurmd -N "n$number"
    done
    for _ in $(seq 120); do
        if [ "$(sinfo -h -N -o %t | grep -c idle)" = "$nodes" ]; then
            echo "export SLURM_CONF=$SLURM_CONF"
            return
        fi
        sleep 0.5
    done
    echo "one-host.sh: the nodes did not become idle; see $folder/log" >&2
    sinfo -N >&2
    exit 1
}

case $what in
    start) start ;;
    stop) stop ;;
    *) echo "one-host.sh: say start or stop, not $what" >&2; exit 2 ;;
esac
