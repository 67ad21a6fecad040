#!/bin/sh
# Speaks every prompt of prompts.csv whose file is ours; one that reads "(0.5 seconds of silence)" is just that. Needs
# Debian's festival, festvox-us-slt-hts, perl and sox:
#
#   sounds/build.sh           all of them
#   sounds/build.sh enter-pin only this one
set -eu

cd "$(dirname -- "$0")"
for tool in festival text2wave sox perl; do
  command -v $tool >/dev/null || { echo "build: $tool is missing: install festival, festvox-us-slt-hts and sox" >&2; exit 1; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# As loud as the recorded core prompts, which it is heard next to: their RMS is -17.5 to -19 dB, their peak -3.
LOUDNESS=-18.7
PEAK=-3

level() { sox "$1" -n stats 2>&1 | awk -v which="$2 lev dB" 'index($0, which) == 1 { print $4 }'; }

speak() { # language, file, text
  printf '%s\n' "$3" | text2wave -eval '(voice_cmu_us_slt_arctic_hts)' -o "$work/spoken.wav" -
  # Below 200 Hz a telephone carries hum only. Trimmed, because silence before a prompt feels like a slow machine;
  # a little of it is put back, because the first packets of a call are lost more often than others. The compressor
  # takes the peaks that would keep the whole from being loud enough.
  sox -R -D "$work/spoken.wav" -r 8000 -c 1 "$work/narrow.wav" highpass 200 \
    silence 1 0.02 0.3% reverse silence 1 0.02 0.3% reverse pad 0.12 0.1 compand 0.005,0.1 6:-30,-27,-12,-9,0,-4
  gain=$(awk -v rms="$(level "$work/narrow.wav" RMS)" -v peak="$(level "$work/narrow.wav" Pk)" -v want=$LOUDNESS -v most=$PEAK \
    'BEGIN { louder = want - rms; room = most - peak; print louder < room ? louder : room }')
  mkdir -p "$1"
  # -R and no dither make two builds the same, so that a file changes only where its text did.
  sox -R -D "$work/narrow.wav" -b 16 -e signed-integer "$1/$2.wav" vol "$gain" dB
  echo "$1/$2.wav: $(soxi -D "$1/$2.wav") s, RMS $(level "$1/$2.wav" RMS) dB, peak $(level "$1/$2.wav" Pk) dB"
}

be_silent() { # language, file, seconds
  mkdir -p "$1"
  sox -n -R -D -r 8000 -c 1 -b 16 -e signed-integer "$1/$2.wav" trim 0 "$3"
  echo "$1/$2.wav: $(soxi -D "$1/$2.wav") s of silence"
}

perl -ne 'print "$2\t$3\t$4\n" if /^([^,]+),([^,]+),pinbridge\/([^,]+),"(.*)"$/' prompts.csv |
  while IFS="$(printf '\t')" read -r language file text; do
    [ $# -eq 0 ] || [ "$1" = "$file" ] || continue
    case $text in
      "("*" seconds of silence)") text=${text#(} && be_silent "$language" "$file" "${text%% *}" ;;
      *) speak "$language" "$file" "$text" ;;
    esac
  done
