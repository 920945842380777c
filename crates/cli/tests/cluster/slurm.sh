#!/bin/sh
# A Slurm with two nodes of one core on this machine, everything of it in one folder: `slurm.sh start DIR`, `slurm.sh stop
# DIR`. As root; on Debian: apt-get install slurm-wlm munge.
set -eu
D=$2
export SLURM_CONF=$D/slurm.conf
if [ "$1" = stop ]; then
    for name in n1 n2 ctld munged; do
        if [ -f "$D/$name.pid" ]; then kill "$(cat "$D/$name.pid")" 2>/dev/null || true; fi
    done
    sleep 2
    if mountpoint -q "$D/cg"; then umount "$D/cg"; fi
    exit 0
fi

H=$(hostname -s)
mkdir -p "$D/ctld" "$D/log" "$D/cg"
# Daemons log in by munge; one that runs already is used.
if ! munge -n >/dev/null 2>&1; then
    mkdir -p /run/munge && chown munge:munge /run/munge
    if ! [ -f /etc/munge/munge.key ]; then
        head -c 1024 /dev/urandom > /etc/munge/munge.key
        chown munge:munge /etc/munge/munge.key && chmod 400 /etc/munge/munge.key
    fi
    runuser -u munge -- munged --force
    cp /run/munge/munged.pid "$D/munged.pid"
fi
cat > "$SLURM_CONF" <<X
ClusterName=lab
SlurmctldHost=$H(127.0.0.1)
SlurmctldPort=16817
AuthType=auth/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$D/ctld
SlurmdSpoolDir=$D/d-%n
SlurmctldPidFile=$D/ctld.pid
SlurmdPidFile=$D/%n.pid
SlurmctldLogFile=$D/log/ctld.log
SlurmdLogFile=$D/log/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MpiDefault=none
SlurmdParameters=config_overrides
# A node that does not answer for so many seconds is down.
SlurmdTimeout=10
NodeName=n1 NodeHostname=$H NodeAddr=127.0.0.1 Port=17001 CPUs=1 RealMemory=4000 State=UNKNOWN
NodeName=n2 NodeHostname=$H NodeAddr=127.0.0.1 Port=17002 CPUs=1 RealMemory=4000 State=UNKNOWN
PartitionName=cpu Nodes=n1,n2 Default=YES MaxTime=60 State=UP
X
# slurmd needs a mounted root of control groups, whether it uses them or not.
if ! mountpoint -q /sys/fs/cgroup; then
    mount -t tmpfs tmpfs "$D/cg"
    printf 'CgroupPlugin=cgroup/v1\nCgroupMountpoint=%s/cg\n' "$D" > "$D/cgroup.conf"
fi
# Their output goes to files, or whoever reads this script's would wait for the daemons.
slurmctld > "$D/log/start" 2>&1
sleep 1
slurmd -N n1 >> "$D/log/start" 2>&1
slurmd -N n2 >> "$D/log/start" 2>&1
for _ in $(seq 30); do
    if [ "$(sinfo --noheader --Node --states=idle --format=%N | sort -u | wc -l)" = 2 ]; then exit 0; fi
    sleep 1
done
echo "no two idle nodes after 30 s: $(sinfo --noheader); see $D/log" >&2
exit 1
