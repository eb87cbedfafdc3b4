"""The activation scripts of an environment, for each shell (pure).

Each of them sets VIRTUAL_ENV and VIRTUAL_ENV_PROMPT, puts the scripts first on PATH, takes PYTHONHOME
away and shows the prompt, unless VIRTUAL_ENV_DISABLE_PROMPT is set; ``deactivate`` puts all back.
"""

from __future__ import annotations

POSIX = """\
# Source this file: . {name}/activate
deactivate () {
    if [ -n "${_PKM_OLD_PATH+set}" ]; then
        PATH="$_PKM_OLD_PATH"
        export PATH
        unset _PKM_OLD_PATH
    fi
    if [ -n "${_PKM_OLD_HOME+set}" ]; then
        PYTHONHOME="$_PKM_OLD_HOME"
        export PYTHONHOME
        unset _PKM_OLD_HOME
    fi
    if [ -n "${_PKM_OLD_PS1+set}" ]; then
        PS1="$_PKM_OLD_PS1"
        unset _PKM_OLD_PS1
    fi
    hash -r 2> /dev/null || true
    unset VIRTUAL_ENV VIRTUAL_ENV_PROMPT
    if [ "${1-}" != keep ]; then unset -f deactivate; fi
}
deactivate keep
VIRTUAL_ENV={path}
VIRTUAL_ENV_PROMPT={prompt}
export VIRTUAL_ENV VIRTUAL_ENV_PROMPT
_PKM_OLD_PATH="$PATH"
PATH="$VIRTUAL_ENV/bin:$PATH"
export PATH
if [ -n "${PYTHONHOME+set}" ]; then _PKM_OLD_HOME="$PYTHONHOME"; unset PYTHONHOME; fi
if [ -z "${VIRTUAL_ENV_DISABLE_PROMPT-}" ]; then
    _PKM_OLD_PS1="${PS1-}"
    PS1="($VIRTUAL_ENV_PROMPT) ${PS1-}"
fi
hash -r 2> /dev/null || true
"""

FISH = """\
# Source this file: source {name}/activate.fish
function deactivate -d "Leave the environment"
    if set -q _PKM_OLD_PATH
        set -gx PATH $_PKM_OLD_PATH
        set -e _PKM_OLD_PATH
    end
    if set -q _PKM_OLD_HOME
        set -gx PYTHONHOME $_PKM_OLD_HOME
        set -e _PKM_OLD_HOME
    end
    if functions -q _pkm_old_prompt
        functions -e fish_prompt
        functions -c _pkm_old_prompt fish_prompt
        functions -e _pkm_old_prompt
    end
    set -e VIRTUAL_ENV
    set -e VIRTUAL_ENV_PROMPT
    if test "$argv[1]" != keep
        functions -e deactivate
    end
end
deactivate keep
set -gx VIRTUAL_ENV {path}
set -gx VIRTUAL_ENV_PROMPT {prompt}
set -g _PKM_OLD_PATH $PATH
set -gx PATH "$VIRTUAL_ENV/bin" $PATH
if set -q PYTHONHOME
    set -g _PKM_OLD_HOME $PYTHONHOME
    set -e PYTHONHOME
end
function _pkm_status -d "Let the old prompt see the status it would have seen"
    return $argv[1]
end
if test -z "$VIRTUAL_ENV_DISABLE_PROMPT"; and functions -q fish_prompt
    functions -c fish_prompt _pkm_old_prompt
    function fish_prompt
        set -l last $status
        printf '(%s) ' "$VIRTUAL_ENV_PROMPT"
        _pkm_status $last
        _pkm_old_prompt
    end
end
"""

CSH = """\
# Source this file: source {name}/activate.csh
alias deactivate 'test $?_PKM_OLD_PATH != 0 && setenv PATH "$_PKM_OLD_PATH" && unset _PKM_OLD_PATH; \
test $?_PKM_OLD_HOME != 0 && setenv PYTHONHOME "$_PKM_OLD_HOME" && unset _PKM_OLD_HOME; \
test $?_PKM_OLD_PROMPT != 0 && set prompt="$_PKM_OLD_PROMPT" && unset _PKM_OLD_PROMPT; \
rehash; unsetenv VIRTUAL_ENV; unsetenv VIRTUAL_ENV_PROMPT; test "\\!:*" != "keep" && unalias deactivate'
deactivate keep
setenv VIRTUAL_ENV {path}
setenv VIRTUAL_ENV_PROMPT {prompt}
set _PKM_OLD_PATH="$PATH"
setenv PATH "${VIRTUAL_ENV}/bin:${PATH}"
if ($?PYTHONHOME) then
    set _PKM_OLD_HOME="$PYTHONHOME"
    unsetenv PYTHONHOME
endif
if (! $?VIRTUAL_ENV_DISABLE_PROMPT) then
    if ($?prompt) then
        set _PKM_OLD_PROMPT="$prompt"
        set prompt="(${VIRTUAL_ENV_PROMPT}) $prompt"
    endif
endif
rehash
"""

NUSHELL = """\
# Use this file: overlay use {name}/activate.nu   (leave with: overlay hide activate)
export-env {
    let root = {path}
    let label = {prompt}
    let name = if "Path" in $env { "Path" } else { "PATH" }
    let present = ($env | get $name)
    let list = if ($present | describe) == "string" { $present | split row (char esep) } else { $present }
    load-env {
        VIRTUAL_ENV: $root
        VIRTUAL_ENV_PROMPT: $label
        $name: ($list | prepend ($root | path join "{scripts}"))
    }
    if not ("VIRTUAL_ENV_DISABLE_PROMPT" in $env) {
        let before = ($env.PROMPT_COMMAND? | default "")
        $env.PROMPT_COMMAND = {||
            let shown = if "closure" in ($before | describe) { do $before } else { $before }
            $"\\(($label)) ($shown)"
        }
    }
    hide-env --ignore-errors PYTHONHOME
}
export alias deactivate = overlay hide activate
"""

POWERSHELL = """\
# Run this file: . {name}/Activate.ps1
function global:deactivate([switch]$Keep) {
    if (Test-Path Env:_PKM_OLD_PATH) {
        $env:PATH = $env:_PKM_OLD_PATH
        Remove-Item Env:_PKM_OLD_PATH
    }
    if (Test-Path Env:_PKM_OLD_HOME) {
        $env:PYTHONHOME = $env:_PKM_OLD_HOME
        Remove-Item Env:_PKM_OLD_HOME
    }
    if (Test-Path Function:_PkmOldPrompt) {
        Copy-Item -Path Function:_PkmOldPrompt -Destination Function:prompt
        Remove-Item Function:_PkmOldPrompt
    }
    foreach ($name in 'VIRTUAL_ENV', 'VIRTUAL_ENV_PROMPT') {
        if (Test-Path Env:$name) { Remove-Item Env:$name }
    }
    if (-not $Keep) { Remove-Item Function:deactivate }
}
deactivate -Keep
$env:VIRTUAL_ENV = {path}
$env:VIRTUAL_ENV_PROMPT = {prompt}
$env:_PKM_OLD_PATH = $env:PATH
$env:PATH = (Join-Path $env:VIRTUAL_ENV '{scripts}') + [System.IO.Path]::PathSeparator + $env:PATH
if (Test-Path Env:PYTHONHOME) {
    $env:_PKM_OLD_HOME = $env:PYTHONHOME
    Remove-Item Env:PYTHONHOME
}
if (-not $env:VIRTUAL_ENV_DISABLE_PROMPT) {
    # Made here first, so that the copy is one for the whole session.
    function global:_PkmOldPrompt { "" }
    Copy-Item -Path Function:prompt -Destination Function:_PkmOldPrompt
    function global:prompt {
        Write-Host -NoNewline "($env:VIRTUAL_ENV_PROMPT) "
        _PkmOldPrompt
    }
}
"""

BATCH = """\
@echo off
rem Run this file: {name}\\activate.bat
if defined _PKM_OLD_PATH set "PATH=%_PKM_OLD_PATH%"
if defined _PKM_OLD_PROMPT set "PROMPT=%_PKM_OLD_PROMPT%"
set "VIRTUAL_ENV={path}"
set "VIRTUAL_ENV_PROMPT={prompt}"
set "_PKM_OLD_PATH=%PATH%"
set "PATH=%VIRTUAL_ENV%\\{scripts};%PATH%"
if defined PYTHONHOME set "_PKM_OLD_HOME=%PYTHONHOME%"
set PYTHONHOME=
if defined VIRTUAL_ENV_DISABLE_PROMPT goto :eof
if not defined PROMPT set "PROMPT=$P$G"
set "_PKM_OLD_PROMPT=%PROMPT%"
set "PROMPT=(%VIRTUAL_ENV_PROMPT%) %PROMPT%"
"""

BATCH_OFF = """\
@echo off
if defined _PKM_OLD_PATH set "PATH=%_PKM_OLD_PATH%"
if defined _PKM_OLD_PROMPT set "PROMPT=%_PKM_OLD_PROMPT%"
if defined _PKM_OLD_HOME set "PYTHONHOME=%_PKM_OLD_HOME%"
set _PKM_OLD_PATH=
set _PKM_OLD_PROMPT=
set _PKM_OLD_HOME=
set VIRTUAL_ENV=
set VIRTUAL_ENV_PROMPT=
"""


def quote_posix(text: str) -> str:
    """Quote for sh."""
    return "'" + text.replace("'", "'\\''") + "'"


def quote_fish(text: str) -> str:
    """Quote for fish."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def quote_csh(text: str) -> str:
    """Quote for csh, which expands ``!`` even between quotes."""
    return quote_posix(text).replace("!", "\\!")


def quote_powershell(text: str) -> str:
    """Quote for PowerShell."""
    return "'" + text.replace("'", "''") + "'"


def quote_nushell(text: str) -> str:
    """Quote for nushell."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def quote_batch(text: str) -> str:
    """Quote for cmd, inside of ``set "NAME=..."``."""
    return text.replace("%", "%%")


def activation_scripts(path: str, prompt: str, scripts: str, platform: str) -> dict[str, str]:
    """Return the text of each activation script by its file name.

    *path* is where the environment will stand, *scripts* the name of its folder of scripts.
    """
    wanted = {
        "Activate.ps1": (POWERSHELL, quote_powershell),
        "activate.nu": (NUSHELL, quote_nushell),
        "activate": (POSIX, quote_posix),
        "activate.fish": (FISH, quote_fish),
        "activate.csh": (CSH, quote_csh),
    }
    if platform == "win32":
        wanted["activate.bat"] = (BATCH, quote_batch)
        wanted["deactivate.bat"] = (BATCH_OFF, quote_batch)
    texts = {}
    for name, (template, quote) in wanted.items():
        text = template.replace("{name}", scripts).replace("{scripts}", scripts)
        if scripts != "bin":
            text = text.replace("$VIRTUAL_ENV/bin", f"$VIRTUAL_ENV/{scripts}")
        texts[name] = text.replace("{path}", quote(path)).replace("{prompt}", quote(prompt))
    return texts
