import { readdirSync, readFileSync } from 'node:fs'

/** A process of this computer. Seconds of processor: its own, and with those of what it has started and has ended; bytes. */
export type Process = {
  readonly name: string
  readonly parent: number
  readonly own: number
  readonly cpu: number
  readonly memory: number
}
export type Processes = ReadonlyMap<number, Process>

/** What Linux counts as one tick of a processor, and as one page of memory: so everywhere but on odd builds. */
const [TICKS_A_SECOND, PAGE] = [100, 4_096]

/** All processes of this computer by their ids, as Linux tells; none where it does not. */
export function processesHere(): Processes {
  const all = new Map<number, Process>()
  for (const entry of entries()) {
    // The name stands in brackets and may hold anything, brackets as well.
    const [, name, rest = ''] = /^\d+ \((.*)\) (.*)$/s.exec(readText(`/proc/${entry}/stat`)) ?? []
    if (name === undefined) continue
    const fields = rest.split(' ').map(Number)
    const [user = 0, system = 0, ended = 0, endedSystem = 0] = fields.slice(11, 15)
    const own = (user + system) / TICKS_A_SECOND
    const cpu = own + (ended + endedSystem) / TICKS_A_SECOND
    all.set(Number(entry), { ...{ name, own, cpu }, parent: fields[1] ?? 0, memory: (fields[21] ?? 0) * PAGE })
  }
  return all
}

/** Whether one of those above a process is meant. */
export function isBelow(pid: number, processes: Processes, is: (parent: number) => boolean): boolean {
  const parent = processes.get(pid)?.parent ?? 0
  return parent > 0 && (is(parent) || isBelow(parent, processes, is))
}

/** Seconds that all processors of this computer have worked; undefined where Linux does not tell. */
export function workedSeconds(): number | undefined {
  const [, text] = /^cpu +(.*)$/m.exec(readText('/proc/stat')) ?? []
  if (text === undefined) return undefined
  const [user = 0, nice = 0, system = 0, , , irq = 0, soft = 0] = text.split(' ').map(Number)
  return (user + nice + system + irq + soft) / TICKS_A_SECOND
}

/** Nothing of what has ended meanwhile, or is not ours to read. */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function entries(): readonly string[] {
  try {
    return readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))
  } catch {
    return []
  }
}
