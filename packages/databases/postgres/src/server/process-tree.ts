import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import type { RunAs } from './binaries.ts'

/**
 * Sees to it that a server does not outlive the process that started it, even one that was killed: a shell waits
 * for its input to end, which the operating system sees to, and then shuts the server down.
 */
export function endWithParent(
  server: ChildProcess,
  options: { readonly user: RunAs | undefined; readonly remove: string | undefined },
): { readonly release: () => void } {
  if (process.platform === 'win32' || server.pid === undefined) return { release: () => {} }
  const guard = spawn('/bin/sh', ['-c', SCRIPT, 'sh', String(server.pid), options.remove ?? ''], {
    ...options.user,
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  guard.on('error', () => {})
  guard.stdin.on('error', () => {})
  guard.unref()
  ;(guard.stdin as unknown as { unref: () => void }).unref()
  return { release: () => void guard.stdin.end('over\n') }
}

const SCRIPT = `
read word && exit 0
kill -QUIT "$1"
tries=0
while kill -0 "$1" 2>/dev/null && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
[ -z "$2" ] || rm -rf "$2"
`

/** Looks at a process until it stands still, at most: some tenths of a second. */
const MOST_LOOKS = 20_000

/** Kills a server and all its children at once: none of them gets to write another byte. */
export function killProcessTree(server: ChildProcess): void {
  if (server.pid === undefined) return
  // First the one that would start others.
  server.kill('SIGSTOP')
  // The signal takes a moment: one that is being started meanwhile would be missed, and would keep the next server from its memory.
  for (let looks = 0; looks < MOST_LOOKS && !standsStill(server.pid); looks++);
  const children = childrenOf(server.pid)
  server.kill('SIGKILL')
  for (const pid of children) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }
}

function childrenOf(parent: number): readonly number[] {
  if (process.platform === 'linux') {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && parentOf(name) === parent)
      .map(Number)
  }
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([pid, ppid]) => (ppid === parent && pid !== undefined ? [pid] : []))
}

function standsStill(pid: number): boolean {
  return process.platform !== 'linux' || !['R', 'S', 'D'].includes(statusOf(pid)[0] ?? '')
}

function parentOf(pid: string): number | undefined {
  const [, parent] = statusOf(pid)
  return parent === undefined ? undefined : Number(parent)
}

/** Its state, its parent and more; nothing when it is gone. */
function statusOf(pid: string | number): readonly string[] {
  try {
    // They come after the name, which is in parentheses and may hold anything.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return []
  }
}
