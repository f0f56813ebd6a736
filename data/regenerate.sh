#!/usr/bin/env bash
# Regenerates data/pt, data/pt_mlwf, data/te, data/fe and data/fe_physics from the inputs beside this script.
#
#   data/regenerate.sh [--work FOLDER] [pt|te|fe|fe_physics ...]      default: all four, in a temporary folder
#
# Needs pw.x, pw2wannier90.x and wannier90.x; on Debian and Ubuntu:
#   apt-get install quantum-espresso quantum-espresso-data wannier90
# and, for fe_physics, python (PYTHON names another) with wb_conserved[symmetry]; that takes half an hour on two cores, the rest minutes.
# PSEUDO_DIR names the folder of Quantum ESPRESSO's pseudopotentials if they are elsewhere.
set -euo pipefail

data=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
pseudo=${PSEUDO_DIR:-/usr/share/espresso/pseudo}
work=
if [ "${1:-}" = --work ]; then work=$2; shift 2; fi
work=${work:-$(mktemp -d)}
[ $# -gt 0 ] || set -- pt te fe fe_physics
python=${PYTHON:-python3}

for program in pw.x pw2wannier90.x wannier90.x; do
    command -v "$program" >/dev/null || { echo "$program not found: see the head of $0" >&2; exit 1; }
done

run() { # run LABEL OUTPUT command...
    local label=$1 output=$2 start=$SECONDS
    shift 2
    echo "$label: $*"
    "$@" >"$output" 2>&1 || { tail -n 20 "$output" >&2; echo "$label failed: see $PWD/$output" >&2; exit 1; }
    echo "$label: done in $((SECONDS - start)) s"
}

wannierise() { # wannierise NAME TARGET: wannier90.x in this folder, results to data/TARGET
    local name=$1 target=$data/$2 suffix
    run "$2 wannier90" wannier90.log wannier90.x "$name"
    grep -q 'All done' "$name.wout" || { tail -n 20 "$name.wout" >&2; echo "$2: wannier90.x did not finish" >&2; exit 1; }
    mkdir -p "$target"
    cp "$name.win" "$name.nnkp" "$target/"
    for suffix in .chk _tb.dat _hr.dat _wsvec.dat; do xz -9e -c "$name$suffix" >"$target/$name$suffix.xz"; done
    awk '/Final State/,/Sum of centres/' "$name.wout" >"$target/$name.centres.txt"
}

for system in "$@"; do
    case $system in
        pt) name=Pt ;; te) name=Te ;; fe | fe_physics) name=Fe ;;
        *) echo "unknown system '$system': expected pt, te, fe or fe_physics" >&2; exit 1 ;;
    esac
    folder=$work/$system
    mkdir -p "$folder"
    cd "$folder"
    cp "$data/$system/inputs/"* .
    sed -i "s|pseudo_dir='[^']*'|pseudo_dir='$folder/pseudo'|" scf.in nscf.in
    mkdir -p pseudo
    cp "$pseudo"/*rel-pbe*.UPF pseudo/ 2>/dev/null || true
    cp "$data"/pseudo/*.UPF pseudo/
    run "$system scf" scf.out pw.x -in scf.in
    run "$system nscf" nscf.out pw.x -in nscf.in
    run "$system wannier90 -pp" pp.log wannier90.x -pp $name
    run "$system pw2wannier90" pw2wan.out pw2wannier90.x -in pw2wan.in
    if [ $system = fe_physics ]; then   # too large as they are: R matrices, symmetrised and rounded, and bands to compare with
        run "$system wannier90" wannier90.log wannier90.x $name
        grep -q 'All done' $name.wout || { tail -n 20 $name.wout >&2; echo "$system: wannier90.x did not finish" >&2; exit 1; }
        run "$system R matrices" real_space.log "$python" "$data/real_space.py" $name "$data/$system" --moment 0 0 2.27
        awk '/Final State/,/Sum of centres/' $name.wout >"$data/$system/$name.centres.txt"
        for suffix in nnkp win; do xz -9e -c $name.$suffix >"$data/$system/$name.$suffix.xz"; done
        sed -i "s|pseudo_dir='[^']*'|pseudo_dir='$folder/pseudo'|" bands.in
        run "$system bands" bands.out pw.x -in bands.in
        "$python" "$data/bands_table.py" bands.in out/$name.xml 9 18 >"$data/$system/bands.txt"
        grep 'the Fermi energy is' scf.out nscf.out
        continue
    fi
    wannierise $name $system
    for suffix in eig mmn spn; do xz -9e -c $name.$suffix >"$data/$system/$name.$suffix.xz"; done
    grep 'the Fermi energy is' scf.out nscf.out

    if [ $system = pt ]; then   # the same Bloch states, maximally localised: it breaks the crystal symmetry
        sed -i 's/^num_iter *= *0.*/num_iter = 400/' $name.win
        wannierise $name pt_mlwf
        for suffix in eig mmn spn; do ln -sf "../pt/$name.$suffix.xz" "$data/pt_mlwf/$name.$suffix.xz"; done
    fi
done
cd "$data"
find pt pt_mlwf te fe fe_physics pseudo -type f ! -path '*/inputs/*' | sort | xargs sha256sum >checksums.sha256
echo "wrote $data/checksums.sha256; work folder: $work"
