import { spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** The user a program runs as; undefined is the process's own. */
export type RunAs = { readonly uid: number; readonly gid: number }

/**
 * A family is a process that was started with `detached: true`, whatever has its process group, and all that these have started.
 *
 * Sees to it that it does not outlive the process that started it, even one that was killed: a shell waits for its input to
 * end, which the operating system sees to, and then ends the family with `signal` and removes the folder `remove`.
 */
export function endWithParent(
  pid: number,
  options: { readonly user: RunAs | undefined; readonly signal: NodeJS.Signals; readonly remove: string | undefined },
): { readonly release: () => void } {
  if (process.platform === 'win32') return { release: () => {} }
  const words = [String(pid), options.signal.slice('SIG'.length), options.remove ?? '']
  const guard = spawn('/bin/sh', ['-c', SCRIPT, 'sh', ...words], {
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

/** One that is frozen hears the signal when it is thawed. */
const SCRIPT = `
read word && exit 0
kill -s "$2" -- "-$1"
kill -s CONT -- "-$1"
tries=0
while kill -s 0 -- "-$1" && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
kill -s KILL -- "-$1"
[ -z "$3" ] || rm -rf "$3"
`

/**
 * Kills a family at once: none of it gets to write another byte. Its first process may have ended already.
 * @returns whether one of them is still there: that takes the operating system a moment
 */
export function killFamily(pid: number): () => boolean {
  // The parents first: they would start others.
  const family = freezeFamily(pid)
  for (const member of family) send(member, 'SIGKILL')
  return () => family.some(lives)
}

/** Stops a family as it stands (SIGSTOP), and says who it is. */
export function freezeFamily(pid: number): readonly number[] {
  const frozen = new Set<number>()
  for (let found: readonly number[] = [pid]; found.length > 0; found = familyOf(pid).filter((member) => !frozen.has(member))) {
    for (const member of found) {
      frozen.add(member)
      send(member, 'SIGSTOP')
    }
    // The signal takes a moment: one that is being started meanwhile would be missed.
    for (const member of found) for (let looks = 0; looks < MOST_LOOKS && !standsStill(member); looks++);
  }
  return [...frozen]
}

/** Lets a family go on that was frozen. */
export function thawFamily(pid: number): void {
  for (const member of familyOf(pid)) send(member, 'SIGCONT')
}

/** Looks at a process until it stands still, at most: some tenths of a second. */
const MOST_LOOKS = 20_000

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended by itself.
  }
}

function lives(pid: number): boolean {
  if (process.platform === 'linux') return !['Z', 'X', undefined].includes(statusOf(pid)[0])
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

type Process = { readonly pid: number; readonly parent: number; readonly group: number }

function familyOf(pid: number): readonly number[] {
  const all = processes()
  const family = new Set([pid])
  // Children may be listed before their parents.
  for (let before = 0; before < family.size;) {
    before = family.size
    for (const each of all) if (each.group === pid || family.has(each.parent)) family.add(each.pid)
  }
  return [...family]
}

function processes(): readonly Process[] {
  if (process.platform === 'linux') {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => {
        const [, parent, group] = statusOf(name)
        return { pid: Number(name), parent: Number(parent), group: Number(group) }
      })
  }
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid=,pgid='], { encoding: 'utf8' })
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([pid, parent, group]) => (pid && parent !== undefined && group !== undefined ? [{ pid, parent, group }] : []))
}

function standsStill(pid: number): boolean {
  return process.platform !== 'linux' || !['R', 'S', 'D'].includes(statusOf(pid)[0] ?? '')
}

/** Its state, its parent, its group and more; nothing when it is gone. */
function statusOf(pid: string | number): readonly string[] {
  try {
    // They come after the name, which is in parentheses and may hold anything.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return []
  }
}
