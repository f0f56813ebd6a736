#!/usr/bin/env bash
# Submit from the folder of the project: sbatch tutorials/cluster/slurm.sh
#SBATCH --job-name=pt
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=32
#SBATCH --cpus-per-task=1
#SBATCH --time=02:00:00
#SBATCH --signal=USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append

# module load python openmpi            # what mpi4py was built with
source .venv/bin/activate
export OMP_NUM_THREADS=1                # one thread per process: see the README beside this file

input=tutorials/cluster/pt.toml
result=results/platinum-1000/result.nc

srun wb-conserved run "$input"
code=$?
# Stopped at the end of the wall time, or killed: the finished parts are in the checkpoint, go on in a new job.
# 2 is input that cannot be used, which does not get better; nor does anything that stopped twenty jobs.
if [ ! -e "$result" ] && [ "$code" != 2 ] && [ "${SLURM_RESTART_COUNT:-0}" -lt 20 ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
