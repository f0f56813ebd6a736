#!/usr/bin/env bash
# Regenerates data/pt, data/pt_mlwf, data/te, data/te_products, data/fe, data/fe_physics and data/cu from the inputs beside this script.
#
#   data/regenerate.sh [--work FOLDER] [pt|te|te_products|fe|fe_physics|cu ...]      default: all, in a temporary folder
#
# Needs pw.x, pw2wannier90.x and wannier90.x, and ld1.x for cu; on Debian and Ubuntu:
#   apt-get install quantum-espresso quantum-espresso-data wannier90
# and, for fe_physics and cu, python (PYTHON names another) with wb_conserved[symmetry]; these take half an hour each on two cores,
# the rest minutes.
# PSEUDO_DIR names the folder of Quantum ESPRESSO's pseudopotentials if they are elsewhere.
set -euo pipefail

data=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
pseudo=${PSEUDO_DIR:-/usr/share/espresso/pseudo}
work=
if [ "${1:-}" = --work ]; then work=$2; shift 2; fi
work=${work:-$(mktemp -d)}
[ $# -gt 0 ] || set -- pt te te_products fe fe_physics cu
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

copper_pseudopotential() { # from ld1.x; pw.x reads neither its long tags nor its long lines
    command -v ld1.x >/dev/null || { echo "ld1.x not found: see the head of $0" >&2; exit 1; }
    local file=Cu.rel-pbe-dn-rrkjus.UPF
    run "cu ld1" ld1.out ld1.x -in ld1.in
    sed 's/" \([a-z_]*="\)/"\n\1/g' $file |
        awk '/^[ \t0-9.Ee+-]+$/ && NF > 4 { for (i = 1; i <= NF; i++) printf "%s%s", $i, i % 4 && i < NF ? " " : "\n"; next } 1' \
            >pseudo/$file
}

platinum_in_copper() { # in the folder of Cu: the coarse mesh of Cu and Cu7Pt on the mesh that unfolds to it
    local folder name
    for folder in coarse cu7pt; do
        case $folder in coarse) name=Cu; cp -r out $folder/ ;; cu7pt) name=Cu7Pt ;; esac
        pushd $folder >/dev/null
        if [ $folder = cu7pt ]; then run "$folder scf" scf.out pw.x -in scf.in; fi
        run "$folder nscf" nscf.out pw.x -in nscf.in
        run "$folder wannier90 -pp" pp.log wannier90.x -pp $name
        run "$folder pw2wannier90" pw2wan.out pw2wannier90.x -in pw2wan.in
        run "$folder wannier90" wannier90.log wannier90.x $name
        popd >/dev/null
    done
    mkdir -p "$data/cu/impurities"
    run "cu impurity" impurity.log "$python" "$data/impurity.py" coarse/Cu cu7pt/Cu7Pt Pt 12.87 "$data/cu/impurities"
    cat impurity.log
}

for system in "$@"; do
    case $system in
        pt) name=Pt ;; te | te_products) name=Te ;; fe | fe_physics) name=Fe ;; cu) name=Cu ;;
        *) echo "unknown system '$system': expected pt, te, te_products, fe, fe_physics or cu" >&2; exit 1 ;;
    esac
    folder=$work/$system
    mkdir -p "$folder"
    cd "$folder"
    cp -r "$data/$system/inputs/"* .
    find . -name '*.in' -exec sed -i "s|pseudo_dir='[^']*'|pseudo_dir='$folder/pseudo'|" {} +
    mkdir -p pseudo
    cp "$pseudo"/*rel-pbe*.UPF pseudo/ 2>/dev/null || true
    cp "$data"/pseudo/*.UPF pseudo/
    if [ $system = cu ]; then copper_pseudopotential; fi
    run "$system scf" scf.out pw.x -in scf.in
    run "$system nscf" nscf.out pw.x -in nscf.in
    run "$system wannier90 -pp" pp.log wannier90.x -pp $name
    run "$system pw2wannier90" pw2wan.out pw2wannier90.x -in pw2wan.in
    if [ $system = te_products ]; then  # matrices of all bands between neighbours, rounded
        run "$system wannier90" wannier90.log wannier90.x $name
        "$python" "$data/rounded_products.py" $name
        for suffix in chk mmn uHu uIu; do xz -9e -c $name.$suffix >"$data/$system/$name.$suffix.xz"; done
        cp $name.eig "$data/$system/"
        cat "$data/$system/inputs/postw90.win" >>$name.win
        run "$system postw90" postw90.log postw90.x $name
        { head -n 2 "$data/$system/postw90.txt"
          tail -n +2 $name-path.kpt | awk '{print $1, $2, $3}' | paste -d ' ' - <(awk '{print $2, $3, $4}' $name-morb.dat) \
              <(awk '{print $2, $3, $4}' $name-curv.dat); } >postw90.txt
        cp postw90.txt "$data/$system/"
        continue
    fi
    case $system in fe_physics | cu)   # too large as they are: R matrices, symmetrised and rounded, and bands to compare with
        moment=() first=1
        if [ $system = fe_physics ]; then moment=(--moment 0 0 2.27) first=9; fi
        run "$system wannier90" wannier90.log wannier90.x $name
        grep -q 'All done' $name.wout || { tail -n 20 $name.wout >&2; echo "$system: wannier90.x did not finish" >&2; exit 1; }
        run "$system R matrices" real_space.log "$python" "$data/real_space.py" $name "$data/$system" "${moment[@]}"
        awk '/Final State/,/Sum of centres/' $name.wout >"$data/$system/$name.centres.txt"
        for suffix in nnkp win; do xz -9e -c $name.$suffix >"$data/$system/$name.$suffix.xz"; done
        if [ $system = cu ]; then platinum_in_copper; fi
        run "$system bands" bands.out pw.x -in bands.in
        "$python" "$data/bands_table.py" bands.in out/$name.xml $first 18 >"$data/$system/bands.txt"
        grep 'the Fermi energy is' scf.out nscf.out
        continue ;;
    esac
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
find pt pt_mlwf te te_products fe fe_physics cu pseudo -type f ! -path '*/inputs/*' | sort | xargs sha256sum >checksums.sha256
echo "wrote $data/checksums.sha256; work folder: $work"
