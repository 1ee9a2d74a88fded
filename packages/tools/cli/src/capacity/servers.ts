import { readdirSync, readlinkSync } from 'node:fs'
import { isBelow, processesHere, readText, type Processes } from '../proc.ts'

/** A server on this computer that processes use, such as a database or a broker. */
export type ServerProcess = {
  /** Its program, as Linux calls it. */
  readonly name: string
  readonly pid: number
  /** Seconds of processor since its start, of what it has started as well. */
  readonly cpu: number
}

/**
 * The servers on this computer that these processes hold TCP connections to, and whatever else was started by who has started
 * them. Where Linux does not tell (another system, another user's process), nothing.
 */
export function serversOf(pids: readonly number[], processes: Processes = processesHere()): readonly ServerProcess[] {
  const [starter] = new Set(pids.map((pid) => processes.get(pid)?.parent))
  // Who has started them may have their sockets too, and is no server of theirs.
  const above = new Set(pids)
  for (const pid of pids) isBelow(pid, processes, (parent) => (above.add(parent), false))
  const listening = listenersOf(pids)
  const found = new Map<number, ServerProcess>()
  for (const [pid, { name, parent }] of processes) {
    if (above.has(pid) || isBelow(pid, processes, (one) => found.has(one) || pids.includes(one))) continue
    const started = parent === starter && starter !== process.pid && parent > 1
    if (started || inodesOf(pid).some((inode) => listening.has(inode))) {
      found.set(pid, { name, pid, cpu: cpuBelow(pid, processes) })
    }
  }
  return [...found.values()]
}

const [ESTABLISHED, LISTEN] = ['01', '0A']

/** Sockets that listen where one of these processes is connected to. */
function listenersOf(pids: readonly number[]): ReadonlySet<string> {
  const sockets = ['/proc/self/net/tcp', '/proc/self/net/tcp6'].flatMap(socketsOf)
  const own = new Set(pids.flatMap(inodesOf))
  const asked = new Set(sockets.filter(({ inode, state }) => own.has(inode) && state === ESTABLISHED).map(({ remote }) => remote))
  return new Set(sockets.filter(({ local, state }) => state === LISTEN && asked.has(local)).map(({ inode }) => inode))
}

type Socket = { readonly inode: string; readonly state: string; readonly local: number; readonly remote: number }

function socketsOf(file: string): readonly Socket[] {
  const port = (address = ''): number => Number.parseInt(address.split(':')[1] ?? '', 16)
  return readText(file)
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields.length > 9)
    .map((fields) => ({ inode: fields[9]!, state: fields[3]!, local: port(fields[1]), remote: port(fields[2]) }))
}

function inodesOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => /^socket:\[(\d+)\]$/.exec(link(`/proc/${pid}/fd/${fd}`))?.[1] ?? [])
  } catch {
    return []
  }
}

function link(file: string): string {
  try {
    return readlinkSync(file)
  } catch {
    return ''
  }
}

function cpuBelow(pid: number, processes: Processes): number {
  const below = [...processes].filter(([one]) => one === pid || isBelow(one, processes, (parent) => parent === pid))
  return below.reduce((sum, [, { cpu }]) => sum + cpu, 0)
}
