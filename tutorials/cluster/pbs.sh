#!/usr/bin/env bash
# Submit from the folder of the project: qsub tutorials/cluster/pbs.sh
#PBS -N pt
#PBS -l select=2:ncpus=32:mpiprocs=32
#PBS -l walltime=02:00:00
#PBS -j oe

cd "$PBS_O_WORKDIR" || exit 1
# module load python openmpi            # what mpi4py was built with
source .venv/bin/activate
export OMP_NUM_THREADS=1                # one thread per process: see the README beside this file

input=tutorials/cluster/pt.toml
result=results/platinum-1000/result.nc

# timeout sends SIGUSR1 two minutes before the wall time; mpirun passes it on to its processes
timeout --preserve-status --signal=USR1 118m mpirun wb-conserved run "$input"
code=$?
# The finished parts are in the checkpoint: go on in a new job.
# 2 is input that cannot be used, which does not get better; nor does anything that stopped twenty jobs.
if [ ! -e "$result" ] && [ "$code" != 2 ] && [ "${ATTEMPT:-0}" -lt 20 ]; then
    qsub -v ATTEMPT=$((${ATTEMPT:-0} + 1)) tutorials/cluster/pbs.sh
fi
